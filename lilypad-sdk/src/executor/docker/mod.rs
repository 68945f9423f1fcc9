//! Jobs in containers, through the engine's own API.
//!
//! ```text
//! image here? ─no─► pull ─► create (profile, limits, labels, mounts) ─► attach ─► start ─► wait ─► result folder
//!                                     │                                   └ logs straight into stdout and stderr
//!                                     └ removed after the run, on a limit, on cancel, on drop, and by the next start
//! ```
//!
//! The profile is made for published modules, which run as root and write to their root: no network, no new privileges,
//! the engine's default seccomp filter, only the capabilities that package tools need, and limits on memory (no swap),
//! processors, processes, `/dev/shm` and core files. Inputs are mounted read-only, outputs writable for every user.
//! What a job writes elsewhere in its own root counts against no limit but the engine's storage.
//!
//! The engine must see this machine's folders: a remote one does not work. Files that a container's root makes belong to the
//! machine's root; a node that runs as another user reads them if their mode allows it, but cannot remove a link that lies
//! in such a folder, and then the run ends with an error. A user namespace of the engine, or a node that is root, avoids it.

mod container;
mod orphans;

use std::{
    fmt, fs,
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::{Docker, container::LogOutput, errors::Error, query_parameters::CreateImageOptionsBuilder};
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use self::container::Container;
pub use self::orphans::{LABEL_DEAL, LABEL_OWNER, LABEL_PROCESS};
use super::{
    DockerWorkload, EventSink, Executor, ExecutorError, ExecutorKind, FailureKind, NetworkAccess, ResourcesUsed,
    RunEvent, RunReport, RunRequest, STDERR_FILE, STDOUT_FILE, Workload,
    output::{ResultFolder, failed},
};

/// Exit code of a program that a SIGKILL ended, as the engine reports it.
const KILLED: i64 = 137;
/// Bytes of the longest image name that is taken.
const MAX_IMAGE_NAME: usize = 512;
/// How long the removal of a stopped container may hold up the error that a run ends with.
const REMOVAL_GRACE: Duration = Duration::from_secs(10);

/// What a caller decides about containers.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerConfig {
    /// Whose containers these are, such as the provider's address. Orphans are searched under this name.
    pub owner: String,
    /// Where the engine listens, such as `unix:///var/run/docker.sock`. Default: `DOCKER_HOST`, else the local socket.
    pub host: Option<String>,
    /// Whether absent images are pulled. Default true.
    pub pull: bool,
    /// Whether a job that asks for network gets it. Default false: such jobs are refused.
    pub allow_network: bool,
    /// Whether a job that names GPUs gets them. Default true.
    pub allow_gpus: bool,
}

impl DockerConfig {
    /// The defaults, for this owner.
    #[must_use]
    pub fn new(owner: impl Into<String>) -> Self {
        Self { owner: owner.into(), host: None, pull: true, allow_network: false, allow_gpus: true }
    }
}

/// Runs [`DockerWorkload`]s. Clones share the connection and the clean-up.
///
/// Dropping it leaves removals in the background; [`Executor::shutdown`] waits for them.
#[derive(Clone)]
pub struct DockerExecutor {
    shared: Arc<Shared>,
}

struct Shared {
    config: DockerConfig,
    /// The engine, asked for on first use and again as long as it does not answer.
    engine: Mutex<Option<Engine>>,
    cleanup: TaskTracker,
}

/// A connection and what the engine said about itself.
#[derive(Clone)]
struct Engine {
    docker: Docker,
    version: String,
    processors: u64,
}

/// An image on the engine's machine.
struct Image {
    id: String,
}

impl DockerExecutor {
    /// An executor that connects on first use.
    #[must_use]
    pub fn new(config: DockerConfig) -> Self {
        let shared = Shared { config, engine: Mutex::new(None), cleanup: TaskTracker::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Removes containers that processes of this owner left on this machine when they died. Call it at start.
    ///
    /// Returns how many there were. Containers of processes that still live are left alone.
    ///
    /// # Errors
    /// [`FailureKind::EngineUnavailable`], [`FailureKind::EngineFailed`].
    pub async fn remove_orphans(&self) -> Result<usize, ExecutorError> {
        let error = |kind| ExecutorError::new("start", kind);
        let engine = self.engine().await.map_err(error)?;
        let removed = orphans::remove(&engine.docker, &self.shared.config.owner).await;
        removed.map_err(|cause| error(engine_failed("removing old containers", &cause)))
    }

    /// The connection, made now or before.
    async fn engine(&self) -> Result<Engine, FailureKind> {
        let mut slot = self.shared.engine.lock().await;
        if let Some(engine) = &*slot {
            return Ok(engine.clone());
        }
        let engine = Engine::connect(self.shared.config.host.as_deref()).await.map_err(|error| unavailable(&error))?;
        Ok(slot.insert(engine).clone())
    }

    /// Makes sure that the image is there.
    async fn image(&self, docker: &Docker, name: &str, events: &EventSink) -> Result<Image, FailureKind> {
        let missing = |cause: String| FailureKind::ImageMissing { image: name.to_owned(), cause };
        if !is_image_name(name) {
            return Err(FailureKind::InvalidRequest { what: format!("'{name}' is no image name") });
        }
        let mut inspected = docker.inspect_image(name).await;
        if is_status(&inspected, 404) {
            if !self.shared.config.pull {
                return Err(missing("it is not on this machine, and this provider pulls none".into()));
            }
            events.send(|| RunEvent::Pulling { image: name.to_owned() });
            tracing::info!(target: "lilypad::executor", image = name, "pulling image");
            let options = CreateImageOptionsBuilder::default().from_image(&with_tag(name)).build();
            let pulled = docker.create_image(Some(options), None, None).try_for_each(|_| async { Ok(()) }).await;
            pulled.map_err(|error| {
                missing(format!("it is not on this machine and cannot be pulled: {}", text(&error)))
            })?;
            inspected = docker.inspect_image(name).await;
        }
        let image = inspected.map_err(|error| match status(&error) {
            Some(400 | 404) => missing(text(&error)),
            _ => engine_failed("looking for the image", &error),
        })?;
        Ok(Image { id: image.id.unwrap_or_else(|| name.to_owned()) })
    }

    fn check_allowed(&self, workload: &DockerWorkload) -> Result<(), FailureKind> {
        let config = &self.shared.config;
        if workload.network != NetworkAccess::None && !config.allow_network {
            return Err(FailureKind::NotAllowed { what: "network access".into() });
        }
        if !workload.gpus.is_empty() && !config.allow_gpus {
            return Err(FailureKind::NotAllowed { what: "a GPU".into() });
        }
        Ok(())
    }

    /// The run itself. Whatever container it makes is left in `slot`, so that the caller can remove it in every case.
    async fn execute(
        &self,
        request: &RunRequest,
        events: &EventSink,
        slot: &Mutex<Option<Container>>,
    ) -> Result<RunReport, FailureKind> {
        let start = Instant::now();
        request.validate()?;
        let Workload::Docker(workload) = &request.workload else {
            let what = format!("a {} job was given to the docker executor", request.workload.kind());
            return Err(FailureKind::InvalidRequest { what });
        };
        self.check_allowed(workload)?;
        let Engine { docker, version, processors } = self.engine().await?;
        let image = self.image(&docker, &workload.image, events).await?;

        let folder = Arc::new(ResultFolder::create(request)?);
        folder.open_outputs()?;
        let mut mounts = Vec::new();
        for (output, path) in folder.outputs() {
            mounts.push((absolute(&path)?, output.path.clone(), true));
        }
        if let Some(inputs) = &request.input_dir {
            mounts.push((absolute(inputs)?, super::INPUTS_PATH.to_owned(), false));
        }
        let body = container::body(request, workload, &image.id, &self.shared.config.owner, processors, &mounts);

        // In the slot before it exists, so that it is removed even if its making is interrupted.
        let container = Container::new(docker.clone(), self.shared.cleanup.clone())?;
        let created = slot.lock().await.insert(container).create(body).await;
        let name = created.map_err(|error| start_failed("creating the container", &error))?;
        let attached = docker.attach_container(&name, Some(container::output_streams())).await;
        let mut output = attached.map_err(|error| engine_failed("attaching to the container", &error))?.output;
        let started = docker.start_container(&name, None).await;
        started.map_err(|error| start_failed("starting the container", &error))?;
        events.send(|| RunEvent::Started);

        let logs = async {
            let (mut stdout, mut stderr) = (folder.log(STDOUT_FILE)?, folder.log(STDERR_FILE)?);
            while let Some(chunk) = output.next().await {
                match chunk.map_err(|error| engine_failed("reading the output", &error))? {
                    LogOutput::StdErr { message } => {
                        stderr.append(&message)?;
                        events.send(|| RunEvent::Stderr(message.to_vec()));
                    }
                    other => {
                        let message = other.into_bytes();
                        stdout.append(&message)?;
                        events.send(|| RunEvent::Stdout(message.to_vec()));
                    }
                }
            }
            Ok(())
        };
        // The output ends when the last process that holds it does, which is at the latest when the container stops.
        let ended = async { tokio::try_join!(logs, container::wait(&docker, &name)) };
        let ((), exit_code) = tokio::select! {
            ended = ended => ended?,
            kind = folder.watch() => return Err(kind),
        };
        if exit_code == KILLED && container::was_out_of_memory(&docker, &name).await? {
            return Err(FailureKind::OutOfMemory { limit_bytes: request.limits.memory_bytes });
        }
        let finished = tokio::task::spawn_blocking(move || folder.finish(exit_code)).await;
        let finished = finished.map_err(|panic| FailureKind::EngineFailed {
            engine: "docker".into(),
            during: "reading the result",
            cause: panic.to_string(),
        })??;
        Ok(RunReport {
            exit_code,
            instruction_count: 1,
            fuel: None,
            engine_id: format!("docker-{version}"),
            data_id: finished.data_id,
            image_digest: Some(image.id),
            result_dir: request.result_dir.clone(),
            used: ResourcesUsed {
                duration: start.elapsed(),
                peak_memory_bytes: None,
                output_bytes: finished.bytes,
                output_files: finished.files,
            },
        })
    }
}

impl Executor for DockerExecutor {
    fn kind(&self) -> ExecutorKind {
        ExecutorKind::Docker
    }

    async fn check(&self) -> Result<(), ExecutorError> {
        let ping = match self.engine().await {
            Ok(engine) => engine.docker.ping().await.map_err(|error| unavailable(&error)),
            Err(kind) => Err(kind),
        };
        ping.map(|_| ()).map_err(|kind| ExecutorError::new("check", kind))
    }

    async fn run(&self, request: RunRequest, events: EventSink) -> Result<RunReport, ExecutorError> {
        let slot = Mutex::new(None);
        let result = tokio::select! {
            biased;
            () = request.cancel.cancelled() => Err(FailureKind::Cancelled),
            result = self.execute(&request, &events, &slot) => result,
            () = tokio::time::sleep(request.limits.time) => Err(FailureKind::TimeLimit { limit: request.limits.time }),
        };
        let container = slot.into_inner();
        match result {
            // A finished container is harmless, its removal costs nobody time.
            Ok(report) => {
                drop(container);
                Ok(report)
            }
            Err(kind) => {
                if let Some(container) = container {
                    let _ = tokio::time::timeout(REMOVAL_GRACE, container.remove()).await;
                }
                Err(ExecutorError::new(&request.id, kind).with_output(&request.result_dir))
            }
        }
    }

    async fn shutdown(&self) {
        self.shared.cleanup.close();
        self.shared.cleanup.wait().await;
        self.shared.cleanup.reopen();
    }
}

impl Engine {
    async fn connect(host: Option<&str>) -> Result<Self, Error> {
        let docker = host.map_or_else(Docker::connect_with_defaults, Docker::connect_with_host)?;
        let docker = docker.negotiate_version().await?;
        let info = docker.info().await?;
        let processors = info.ncpu.and_then(|count| u64::try_from(count).ok()).unwrap_or(1).max(1);
        Ok(Self { docker, version: info.server_version.unwrap_or_else(|| "unknown".into()), processors })
    }
}

impl fmt::Debug for DockerExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DockerExecutor").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

/// Whether the text may be an image's name. It becomes part of a path of the engine's API, so it must not lead elsewhere.
fn is_image_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/:@".contains(&byte);
    let starts_well = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    starts_well
        && name.len() <= MAX_IMAGE_NAME
        && name.bytes().all(is_allowed)
        && !name.contains("..")
        && !name.contains("//")
}

/// The engine takes a name without a tag for all tags.
fn with_tag(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    if last.contains([':', '@']) { image.to_owned() } else { format!("{image}:latest") }
}

fn absolute(path: &std::path::Path) -> Result<String, FailureKind> {
    let path = fs::canonicalize(path).map_err(failed("find", path))?;
    path.into_os_string().into_string().map_err(|path| FailureKind::InvalidRequest {
        what: format!("the engine takes no folder whose name is not UTF-8: {}", path.display()),
    })
}

fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn is_status<T>(result: &Result<T, Error>, code: u16) -> bool {
    result.as_ref().is_err_and(|error| status(error) == Some(code))
}

/// What the engine said, without the client's words around it.
fn text(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    }
}

fn unavailable(error: &Error) -> FailureKind {
    FailureKind::EngineUnavailable { engine: "docker".into(), cause: text(error) }
}

fn engine_failed(during: &'static str, error: &Error) -> FailureKind {
    FailureKind::EngineFailed { engine: "docker".into(), during, cause: text(error) }
}

/// The engine's refusals are the job's fault (entrypoint not found, bad path); everything else is the engine's.
fn start_failed(during: &'static str, error: &Error) -> FailureKind {
    match status(error) {
        Some(400..500) => FailureKind::StartFailed { cause: text(error) },
        Some(500) if text(error).contains("could not select device driver") => {
            FailureKind::NotAllowed { what: "a GPU, and this engine has no driver for one".into() }
        }
        _ => engine_failed(during, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_lead_elsewhere_in_the_api_are_refused() {
        for name in ["cow", "a/b:1.2", "host:5000/a_b/c-d@sha256:ab", "127.0.0.1:1/x"] {
            assert!(is_image_name(name), "{name}");
        }
        let long = "x".repeat(MAX_IMAGE_NAME + 1);
        for name in
            ["", " ", "../containers/x", "a/../../containers/x", "a?b=c", "a#b", "a b", "/a", "a//b", "a%2f", &long]
        {
            assert!(!is_image_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_without_tag_means_latest() {
        for (name, full) in [
            ("cow", "cow:latest"),
            ("cow:1", "cow:1"),
            ("host:5000/cow", "host:5000/cow:latest"),
            ("host:5000/cow:1", "host:5000/cow:1"),
            ("cow@sha256:ab", "cow@sha256:ab"),
        ] {
            assert_eq!(with_tag(name), full);
        }
    }

    #[tokio::test]
    async fn what_the_provider_does_not_allow_is_refused_before_the_engine_is_asked() {
        let executor = DockerExecutor::new(DockerConfig::new("test"));
        let mut workload = DockerWorkload::new("any");
        workload.network = NetworkAccess::Full;
        assert!(matches!(executor.check_allowed(&workload), Err(FailureKind::NotAllowed { .. })));
        let request = RunRequest::new("deal", Workload::Docker(workload), "/nonexistent/result");
        let error = executor.run(request, EventSink::none()).await;
        assert!(error.is_err_and(|error| matches!(error.kind(), FailureKind::NotAllowed { .. })));
    }
}
