//! The contracts that an earlier devnet deployed on a chain of somebody else's.
//!
//! ```text
//! first start on a chain ─► deploy ─► contracts-<genesis>.json in the state folder
//! next start ─► that file ─► the same contracts, stores and files of results: jobs under way go on
//! ```
//!
//! Deals live, with the money that is in escrow for them, in the contracts that they were agreed in, and the stores of every
//! role are kept by the chain's first block. So a network that starts again on a chain that outlived it must find its
//! contracts again: on new ones nobody would look after the old deals. The file is that of every deployment (`chain::deploy`),
//! so one that was interrupted goes on.

use crate::{
    Error,
    chain::{Chain, ChainCall, ChainError, DeployConfig, RpcChain, TxOptions, deploy},
    client::Paths,
};

/// The contracts on a chain which outlives this process: those that stand there from an earlier start, else new ones; a
/// deployment that was interrupted goes on. Accounts that have no tokens there get theirs.
pub(super) async fn find_or_deploy(
    admin: &RpcChain,
    paths: &Paths,
    deployment: &DeployConfig,
) -> Result<RpcChain, Error> {
    let genesis = admin.genesis_hash().await?.to_string();
    let path = paths.state.join(format!("contracts-{genesis}.json"));
    let config = DeployConfig { file: Some(path.clone()), fund: Vec::new(), ..deployment.clone() };
    let chain = deploy(admin, &config).await.map_err(|error| match error {
        ChainError::NoContract { contract, address, .. } => Error::Usage {
            what: format!(
                "the chain no longer has the contracts of the devnet that ran on it ({contract} {address}): it was reset"
            ),
            hint: format!(
                "to begin anew remove {} and the files that end in -{genesis}.sqlite beside it; the jobs in them are lost \
                 with the chain",
                path.display()
            ),
        },
        other => other.into(),
    })?;
    fund(&chain, deployment).await?;
    Ok(chain)
}

/// New providers have new accounts; what the others have left is theirs.
async fn fund(chain: &RpcChain, deployment: &DeployConfig) -> Result<(), ChainError> {
    for &to in &deployment.fund {
        if let Some(missing) =
            deployment.ether.checked_sub(chain.eth_balance(to).await?).filter(|amount| !amount.is_zero())
        {
            chain.send(ChainCall::TransferEther { to, amount: missing }, TxOptions::default()).await?;
        }
        if chain.token_balance(to).await?.is_zero() {
            chain.send(ChainCall::TransferTokens { to, amount: deployment.tokens }, TxOptions::default()).await?;
        }
    }
    Ok(())
}
