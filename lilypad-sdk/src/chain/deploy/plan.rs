//! The one table of what is deployed and how it is wired: `abi/deployment.json`, which the forge script reads as well.

use std::sync::LazyLock;

use alloy_primitives::{Address, Bytes, U256, keccak256};
use serde::Deserialize;

use super::Deployment;
use crate::chain::{ChainError, call::Prepared};

const TABLE: &str = include_str!("../../../abi/deployment.json");

/// Names in the table that are no contracts.
const TREASURY: &str = "$treasury";
const JOB_SERVICE: &str = "$jobService";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table<'a> {
    #[serde(borrow)]
    steps: Vec<Step<'a>>,
}

/// One transaction of a deployment. Arguments are addresses, given by name.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Step<'a> {
    /// A new contract: its creation code, `data`, and the addresses.
    Create {
        create: &'a str,
        #[serde(default)]
        data: Bytes,
        #[serde(borrow, default)]
        args: Vec<&'a str>,
    },
    /// A call, whose arguments can be read back by `reads`, in the same order. One without can be sent only once.
    Call {
        on: &'a str,
        call: &'a str,
        #[serde(borrow, default)]
        args: Vec<&'a str>,
        #[serde(borrow, default)]
        reads: Vec<&'a str>,
    },
}

impl Step<'static> {
    /// The contract, or the contract and the function.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Create { create, .. } => (*create).to_owned(),
            Self::Call { on, call, .. } => format!("{on}.{}", function(call)),
        }
    }

    /// The transaction.
    pub(super) fn prepare(&self, deployment: &Deployment) -> Result<Prepared, ChainError> {
        match self {
            Self::Create { create, .. } => Ok(prepared(create, "constructor", None, self.creation(deployment)?)),
            Self::Call { on, call, args, .. } => {
                let input = [selector(call).to_vec(), words(deployment, args)?].concat();
                Ok(prepared(on, function(call), Some(resolve(deployment, on)?), input.into()))
            }
        }
    }

    /// Creation code and arguments of a new contract; nothing for a call.
    pub(super) fn creation(&self, deployment: &Deployment) -> Result<Bytes, ChainError> {
        match self {
            Self::Create { create, data, args } => {
                Ok([creation_code(create)?.as_ref(), data, &words(deployment, args)?].concat().into())
            }
            Self::Call { .. } => Ok(Bytes::new()),
        }
    }
}

/// The steps in their order.
pub(super) fn steps() -> Result<&'static [Step<'static>], ChainError> {
    static STEPS: LazyLock<Result<Table<'static>, String>> =
        LazyLock::new(|| serde_json::from_str(TABLE).map_err(|error| error.to_string()));
    match &*STEPS {
        Ok(table) => Ok(&table.steps),
        Err(message) => Err(ChainError::Decode { what: "the table of the deployment", message: message.clone() }),
    }
}

/// The contracts in the order of their creation.
pub(super) fn contracts() -> Result<impl Iterator<Item = &'static str>, ChainError> {
    Ok(steps()?.iter().filter_map(|step| match step {
        Step::Create { create, .. } => Some(*create),
        Step::Call { .. } => None,
    }))
}

/// The address that a name of the table stands for.
pub(super) fn resolve(deployment: &Deployment, name: &'static str) -> Result<Address, ChainError> {
    match name {
        TREASURY => Ok(deployment.treasury),
        JOB_SERVICE => Ok(deployment.job_service),
        contract => deployment.address(contract).ok_or(ChainError::NoContract {
            contract,
            address: Address::ZERO,
            chain_id: deployment.chain_id,
        }),
    }
}

/// The four bytes by which a function is called.
pub(super) fn selector(signature: &str) -> [u8; 4] {
    let [a, b, c, d, ..] = keccak256(signature).0;
    [a, b, c, d]
}

/// A signature's name.
pub(super) fn function(signature: &'static str) -> &'static str {
    signature.split_once('(').map_or(signature, |(name, _)| name)
}

fn words(deployment: &Deployment, names: &[&'static str]) -> Result<Vec<u8>, ChainError> {
    let mut words = Vec::with_capacity(32 * names.len());
    for name in names {
        words.extend(resolve(deployment, name)?.into_word().0);
    }
    Ok(words)
}

fn prepared(contract: &'static str, call: &'static str, to: Option<Address>, input: Bytes) -> Prepared {
    Prepared { contract, call, to, value: U256::ZERO, input, headroom: 0, tokens: None }
}

/// Creation code of a committed artifact.
fn creation_code(contract: &str) -> Result<Bytes, ChainError> {
    #[derive(Deserialize)]
    struct Artifact {
        bytecode: Object,
    }
    #[derive(Deserialize)]
    struct Object {
        object: Bytes,
    }
    let text = artifact(contract).ok_or_else(|| ChainError::Decode {
        what: "the table of the deployment",
        message: format!("there is no artifact of {contract}"),
    })?;
    let artifact: Artifact = serde_json::from_str(text)
        .map_err(|err| ChainError::Decode { what: "a contract's artifact", message: err.to_string() })?;
    Ok(artifact.bytecode.object)
}

fn artifact(contract: &str) -> Option<&'static str> {
    Some(match contract {
        "ExampleClient" => include_str!("../../../abi/ExampleClient.json"),
        "LilypadController" => include_str!("../../../abi/LilypadController.json"),
        "LilypadMediationRandom" => include_str!("../../../abi/LilypadMediationRandom.json"),
        "LilypadOnChainJobCreator" => include_str!("../../../abi/LilypadOnChainJobCreator.json"),
        "LilypadPayments" => include_str!("../../../abi/LilypadPayments.json"),
        "LilypadPow" => include_str!("../../../abi/LilypadPow.json"),
        "LilypadPowProxy" => include_str!("../../../abi/LilypadPowProxy.json"),
        "LilypadProxyAdmin" => include_str!("../../../abi/LilypadProxyAdmin.json"),
        "LilypadStorage" => include_str!("../../../abi/LilypadStorage.json"),
        "LilypadToken" => include_str!("../../../abi/LilypadToken.json"),
        "LilypadUsers" => include_str!("../../../abi/LilypadUsers.json"),
        _ => return None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::collections::HashSet;

    use alloy::json_abi::JsonAbi;
    use alloy_sol_types::SolConstructor as _;

    use super::*;
    use crate::{chain::bindings as sol, types::Amount};

    fn abi(contract: &str) -> JsonAbi {
        let artifact: serde_json::Value = serde_json::from_str(artifact(contract).unwrap()).unwrap();
        serde_json::from_value(artifact["abi"].clone()).unwrap()
    }

    #[test]
    fn every_name_of_the_table_exists() {
        let mut created = HashSet::new();
        for step in steps().unwrap() {
            let (args, before) = match step {
                Step::Create { create, data, args } => {
                    let constructor = abi(create).constructor;
                    let inputs = constructor.map_or(0, |constructor| constructor.inputs.len());
                    assert_eq!(inputs > 0, !args.is_empty() || !data.is_empty(), "{create}");
                    let before = created.clone();
                    assert!(created.insert(*create), "{create} twice");
                    (args, before)
                }
                Step::Call { on, call, args, reads } => {
                    assert!(created.contains(on), "{on} is called before it is created");
                    assert!(reads.is_empty() || reads.len() == args.len(), "{on}.{call}");
                    let selectors: HashSet<[u8; 4]> = abi(on).functions().map(|f| f.selector().0).collect();
                    for signature in reads.iter().chain([call]) {
                        assert!(selectors.contains(&selector(signature)), "{on} has no {signature}");
                    }
                    (args, created.clone())
                }
            };
            for name in args {
                let known = name.starts_with('$') || before.contains(name);
                assert!(known, "{} takes {name}, which does not exist yet", step.name());
            }
        }
        assert_eq!(created.len(), 11);
    }

    #[test]
    fn the_token_is_the_networks() {
        let Step::Create { create: "LilypadToken", data, .. } = &steps().unwrap()[0] else {
            unreachable!("the token is first")
        };
        let constructor = sol::Token::constructorCall {
            name: "Lilypad Token".to_owned(),
            symbol: "LP".to_owned(),
            initialSupply: Amount::from_tokens(1_000_000_000).wei(),
        };
        assert_eq!(data.as_ref(), constructor.abi_encode());
    }
}
