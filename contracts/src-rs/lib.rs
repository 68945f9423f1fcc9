//! The artifacts of the Solidity contracts, in the one form in which `lilypad-sdk/abi` keeps them.
//!
//! ```text
//! contracts/src/*.sol ──solc──► ABI + creation code ──canonical()──► lilypad-sdk/abi/<Contract>.json ──sol!──► SDK
//! ```
//!
//! Shape of a file: `{"abi": [...], "bytecode": {"object": "0x…"}}`, keys sorted, members of the ABI sorted by kind, name
//! and parameter types, two spaces of indent, a final newline. Two compilers with the same settings write the same bytes.
//!
//! Compiling itself is `contracts/compiler`, a program outside the workspace: foundry-compilers switches serde_json to
//! another representation of numbers, and no crate of the workspace should be tested with that.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

/// The contracts whose artifacts the SDK carries.
pub const CONTRACTS: [&str; 11] = [
    "ExampleClient",
    "LilypadController",
    "LilypadMediationRandom",
    "LilypadOnChainJobCreator",
    "LilypadPayments",
    "LilypadPow",
    "LilypadPowProxy",
    "LilypadProxyAdmin",
    "LilypadStorage",
    "LilypadToken",
    "LilypadUsers",
];

/// What may be wrong with an artifact.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContractsError {
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The committed artifact is not what its source compiles to.
    #[error("{} is not what contracts/src/{contract}.sol compiles to", path.display())]
    Stale {
        /// The contract.
        contract: String,
        /// The committed artifact.
        path: PathBuf,
    },
    /// A compiler's answer is not an ABI with creation code.
    #[error("{contract}: {problem}")]
    Malformed {
        /// The contract.
        contract: String,
        /// What is missing.
        problem: &'static str,
    },
}

/// The folder of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map_or_else(|| PathBuf::from(".."), Path::to_path_buf)
}

/// Where the SDK keeps the artifact of `contract`.
#[must_use]
pub fn artifact_path(contract: &str) -> PathBuf {
    workspace_root().join("lilypad-sdk").join("abi").join(format!("{contract}.json"))
}

/// The file for an ABI and creation code (hexadecimal, with or without `0x`).
///
/// # Errors
/// [`ContractsError::Malformed`] if the ABI is no array or the code is empty, unlinked or not hexadecimal.
pub fn canonical(contract: &str, abi: &Value, creation_code: &str) -> Result<String, ContractsError> {
    let malformed = |problem| ContractsError::Malformed { contract: contract.to_owned(), problem };
    let mut members = abi.as_array().ok_or_else(|| malformed("the ABI is not an array"))?.clone();
    members.sort_by_cached_key(sort_key);
    let code = creation_code.trim_start_matches("0x");
    if code.is_empty() || !code.len().is_multiple_of(2) || !code.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed("the creation code is empty, unlinked or not hexadecimal"));
    }
    let mut artifact = json!({ "abi": members, "bytecode": { "object": format!("0x{code}") } });
    artifact.sort_all_objects();
    Ok(format!("{artifact:#}\n"))
}

/// Writes the artifact of `contract`.
///
/// # Errors
/// [`ContractsError::File`] if that fails.
pub fn write(contract: &str, artifact: &str) -> Result<(), ContractsError> {
    let path = artifact_path(contract);
    fs::write(&path, artifact).map_err(|source| ContractsError::File { path, source })
}

/// Compares the committed artifact of `contract` with a fresh one.
///
/// # Errors
/// [`ContractsError::Stale`] if they differ, [`ContractsError::File`] if there is none.
pub fn check(contract: &str, artifact: &str) -> Result<(), ContractsError> {
    let path = artifact_path(contract);
    match fs::read_to_string(&path) {
        Ok(committed) if committed == artifact => Ok(()),
        Ok(_) => Err(ContractsError::Stale { contract: contract.to_owned(), path }),
        Err(source) => Err(ContractsError::File { path, source }),
    }
}

fn sort_key(member: &Value) -> (String, String, String) {
    let text = |key: &str| member[key].as_str().unwrap_or_default().to_owned();
    let types: Vec<String> = parameters(&member["inputs"]);
    (text("type"), text("name"), types.join(","))
}

fn parameters(list: &Value) -> Vec<String> {
    list.as_array().map(|items| items.iter().map(type_of).collect()).unwrap_or_default()
}

/// A parameter's canonical type: tuples written out.
fn type_of(parameter: &Value) -> String {
    let declared = parameter["type"].as_str().unwrap_or_default();
    match declared.strip_prefix("tuple") {
        Some(suffix) => format!("({}){suffix}", parameters(&parameter["components"]).join(",")),
        None => declared.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn committed_artifacts_are_in_canonical_form() {
        for contract in CONTRACTS {
            let committed = fs::read_to_string(artifact_path(contract)).unwrap();
            let artifact: Value = serde_json::from_str(&committed).unwrap();
            let code = artifact["bytecode"]["object"].as_str().unwrap();
            assert_eq!(canonical(contract, &artifact["abi"], code).unwrap(), committed, "{contract}");
        }
    }

    #[test]
    fn order_of_the_compiler_does_not_matter() {
        let one = json!({"type": "function", "name": "a", "inputs": [{"type": "uint256", "name": "x"}]});
        let two = json!({"type": "function", "name": "a", "inputs": [
            {"type": "tuple[]", "name": "x", "components": [{"type": "bool", "name": "y"}]}
        ]});
        let three = json!({"type": "event", "name": "z", "inputs": []});
        let forth = canonical("C", &json!([one, two, three]), "6001").unwrap();
        let back = canonical("C", &json!([three, two, one]), "0x6001").unwrap();
        assert_eq!(forth, back);
    }

    #[test]
    fn refuses_code_that_is_not_ready_to_deploy() {
        for code in ["", "0x", "600", "60__$placeholder$__"] {
            assert!(matches!(canonical("C", &json!([]), code), Err(ContractsError::Malformed { .. })), "{code}");
        }
    }

    #[test]
    fn notices_a_stale_artifact() {
        let fresh = fs::read_to_string(artifact_path("LilypadUsers")).unwrap();
        assert!(check("LilypadUsers", &fresh).is_ok());
        assert!(matches!(check("LilypadUsers", &fresh.replace("0x60", "0x61")), Err(ContractsError::Stale { .. })));
        assert!(matches!(check("LilypadNobody", &fresh), Err(ContractsError::File { .. })));
    }
}
