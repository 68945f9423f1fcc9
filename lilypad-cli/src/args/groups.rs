//! Groups of flags that several commands share.

use std::{fmt, str::FromStr};

use clap::Args;

/// A text that does not show itself.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The chain, the contracts and the key.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Chain")]
pub(crate) struct Web3Args {
    /// Endpoints, separated by commas, tried in order [env: WEB3_RPC_URL] [default: the network's]
    #[arg(long, value_name = "URLS")]
    pub(crate) web3_rpc_url: Option<String>,
    /// Private key, 64 hexadecimal characters; better set the variable [env: WEB3_PRIVATE_KEY]
    #[arg(long, value_name = "KEY", hide_default_value = true)]
    pub(crate) web3_private_key: Option<Secret>,
    /// Chain id that the endpoints must report [env: WEB3_CHAIN_ID] [default: the network's]
    #[arg(long, value_name = "ID")]
    pub(crate) web3_chain_id: Option<String>,
    /// Controller contract [env: WEB3_CONTROLLER_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_controller_address: Option<String>,
    /// Payments contract [env: WEB3_PAYMENTS_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_payments_address: Option<String>,
    /// Storage contract [env: WEB3_STORAGE_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_storage_address: Option<String>,
    /// Users contract [env: WEB3_USERS_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_users_address: Option<String>,
    /// Token contract [env: WEB3_TOKEN_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_token_address: Option<String>,
    /// Proof-of-work contract [env: WEB3_POW_ADDRESS] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) web3_pow_address: Option<String>,
}

/// Whom to trust.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct ServiceArgs {
    /// Address of the solver [env: SERVICE_SOLVER] [default: the network's]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) service_solver: Option<String>,
    /// Addresses of trusted mediators, separated by commas or repeated [env: SERVICE_MEDIATORS] [default: the network's]
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) service_mediators: Vec<String>,
    /// Base of the metrics API [env: API_HOST] [default: the network's]
    #[arg(long, value_name = "URL")]
    pub(crate) api_host: Option<String>,
}

/// What the job offer says about money, in whole tokens.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Price")]
pub(crate) struct PricingArgs {
    /// MarketPrice or FixedPrice [env: PRICING_MODE] [default: MarketPrice]
    #[arg(long, value_name = "MODE")]
    pub(crate) pricing_mode: Option<String>,
    /// Tokens per instruction [env: PRICING_INSTRUCTION_PRICE] [default: 1]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) pricing_instruction_price: Option<String>,
    /// Tokens locked for the payment [env: PRICING_PAYMENT_COLLATERAL] [default: 2]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) pricing_payment_collateral: Option<String>,
    /// Factor of the collateral for results [env: PRICING_RESULTS_COLLATERAL_MULTIPLE] [default: 2]
    #[arg(long, value_name = "FACTOR")]
    pub(crate) pricing_results_collateral_multiple: Option<String>,
    /// Tokens for a mediator [env: PRICING_MEDIATION_FEE] [default: 1]
    #[arg(long, value_name = "TOKENS")]
    pub(crate) pricing_mediation_fee: Option<String>,
    /// Refuse a deal that costs more whole tokens than this
    #[arg(long, value_name = "TOKENS")]
    pub(crate) max_price: Option<String>,
}

/// Accepted for compatibility: no telemetry is sent.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct TelemetryArgs {
    #[arg(long, hide = true)]
    pub(crate) telemetry_url: Option<String>,
    #[arg(long, hide = true)]
    pub(crate) telemetry_token: Option<Secret>,
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub(crate) disable_telemetry: Option<String>,
}

macro_rules! later {
    ($($value:ident)*; $($switch:ident)*) => {
        /// Options of the existing network's solver that ours has no use for yet: they are understood, and told of.
        #[derive(Clone, Debug, Default, Args)]
        pub(crate) struct LaterArgs {
            $( #[arg(long, hide = true)] $value: Vec<Secret>, )*
            $( #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")] $switch: Option<String>, )*
        }

        impl LaterArgs {
            /// Each option as the flag would be written with underscores, and what was given for it.
            pub(crate) fn given(&self) -> Vec<(&'static str, Option<&str>)> {
                vec![
                    $( (stringify!($value), self.$value.first().map(Secret::expose)), )*
                    $( (stringify!($switch), self.$switch.as_deref()), )*
                ]
            }
        }
    };
}

later! {
    server_validation_token_secret
    server_validation_token_expiration
    server_validation_token_kid
    server_anura_addresses
    server_max_file_inputs_memory_mb
    store_conn_str
    store_gorm_log_level
    stats_url
    metrics_url
    metrics_token
    logs_url
    logs_token
    logs_export_buffer_size
    logs_export_interval_seconds
    logs_export_max_batch_size
    logs_export_timeout_seconds
    logs_max_queue_size;
    server_enable_resource_provider_allowlist
    enable_stats
    enable_metrics
    enable_otel_logs
}
