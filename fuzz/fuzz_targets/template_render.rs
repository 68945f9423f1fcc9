//! A template and one input, the first line and the rest: the whole way to a decoded module.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::template::Limits;
use lilypad_sdk::module::{render, render_text};

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len());
    let (value, template) = bytes.split_at(split);
    let inputs = BTreeMap::from([("a".to_owned(), String::from_utf8_lossy(value).into_owned())]);
    if let Ok(text) = render_text(template, "t", &inputs) {
        assert!(text.len() <= Limits::default().output_bytes);
    }
    let _ = render(template, "t", &inputs);
});
