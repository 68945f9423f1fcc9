//! A file of typed inputs and what a person gives, `-i` texts a line each behind the first NUL byte: a file that is taken keeps
//! its own rules, and what passes them passes them again.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::{InputSchema, parse_chain_inputs_compat, parse_input_flag, parse_input_flags_compat};

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == 0);
    let (file, given) = split.map_or((bytes, &b""[..]), |at| (&bytes[..at], &bytes[at + 1..]));
    let given = String::from_utf8_lossy(given);
    let flags: Vec<&str> = given.lines().collect();
    let _ = parse_input_flags_compat(&flags);
    let _ = parse_chain_inputs_compat(&flags);
    let inputs: BTreeMap<String, String> = flags.iter().filter_map(|flag| parse_input_flag(flag).ok()).collect();
    match InputSchema::parse(file, "t") {
        Ok(schema) => {
            if let Ok(full) = schema.apply(&inputs) {
                assert!(inputs.iter().all(|(name, value)| full.get(name) == Some(value)));
                assert_eq!(schema.apply(&full).ok(), Some(full));
            }
        }
        Err(error) => {
            let text = error.to_string();
            assert!(error.hint().is_some() && !text.contains("expected") && !text.contains("variant"), "{text}");
        }
    }
});
