//! `lilypad solver`: one solver that runs until it is told to stop.

use lilypad_sdk::{
    Error,
    node::solver::{Registration, SolverDaemon, start_solver},
};
use serde_json::json;

use super::failure::of_sdk;
use crate::{
    exit::{Exit, Failure},
    printer::Printer,
    settings::SolverSettings,
    signals::Signals,
};

/// Starts the solver, says where it is, and keeps it until a signal. That is its way to end: the exit code is 0.
pub(crate) async fn solver(settings: SolverSettings, printer: &Printer) -> Result<Exit, Failure> {
    let mut signals =
        Signals::listen().map_err(|error| Failure::new(Exit::Job, format!("signals cannot be handled: {error}")))?;
    if !settings.unused.is_empty() {
        let names = settings.unused.join(", ");
        tracing::warn!(target: "lilypad::solver", "this solver has no use for these yet: {names}");
    }
    let network = settings.config.network.name;
    let mut solver = tokio::select! {
        started = start_solver(settings.config, settings.wallet) => started.map_err(not_started)?,
        exit = signals.next() => return Err(Failure::new(exit, "interrupted before the solver was ready").hint("nothing is left running")),
    };
    say(&solver, network, printer);
    tokio::select! {
        ended = solver.join() => return Err(ended_by_itself(ended)),
        _ = signals.next() => {}
    }
    tracing::info!(target: "lilypad::solver", "stopping when what runs is done; another signal ends it at once");
    signals.impatient(solver.shutdown()).await.map_err(|error| of_sdk(&error))?;
    Ok(Exit::Success)
}

fn not_started(error: Error) -> Failure {
    match &error {
        // Its own hint is for who submits jobs.
        Error::Chain(cause) if cause.is_retryable() => Failure::of(Exit::Unreachable, &error)
            .hint("see whether the chain runs, and where it listens: --web3-rpc-url or WEB3_RPC_URL"),
        _ => of_sdk(&error),
    }
}

fn ended_by_itself(ended: Result<(), Error>) -> Failure {
    match ended {
        Ok(()) => {
            Failure::new(Exit::Job, "the solver ended by itself").hint("start it again with -vv, which logs more")
        }
        Err(error) => of_sdk(&error),
    }
}

fn say(solver: &SolverDaemon, network: &str, printer: &Printer) {
    let store = solver.store().map(|file| file.display().to_string());
    let (is_registered_now, before) = match solver.registration() {
        Registration::Written { before } => (true, before.clone()),
        _ => (false, None),
    };
    printer.news(&json!({
        "event": "ready",
        "network": network,
        "solver": solver.address(),
        "url": solver.url(),
        "listen": solver.addr(),
        "registered_now": is_registered_now,
        "url_before": before,
        "store": store,
    }));
    let registered = match (is_registered_now, before) {
        (false, _) => "registered on chain already".to_owned(),
        (true, None) => "now registered on chain".to_owned(),
        (true, Some(before)) => format!("now registered on chain instead of {before:?}"),
    };
    printer.line(format_args!(
        "Solver {} of network {network} is ready: {} ({registered}), listening on {}, records in {}.",
        solver.address(),
        solver.url(),
        solver.addr(),
        store.as_deref().unwrap_or("memory"),
    ));
}
