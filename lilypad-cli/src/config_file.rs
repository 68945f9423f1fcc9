//! `--config FILE`: settings of a network in TOML, in the words of the existing network's own files.
//!
//! ```toml
//! [web3]
//! rpc_url = "ws://localhost:8548"
//! chain_id = 412346
//! controller_address = "0x…"
//!
//! [services]
//! solver = "0x…"
//! mediator = ["0x…"]
//! ```

use std::path::Path;

use serde::Deserialize;

use crate::exit::Failure;

/// Longest file that is read.
const MAX_BYTES: u64 = 64 * 1024;

/// A network's file. A member that nobody knows is an error, because it is most likely misspelt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    #[serde(default)]
    pub(crate) web3: Web3,
    #[serde(default)]
    pub(crate) services: Services,
    #[serde(default, rename = "ipfs")]
    _ipfs: toml::Table,
    #[serde(default, rename = "telemetry")]
    _telemetry: toml::Table,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Web3 {
    pub(crate) rpc_url: Option<String>,
    pub(crate) chain_id: Option<u64>,
    pub(crate) controller_address: Option<String>,
    pub(crate) payments_address: Option<String>,
    pub(crate) storage_address: Option<String>,
    pub(crate) users_address: Option<String>,
    pub(crate) token_address: Option<String>,
    pub(crate) mediation_address: Option<String>,
    pub(crate) jobcreator_address: Option<String>,
    pub(crate) pow_address: Option<String>,
    // The existing files carry these for a protocol that is not in use.
    #[serde(rename = "lilypad_proxy_address")]
    _proxy: Option<String>,
    #[serde(rename = "lilypad_tokenomics_address")]
    _tokenomics: Option<String>,
    #[serde(rename = "lilypad_l1_token_address")]
    _l1_token: Option<String>,
    #[serde(rename = "lilypad_l2_token_address")]
    _l2_token: Option<String>,
    #[serde(rename = "lilypad_payment_engine_address")]
    _payment_engine: Option<String>,
    #[serde(rename = "lilypad_storage_address")]
    _lilypad_storage: Option<String>,
    #[serde(rename = "lilypad_module_directory_address")]
    _module_directory: Option<String>,
    #[serde(rename = "lilypad_contract_registry_address")]
    _contract_registry: Option<String>,
    #[serde(rename = "lilypad_user_address")]
    _user: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Services {
    pub(crate) solver: Option<String>,
    pub(crate) mediator: Option<Vec<String>>,
    pub(crate) api_host: Option<String>,
}

impl ConfigFile {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let fail = |why: String| {
            Failure::usage(format!("config file {}: {why}", path.display()))
                .hint("--config takes a TOML file with the tables [web3] and [services], as the network's own files have them")
        };
        let size = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?.len();
        if size > MAX_BYTES {
            return Err(fail(format!("{size} bytes, more than {MAX_BYTES}")));
        }
        let text = std::fs::read_to_string(path).map_err(|error| fail(error.to_string()))?;
        toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            fail(format!("line {line}: {}", error.message()))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_member_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("net.toml");
        std::fs::write(&path, "[web3]\nchain_id = 1\nrpc_ulr = \"ws://x\"\n").unwrap();
        let message = ConfigFile::read(&path).unwrap_err().message;
        assert!(message.contains("line 3") && message.contains("rpc_ulr"), "{message}");
    }
}
