//! Deploys the set of contracts, wires it and funds the parties.
//!
//! The order is fixed, so the first development account on a fresh chain always creates the addresses of
//! [`Network::local`](super::Network::local). Source: contracts.md §1.11. The proof-of-work contract is only reachable
//! through its proxy, and is initialised in the proxy's own deployment.

use alloy_primitives::{Address, address};

/// Stood in the controller of earlier sets for the contracts that those did not have; it refuses the zero address.
pub(super) const UNUSED: Address = address!("0x000000000000000000000000000000000000dEaD");

#[cfg(feature = "devnet")]
pub use self::run::{DeployConfig, deploy};

#[cfg(feature = "devnet")]
mod run {
    use alloy_primitives::{Address, Bytes, U256};
    use alloy_sol_types::{SolCall, SolConstructor as _};
    use futures_util::future::try_join_all;
    use serde::Deserialize;

    use crate::{
        chain::{Chain, ChainCall, ChainError, Contracts, RpcChain, TxOptions, bindings as sol, call::Prepared},
        types::Amount,
    };

    /// Gas limit of each deployment step; the largest contract takes about five million.
    const STEP_GAS: u64 = 8_000_000;
    /// Supply of the token in whole tokens, all of it the deployer's.
    const SUPPLY: u64 = 1_000_000_000;

    // Steps that create a contract whose address is needed before.
    const JOB_CREATOR: u64 = 15;
    const EXAMPLE_CLIENT: u64 = 18;
    const POW: u64 = 20;
    const PROXY_ADMIN: u64 = 21;
    const POW_PROXY: u64 = 22;

    /// Who gets what after the deployment.
    #[derive(Clone, Debug)]
    #[non_exhaustive]
    pub struct DeployConfig {
        /// Accounts to fund.
        pub fund: Vec<Address>,
        /// Ether up to which each account is filled, default 10.
        pub ether: Amount,
        /// Tokens that each account is given, default 100,000.
        pub tokens: Amount,
        /// Where slashed collateral goes; `None` leaves it with the deployer.
        pub treasury: Option<Address>,
        /// Who runs the jobs that contracts order and is paid for them; `None` makes it the deployer.
        pub job_service: Option<Address>,
    }

    impl Default for DeployConfig {
        fn default() -> Self {
            Self {
                fund: Vec::new(),
                ether: Amount::from_tokens(10),
                tokens: Amount::from_tokens(100_000),
                treasury: None,
                job_service: None,
            }
        }
    }

    /// Deploys and wires the set with the key of `chain`, and gives the connection to it.
    ///
    /// Everything is sent at once with fixed gas limits and awaited together, so a chain that mines at once takes a few
    /// milliseconds and a slow one a few blocks.
    ///
    /// # Errors
    ///
    /// As [`Chain::send`]; a half-finished set is left behind and harmless.
    pub async fn deploy(chain: &RpcChain, config: &DeployConfig) -> Result<RpcChain, ChainError> {
        let admin = Chain::address(chain).ok_or(ChainError::ReadOnly { call: "deploy" })?;
        let nonce = chain.nonce(admin).await?;
        let at = |step: u64| admin.create(nonce + step);
        let contracts = Contracts {
            token: at(0),
            payments: at(1),
            storage: at(4),
            users: at(6),
            mediation: at(8),
            controller: at(10),
            job_creator: Some(at(JOB_CREATOR)),
            pow: Some(at(POW_PROXY)),
        };
        let (job_creator, example) = (at(JOB_CREATOR), at(EXAMPLE_CLIENT));
        let controller = contracts.controller;
        let token_arguments = sol::Token::constructorCall {
            name: "Lilypad Token".to_owned(),
            symbol: "LP".to_owned(),
            initialSupply: Amount::from_tokens(SUPPLY).wei(),
        };
        let wiring = sol::Controller::initializeCall {
            _storageAddress: contracts.storage,
            _usersAddress: contracts.users,
            _paymentsAddress: contracts.payments,
            _mediationAddress: contracts.mediation,
            _jobCreatorAddress: job_creator,
            _powAddress: at(POW_PROXY),
        };
        let mut steps = vec![
            create("Token", include_str!("../../abi/LilypadToken.json"), &token_arguments.abi_encode())?,
            create("Payments", include_str!("../../abi/LilypadPayments.json"), &[])?,
            call("Payments", contracts.payments, &sol::Payments::initializeCall { _tokenAddress: contracts.token }),
            call(
                "Token",
                contracts.token,
                &sol::Token::setControllerAddressCall { _controllerAddress: contracts.payments },
            ),
            create("Storage", include_str!("../../abi/LilypadStorage.json"), &[])?,
            call("Storage", contracts.storage, &sol::Storage::initializeCall {}),
            create("Users", include_str!("../../abi/LilypadUsers.json"), &[])?,
            call("Users", contracts.users, &sol::Users::initializeCall {}),
            create("MediationRandom", include_str!("../../abi/LilypadMediationRandom.json"), &[])?,
            call("MediationRandom", contracts.mediation, &sol::Mediation::initializeCall {}),
            create("Controller", include_str!("../../abi/LilypadController.json"), &[])?,
            call("Controller", controller, &wiring),
            call(
                "Storage",
                contracts.storage,
                &sol::Storage::setControllerAddressCall { _controllerAddress: controller },
            ),
            call(
                "Payments",
                contracts.payments,
                &sol::Payments::setControllerAddressCall { _controllerAddress: controller },
            ),
            call(
                "MediationRandom",
                contracts.mediation,
                &sol::Mediation::setControllerAddressCall { _controllerAddress: controller },
            ),
        ];
        // After the others, so that their addresses are those of earlier sets.
        steps.extend([
            create("OnChainJobCreator", include_str!("../../abi/LilypadOnChainJobCreator.json"), &[])?,
            call("OnChainJobCreator", job_creator, &sol::JobCreator::initializeCall { _tokenAddress: contracts.token }),
            call(
                "OnChainJobCreator",
                job_creator,
                &sol::JobCreator::setControllerAddressCall { _controllerAddress: config.job_service.unwrap_or(admin) },
            ),
            create("ExampleClient", include_str!("../../abi/ExampleClient.json"), &[])?,
            call("ExampleClient", example, &sol::ExampleClient::initializeCall { _jobManagerAddress: job_creator }),
            create("Pow", include_str!("../../abi/LilypadPow.json"), &[])?,
            create("ProxyAdmin", include_str!("../../abi/LilypadProxyAdmin.json"), &[])?,
            create(
                "PowProxy",
                include_str!("../../abi/LilypadPowProxy.json"),
                &sol::PowProxy::constructorCall { implementation: at(POW), admin: at(PROXY_ADMIN) }.abi_encode(),
            )?,
        ]);
        if let Some(treasury) = config.treasury {
            steps.push(call(
                "Token",
                contracts.token,
                &sol::Token::setTreasuryAddressCall { treasuryAddress: treasury },
            ));
        }
        let chain = chain.with_contracts(contracts);
        for account in &config.fund {
            if *account == admin {
                continue;
            }
            if !config.tokens.is_zero() {
                steps
                    .push(ChainCall::TransferTokens { to: *account, amount: config.tokens }.prepare(&contracts, admin));
            }
            let has = Chain::eth_balance(&chain, *account).await?;
            if let Some(missing) = config.ether.checked_sub(has).filter(|missing| !missing.is_zero()) {
                steps.push(ChainCall::TransferEther { to: *account, amount: missing }.prepare(&contracts, admin));
            }
        }
        let options = TxOptions::default().with_gas_limit(STEP_GAS);
        // The sender takes its lock in the order in which these are polled, which is the order of the list.
        let sent = steps.into_iter().map(|step| chain.send_prepared(step, options.clone()));
        let receipts = try_join_all(sent).await?;
        let created: Vec<Address> = receipts.iter().filter_map(|receipt| receipt.created).collect();
        let expected = [
            contracts.token,
            contracts.payments,
            contracts.storage,
            contracts.users,
            contracts.mediation,
            contracts.controller,
            job_creator,
            example,
            at(POW),
            at(PROXY_ADMIN),
            at(POW_PROXY),
        ];
        if created != expected {
            let message = "another transaction of the deployer came in between; use its key in one place".to_owned();
            return Err(ChainError::Decode { what: "the deployed addresses", message });
        }
        Ok(chain)
    }

    fn call<C: SolCall>(contract: &'static str, to: Address, call: &C) -> Prepared {
        let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
        prepared(contract, name, Some(to), call.abi_encode().into())
    }

    /// Creation code of a committed artifact, followed by the constructor's arguments.
    fn create(contract: &'static str, artifact: &str, arguments: &[u8]) -> Result<Prepared, ChainError> {
        #[derive(Deserialize)]
        struct Artifact {
            bytecode: Object,
        }
        #[derive(Deserialize)]
        struct Object {
            object: Bytes,
        }
        let artifact: Artifact = serde_json::from_str(artifact)
            .map_err(|err| ChainError::Decode { what: "a contract's artifact", message: err.to_string() })?;
        let code = [artifact.bytecode.object.as_ref(), arguments].concat();
        Ok(prepared(contract, "constructor", None, code.into()))
    }

    fn prepared(contract: &'static str, call: &'static str, to: Option<Address>, input: Bytes) -> Prepared {
        Prepared { contract, call, to, value: U256::ZERO, input, headroom: 0, tokens: None }
    }
}
