//! What a connection is told.

use std::{path::PathBuf, sync::Arc};

use super::Paths;
use crate::{
    chain::{Network, RpcConfig},
    module::{FetchPolicy, Fetcher},
    store::DynStore,
    types::{Address, AuthMode, Settlement},
};

/// What a connection needs besides its key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectConfig {
    /// Name for messages.
    pub network: String,
    /// Endpoints and contracts.
    pub rpc: RpcConfig,
    /// Address of the solver, as offers name it.
    pub solver: String,
    /// Mediators the creator trusts, as offers name them.
    pub mediators: Vec<String>,
    /// Base URL of the metrics service, may be empty.
    pub api_host: String,
    /// Where deals must settle; a solver that announces otherwise is refused.
    pub settlement: Settlement,
    /// How requests are signed; a solver that announces otherwise is refused.
    pub auth: AuthMode,
    /// Folders.
    pub paths: Paths,
    /// Where jobs are journaled; `None` keeps them in memory.
    pub store: Option<Arc<dyn DynStore>>,
    /// Where modules of this machine go, on a network whose providers are on this machine too: its data folder. `None`
    /// elsewhere, where modules come from the internet only.
    pub local_modules: Option<PathBuf>,
}

impl ConnectConfig {
    /// The configuration of a preset.
    pub fn for_network(network: &Network) -> Self {
        Self {
            network: network.name.to_owned(),
            rpc: RpcConfig::for_network(network),
            solver: solver_text(network),
            mediators: network.mediators.iter().map(Address::to_string).collect(),
            api_host: network.api_host.to_owned(),
            settlement: network.settlement,
            auth: network.auth,
            paths: Paths::from_env(),
            store: None,
            local_modules: None,
        }
    }
}

impl ConnectConfig {
    pub(super) fn fetcher(&self) -> Fetcher {
        match &self.local_modules {
            Some(folder) => Fetcher::new(folder, FetchPolicy::own()).with_embedded(),
            None => Fetcher::new(&self.paths.data, FetchPolicy::own()),
        }
    }
}

/// The existing test network configures its solver in lower case, and the text counts (network.md §1.1).
fn solver_text(network: &Network) -> String {
    let text = network.solver.to_string();
    if network.name == "testnet" { text.to_lowercase() } else { text }
}
