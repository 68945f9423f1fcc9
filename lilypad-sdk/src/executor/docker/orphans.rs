//! Containers whose process died: how they are known and removed.

use std::fs;

use bollard::{Docker, errors::Error, query_parameters::ListContainersOptionsBuilder};

use super::container::{label_filter, remove as remove_container};

/// Label with the deal that a container runs.
pub const LABEL_DEAL: &str = "lilypad.deal";
/// Label with the owner of [`DockerConfig`](super::DockerConfig).
pub const LABEL_OWNER: &str = "lilypad.owner";
/// Label with the process that made a container: `host/process id/start time in clock ticks`.
pub const LABEL_PROCESS: &str = "lilypad.process";

/// Removes the owner's containers whose process was on this machine and is no more.
pub(super) async fn remove(docker: &Docker, owner: &str) -> Result<usize, Error> {
    let filters = label_filter(LABEL_OWNER, owner);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let mut count = 0;
    for container in docker.list_containers(Some(options)).await? {
        let process = container.labels.as_ref().and_then(|labels| labels.get(LABEL_PROCESS));
        if let (Some(id), Some(process)) = (container.id, process)
            && is_dead(process)
        {
            tracing::info!(target: "lilypad::executor", container = id, process, "removing orphan");
            count += usize::from(remove_container(docker, &id).await?);
        }
    }
    Ok(count)
}

/// This process, as the label has it.
pub(super) fn this_process() -> String {
    let id = std::process::id();
    format!("{}/{id}/{}", host_name(), start_time(id).unwrap_or(0))
}

/// Whether the labelled process is known to have ended. A process of another machine, or one that cannot be read, lives.
fn is_dead(label: &str) -> bool {
    let mut parts = label.rsplitn(3, '/');
    let start = parts.next().and_then(|text| text.parse::<u64>().ok());
    let id = parts.next().and_then(|text| text.parse::<u32>().ok());
    let host = parts.next();
    match (host, id, start) {
        (Some(host), Some(id), Some(start)) => {
            cfg!(target_os = "linux") && host == host_name() && start_time(id) != Some(start)
        }
        _ => false,
    }
}

fn host_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").map(|name| name.trim().to_owned()).unwrap_or_default()
}

/// When a process started, in clock ticks after boot; with its id this names it for good.
fn start_time(process: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name in brackets may hold anything; the numbers come after the last bracket. Start time is field 22.
    let (_, numbers) = stat.rsplit_once(')')?;
    numbers.split_whitespace().nth(19)?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_of_this_machine_that_ended_is_dead() {
        let host = host_name();
        let id = std::process::id();
        let start = start_time(id).unwrap_or(0);
        assert!(start > 0);
        assert!(!is_dead(&this_process()));
        assert!(is_dead(&format!("{host}/{id}/{}", start + 1)), "the id was given to another process");
        assert!(is_dead(&format!("{host}/4194305/1")), "beyond the largest process id");
        assert!(!is_dead(&format!("other-{host}/4194305/1")));
        for label in ["", "x", "/", "a/b/c", &format!("{host}/x/1")] {
            assert!(!is_dead(label), "{label}");
        }
    }
}
