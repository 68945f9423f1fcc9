//! A module file and its file of typed inputs, the two apart by the first NUL byte: the report is the same each time, and every
//! finding has a place in the template.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::lint::{Severity, Subject, lint};

fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|&byte| byte == 0);
    let (template, file) = split.map_or((bytes, None), |at| (&bytes[..at], Some(&bytes[at + 1..])));
    let mut subject = Subject::new(template, "t");
    subject.inputs_file = file;
    let report = lint(&subject);
    let lines = template.split(|&byte| byte == b'\n').count();
    for found in &report.diagnostics {
        assert!(found.line.is_none_or(|line| (1..=lines).contains(&line)), "{found:?}");
        assert!(!found.message.is_empty(), "{found:?}");
    }
    assert_eq!(report.has_faults(), report.count(Severity::Fault) > 0);
});
