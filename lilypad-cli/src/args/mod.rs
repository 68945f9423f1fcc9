//! What may be typed. Only shapes: values stay text here and are read in `settings`, where a flag and its environment
//! variable share one reader and one error.

mod contracts;
mod devnet;
mod groups;
mod jobs;
mod module;
mod run;
mod solver;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::{
    contracts::{ChainArgs, ContractsArgs, ContractsCommand, DeployArgs, FundArgs, SetArgs},
    devnet::DevnetArgs,
    groups::{LaterArgs, PricingArgs, ServiceArgs, TelemetryArgs, Web3Args},
    jobs::{AttachArgs, JobsArgs, JobsCommand},
    module::{
        GivenInputs, InputsArgs, LintArgs, LocalRunArgs, ModuleArgs, ModuleCommand, NewArgs, RenderArgs, WhichArgs,
    },
    run::RunArgs,
    solver::SolverArgs,
};

/// Lilypad
#[derive(Debug, Parser)]
#[command(
    name = "lilypad",
    version = concat!("v", env!("CARGO_PKG_VERSION")),
    long_about = concat!("Lilypad: v", env!("CARGO_PKG_VERSION"), "\nCommit: ", env!("LILYPAD_COMMIT")),
    infer_subcommands = false,
    subcommand_help_heading = "Commands",
    max_term_width = 110
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Flags of every command.
#[derive(Clone, Debug, Args)]
pub(crate) struct GlobalArgs {
    /// Network: testnet, demonet, devnet, dev or local [env: LILYPAD_NETWORK] [default: testnet]
    #[arg(short, long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) network: Option<String>,
    /// Settings of a network from a TOML file, over the preset's
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Folder for results and caches [env: DATA_DIR] [default: /tmp/lilypad/data]
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How the result is printed
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Global options")]
    pub(crate) output: OutputFormat,
    /// Log less; stdout stays the same
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) quiet: u8,
    /// Log more, to stderr; twice for debug, three times for all [env: LOG_LEVEL, LOG_TYPE]
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// Accepted for compatibility
    #[arg(long, global = true, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) lilynext: Option<String>,
}

/// How a command writes its result to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Lines for people (and for the scripts that read them).
    #[default]
    Plain,
    /// One JSON object at the end.
    Json,
    /// One JSON object an event.
    Ndjson,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a job on the network and fetch its result
    Run(Box<RunArgs>),
    /// Keep a whole network running on this machine; it serves `-n local` of other terminals
    Devnet(DevnetArgs),
    /// Run the solver of a network: match offers, keep deals, carry files
    Solver(Box<SolverArgs>),
    /// Write modules: make, render, check and run them on this machine
    Module(ModuleArgs),
    /// Take up jobs again
    Jobs(JobsArgs),
    /// The contracts of a network: deploy, verify, show, fund accounts
    Contracts(Box<ContractsArgs>),
    /// Print the version, the commit and the wire version
    Version(VersionArgs),
    /// Print a completion script for a shell
    Completion(CompletionArgs),
}

/// Arguments of `lilypad version`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct VersionArgs {
    /// The same as --output json
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `lilypad completion`.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct CompletionArgs {
    /// Which shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
