//! One container: how it is made, and that it goes away.

use std::{collections::HashMap, time::Duration};

use bollard::{
    Docker,
    errors::Error,
    models::{ContainerCreateBody, DeviceRequest, HostConfig, HostConfigLogConfig, Mount, MountType, ResourcesUlimits},
    query_parameters::{
        AttachContainerOptions, AttachContainerOptionsBuilder, CreateContainerOptionsBuilder,
        RemoveContainerOptionsBuilder,
    },
};
use futures_util::StreamExt;
use tokio_util::task::TaskTracker;

use super::{
    engine_failed,
    orphans::{LABEL_DEAL, LABEL_OWNER, LABEL_PROCESS, this_process},
};
use crate::executor::{DockerWorkload, FailureKind, NetworkAccess, RunRequest};

/// What package tools need as root inside their own root; nothing here reaches the host.
const CAPABILITIES: [&str; 7] = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"];

/// How often, and how far apart, a container is looked for whose creation was given up.
const LOOKS_FOR_ASKED: u32 = 20;
const LOOK_INTERVAL: Duration = Duration::from_millis(250);

/// A folder of this machine, where the job sees it, and whether the job may write to it.
type Folder = (String, String, bool);

/// The container of a run, as the engine takes it.
pub(super) fn body(
    request: &RunRequest,
    workload: &DockerWorkload,
    image: &str,
    owner: &str,
    processors: u64,
    folders: &[Folder],
) -> ContainerCreateBody {
    let limits = &request.limits;
    let memory = signed(limits.memory_bytes);
    // The engine refuses more processors than it has.
    let cpu_milli = limits.cpu_milli.clamp(10, processors.saturating_mul(1000));
    let strings = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    let gpus = (!workload.gpus.is_empty()).then(|| {
        vec![DeviceRequest {
            device_ids: Some(workload.gpus.clone()),
            capabilities: Some(vec![vec!["gpu".into()]]),
            ..DeviceRequest::default()
        }]
    });
    let mounts = folders.iter().map(|(source, target, is_writable)| Mount {
        typ: Some(MountType::BIND),
        source: Some(source.clone()),
        target: Some(target.clone()),
        read_only: Some(!is_writable),
        ..Mount::default()
    });
    let host = HostConfig {
        network_mode: Some(match workload.network {
            NetworkAccess::None => "none".into(),
            NetworkAccess::Full => "bridge".into(),
        }),
        memory: Some(memory),
        memory_swap: Some(memory),
        nano_cpus: Some(signed(cpu_milli.saturating_mul(1_000_000))),
        pids_limit: Some(i64::from(limits.pids)),
        shm_size: Some(signed(limits.shm_bytes.clamp(1, limits.memory_bytes.max(1)))),
        ulimits: Some(vec![ResourcesUlimits { name: Some("core".into()), soft: Some(0), hard: Some(0) }]),
        cap_drop: strings(&["ALL"]),
        cap_add: strings(&CAPABILITIES),
        security_opt: strings(&["no-new-privileges"]),
        // Output goes to the attached stream; a second copy on the engine's disk would know no limit.
        log_config: Some(HostConfigLogConfig { typ: Some("none".into()), config: None }),
        mounts: Some(mounts.collect()),
        device_requests: gpus,
        ..HostConfig::default()
    };
    let labels = [(LABEL_DEAL, request.id.clone()), (LABEL_OWNER, owner.into()), (LABEL_PROCESS, this_process())];
    let given = |list: &[String]| (!list.is_empty()).then(|| list.to_vec());
    ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: workload.entrypoint.as_deref().and_then(given),
        cmd: given(&workload.parameters),
        env: given(&workload.env),
        working_dir: workload.working_dir.clone(),
        labels: Some(labels.map(|(name, value)| (name.to_owned(), value)).into()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn output_streams() -> AttachContainerOptions {
    AttachContainerOptionsBuilder::default().stream(true).stdout(true).stderr(true).build()
}

/// Waits for the end and gives the exit code. Safe to begin after the end.
pub(super) async fn wait(docker: &Docker, name: &str) -> Result<i64, FailureKind> {
    loop {
        let mut stream = std::pin::pin!(docker.wait_container(name, None));
        match stream.next().await {
            Some(Ok(answer)) => return Ok(answer.status_code),
            // The client makes an error of every code but 0.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => return Ok(code),
            Some(Err(Error::RequestTimeoutError)) => {}
            Some(Err(error)) => return Err(engine_failed("waiting for the container", &error)),
            None => {
                let cause = "the engine ended the connection".into();
                let during = "waiting for the container";
                return Err(FailureKind::EngineFailed { engine: "docker".into(), during, cause });
            }
        }
    }
}

/// Whether the kernel ended the container for its memory, not somebody with a signal.
pub(super) async fn was_out_of_memory(docker: &Docker, name: &str) -> Result<bool, FailureKind> {
    let inspected = docker.inspect_container(name, None).await;
    let inspected = inspected.map_err(|error| engine_failed("inspecting the container", &error))?;
    Ok(inspected.state.and_then(|state| state.oom_killed).unwrap_or(false))
}

/// Kills and removes a container; tells whether it was there. One that somebody else is removing counts as there.
pub(super) async fn remove(docker: &Docker, name: &str) -> Result<bool, Error> {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match docker.remove_container(name, Some(options)).await {
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => Ok(false),
        Err(Error::DockerResponseServerError { status_code: 409, .. }) => Ok(true),
        other => other.map(|()| true),
    }
}

/// How far a container is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is none.
    Absent,
    /// The engine was asked for it; it may appear a moment after the asking was given up.
    Asked,
    /// The engine said that it is there.
    Present,
}

/// A container that is removed at the latest when this value is dropped.
pub(super) struct Container {
    name: String,
    docker: Docker,
    cleanup: TaskTracker,
    state: State,
}

impl Container {
    /// Chooses a name. There is no container before [`create`](Container::create).
    pub(super) fn new(docker: Docker, cleanup: TaskTracker) -> Result<Self, FailureKind> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| FailureKind::EngineFailed {
            engine: "docker".into(),
            during: "naming the container",
            cause: error.to_string(),
        })?;
        let name = format!("lilypad-{}", hex::encode(random));
        Ok(Self { name, docker, cleanup, state: State::Absent })
    }

    /// Makes the container and gives its name. If the future is dropped, removal still finds what the engine made.
    pub(super) async fn create(&mut self, body: ContainerCreateBody) -> Result<String, Error> {
        self.state = State::Asked;
        let options = CreateContainerOptionsBuilder::default().name(&self.name).build();
        let created = self.docker.create_container(Some(options), body).await;
        self.state = match &created {
            Ok(_) => State::Present,
            Err(Error::DockerResponseServerError { .. }) => State::Absent,
            Err(_) => State::Asked,
        };
        created.map(|_| self.name.clone())
    }

    /// Removes it and waits for that. If the future is dropped, the removal starts again in the background.
    pub(super) async fn remove(mut self) {
        let removed = remove_soon(&self.docker, &self.name, self.state).await;
        self.state = State::Absent;
        warn_if_left(&self.name, &removed);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if self.state == State::Absent {
            return;
        }
        let (docker, name, state) = (self.docker.clone(), std::mem::take(&mut self.name), self.state);
        // Without a runtime nothing can be asked of the engine; the next start finds the container by its labels.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let removal = async move { warn_if_left(&name, &remove_soon(&docker, &name, state).await) };
            self.cleanup.spawn_on(removal, &runtime);
        }
    }
}

/// Removes a container, waiting for it to appear when it was only asked for.
async fn remove_soon(docker: &Docker, name: &str, state: State) -> Result<(), Error> {
    let looks = match state {
        State::Absent => 0,
        State::Present => 1,
        State::Asked => LOOKS_FOR_ASKED,
    };
    for look in 0..looks {
        if look > 0 {
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        if remove(docker, name).await? {
            break;
        }
    }
    Ok(())
}

fn warn_if_left(name: &str, removed: &Result<(), Error>) {
    if let Err(error) = removed {
        let error = super::text(error);
        tracing::warn!(target: "lilypad::executor", container = name, error, "container is left behind");
    }
}

/// Labels as a filter of the engine.
pub(super) fn label_filter(name: &str, value: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{name}={value}")])])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::executor::Workload;

    #[test]
    fn the_profile_and_every_limit_reach_the_engine() {
        let mut workload = DockerWorkload::new("cow");
        workload.gpus = vec!["GPU-1".into()];
        let mut request = RunRequest::new("deal-1", Workload::Docker(workload.clone()), "/unused");
        request.limits.cpu_milli = 64_000;
        request.limits.memory_bytes = 1 << 30;
        request.limits.pids = 7;
        let body = body(&request, &workload, "sha256:1", "me", 2, &[("/a".into(), "/inputs".into(), false)]);
        let host = body.host_config.unwrap();
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!((host.memory, host.memory_swap), (Some(1 << 30), Some(1 << 30)));
        assert_eq!(host.nano_cpus, Some(2_000_000_000));
        assert_eq!(host.pids_limit, Some(7));
        assert_eq!(host.cap_drop, Some(vec!["ALL".into()]));
        assert_eq!(host.security_opt, Some(vec!["no-new-privileges".into()]));
        assert_eq!(host.privileged, None);
        assert_eq!(host.mounts.unwrap()[0].read_only, Some(true));
        assert_eq!(host.device_requests.unwrap()[0].device_ids, Some(vec!["GPU-1".into()]));
        assert_eq!(body.labels.unwrap()[LABEL_DEAL], "deal-1");
        assert_eq!((body.entrypoint, body.cmd), (None, None));
    }

    #[test]
    fn an_empty_entrypoint_keeps_the_image_s() {
        let mut workload = DockerWorkload::new("cow");
        workload.entrypoint = Some(Vec::new());
        let request = RunRequest::new("deal", Workload::Docker(workload.clone()), "/unused");
        assert_eq!(body(&request, &workload, "i", "me", 1, &[]).entrypoint, None);
    }
}
