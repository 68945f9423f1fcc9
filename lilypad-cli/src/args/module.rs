//! `lilypad module`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Arguments of `lilypad module`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModuleArgs {
    #[command(subcommand)]
    pub(crate) command: ModuleCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ModuleCommand {
    /// Make a new module: a folder with working files, as a git repository
    New(NewArgs),
    /// Print the JSON that a module renders to
    Render(RenderArgs),
    /// Say what is wrong with a module, where, and how to mend it; exit code 1 when it does not run
    Lint(LintArgs),
    /// Run a module on this machine, in Docker or as WebAssembly: no network, no key
    Run(Box<LocalRunArgs>),
    /// List the inputs a module takes
    Inputs(InputsArgs),
}

/// Arguments of `lilypad module new`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: lilypad module new --template wasm hello && cd hello && lilypad module run --local -i name=moo"
)]
pub(crate) struct NewArgs {
    /// The new folder; its last part is the module's name. "." is this folder, when it is empty
    #[arg(value_name = "NAME")]
    pub(crate) name: PathBuf,
    /// What it is made from: wasm, docker-minimal, hugging-face or ollama
    #[arg(short, long, value_name = "TEMPLATE", default_value = "wasm")]
    pub(crate) template: String,
}

/// Which module, and its inputs.
#[derive(Clone, Debug, Args)]
pub(crate) struct WhichArgs {
    /// A folder, or name:tag or host/owner/repo:ref
    #[arg(value_name = "DIR|REF", default_value = ".")]
    pub(crate) module: String,
    /// Template in the folder or repository; the variable counts for folders [env: MODULE_PATH] [default:
    /// /lilypad_module.json.tmpl]
    #[arg(long, value_name = "PATH")]
    pub(crate) module_path: Option<String>,
}

/// Inputs as `run` takes them.
#[derive(Clone, Debug, Args)]
pub(crate) struct GivenInputs {
    /// An input of the module, split at the first `=`; repeatable
    #[arg(short, long, value_name = "KEY=VALUE", allow_hyphen_values = true)]
    pub(crate) input: Vec<String>,
}

/// Arguments of `lilypad module render`.
#[derive(Clone, Debug, Args)]
pub(crate) struct RenderArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) given: GivenInputs,
    /// Run with values that the module's template passes on as another text, instead of refusing them
    #[arg(long)]
    pub(crate) allow_altered_inputs: bool,
}

/// Arguments of `lilypad module lint`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LintArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) given: GivenInputs,
    /// The same as --output json
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `lilypad module run`.
#[derive(Clone, Debug, Args)]
pub(crate) struct LocalRunArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    #[command(flatten)]
    pub(crate) given: GivenInputs,
    /// On this machine; `lilypad run` is for networks
    #[arg(long)]
    pub(crate) local: bool,
    /// Run with values that the module's template passes on as another text, instead of refusing them
    #[arg(long)]
    pub(crate) allow_altered_inputs: bool,
    /// Folder of input files
    #[arg(long, value_name = "DIR")]
    pub(crate) inputs_path: Option<PathBuf>,
    /// Put the result into this folder, which must be absent or empty
    #[arg(short = 'o', long, value_name = "DIR")]
    pub(crate) out_dir: Option<PathBuf>,
}

/// Arguments of `lilypad module inputs`.
#[derive(Clone, Debug, Args)]
pub(crate) struct InputsArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// The same as --output json
    #[arg(long)]
    pub(crate) json: bool,
}
