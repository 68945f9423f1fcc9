//! The `lilypad` binary.
fn main() {}
