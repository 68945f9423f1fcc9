//! Who is connected: the sockets that events go to, and the providers whose offers live with them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{broadcast, mpsc};
use tokio_util::sync::CancellationToken;

use super::{config, context::App};
use crate::{
    api::{event_visible, without_inputs},
    types::{Address, SolverEvent, to_canonical_json},
};

/// Which events a socket gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// All.
    All,
    /// All, with the inputs of jobs emptied.
    WithoutInputs,
    /// Those of one address.
    Only(Address),
}

struct Client {
    view: View,
    queue: mpsc::Sender<Utf8Bytes>,
    gone: CancellationToken,
}

/// The open sockets.
#[derive(Default)]
pub(super) struct Hub {
    clients: Mutex<HashMap<u64, Client>>,
    next: AtomicU64,
}

/// A socket's place in the hub, given back on drop.
pub(super) struct Seat {
    pub(super) events: mpsc::Receiver<Utf8Bytes>,
    /// Ends the socket: it was too slow, or the solver's events were lost.
    pub(super) gone: CancellationToken,
    app: Arc<App>,
    key: u64,
}

impl Hub {
    /// A seat for one more socket; `None` when there are too many. Events wait in it from now on.
    pub(super) fn join(app: &Arc<App>, view: View) -> Option<Seat> {
        let (queue, events) = mpsc::channel(config::SOCKET_QUEUE);
        let gone = app.stop.child_token();
        let key = app.hub.next.fetch_add(1, Ordering::Relaxed);
        let mut clients = app.hub.lock();
        if clients.len() >= app.config.max_sockets {
            return None;
        }
        clients.insert(key, Client { view, queue, gone: gone.clone() });
        Some(Seat { events, gone, app: Arc::clone(app), key })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the event once and puts it into the queues of those who may see it. A full queue ends its socket.
    fn deliver(&self, event: &SolverEvent) {
        let (mut whole, mut blank) = (None, None);
        let whole = &mut || whole.get_or_insert_with(|| Utf8Bytes::from(to_canonical_json(event))).clone();
        let blank =
            &mut || blank.get_or_insert_with(|| Utf8Bytes::from(to_canonical_json(&without_inputs(event)))).clone();
        for client in self.lock().values() {
            let text = match client.view {
                View::All => whole(),
                View::WithoutInputs => blank(),
                View::Only(address) if event_visible(event, address) => whole(),
                View::Only(_) => continue,
            };
            if let Err(mpsc::error::TrySendError::Full(_)) = client.queue.try_send(text) {
                tracing::warn!(target: "lilypad::server", "a socket is too slow and is closed");
                client.gone.cancel();
            }
        }
    }

    /// Passes events on until the solver has no more.
    pub(super) async fn pump(app: Arc<App>, mut events: broadcast::Receiver<Arc<SolverEvent>>) {
        loop {
            match events.recv().await {
                Ok(event) => app.hub.deliver(&event),
                Err(broadcast::error::RecvError::Lagged(lost)) => {
                    tracing::warn!(target: "lilypad::server", lost, "events were lost, all sockets are closed");
                    app.hub.lock().values().for_each(|client| client.gone.cancel());
                }
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }
}

impl Seat {
    /// Whether the whole server ends.
    pub(super) fn is_stopping(&self) -> bool {
        self.app.stop.is_cancelled()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.app.hub.lock().remove(&self.key);
    }
}

/// How many sockets each connected provider has.
#[derive(Default)]
pub(super) struct Providers(Mutex<HashMap<Address, Presence>>);

#[derive(Default)]
struct Presence {
    sockets: usize,
    /// Counts changes, so that a grace period knows whether it is still its own.
    change: u64,
}

/// One socket of a provider. When the last is dropped and none follows within the grace period, the backend is told.
pub(super) struct Lease {
    app: Arc<App>,
    address: Address,
}

impl Providers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Presence>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn enter(app: &Arc<App>, address: Address) -> Lease {
        let is_new = {
            let mut providers = app.providers.lock();
            let is_new = !providers.contains_key(&address);
            let presence = providers.entry(address).or_default();
            presence.sockets += 1;
            presence.change += 1;
            is_new
        };
        let lease = Lease { app: Arc::clone(app), address };
        if is_new && let Err(error) = app.backend.provider_connected(address).await {
            tracing::warn!(target: "lilypad::server", provider = %address, %error, "cannot note a connection");
        }
        lease
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let (app, address) = (Arc::clone(&self.app), self.address);
        let change = {
            let mut providers = app.providers.lock();
            let Some(presence) = providers.get_mut(&address) else { return };
            presence.sockets -= 1;
            presence.change += 1;
            if presence.sockets > 0 {
                return;
            }
            presence.change
        };
        if app.stop.is_cancelled() || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        self.app.tasks.spawn(async move {
            tokio::select! {
                () = tokio::time::sleep(app.config.provider_grace) => {}
                // A solver that stops loses its sockets, not its providers.
                () = app.stop.cancelled() => return,
            }
            {
                let mut providers = app.providers.lock();
                if providers.get(&address).is_none_or(|presence| presence.change != change) {
                    return;
                }
                providers.remove(&address);
            }
            if let Err(error) = app.backend.provider_disconnected(address).await {
                tracing::warn!(target: "lilypad::server", provider = %address, %error, "cannot remove its offers");
            }
        });
    }
}
