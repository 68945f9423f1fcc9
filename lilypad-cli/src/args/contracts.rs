//! `lilypad contracts`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::groups::Secret;

/// Arguments of `lilypad contracts`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ContractsArgs {
    #[command(subcommand)]
    pub(crate) command: ContractsCommand,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ContractsCommand {
    /// Deploy and wire all contracts; what was stopped goes on, what is done sends nothing
    Deploy(DeployArgs),
    /// Compare code, wiring and owners on chain with what they should be; exit code 1 at a difference
    Verify(SetArgs),
    /// List addresses, owners, wiring and balances
    Show(SetArgs),
    /// Send ETH and LP to an account: on local from the first development account, elsewhere from your key
    Fund(FundArgs),
}

/// Which chain, with which key.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ChainArgs {
    /// Endpoints, separated by commas, tried in order [env: WEB3_RPC_URL; not on local] [default: the network's]
    #[arg(long, value_name = "URLS", help_heading = "Chain")]
    pub(crate) web3_rpc_url: Option<String>,
    /// Private key, 64 hexadecimal characters; better set the variable [env: WEB3_PRIVATE_KEY]
    #[arg(long, value_name = "KEY", hide_default_value = true, help_heading = "Chain")]
    pub(crate) web3_private_key: Option<Secret>,
    /// Chain id that the endpoints must report [env: WEB3_CHAIN_ID; not on local] [default: the network's]
    #[arg(long, value_name = "ID", help_heading = "Chain")]
    pub(crate) web3_chain_id: Option<String>,
}

/// Which set of contracts.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct SetArgs {
    /// File of the deployment [default: deployments/NETWORK.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) deployments: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) chain: ChainArgs,
}

/// Arguments of `lilypad contracts deploy`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example: lilypad contracts deploy -n local --web3-rpc-url http://127.0.0.1:8545 && lilypad contracts verify -n local --web3-rpc-url http://127.0.0.1:8545"
)]
pub(crate) struct DeployArgs {
    #[command(flatten)]
    pub(crate) set: SetArgs,
    /// Where slashed deposits go [default: the deployer]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) treasury: Option<String>,
    /// Who runs the jobs that contracts order [default: the deployer]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) job_service: Option<String>,
}

/// Arguments of `lilypad contracts fund`.
#[derive(Clone, Debug, Args)]
pub(crate) struct FundArgs {
    /// The account
    #[arg(value_name = "ADDRESS")]
    pub(crate) account: String,
    /// Ether to send, such as 0.5 [default: 10 on local, none elsewhere]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) eth: Option<String>,
    /// LP to send [default: 100000 on local, none elsewhere]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub(crate) lp: Option<String>,
    #[command(flatten)]
    pub(crate) set: SetArgs,
}
