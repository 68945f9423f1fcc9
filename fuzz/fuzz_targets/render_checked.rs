//! A template and two inputs, the first two lines and the rest: a module that passes the check of its values is the module that
//! is rendered without it.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::{render, render_checked};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(3, |&byte| byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let inputs = BTreeMap::from([("a".to_owned(), text()), ("b".to_owned(), text())]);
    let template = parts.next().unwrap_or_default();
    if let Ok(checked) = render_checked(template, "t", &inputs) {
        assert_eq!(Some(checked), render(template, "t", &inputs).ok());
    }
});
