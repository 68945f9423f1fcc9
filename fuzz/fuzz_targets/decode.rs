//! Any bytes as a rendered module file, and what runs of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lilypad_sdk::module::decode;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes, "t");
});
