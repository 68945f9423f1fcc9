//! `lilypad devnet`.

use clap::Args;

/// Arguments of `lilypad devnet`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct DevnetArgs {
    /// embedded, anvil, or the URL of a development chain [default: embedded]
    #[arg(long, value_name = "CHAIN")]
    pub(crate) chain: Option<String>,
    /// How many providers offer compute [default: 1]
    #[arg(long, value_name = "N")]
    pub(crate) providers: Option<String>,
    /// Address to listen on; other than loopback needs keys of your own [default: 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<String>,
    /// Port of the solver; the chain's endpoint is on the next one [default: any free ports]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<String>,
}
