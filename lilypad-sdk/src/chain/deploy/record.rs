//! `deployments/<network>.json`: what was deployed, and how far a deployment has come.

use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use alloy_primitives::{Address, B256};
use serde::{Deserialize, Serialize};

use super::plan;
use crate::chain::{ChainError, Contracts, SignedTx};

/// Version of the file's shape.
const FORMAT: u32 = 1;
/// Longest file that is read.
const MAX_BYTES: u64 = 1 << 20;
/// Whose interface the contracts have.
const ABI: &str = "v1";

/// A deployed set of contracts. Shape: JSON with these members; hashes and addresses in hexadecimal, `0x` first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Deployment {
    /// Version of this shape, 1.
    pub format: u32,
    /// Name of the network.
    pub network: String,
    /// Chain id.
    pub chain_id: u64,
    /// Hash of block 0, which tells one chain with this id from another.
    pub genesis: B256,
    /// Who created the contracts.
    pub deployer: Address,
    /// Who owns them: the deployer, unless ownership was handed on.
    pub owner: Address,
    /// Where slashed deposits go.
    pub treasury: Address,
    /// Who runs the jobs that contracts order.
    pub job_service: Address,
    /// Block of the first contract: where reading back events begins.
    pub block: Option<u64>,
    /// Which interface the contracts have, `v1`.
    pub abi: String,
    /// Version of the SDK whose contracts these are.
    pub sdk: String,
    /// Whether every contract exists and is wired.
    pub complete: bool,
    /// The contracts by name.
    pub contracts: BTreeMap<String, DeployedContract>,
    /// The transaction that was under way when this was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<PendingStep>,
}

/// One contract of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DeployedContract {
    /// Where it is.
    pub address: Address,
    /// keccak256 of its code on chain.
    pub code_hash: B256,
    /// Block of its creation, where it is known.
    pub block: Option<u64>,
    /// Transaction that created it, where it is known.
    pub transaction: Option<B256>,
}

/// A step whose transaction was signed and perhaps sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingStep {
    /// The contract, or the contract and its function.
    pub step: String,
    /// The transaction; to send it once more is harmless.
    pub transaction: SignedTx,
}

impl Deployment {
    pub(super) fn new(network: &str, chain_id: u64, genesis: B256, deployer: Address) -> Self {
        Self {
            format: FORMAT,
            network: network.to_owned(),
            chain_id,
            genesis,
            deployer,
            owner: deployer,
            treasury: deployer,
            job_service: deployer,
            block: None,
            abi: ABI.to_owned(),
            sdk: env!("CARGO_PKG_VERSION").to_owned(),
            complete: false,
            contracts: BTreeMap::new(),
            pending: None,
        }
    }

    /// Reads a file; `None` when there is none.
    ///
    /// # Errors
    ///
    /// [`ChainError::DeploymentFile`] when it cannot be read, is larger than 1 MiB, or does not have this shape.
    pub fn read(path: &Path) -> Result<Option<Self>, ChainError> {
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(path, &error, "see that it can be read")),
        };
        let mut text = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut text);
        read.map_err(|error| unusable(path, &error, "see that it can be read"))?;
        if u64::try_from(text.len()).is_ok_and(|length| length > MAX_BYTES) {
            return Err(unusable(path, format_args!("it has more than {MAX_BYTES} bytes"), OTHER_FILE));
        }
        let found: Self = serde_json::from_slice(&text).map_err(|error| unusable(path, error, OTHER_FILE))?;
        if (found.format, found.abi.as_str()) != (FORMAT, ABI) {
            let problem = format!("format {} with abi {} is not known", found.format, found.abi);
            return Err(unusable(path, problem, "use the version of lilypad that wrote it"));
        }
        if let Some(stranger) =
            found.contracts.keys().find(|name| plan::contracts().is_ok_and(|mut known| !known.any(|k| k == *name)))
        {
            return Err(unusable(path, format_args!("{stranger} is no contract of the set"), OTHER_FILE));
        }
        Ok(Some(found))
    }

    /// Writes a file. It appears at once and whole.
    ///
    /// # Errors
    ///
    /// [`ChainError::DeploymentFile`].
    pub fn write(&self, path: &Path) -> Result<(), ChainError> {
        let failed = |error: io::Error| unusable(path, error, "see that its folder exists and has room");
        let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
        let mut text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        let written = fs::File::create(&fresh).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&fresh, path)
        });
        written.map_err(|error| {
            // What is left of the attempt is of no use to anyone.
            let _ = fs::remove_file(&fresh);
            failed(error)
        })
    }

    /// Where a contract is.
    #[must_use]
    pub fn address(&self, contract: &str) -> Option<Address> {
        self.contracts.get(contract).map(|found| found.address)
    }

    /// The contracts as a connection needs them; `None` while one is missing.
    #[must_use]
    pub fn contracts(&self) -> Option<Contracts> {
        Some(Contracts {
            controller: self.address("LilypadController")?,
            payments: self.address("LilypadPayments")?,
            storage: self.address("LilypadStorage")?,
            users: self.address("LilypadUsers")?,
            token: self.address("LilypadToken")?,
            mediation: self.address("LilypadMediationRandom")?,
            job_creator: self.address("LilypadOnChainJobCreator"),
            pow: self.address("LilypadPowProxy"),
        })
    }
}

const OTHER_FILE: &str =
    "name another file with --deployments, or mend this one from a copy; to begin anew, move it away";

pub(super) fn unusable(path: &Path, problem: impl std::fmt::Display, hint: &str) -> ChainError {
    ChainError::DeploymentFile { path: path.to_owned(), problem: problem.to_string(), hint: hint.to_owned() }
}

/// Keeps two programs from deploying with one folder of files at the same time.
pub(super) fn lock(path: &Path) -> Result<fs::File, ChainError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let failed = |error: io::Error| unusable(path, error, "name a file in a folder that can be written to");
    fs::create_dir_all(&folder).map_err(failed)?;
    let file = fs::File::open(&folder).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(unusable(
            path,
            format_args!("another program deploys with folder {}", folder.display()),
            "wait for it to end; the same command then goes on where it stopped",
        )),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.json");
        let problem = |bytes: usize| {
            fs::write(&path, vec![b' '; bytes]).unwrap();
            Deployment::read(&path).unwrap_err().to_string()
        };
        let most = usize::try_from(MAX_BYTES).unwrap();
        assert!(problem(most).contains("EOF"), "read whole, and no JSON");
        assert!(problem(most + 1).contains("more than 1048576 bytes"));
        fs::remove_file(&path).unwrap();
        assert_eq!(Deployment::read(&path).unwrap(), None);
    }
}
