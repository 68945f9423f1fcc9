//! `lilypad solver`.

use clap::Args;

use super::{LaterArgs, ServiceArgs, TelemetryArgs, Web3Args};

/// Arguments of `lilypad solver`.
#[derive(Clone, Debug, Default, Args)]
#[command(
    after_help = "Example: WEB3_PRIVATE_KEY=… lilypad solver -n testnet --data-dir /var/lib/lilypad --server-url https://solver.example.org\n\
                  See docs/solver.md for the files, the backup and a systemd unit."
)]
pub(crate) struct SolverArgs {
    /// URL under which others reach this solver; registered on chain [env: SERVER_URL] [default on local: where it listens]
    #[arg(long, value_name = "URL")]
    pub(crate) server_url: Option<String>,
    /// Address to listen on [env: SERVER_HOST] [default: 0.0.0.0; on local 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) server_host: Option<String>,
    /// Port to listen on, 0 for any free one [env: SERVER_PORT] [default: 8080]
    #[arg(long, value_name = "PORT")]
    pub(crate) server_port: Option<String>,
    /// bound, both or legacy: which signatures count [env: SERVER_AUTH] [default: the network's]
    #[arg(long, value_name = "MODE")]
    pub(crate) server_auth: Option<String>,
    /// How far an offer's time may be from now, in seconds [env: SERVER_OFFER_TIMESTAMP_DIFF_SECONDS] [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) server_offer_timestamp_diff_seconds: Option<String>,
    /// Whether the version of who posts offers is checked [env: SERVER_ENABLE_VERSION_CHECK] [default: true]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) server_enable_version_check: Option<String>,
    /// Oldest version that may post offers [env: SERVER_MINIMUM_VERSION] [default: v2]
    #[arg(long, value_name = "VERSION")]
    pub(crate) server_minimum_version: Option<String>,
    /// Open job offers before the network is busy [env: SERVER_MAX_JOB_OFFER_CAPACITY] [default: 1000; on local no limit]
    #[arg(long, value_name = "N")]
    pub(crate) server_max_job_offer_capacity: Option<String>,
    /// Requests in a window from one address to one path, 0 for any number [env: SERVER_RATE_REQUEST_LIMIT] [default: 5]
    #[arg(long, value_name = "N")]
    pub(crate) server_rate_request_limit: Option<String>,
    /// Length of that window in seconds [env: SERVER_RATE_WINDOW_LENGTH] [default: 10]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) server_rate_window_length: Option<String>,
    /// Largest job offer with its input files, in MiB [env: SERVER_MAX_FILE_INPUTS_SIZE_MB] [default: 10]
    #[arg(long, value_name = "MIB")]
    pub(crate) server_max_file_inputs_size_mb: Option<String>,
    /// sqlite (a file in the data folder) or memory (lost at the end) [env: STORE_TYPE] [default: sqlite]
    #[arg(long, value_name = "TYPE")]
    pub(crate) store_type: Option<String>,
    /// How long an offer may wait for a match [env: TIMEOUT_MATCH_SECONDS] [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout_match_seconds: Option<String>,
    /// How long a job may run whose offer does not say, off chain [env: TIMEOUT_EXECUTION_SECONDS] [default: 900]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout_execution_seconds: Option<String>,
    /// How long a result waits for its creator, off chain [env: TIMEOUT_DOWNLOAD_SECONDS] [default: 3600]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout_download_seconds: Option<String>,
    /// How long a job may take in all, off chain [env: TIMEOUT_TOTAL_SECONDS] [default: 7200]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout_total_seconds: Option<String>,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
    #[command(flatten)]
    pub(crate) web3: Web3Args,
    #[command(flatten)]
    pub(crate) later: LaterArgs,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArgs,
}
