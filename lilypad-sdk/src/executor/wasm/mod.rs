//! Jobs as WebAssembly, through wasmtime and WASI preview 1.
//!
//! ```text
//! module file ─► sha256 ─► compiled once, kept in memory ─► fresh store ─► entry point ─► exit code, fuel
//!                                                            │ fuel, memory limiter, epoch stop
//!                                                            │ clock that only moves when looked at, seeded randomness
//!                                                            └ /inputs read-only, each output at its path
//! ```
//!
//! Deterministic: NaNs are canonical, relaxed SIMD is fixed, time and randomness depend on the module and on what it asked
//! before, sleeping moves the clock and costs nothing, folders list in byte order, files have one time. No network, no real
//! clock, no other file. What still comes from the machine: inode and device numbers of files.
//!
//! Fuel is comparable between equal [`WasmExecutor::engine_id`]s; outputs are comparable between all.
//!
//! Compilation cannot be interrupted: a run that is stopped meanwhile returns at once, its thread ends with the compiler.

mod engine;
mod files;
mod host;
mod stdio;

use std::{
    sync::{Arc, OnceLock},
    time::Instant,
};

use sha2::{Digest, Sha256};
use tokio::sync::mpsc;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::{Deterministic, FsPerms, I32Exit, WasiCtxBuilder};

use self::{
    engine::{Compiled, Engines},
    host::{Clock, Host, Memory, Stop},
    stdio::Log,
};
use super::{
    EventSink, Executor, ExecutorError, ExecutorKind, FailureKind, INPUTS_PATH, ResourcesUsed, RunEvent, RunReport,
    RunRequest, STDERR_FILE, STDOUT_FILE, WasmWorkload, Workload,
    output::{ResultFolder, failed},
    report::instruction_count,
};

/// Version of the engine; the lock file pins it and a test compares.
const WASMTIME_VERSION: &str = "48.0.8";
/// Number of the table that says what an instruction costs: wasmtime's default, one unit for nearly all.
const COST_TABLE: u32 = 1;
/// Bytes of the largest module that is loaded.
pub const MAX_MODULE_BYTES: u64 = 64 << 20;
/// The function that WASI programs start at.
const DEFAULT_ENTRY_POINT: &str = "_start";

/// Runs [`WasmWorkload`]s. Clones and other instances of one process share compiled modules.
#[derive(Debug, Clone)]
pub struct WasmExecutor {
    engines: &'static Engines,
}

impl WasmExecutor {
    /// An executor on this machine.
    ///
    /// # Errors
    /// [`FailureKind::EngineUnavailable`] when wasmtime does not support the machine.
    pub fn new() -> Result<Self, ExecutorError> {
        static ENGINES: OnceLock<Result<Engines, String>> = OnceLock::new();
        match ENGINES.get_or_init(|| Engines::new().map_err(|error| format!("{error:#}"))) {
            Ok(engines) => Ok(Self { engines }),
            Err(cause) => {
                let kind = FailureKind::EngineUnavailable { engine: "wasm".into(), cause: cause.clone() };
                Err(ExecutorError::new("start", kind))
            }
        }
    }

    /// Engine and cost table that its fuel counts are for, such as `wasmtime-48.0.8+1`.
    #[must_use]
    pub fn engine_id() -> String {
        format!("wasmtime-{WASMTIME_VERSION}+{COST_TABLE}")
    }

    /// Loads and compiles a module now, so that its first run does not wait for it.
    ///
    /// # Errors
    /// As a run for a missing, wrong or invalid module.
    pub async fn warm_up(&self, workload: WasmWorkload) -> Result<(), ExecutorError> {
        let engines = self.engines;
        let loaded = tokio::task::spawn_blocking(move || load(engines, &workload).map(|_| ()));
        let loaded = loaded.await.unwrap_or_else(|panic| Err(lost(&panic)));
        loaded.map_err(|kind| ExecutorError::new("warm-up", kind))
    }
}

impl Executor for WasmExecutor {
    fn kind(&self) -> ExecutorKind {
        ExecutorKind::Wasm
    }

    async fn check(&self) -> Result<(), ExecutorError> {
        Ok(())
    }

    async fn run(&self, request: RunRequest, events: EventSink) -> Result<RunReport, ExecutorError> {
        let (id, result_dir) = (request.id.clone(), request.result_dir.clone());
        let result = self.start(request, events).await;
        result.map_err(|kind| ExecutorError::new(id, kind).with_output(&result_dir))
    }
}

impl WasmExecutor {
    /// Runs on a blocking thread and stops it there when time, the caller or the outputs say so.
    async fn start(&self, request: RunRequest, events: EventSink) -> Result<RunReport, FailureKind> {
        let start = Instant::now();
        request.validate()?;
        let Workload::Wasm(workload) = request.workload.clone() else {
            let what = format!("a {} job was given to the wasm executor", request.workload.kind());
            return Err(FailureKind::InvalidRequest { what });
        };
        let (time, cancel) = (request.limits.time, request.cancel.clone());
        let stop = Stop::new(self.engines.engine.clone());
        let _stop_on_drop = stop.clone().on_drop();
        let (folder_made, mut folder) = mpsc::channel(1);
        let run = Run { engines: self.engines, request, workload, events, stop: stop.clone(), start };
        let mut task = tokio::task::spawn_blocking(move || run.run(&folder_made));
        let outputs_outgrown = async move {
            match folder.recv().await {
                Some(watch) => watch.await,
                None => std::future::pending().await,
            }
        };
        let reason = tokio::select! {
            result = &mut task => return result.unwrap_or_else(|panic| Err(lost(&panic))),
            () = tokio::time::sleep(time) => FailureKind::TimeLimit { limit: time },
            () = cancel.cancelled() => FailureKind::Cancelled,
            kind = outputs_outgrown => kind,
        };
        stop.stop();
        if stop.is_in_guest() {
            // The guest sees the new epoch within one loop. Unless it had just ended, its failure follows from the stop.
            if let Ok(Ok(report)) = task.await {
                return Ok(report);
            }
        }
        Err(reason)
    }
}

type WatchFuture = std::pin::Pin<Box<dyn Future<Output = FailureKind> + Send>>;

/// One run on its thread.
struct Run {
    engines: &'static Engines,
    request: RunRequest,
    workload: WasmWorkload,
    events: EventSink,
    stop: Stop,
    start: Instant,
}

impl Run {
    fn run(self, folder_made: &mpsc::Sender<WatchFuture>) -> Result<RunReport, FailureKind> {
        let (compiled, sha256) = load(self.engines, &self.workload)?;
        let entry_point = match self.workload.entry_point.as_str() {
            "" => DEFAULT_ENTRY_POINT,
            name => name,
        };
        if compiled.module.get_export(entry_point).is_none() {
            return Err(FailureKind::MissingEntryPoint { entry_point: entry_point.to_owned() });
        }
        if self.stop.is_stopped() {
            return Err(FailureKind::Cancelled);
        }
        let folder = ResultFolder::create(&self.request)?;
        let _ = folder_made.try_send(Box::pin(folder.watch()));
        let logs = [STDOUT_FILE, STDERR_FILE].map(|name| folder.log(name));
        let [stdout, stderr] = logs;
        let stdout = Log::new(stdout?, self.events.clone(), RunEvent::Stdout);
        let stderr = Log::new(stderr?, self.events.clone(), RunEvent::Stderr);

        let limits = &self.request.limits;
        let clock = Clock::default();
        let wasi = self.wasi(&folder, &stdout, &stderr, &clock)?;
        let memory = Memory::new(limits.memory_bytes);
        let host = Host::new(wasi, memory, clock, sha256, self.stop.clone());
        let mut store = Store::new(&self.engines.engine, host);
        store.limiter(|host| &mut host.memory);
        let fuel_limit = limits.fuel.unwrap_or(u64::MAX);
        store.set_fuel(fuel_limit).map_err(|error| engine_failed("setting the fuel", &error))?;
        let stop = self.stop.clone();
        store.epoch_deadline_callback(move |_| {
            stop.check()?;
            Ok(UpdateDeadline::Continue(1))
        });
        store.set_epoch_deadline(1);

        let called = self.stop.enter_guest(|| {
            self.events.send(|| RunEvent::Started);
            let instance = compiled.pre.instantiate(&mut store)?;
            let function = instance.get_typed_func::<(), ()>(&mut store, entry_point)?;
            function.call(&mut store, ())
        });
        let exit_code = match called {
            Ok(()) => 0,
            Err(error) => match error.downcast_ref::<I32Exit>() {
                Some(I32Exit(code)) => i64::from(*code),
                None => return Err(self.failure(&error, &stdout, store.data())),
            },
        };
        // A refused byte is an error even when the program did not mind.
        if let Some(kind) = stdout.failure().or_else(|| stderr.failure()) {
            return Err(kind);
        }
        let fuel = fuel_limit - store.get_fuel().unwrap_or(0);
        let peak = store.data().memory.peak_bytes();
        drop(store);
        let finished = folder.finish(exit_code)?;
        Ok(RunReport {
            exit_code,
            instruction_count: instruction_count(fuel),
            fuel: Some(fuel),
            engine_id: WasmExecutor::engine_id(),
            data_id: finished.data_id,
            image_digest: None,
            result_dir: self.request.result_dir.clone(),
            used: ResourcesUsed {
                duration: self.start.elapsed(),
                peak_memory_bytes: Some(peak),
                output_bytes: finished.bytes,
                output_files: finished.files,
            },
        })
    }

    /// Everything that the guest can see of the outside.
    fn wasi(
        &self,
        folder: &ResultFolder,
        stdout: &Log,
        stderr: &Log,
        clock: &Clock,
    ) -> Result<wasmtime_wasi::p1::WasiP1Ctx, FailureKind> {
        let mut wasi = WasiCtxBuilder::new();
        // This thread may block, so files need no second one. (It would also make the guest sleep for real, but our
        // `poll_oneoff` takes the place of that.)
        wasi.allow_blocking_current_thread(true);
        wasi.stdout(stdout.clone()).stderr(stderr.clone());
        wasi.wall_clock(clock.clone()).monotonic_clock(clock.clone());
        // Never asked: `random_get` is ours.
        wasi.secure_random(Deterministic::new(vec![0]));
        wasi.insecure_random(Deterministic::new(vec![0])).insecure_random_seed(0);
        wasi.arg("").args(&self.workload.parameters);
        for (name, value) in &self.workload.env {
            wasi.env(name, value);
        }
        if let Some(inputs) = &self.request.input_dir {
            let opened = wasi.preopened_dir(inputs, INPUTS_PATH, FsPerms::ReadOnly);
            opened.map_err(|error| failed("open", inputs)(std::io::Error::other(error)))?;
        }
        for (output, path) in folder.outputs() {
            let opened = wasi.preopened_dir(&path, &output.path, FsPerms::ReadWrite);
            opened.map_err(|error| failed("open", &path)(std::io::Error::other(error)))?;
        }
        Ok(wasi.build_p1())
    }

    /// What a call that did not return means. The causes that we set are asked before the engine's own.
    fn failure(&self, error: &wasmtime::Error, log: &Log, host: &Host) -> FailureKind {
        let limits = &self.request.limits;
        if let Some(kind) = log.failure() {
            return kind;
        }
        if host.memory.is_exceeded() {
            return FailureKind::OutOfMemory { limit_bytes: limits.memory_bytes };
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => FailureKind::FuelExhausted { limit: limits.fuel.unwrap_or(u64::MAX) },
            Some(trap) => FailureKind::Trapped { cause: trap.to_string() },
            None if self.stop.is_stopped() => FailureKind::Cancelled,
            None => FailureKind::Trapped { cause: error.root_cause().to_string() },
        }
    }
}

/// Reads, checks and compiles a module; all but the reading and hashing is done once a module.
fn load(engines: &Engines, workload: &WasmWorkload) -> Result<(Arc<Compiled>, [u8; 32]), FailureKind> {
    let path = &workload.module;
    let missing = |cause: String| FailureKind::ModuleMissing { path: path.clone(), cause };
    let meta = std::fs::metadata(path).map_err(|error| missing(error.to_string()))?;
    if !meta.is_file() {
        return Err(missing("it is no file".into()));
    }
    if meta.len() > MAX_MODULE_BYTES {
        let cause = format!("{} bytes, more than {MAX_MODULE_BYTES}", meta.len());
        return Err(FailureKind::InvalidModule { path: path.clone(), cause });
    }
    let bytes = std::fs::read(path).map_err(|error| missing(error.to_string()))?;
    let found: [u8; 32] = Sha256::digest(&bytes).into();
    if let Some(expected) = workload.sha256
        && expected != found
    {
        let [expected, found] = [expected, found].map(hex::encode);
        return Err(FailureKind::HashMismatch { path: path.clone(), expected, found });
    }
    let compiled = engines.compile(found, &bytes);
    let compiled = compiled.map_err(|cause| FailureKind::InvalidModule { path: path.clone(), cause })?;
    Ok((compiled, found))
}

fn engine_failed(during: &'static str, error: &wasmtime::Error) -> FailureKind {
    FailureKind::EngineFailed { engine: "wasm".into(), during, cause: format!("{error:#}") }
}

/// The thread of a run ended without an answer.
fn lost(error: &tokio::task::JoinError) -> FailureKind {
    let cause = error.to_string();
    FailureKind::EngineFailed { engine: "wasm".into(), during: "running", cause }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_id_names_the_locked_version() {
        let lock = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock"));
        let entry = format!("name = \"wasmtime\"\nversion = \"{WASMTIME_VERSION}\"\n");
        assert!(lock.contains(&entry), "WASMTIME_VERSION is not the version in Cargo.lock");
    }
}
