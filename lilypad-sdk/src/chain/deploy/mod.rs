//! Deploys the set of contracts, wires it, and says whether a set is as it should be.
//!
//! ```text
//! abi/deployment.json ─► steps ─┬─ deploy ─► for each: is it done on chain? ─ no ─► sign, record, send ─► record
//!                               └─ verify ─► for each: code as ours, reads as wired; owners; the proxy
//! ```
//!
//! - One table has the order and the wiring (source: contracts.md §1.11); the forge script reads the same one. On a fresh
//!   chain the first development account creates the addresses of [`Network::local`](super::Network::local).
//! - Every step looks first at the file and the chain, so a deployment goes on where it was stopped and a finished one
//!   sends nothing. A signed transaction is in the file before it is sent, and the same one is sent again.
//! - The proof-of-work contract is only reachable through its proxy, and is initialised in the proxy's own deployment.
//! - What the code must be is asked of the chain: it runs our creation code with the same arguments without keeping it.
//!
//! Lost on a crash: nothing that was sent, where there is a file; without one, contracts that nobody uses.

mod fund;
mod plan;
mod record;
mod run;
mod verify;

use std::{fmt, path::PathBuf, sync::Arc};

use alloy_primitives::{Address, B256, address};

pub use self::{
    fund::{Gift, Given, fund, give},
    record::{DeployedContract, Deployment, PendingStep},
    run::{deploy, deploy_recorded},
    verify::{Check, ContractStatus, survey, verify},
};
use crate::types::Amount;

/// Stood in the controller of earlier sets for the contracts that those did not have; it refuses the zero address.
pub(super) const UNUSED: Address = address!("0x000000000000000000000000000000000000dEaD");

/// What a deployment is told of each step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeployedStep {
    /// The contract, or the contract and the function: `LilypadPayments.initialize`.
    pub step: String,
    /// Where the contract is.
    pub address: Address,
    /// The transaction; `None` when the step had been done before.
    pub transaction: Option<B256>,
    /// Gas it took.
    pub gas_used: u64,
}

/// Hears of each step when it is done.
pub type DeployProgress = Arc<dyn Fn(&DeployedStep) + Send + Sync>;

/// How a set is deployed, and who gets what after it.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeployConfig {
    /// Accounts to fund.
    pub fund: Vec<Address>,
    /// Ether up to which each account is filled, default 10.
    pub ether: Amount,
    /// Tokens up to which each account is filled, default 100,000.
    pub tokens: Amount,
    /// Where slashed collateral goes; `None` leaves it where it is, at first with the deployer.
    pub treasury: Option<Address>,
    /// Who runs the jobs that contracts order and is paid for them; `None` leaves it, at first with the deployer.
    pub job_service: Option<Address>,
    /// Name of the network in the record, default `local`.
    pub network: String,
    /// The file of the deployment, `deployments/<network>.json`; `None` keeps no record.
    pub file: Option<PathBuf>,
    /// Whether a set that the deployer's first transactions created, of which there is no record, is taken over.
    pub find: bool,
    /// Hears of each step.
    pub progress: Option<DeployProgress>,
}

impl Default for DeployConfig {
    fn default() -> Self {
        Self {
            fund: Vec::new(),
            ether: Amount::from_tokens(10),
            tokens: Amount::from_tokens(100_000),
            treasury: None,
            job_service: None,
            network: super::Network::local().name.to_owned(),
            file: None,
            find: false,
            progress: None,
        }
    }
}

impl fmt::Debug for DeployConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeployConfig")
            .field("fund", &self.fund)
            .field("ether", &self.ether)
            .field("tokens", &self.tokens)
            .field("treasury", &self.treasury)
            .field("job_service", &self.job_service)
            .field("network", &self.network)
            .field("file", &self.file)
            .field("find", &self.find)
            .finish_non_exhaustive()
    }
}
