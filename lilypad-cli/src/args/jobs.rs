//! `lilypad jobs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ServiceArgs, Web3Args};

/// Arguments of `lilypad jobs`.
#[derive(Clone, Debug, Args)]
pub(crate) struct JobsArgs {
    #[command(subcommand)]
    pub(crate) command: JobsCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Watch a job again, to its end
    Attach(Box<AttachArgs>),
}

/// Arguments of `lilypad jobs attach`.
#[derive(Clone, Debug, Args)]
pub(crate) struct AttachArgs {
    /// Id of the deal or of the job offer
    pub(crate) id: String,
    /// Put the result into this folder, which must be absent or empty
    #[arg(short = 'o', long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Also print what the job wrote to its stdout
    #[arg(long)]
    pub(crate) show: bool,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(flatten)]
    pub(crate) web3: Web3Args,
}
