//! `lilypad module run --local`.

use std::path::{Path, PathBuf};

use lilypad_sdk::{
    executor::{DockerConfig, DockerExecutor, ExecutorSet, RunReport, WasmExecutor},
    node::LocalRun,
    types::plain_lines,
};
use serde_json::json;

use super::{altered, given, print_json, say_oddities, wants_json, which};
use crate::{
    args::LocalRunArgs,
    commands::{failure::of_sdk, watch::tail},
    exit::{Exit, Failure},
    printer::Printer,
    settings::ViewSettings,
    signals::Signals,
};

pub(super) async fn run(args: &LocalRunArgs, data: PathBuf, printer: &Printer) -> Result<Exit, Failure> {
    if !args.local {
        return Err(Failure::usage("lilypad module run needs --local: it runs on this machine only")
            .hint("for a network: lilypad run MODULE"));
    }
    let inputs = given(&args.given)?;
    let view = ViewSettings::resolve(args.out_dir.clone(), true)?;
    let which = which(&args.which, &data).await?;
    let result_dir = match view.out_dir {
        Some(folder) => std::path::absolute(&folder).unwrap_or(folder),
        None => free_folder(&data.join("local-runs"))?,
    };
    // What is wrong is said by the run.
    if let Ok((inputs, _)) = which.checkout.prepare(&which.shown, &inputs, altered(args.allow_altered_inputs)) {
        say_oddities(&which, &inputs, printer);
    }
    let executors = ExecutorSet::new()
        .with(WasmExecutor::new().map_err(|error| Failure::of(Exit::Job, &error))?)
        .with(DockerExecutor::new(DockerConfig::new("module-run")));
    let work = LocalRun::new(which.checkout, which.shown, &result_dir)
        .inputs(inputs)
        .altered_inputs(altered(args.allow_altered_inputs))
        .inputs_path(args.inputs_path.clone());
    let mut signals =
        Signals::listen().map_err(|error| Failure::new(Exit::Job, format!("signals cannot be handled: {error}")))?;
    let done = tokio::select! {
        done = work.run(&executors) => done.map_err(|error| of_sdk(&error)),
        exit = signals.next() => Err(Failure::new(exit, "interrupted, the run was stopped")),
    };
    executors.shutdown().await;
    finish(&done?, &result_dir, printer)
}

/// What the program printed, where its result lies, and what its exit code means for ours.
fn finish(report: &RunReport, folder: &Path, printer: &Printer) -> Result<Exit, Failure> {
    let read = |name: &str| {
        let bytes = std::fs::read(folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    if wants_json(false, printer) {
        let document = json!({
            "data_id": report.data_id.to_string(),
            "result_dir": folder.display().to_string(),
            "stdout": read("stdout"),
            "stderr": read("stderr"),
            "exit_code": report.exit_code,
            "engine": report.engine_id,
            "fuel": report.fuel,
        });
        print_json(&document, printer);
    } else {
        let text = read("stdout");
        // A program that is not one's own must not move the cursor.
        let text = if printer.is_terminal() { plain_lines(&text) } else { text };
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        printer.plain(format_args!("{text}{end}"));
        printer.plain(tail(&report.data_id.to_string(), folder));
    }
    match report.exit_code {
        0 => Ok(Exit::Success),
        code => Err(Failure::new(Exit::Job, format!("the job exited with code {code}"))
            .hint(format!("its messages: cat {}", folder.join("stderr").display()))),
    }
}

/// A folder for one result that no other run has.
fn free_folder(parent: &Path) -> Result<PathBuf, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(Exit::Job, format!("cannot create {}: {error}", parent.display()))
            .hint("name a folder with --data-dir or -o that can be written to")
    };
    std::fs::create_dir_all(parent).map_err(fail)?;
    let mut number = std::fs::read_dir(parent).map_err(fail)?.count();
    loop {
        number += 1;
        let folder = parent.join(number.to_string());
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fail(error)),
        }
    }
}
