//! Any text as a module reference and as an input flag: what is read can be written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::{ModuleReference, ModuleSource, parse_input_flag};

fuzz_target!(|text: &str| {
    let _ = ModuleReference::parse(text);
    let _ = ModuleSource::expand_compat(text);
    if let Ok((name, value)) = parse_input_flag(text) {
        assert_eq!(format!("{name}={value}"), text);
    }
});
