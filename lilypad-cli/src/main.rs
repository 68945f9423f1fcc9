//! The `lilypad` binary: parse, resolve settings, make one call of the SDK, print what came of it.

mod args;
mod banner;
mod commands;
mod config_file;
mod env;
mod exit;
mod logging;
mod printer;
mod progress;
mod settings;
mod signals;

fn main() -> std::process::ExitCode {
    commands::main()
}
