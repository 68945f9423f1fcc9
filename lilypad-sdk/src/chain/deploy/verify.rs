//! Whether a deployed set is ours and wired as it should be, and what it is.

use std::{collections::BTreeMap, fmt};

use alloy_primitives::{Address, B256, b256};

use super::{
    Deployment,
    plan::{self, Step},
};
use crate::{
    chain::{Chain, ChainError, RpcChain},
    types::Amount,
};

/// Where a proxy keeps its implementation. Source: EIP-1967.
const IMPLEMENTATION: B256 = b256!("0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// Where a proxy keeps its admin. Source: EIP-1967.
const ADMIN: B256 = b256!("0xb53127684a568b3173ae13b9f8a6016e243e63b6e8ee1178d6a717850b5d6103");
/// Contracts that nobody owns: a proxy answers for what is behind it, and to its admin's account alone.
const UNOWNED: [&str; 1] = ["LilypadPow"];

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Check {
    /// What: `LilypadToken code`, `LilypadToken.getControllerAddress`.
    pub what: String,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub found: String,
    /// Whether that is the same.
    pub holds: bool,
}

impl Check {
    fn new(what: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let (expected, found) = (expected.to_string(), found.to_string());
        Self { what: what.into(), holds: expected == found, expected, found }
    }
}

/// Looks at every contract, every wire, every owner and the proxy of a deployment, in the order of the deployment.
///
/// Code is compared with what our creation code leaves on this chain with the same arguments, immutables included.
/// Source of the wiring: contracts.md §1.11.
///
/// # Errors
///
/// `Unreachable`, and what the node refuses. A contract that is missing or different is no error but a check that does not
/// hold; on another chain the first two checks do not hold, and nothing else is looked at.
pub async fn verify(chain: &RpcChain, deployment: &Deployment) -> Result<Vec<Check>, ChainError> {
    let genesis = chain.genesis_hash().await?;
    let mut checks = vec![
        Check::new("chain id", deployment.chain_id, chain.chain_id()),
        Check::new("first block", deployment.genesis, genesis),
    ];
    if checks.iter().any(|check| !check.holds) {
        return Ok(checks);
    }
    for step in plan::steps()? {
        match step {
            Step::Create { create, .. } => checks.push(code(chain, deployment, step, create).await?),
            Step::Call { on, args, reads, .. } => match deployment.address(on) {
                None => checks.push(Check::new(step.name(), "a contract", "none in the file")),
                Some(_) if reads.is_empty() => checks.push(initialized(chain, deployment, step).await?),
                Some(at) => {
                    for (name, read) in args.iter().zip(reads) {
                        let what = format!("{on}.{}", plan::function(read));
                        let expected =
                            plan::resolve(deployment, name).map_or_else(|error| error.to_string(), |a| a.to_string());
                        checks.push(match chain.read_address(on, at, read).await {
                            Ok(found) => Check::new(what, expected, found),
                            Err(error) => unread(what, expected, error)?,
                        });
                    }
                }
            },
        }
    }
    for contract in plan::contracts()?.filter(|contract| !UNOWNED.contains(contract)) {
        if let Some(at) = deployment.address(contract) {
            let what = format!("{contract}.owner");
            checks.push(match chain.read_address(contract, at, "owner()").await {
                Ok(owner) => Check::new(what, deployment.owner, owner),
                Err(error) => unread(what, deployment.owner.to_string(), error)?,
            });
        }
    }
    if let Some(implementation) = deployment.address("LilypadPow") {
        checks.push(locked(chain, deployment, implementation).await?);
    }
    if let Some(proxy) = deployment.address("LilypadPowProxy") {
        for (what, slot, contract) in [
            ("LilypadPowProxy implementation", IMPLEMENTATION, "LilypadPow"),
            ("LilypadPowProxy admin", ADMIN, "LilypadProxyAdmin"),
        ] {
            let found = Address::from_word(chain.slot(proxy, slot).await?);
            let expected =
                deployment.address(contract).map_or_else(|| "none in the file".to_owned(), |a| a.to_string());
            checks.push(Check::new(what, expected, found));
        }
    }
    Ok(checks)
}

/// A contract that refuses a reading differs; a chain that cannot be asked is an error.
fn unread(what: String, expected: String, error: ChainError) -> Result<Check, ChainError> {
    match error {
        ChainError::Reverted { .. } | ChainError::NoContract { .. } | ChainError::Decode { .. } => {
            Ok(Check { what, expected, found: error.to_string(), holds: false })
        }
        other => Err(other),
    }
}

async fn code(
    chain: &RpcChain,
    deployment: &Deployment,
    step: &Step<'static>,
    contract: &'static str,
) -> Result<Check, ChainError> {
    let what = format!("{contract} code");
    let Some(at) = deployment.contracts.get(contract) else {
        return Ok(Check {
            what,
            expected: "a contract".to_owned(),
            found: "none in the file".to_owned(),
            holds: false,
        });
    };
    let found = chain.code(at.address).await?;
    if found.is_empty() {
        let found = format!("no code at {}", at.address);
        return Ok(Check { what, expected: format!("code with hash {}", at.code_hash), found, holds: false });
    }
    let hash = alloy_primitives::keccak256(&found);
    let creation = match step.creation(deployment) {
        Ok(creation) => creation,
        Err(error) => return unread(what, "our code".to_owned(), error),
    };
    let ours = match chain.simulate(deployment.deployer, "constructor", None, creation).await {
        Ok(ours) => alloy_primitives::keccak256(&ours),
        Err(error) => return unread(what, "our code".to_owned(), error),
    };
    let check = Check::new(what, ours, hash);
    if check.holds && at.code_hash != hash {
        return Ok(Check { expected: format!("{} (the file)", at.code_hash), holds: false, ..check });
    }
    Ok(check)
}

async fn initialized(chain: &RpcChain, deployment: &Deployment, step: &Step<'static>) -> Result<Check, ChainError> {
    let expected = "already initialized";
    let call = match step.prepare(deployment) {
        Ok(call) => call,
        Err(error) => return unread(step.name(), expected.to_owned(), error),
    };
    Ok(match chain.simulate(deployment.deployer, call.call, call.to, call.input).await {
        Ok(_) => Check::new(step.name(), expected, "not yet"),
        Err(ChainError::Reverted { reason, .. }) if reason.text().is_some_and(|text| text.contains(expected)) => {
            Check::new(step.name(), expected, expected)
        }
        Err(error) => unread(step.name(), expected.to_owned(), error)?,
    })
}

/// Whether nobody can initialise what is behind the proxy. Source: contracts.md §5.1, W-17.
async fn locked(chain: &RpcChain, deployment: &Deployment, implementation: Address) -> Result<Check, ChainError> {
    let (what, expected) = ("LilypadPow.initialize", "refused");
    let input = plan::selector("initialize()").to_vec().into();
    Ok(match chain.simulate(deployment.deployer, "initialize", Some(implementation), input).await {
        Ok(_) => Check::new(what, expected, "open"),
        Err(ChainError::Reverted { .. }) => Check::new(what, expected, expected),
        Err(other) => unread(what.to_owned(), expected.to_owned(), other)?,
    })
}

/// What a contract is and has.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct ContractStatus {
    /// Its name.
    pub contract: String,
    /// Where it is.
    pub address: Address,
    /// Whether there is code.
    pub exists: bool,
    /// Who owns it, where it says that.
    pub owner: Option<Address>,
    /// Ether of the contract, wei.
    pub ether: Amount,
    /// Tokens of the contract, wei: escrow for the token itself, deposits for the job creator.
    pub tokens: Amount,
    /// Which neighbours it names, by the function that reads them.
    pub wiring: BTreeMap<String, Address>,
}

/// Reads owner, balances and wiring of contracts by name, in the order of the deployment.
///
/// # Errors
///
/// `Unreachable`, and what the node refuses. Contracts that do not answer are told of with what they lack.
pub async fn survey(
    chain: &RpcChain,
    addresses: &BTreeMap<String, Address>,
) -> Result<Vec<ContractStatus>, ChainError> {
    let mut all = Vec::new();
    for contract in plan::contracts()? {
        let Some(address) = addresses.get(contract).copied() else { continue };
        let exists = !chain.code(address).await?.is_empty();
        let reads = plan::steps()?.iter().filter_map(|step| match step {
            Step::Call { on, reads, .. } if *on == contract && exists => Some(reads),
            _ => None,
        });
        let mut wiring = BTreeMap::new();
        for read in reads.flatten() {
            if let Some(found) = answer(chain.read_address(contract, address, read).await)? {
                wiring.insert(plan::function(read).to_owned(), found);
            }
        }
        let owner = match exists {
            true => answer(chain.read_address(contract, address, "owner()").await)?,
            false => None,
        };
        let tokens = answer(Chain::token_balance(chain, address).await)?.unwrap_or(Amount::ZERO);
        let ether = Chain::eth_balance(chain, address).await?;
        all.push(ContractStatus { contract: contract.to_owned(), address, exists, owner, ether, tokens, wiring });
    }
    Ok(all)
}

/// What a contract answers, `None` where it has no such function.
fn answer<T>(answer: Result<T, ChainError>) -> Result<Option<T>, ChainError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(ChainError::Reverted { .. } | ChainError::NoContract { .. } | ChainError::Decode { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}
