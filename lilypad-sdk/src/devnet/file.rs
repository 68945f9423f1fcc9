//! The file through which other terminals find a devnet.

use std::{fs, io, os::unix::fs::OpenOptionsExt, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    client::Paths,
    types::{Address, U256},
};

/// What a devnet is, for whoever joins it. Shape: JSON in `$XDG_STATE_HOME/lilypad/devnet.json`, mode 0600.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DevnetInfo {
    /// The process that runs it.
    pub pid: u32,
    /// The chain's JSON-RPC endpoint.
    pub rpc_url: String,
    /// The chain's id.
    pub chain_id: u64,
    /// Hash of the chain's first block; stores are kept by it.
    pub genesis: String,
    /// The controller contract.
    pub controller: Address,
    /// The token contract.
    pub token: Address,
    /// The solver's base URL.
    pub solver_url: String,
    /// The solver.
    pub solver: Address,
    /// The mediators.
    pub mediators: Vec<Address>,
    /// The providers.
    pub providers: Vec<Address>,
    /// A funded account for creators.
    pub job_creator: Address,
    /// Which executors the providers have.
    pub executors: Vec<String>,
    /// Where modules of this machine are shared with it.
    pub data_dir: PathBuf,
}

pub(super) fn path(paths: &Paths) -> PathBuf {
    paths.state.join("devnet.json")
}

/// The devnet that is announced, if its process lives.
pub(super) fn read(paths: &Paths) -> Option<DevnetInfo> {
    let text = fs::read(path(paths)).ok()?;
    let info: DevnetInfo = serde_json::from_slice(&text).ok()?;
    fs::exists(format!("/proc/{}", info.pid)).unwrap_or(true).then_some(info)
}

/// Announces a devnet; the file appears at once and whole.
pub(super) fn write(paths: &Paths, info: &DevnetInfo) -> io::Result<()> {
    let target = path(paths);
    let fresh = target.with_extension(format!("{}.tmp", info.pid));
    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    serde_json::to_writer_pretty(&file, info)?;
    file.sync_all()?;
    fs::rename(fresh, target)
}

/// Takes the announcement back, unless another devnet has replaced it.
pub(super) fn remove(paths: &Paths, info: &DevnetInfo) {
    if read(paths).is_some_and(|found| found.pid == info.pid) {
        fs::remove_file(path(paths)).ok();
    }
}

/// One token, for funding.
pub(super) fn ether(count: u64) -> crate::types::Amount {
    crate::types::Amount::from_wei(U256::from(count) * U256::from(crate::types::WEI_PER_TOKEN))
}
