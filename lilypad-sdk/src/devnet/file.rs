//! The file through which other terminals find a devnet.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::PathBuf,
    time::Duration,
};

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

/// Whether process `pid` is the one that wrote something at `written`: it lives, and did not start after that.
fn is_writer(pid: u32, written: std::time::SystemTime) -> bool {
    if !cfg!(target_os = "linux") {
        return true;
    }
    let started = || {
        // The name in brackets may hold anything; the numbers come after the last bracket. Start time is field 22, in
        // hundredths of a second after boot.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let ticks: u64 = stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()?;
        let boot = fs::read_to_string("/proc/stat").ok()?;
        let boot: u64 = boot.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(std::time::UNIX_EPOCH + Duration::from_secs(boot) + Duration::from_millis(ticks.saturating_mul(10)))
    };
    // The boot time is a whole second, and moves with the clock.
    started().is_some_and(|started| started <= written + Duration::from_secs(5))
}

/// The devnet that is announced, if its process lives.
pub(super) fn read(paths: &Paths) -> Option<DevnetInfo> {
    let path = path(paths);
    let meta = fs::symlink_metadata(&path).ok()?;
    // Whoever writes it chooses the chain and the solver that is joined.
    if !meta.is_file() || meta.mode() & 0o022 != 0 || meta.uid() != fs::metadata(&paths.state).ok()?.uid() {
        tracing::warn!(target: "lilypad::devnet", path = %path.display(), "others may write to this file, it is not used");
        return None;
    }
    let text = fs::read(path).ok()?;
    let info: DevnetInfo = serde_json::from_slice(&text).ok()?;
    is_writer(info.pid, meta.modified().ok()?).then_some(info)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn info() -> DevnetInfo {
        DevnetInfo {
            pid: std::process::id(),
            rpc_url: "http://127.0.0.1:1".into(),
            chain_id: 31337,
            genesis: "0x".into(),
            controller: Address::ZERO,
            token: Address::ZERO,
            solver_url: "http://127.0.0.1:2".into(),
            solver: Address::ZERO,
            mediators: Vec::new(),
            providers: Vec::new(),
            job_creator: Address::ZERO,
            executors: Vec::new(),
            data_dir: PathBuf::new(),
        }
    }

    #[test]
    fn only_a_file_that_nobody_else_can_write_is_believed() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths { data: dir.path().join("data"), state: dir.path().join("state") };
        fs::create_dir(&paths.state).unwrap();
        write(&paths, &info()).unwrap();
        let file = path(&paths);
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(read(&paths), Some(info()));

        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(read(&paths), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert_eq!(read(&paths), None, "a link");
    }

    #[test]
    fn a_devnet_whose_process_is_gone_is_not_found() {
        let dir = tempfile::tempdir().unwrap();
        let paths = Paths { data: dir.path().join("data"), state: dir.path().to_owned() };
        // Beyond the largest process id.
        write(&paths, &DevnetInfo { pid: 4_194_305, ..info() }).unwrap();
        assert_eq!(read(&paths), None);
        // This process is younger than the file: its id was given out again.
        write(&paths, &info()).unwrap();
        let file = fs::File::options().write(true).open(path(&paths)).unwrap();
        file.set_modified(std::time::SystemTime::now() - Duration::from_secs(7 * 24 * 3600)).unwrap();
        assert_eq!(read(&paths), None);
    }
}
