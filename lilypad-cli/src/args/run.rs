//! `lilypad run`.

use std::path::PathBuf;

use clap::Args;

use super::{PricingArgs, ServiceArgs, TelemetryArgs, Web3Args};

/// Arguments of `lilypad run`.
#[derive(Clone, Debug, Default, Args)]
#[command(after_help = "Example: lilypad run -n local cowsay:v0.0.4 -i Message=\"hello, lilypad\"")]
pub(crate) struct RunArgs {
    /// The module: name:tag or host/owner/repo:ref
    #[arg(value_name = "MODULE")]
    pub(crate) module: Option<String>,
    /// An input of the module, split at the first `=`; repeatable, one input each
    #[arg(short, long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) input: Vec<String>,
    /// Run with values that the module's template passes on as another text, instead of refusing them
    #[arg(long)]
    pub(crate) allow_altered_inputs: bool,
    /// Folder of input files [env: INPUTS_PATH]
    #[arg(long, value_name = "DIR")]
    pub(crate) inputs_path: Option<PathBuf>,
    /// The same as MODULE [env: MODULE_NAME]
    #[arg(long, value_name = "MODULE")]
    pub(crate) module_name: Option<String>,
    /// Git repository of the module, instead of its name [env: MODULE_REPO]
    #[arg(long, value_name = "URL")]
    pub(crate) module_repo: Option<String>,
    /// Tag, branch or commit in the repository [env: MODULE_HASH]
    #[arg(long, value_name = "REF")]
    pub(crate) module_hash: Option<String>,
    /// Template in the repository or folder, when not /lilypad_module.json.tmpl; the variable counts where MODULE is not
    /// NAME:TAG or HOST/OWNER/REPO:REF [env: MODULE_PATH]
    #[arg(long, value_name = "PATH")]
    pub(crate) module_path: Option<String>,
    /// Only match this provider [env: TARGET]
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) target: Option<String>,
    /// Percent chance that the result is checked by a mediator [env: MEDIATION_CHANCE] [default: 0]
    #[arg(long, value_name = "PERCENT")]
    pub(crate) mediation_chance: Option<String>,
    /// Put the result into this folder, which must be absent or empty
    #[arg(short = 'o', long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
    /// Also print what the job wrote to its stdout
    #[arg(long)]
    pub(crate) show: bool,
    /// Stop watching once both parties have agreed; `lilypad jobs attach` takes the job up again
    #[arg(long)]
    pub(crate) detach: bool,
    #[command(flatten)]
    pub(crate) pricing: PricingArgs,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(flatten)]
    pub(crate) web3: Web3Args,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}
