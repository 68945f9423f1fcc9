//! The contracts that an earlier devnet deployed on a chain of somebody else's.
//!
//! ```text
//! first start on a chain ─► deploy ─► contracts-<genesis>.json in the state folder
//! next start ─► that file ─► the same contracts, stores and files of results: jobs under way go on
//! ```
//!
//! Deals live, with the money that is in escrow for them, in the contracts that they were agreed in, and the stores of every
//! role are kept by the chain's first block. So a network that starts again on a chain that outlived it must find its
//! contracts again: on new ones nobody would look after the old deals. A crash between the deployment and the file leaves
//! contracts that nobody uses; nothing was agreed in them.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    Error,
    chain::{Chain, ChainCall, ChainError, DeployConfig, RpcChain, RpcConfig, TxOptions, deploy},
    client::Paths,
    types::Address,
    wallet::Wallet,
};

#[derive(Serialize, Deserialize)]
struct Record {
    controller: Address,
}

/// The contracts on the chain that `rpc` reaches, which outlives this process: those that stand there from an earlier start,
/// else new ones. Accounts that have no tokens there get theirs.
pub(super) async fn find_or_deploy(
    rpc: RpcConfig,
    admin: &RpcChain,
    wallet: Wallet,
    paths: &Paths,
    deployment: &DeployConfig,
) -> Result<RpcChain, Error> {
    let genesis = admin.genesis_hash().await?.to_string();
    let path = path(paths, &genesis);
    let failed = || Error::io(path.display().to_string());
    let Some(controller) = read(&path).map_err(failed())? else {
        let chain = deploy(admin, deployment).await?;
        write(&path, chain.contracts().controller).map_err(failed())?;
        return Ok(chain);
    };
    let rpc = RpcConfig { controller, known: None, ..rpc };
    let chain = RpcChain::connect(rpc, Some(wallet)).await.map_err(|error| match error {
        ChainError::NoContract { .. } => Error::Usage {
            what: format!(
                "the chain no longer has the contracts of the devnet that ran on it (controller {controller}): it was reset"
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

fn path(paths: &Paths, genesis: &str) -> PathBuf {
    paths.state.join(format!("contracts-{genesis}.json"))
}

fn read(path: &PathBuf) -> io::Result<Option<Address>> {
    match fs::read(path) {
        Ok(text) => Ok(Some(serde_json::from_slice::<Record>(&text)?.controller)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The file appears at once and whole.
fn write(path: &PathBuf, controller: Address) -> io::Result<()> {
    let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    serde_json::to_writer(&file, &Record { controller })?;
    file.sync_all()?;
    fs::rename(fresh, path)
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
