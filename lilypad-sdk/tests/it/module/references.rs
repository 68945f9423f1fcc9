use lilypad_sdk::module::{ModuleReference, ModuleSource, parse_chain_inputs_compat, parse_input_flags_compat};
use lilypad_sdk::types::ModuleConfig;

use super::{fixture, inputs, lines};

#[test]
fn short_forms_expand_as_existing_nodes_expand_them() {
    let vectors = lines(&fixture("module-ref-vectors.jsonl"));
    assert_eq!(vectors.len(), 35);
    for vector in vectors {
        let text = vector["ref"].as_str().unwrap();
        match (ModuleSource::expand_compat(text), vector["error"].as_str()) {
            (Ok(source), None) => {
                assert_eq!(source.repo, vector["repo"].as_str().unwrap(), "{text}");
                assert_eq!(source.hash, vector["hash"].as_str().unwrap(), "{text}");
                assert_eq!(source.path, vector["path"].as_str().unwrap(), "{text}");
                // Whatever ours accepts means the same there.
                if let Ok(reference) = ModuleReference::parse(text)
                    && text.trim() == text
                    && let Some(ours) = reference.source()
                    && !text.contains("repo/:")
                    && !text.starts_with("cowsay:refs/")
                {
                    assert_eq!(ours, &source, "{text}");
                }
            }
            (Err(message), Some(wanted)) => assert_eq!(message, wanted, "{text}"),
            (found, wanted) => panic!("{text}: {found:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn inputs_read_as_existing_nodes_read_them() {
    let vectors = lines(&fixture("input-flag-vectors.jsonl"));
    assert_eq!(vectors.len(), 56);
    for vector in vectors {
        let args: Vec<&str> = vector["args"].as_array().unwrap().iter().map(|arg| arg.as_str().unwrap()).collect();
        let found = match vector["source"].as_str().unwrap() {
            "onchain" => Ok(parse_chain_inputs_compat(&args)),
            _ => parse_input_flags_compat(&args),
        };
        match (found, vector["error"].as_str()) {
            (Ok(found), None) => assert_eq!(found, inputs(&vector["inputs"]), "{args:?}"),
            (Err(message), Some(wanted)) => {
                // The wording of CSV faults is the other side's own.
                assert!(message == wanted || wanted.starts_with("parse error"), "{args:?}: {message}, not {wanted}");
            }
            (found, wanted) => panic!("{args:?}: {found:?}, not {wanted:?}"),
        }
    }
}

#[test]
fn an_offers_module_is_a_name_or_three_members() {
    let config = |name: &str, repo: &str, hash: &str, path: &str| ModuleConfig {
        name: name.to_owned(),
        repo: repo.to_owned(),
        hash: hash.to_owned(),
        path: path.to_owned(),
    };
    let source = ModuleSource::from_config(&config("cowsay:v0.0.4", "ignored", "ignored", "ignored")).unwrap();
    assert_eq!(source.repo, "https://github.com/Lilypad-Tech/lilypad-module-cowsay");
    assert_eq!(ModuleSource::from_config(&source.to_config()).unwrap(), source);
    for (config, why) in [
        (config("", "", "h", "p"), "MODULE_REPO"),
        (config("", "r", "", "p"), "MODULE_HASH"),
        (config("", "r", "h", ""), "MODULE_PATH"),
        (config("cowsay", "r", "h", "p"), "format"),
    ] {
        let error = ModuleSource::from_config(&config).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}
