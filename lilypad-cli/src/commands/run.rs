//! `lilypad run` and `lilypad jobs attach`.

use std::sync::Arc;

use lilypad_sdk::{Error, Job, Lilypad, client::ConnectConfig, store::SqliteStore, types::one_line};

use super::{
    failure::of_sdk,
    module::altered,
    report::Report,
    version::VERSION,
    watch::{MAX_NOTE_CHARS, Watch},
};
use crate::{
    banner::banner,
    exit::{Exit, Failure},
    printer::{Color, Printer},
    progress::{Progress, SUBMITTING},
    settings::{AttachSettings, Connection, RunSettings, ViewSettings},
    signals::Signals,
};

/// Submits a job and watches it to its end.
pub(crate) async fn run(settings: &RunSettings, printer: &Printer) -> Result<Exit, Failure> {
    printer.plain(printer.paint(Color::CyanBold, &banner(VERSION)));
    let mut watch = watch(printer, &settings.connection, Some(&settings.module), &settings.view)?;
    watch.detach = settings.detach;
    watch.progress.show(SUBMITTING.0, SUBMITTING.1);
    let submitted = tokio::select! {
        submitted = submit(settings, &mut watch.progress) => submitted.map_err(|error| of_sdk(&error)),
        exit = watch.signals.next() => {
            Err(Failure::new(exit, "interrupted before the job was submitted").hint("nothing was paid"))
        }
    };
    to_the_end(&mut watch, submitted).await
}

/// Takes a job up again.
pub(crate) async fn attach(settings: &AttachSettings, printer: &Printer) -> Result<Exit, Failure> {
    let mut watch = watch(printer, &settings.connection, None, &settings.view)?;
    let attached = tokio::select! {
        attached = find(settings) => attached,
        exit = watch.signals.next() => {
            Err(Failure::new(exit, "interrupted before the job was found").hint("the job itself goes on; attach to it again"))
        }
    };
    to_the_end(&mut watch, attached).await
}

fn watch<'a>(
    printer: &'a Printer,
    connection: &'a Connection,
    module: Option<&str>,
    view: &'a ViewSettings,
) -> Result<Watch<'a>, Failure> {
    let signals = Signals::listen()
        .map_err(|error: std::io::Error| Failure::new(Exit::Job, format!("signals cannot be handled: {error}")))?;
    Ok(Watch {
        printer,
        progress: Progress::new(printer),
        signals,
        report: Report::of(module),
        view,
        detach: false,
        network: connection.network.name,
        network_ends: false,
    })
}

async fn to_the_end(watch: &mut Watch<'_>, job: Result<(Lilypad, Job), Failure>) -> Result<Exit, Failure> {
    match job {
        // A network in this process lives as long as its handle.
        Ok((lilypad, mut job)) => {
            watch.network_ends = lilypad.owns_network();
            watch.follow(&mut job).await
        }
        Err(failure) => Err(watch.fail(failure)),
    }
}

async fn connect(connection: &Connection) -> Result<Lilypad, Error> {
    let paths = connection.paths();
    match &connection.wallet {
        Some(wallet) if !connection.is_local() => {
            paths.prepare()?;
            let network = &connection.network;
            let mut config = ConnectConfig::for_network(network);
            let store = paths.state.join(format!("creator-{}-{}.sqlite", network.name, network.chain_id));
            config.store = Some(Arc::new(SqliteStore::open(&store)?));
            config.paths = paths;
            if let Some(given) = connection.asks_controller {
                (config.rpc.known, config.rpc.given) = (None, given);
            }
            Lilypad::connect_with(config, wallet.clone()).await
        }
        wallet => Lilypad::local_with(paths, wallet.clone()).await,
    }
}

async fn submit(settings: &RunSettings, progress: &mut Progress<'_>) -> Result<(Lilypad, Job), Error> {
    let lilypad = connect(&settings.connection).await?;
    if settings.detach && lilypad.owns_network() {
        return Err(Error::Usage {
            what: "--detach leaves the job to a network that ends with this program".to_owned(),
            hint: "start `lilypad devnet` in another terminal first, or leave --detach out".to_owned(),
        });
    }
    let mut job = lilypad
        .job(&settings.module)
        .inputs(settings.inputs.iter().cloned())
        .pricing_mode(settings.pricing.mode)
        .pricing(settings.pricing.prices.clone())
        .altered_inputs(altered(settings.allow_altered_inputs))
        .mediation_chance(settings.mediation_chance);
    if let Some(path) = &settings.module_path {
        job = job.module_path(path);
    }
    if let Some(tokens) = settings.pricing.max_price {
        job = job.max_price(tokens);
    }
    if let Some(folder) = &settings.inputs_path {
        job = job.inputs_path(folder);
    }
    if let Some(provider) = settings.target {
        job = job.target(provider);
    }
    let job = job.check().await?;
    for warning in job.warnings() {
        progress.note(&format!("note: {}", one_line(warning, MAX_NOTE_CHARS)));
    }
    Ok((lilypad, job.submit().await?))
}

async fn find(settings: &AttachSettings) -> Result<(Lilypad, Job), Failure> {
    let connection = &settings.connection;
    let lilypad = if connection.is_local() {
        // A network of our own would know nothing of the job.
        let joined = Lilypad::join_running(connection.paths(), connection.wallet.clone()).await;
        joined.map_err(|error| of_sdk(&error))?.ok_or_else(no_devnet)?
    } else {
        connect(connection).await.map_err(|error| of_sdk(&error))?
    };
    let job = lilypad.attach(&settings.id).await.map_err(|error| of_sdk(&error))?;
    Ok((lilypad, job))
}

fn no_devnet() -> Failure {
    let message = "no lilypad devnet runs on this machine, and a network local inside `lilypad run` ends with it";
    Failure::new(Exit::Unreachable, message).hint(
        "start `lilypad devnet` again, with the same --chain URL if it had one; a chain of its own ends with the devnet, \
         and the jobs with it",
    )
}
