//! Whether the solver can do its work: its store takes writes, its chain answers.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_util::sync::CancellationToken;

use super::run::Office;
use crate::{
    chain::DynChain,
    client::driver::now,
    store::{Batch, DynStore, Store as _, Write},
};

/// How often both are tried.
const EVERY: Duration = Duration::from_secs(5);
/// How long the chain may take to say its newest block.
const ANSWER: Duration = Duration::from_secs(5);
/// Namespace and key of what is written to see whether anything can be.
const PROBE: (&str, &str) = ("solver", "alive");

/// What was found last. Reasons are for strangers: they name no path and no endpoint; the log does.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<Found>);

#[derive(Clone, Copy, Debug, Default)]
struct Found {
    is_unwritable: bool,
    is_chainless: bool,
}

impl Health {
    /// `Err` with the reasons.
    pub(super) fn says(&self) -> Result<(), String> {
        let found = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let reasons: Vec<&str> = [
            (found.is_unwritable, "the store can't be written"),
            (found.is_chainless, "the chain's endpoint does not answer"),
        ]
        .into_iter()
        .filter_map(|(is_so, reason)| is_so.then_some(reason))
        .collect();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ")) }
    }

    fn set(&self, found: Found) {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let changes =
            [(last.is_unwritable, found.is_unwritable, "store"), (last.is_chainless, found.is_chainless, "chain")];
        for (was, is, what) in changes {
            match (was, is) {
                (false, true) => tracing::error!(target: "lilypad::node", what, "not healthy"),
                (true, false) => tracing::info!(target: "lilypad::node", what, "healthy again"),
                _ => {}
            }
        }
        *last = found;
    }
}

/// Tries both until `stop`. The store is written beside the desk: a failed probe must not cost the market its memory.
pub(super) async fn watch(
    office: Arc<Office>,
    chain: Option<Arc<dyn DynChain>>,
    store: Arc<dyn DynStore>,
    stop: CancellationToken,
) {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        let (ns, key) = PROBE;
        let value = now().as_millis().to_string();
        let probe = Write::PutValue { ns: ns.to_owned(), key: key.to_owned(), value };
        let written = store.commit(Batch::from(vec![probe])).await;
        if let Err(error) = &written {
            tracing::warn!(target: "lilypad::node", %error, "the store refused a probe");
        }
        let is_chainless = match &chain {
            None => false,
            Some(chain) => match tokio::time::timeout(ANSWER, chain.head()).await {
                Ok(Ok(_)) => false,
                Ok(Err(error)) => {
                    tracing::warn!(target: "lilypad::node", %error, "the chain refused a probe");
                    true
                }
                Err(_late) => true,
            },
        };
        office.health.set(Found { is_unwritable: written.is_err(), is_chainless });
    }
}

#[cfg(all(test, feature = "store-sqlite"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;
    use crate::{
        chain::Network,
        node::solver::{SolverConfig, spawn_solver},
        store::SqliteStore,
    };

    #[test]
    fn both_reasons_are_told_and_go_again() {
        let health = Health::default();
        assert_eq!(health.says(), Ok(()));
        health.set(Found { is_unwritable: true, is_chainless: true });
        assert_eq!(health.says().unwrap_err(), "the store can't be written; the chain's endpoint does not answer");
        health.set(Found { is_unwritable: true, is_chainless: false });
        assert_eq!(health.says().unwrap_err(), "the store can't be written");
        health.set(Found::default());
        assert_eq!(health.says(), Ok(()));
    }

    #[tokio::test]
    async fn a_store_that_takes_no_writes_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_exclusive(folder.path().join("solver.sqlite")).unwrap();
        let network = Network::dev();
        let config = SolverConfig::for_network(&network, network.solver, folder.path().to_owned());
        let solver = spawn_solver(config, None, Arc::new(store.clone())).await.unwrap();
        let ask = async || {
            let mut socket = TcpStream::connect(solver.addr()).await.unwrap();
            socket.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = ask().await;
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
        store.shutdown();
        let mut answer = ask().await;
        // The next probe tells, and nothing else would.
        for _ in 0..600 {
            if !answer.starts_with("HTTP/1.1 200 ") {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = ask().await;
        }
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.ends_with("\r\n\r\nthe store can't be written\n"), "{answer}");
    }
}
