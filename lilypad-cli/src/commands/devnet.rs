//! `lilypad devnet`: a network that runs until it is told to stop.

use std::{path::PathBuf, time::Instant};

use lilypad_sdk::{
    client::Paths,
    devnet::{ChainChoice, Devnet, DevnetInfo, StoreChoice},
};
use serde_json::json;

use super::{failure::of_sdk, version::VERSION};
use crate::{
    banner::banner,
    exit::{Exit, Failure},
    printer::{Color, Printer},
    settings::{Chain, DevnetSettings},
    signals::Signals,
};

/// A folder that goes with the network.
#[derive(Debug)]
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the next clean-up of the state folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Starts a network, says where it is, and keeps it until a signal or until one of its parts ends.
pub(crate) async fn devnet(settings: &DevnetSettings, printer: &Printer) -> Result<Exit, Failure> {
    printer.plain(printer.paint(Color::CyanBold, &banner(VERSION)));
    let mut signals =
        Signals::listen().map_err(|error| Failure::new(Exit::Job, format!("signals cannot be handled: {error}")))?;
    let started = Instant::now();
    let paths = Paths { data: settings.data_dir.clone(), ..Paths::from_env() };
    // Records of a chain that ends with this process are of no use after it; another chain finds its own again.
    let stores = match settings.chain {
        Chain::Url(_) => paths.state.join("devnet"),
        Chain::Embedded | Chain::Anvil => paths.state.join(format!("devnet-{}", std::process::id())),
    };
    let _scratch = (!matches!(settings.chain, Chain::Url(_))).then(|| Scratch(stores.clone()));
    let port = settings.port.unwrap_or(0);
    let spawning = Devnet::builder()
        .chain(match &settings.chain {
            Chain::Embedded => ChainChoice::Embedded,
            Chain::Anvil => ChainChoice::Anvil,
            Chain::Url(url) => ChainChoice::Rpc(url.clone()),
        })
        .providers(settings.providers)
        .listen(settings.listen)
        .solver_port(port)
        .rpc_port(if port == 0 { 0 } else { port + 1 })
        .store(StoreChoice::Sqlite(stores))
        .paths(paths)
        .announce(true)
        .spawn();
    let mut network = tokio::select! {
        spawned = spawning => spawned.map_err(|error| of_sdk(&error))?,
        exit = signals.next() => return Err(Failure::new(exit, "interrupted before the network was ready").hint("nothing is left running")),
    };
    say(network.info(), settings, started, printer);
    let exit = tokio::select! {
        ended = network.join() => return Err(ended_by_itself(ended)),
        exit = signals.next() => exit,
    };
    printer.line("\nStopping; once more Ctrl-C stops at once.");
    signals.impatient(network.shutdown()).await.map_err(|error| of_sdk(&error))?;
    Ok(exit)
}

/// The key of `DevnetInfo::job_creator`, the sixth of the ten accounts that every development chain knows.
const CREATOR_KEY: &str = "0x8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba";

fn ended_by_itself(ended: Result<(), lilypad_sdk::Error>) -> Failure {
    match ended {
        Ok(()) => {
            Failure::new(Exit::Job, "the network ended by itself").hint("start it again with -vv, which logs more")
        }
        Err(error) => of_sdk(&error),
    }
}

fn say(info: &DevnetInfo, settings: &DevnetSettings, started: Instant, printer: &Printer) {
    let milliseconds = started.elapsed().as_millis();
    printer.news(&json!({ "event": "ready", "milliseconds": u64::try_from(milliseconds).ok(), "network": info }));
    printer.plain(describe(info, settings, milliseconds));
}

/// Where everything is, and lines to copy.
fn describe(info: &DevnetInfo, settings: &DevnetSettings, milliseconds: u128) -> String {
    let list = |addresses: &[_]| addresses.iter().map(ToString::to_string).collect::<Vec<String>>().join(",");
    let chain = match settings.chain {
        Chain::Embedded => "embedded; its state ends with this program",
        Chain::Anvil => "anvil; its state ends with this program",
        Chain::Url(_) => "runs by itself",
    };
    format!(
        "Network local is ready after {milliseconds} ms. It serves -n local of other terminals on this machine.

    chain        {rpc}  (id {id}, {chain})
    solver       {solver_url}  ({solver})
    providers    {providers}  (run {executors})
    mediators    {mediators}
    controller   {controller}
    token        {token}

Try it in another terminal:

    lilypad run -n local cowsay:v0.0.4 -i Message=\"hello, lilypad\"

For a terminal in which -n local is not to be repeated, and for other programs, with a funded key that everybody knows
(never send anything of value to it):

    export LILYPAD_NETWORK=local
    export WEB3_RPC_URL={rpc}
    export WEB3_CHAIN_ID={id}
    export WEB3_CONTROLLER_ADDRESS={controller}
    export WEB3_TOKEN_ADDRESS={token}
    export SERVICE_SOLVER={solver}
    export SERVICE_MEDIATORS={mediators}
    export WEB3_PRIVATE_KEY={CREATOR_KEY}

Ctrl-C stops it.
",
        rpc = info.rpc_url,
        id = info.chain_id,
        solver_url = info.solver_url,
        solver = info.solver,
        providers = list(&info.providers),
        executors = info.executors.join(", "),
        mediators = list(&info.mediators),
        controller = info.controller,
        token = info.token,
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use lilypad_sdk::wallet::Wallet;

    use super::*;

    #[test]
    fn the_printed_key_is_the_creators() {
        let key = Wallet::from_private_key(CREATOR_KEY).unwrap();
        assert_eq!(key.address(), Wallet::dev(5).unwrap().address());
    }
}
