//! Any bytes as a template: lexer and parser, of both generations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::template::{Generation, Template};

fuzz_target!(|text: &[u8]| {
    for generation in [Generation::Go1_19, Generation::Go1_23] {
        match Template::parse_with("t", text, generation) {
            Ok(template) => drop(template.fields()),
            Err(error) => assert!(error.line() > 0 && error.to_string().starts_with("template: ")),
        }
    }
});
