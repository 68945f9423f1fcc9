//! Starting and stopping.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

use super::{
    Backend, DynBackend, RateLimit, ServerConfig, ServerError,
    context::{App, now_ms},
    hub::Hub,
    listen, routes,
};
use crate::api::{BoundVerifier, RequestDomain};

/// The solver's API, not yet running.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// A server for `backend` on a free port of 127.0.0.1, until told otherwise.
    pub fn builder(backend: impl Backend) -> ServerBuilder {
        Self::builder_dyn(Arc::new(backend))
    }

    /// As [`Self::builder`], for a backend that is shared.
    pub fn builder_dyn(backend: Arc<dyn DynBackend>) -> ServerBuilder {
        ServerBuilder {
            backend,
            addr: (Ipv4Addr::LOCALHOST, 0).into(),
            config: ServerConfig::default(),
            stop: CancellationToken::new(),
        }
    }
}

/// Settings on the way to a running server.
#[must_use = "a builder does nothing until `spawn` is called"]
pub struct ServerBuilder {
    backend: Arc<dyn DynBackend>,
    addr: SocketAddr,
    config: ServerConfig,
    stop: CancellationToken,
}

impl ServerBuilder {
    /// Where to listen; port 0 takes a free one.
    pub fn listen(mut self, addr: SocketAddr) -> Self {
        self.addr = addr;
        self
    }

    /// Replaces all settings.
    pub fn config(mut self, config: ServerConfig) -> Self {
        self.config = config;
        self
    }

    /// Refuse requests that name another host or come from a web page; see [`ServerConfig::loopback_only`].
    pub fn loopback_only(mut self, on: bool) -> Self {
        self.config.loopback_only = on;
        self
    }

    /// See [`ServerConfig::rate_limit`].
    pub fn rate_limit(mut self, limit: Option<RateLimit>) -> Self {
        self.config.rate_limit = limit;
        self
    }

    /// Folder for bodies on their way; see [`ServerConfig::spool`].
    pub fn spool(mut self, folder: impl Into<PathBuf>) -> Self {
        self.config.spool = folder.into();
        self
    }

    /// See [`ServerConfig::provider_grace`].
    pub fn provider_grace(mut self, grace: Duration) -> Self {
        self.config.provider_grace = grace;
        self
    }

    /// Stops gracefully when `token` is cancelled, besides [`ServerHandle::shutdown`].
    pub fn cancel_on(mut self, token: &CancellationToken) -> Self {
        self.stop = token.child_token();
        self
    }

    /// Binds the address and starts to serve.
    ///
    /// # Errors
    /// [`ServerError::Bind`], [`ServerError::Inconsistent`].
    pub async fn spawn(self) -> Result<ServerHandle, ServerError> {
        let Self { backend, addr, config, stop } = self;
        let info = backend.info();
        if !info.is_consistent() {
            return Err(ServerError::Inconsistent { settlement: info.settlement, auth: info.auth });
        }
        let (listener, addr) = listen::bind(addr).await?;
        let domain = RequestDomain { solver: info.solver, chain_id: info.chain_id, controller: info.controller };
        let verifier = BoundVerifier::new(domain, now_ms());
        let events = backend.subscribe();
        let grace = config.shutdown_grace;
        let app = Arc::new(App::new(backend, config, info.auth, verifier, stop.clone()));
        let router = routes::router(Arc::clone(&app));
        let token = stop.clone();
        let task = tokio::spawn(async move {
            let serve = listen::serve(listener, router, token.clone(), grace);
            let pump = async {
                Hub::pump(Arc::clone(&app), events).await;
                token.cancelled().await;
            };
            tokio::pin!(serve);
            tokio::select! {
                () = &mut serve => {}
                () = pump => serve.await,
            }
            app.tasks.close();
            let _ = tokio::time::timeout(grace, app.tasks.wait()).await;
        });
        tracing::info!(target: "lilypad::server", %addr, auth = ?info.auth, "listening");
        Ok(ServerHandle { addr, stop: stop.drop_guard(), task: AbortOnDropHandle::new(task) })
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder").field("addr", &self.addr).field("config", &self.config).finish_non_exhaustive()
    }
}

/// A running server. Dropping it ends the server at once.
#[must_use = "dropping the handle ends the server"]
#[derive(Debug)]
pub struct ServerHandle {
    addr: SocketAddr,
    stop: DropGuard,
    task: AbortOnDropHandle<()>,
}

impl ServerHandle {
    pub(super) fn new(addr: SocketAddr, stop: CancellationToken, task: tokio::task::JoinHandle<()>) -> Self {
        Self { addr, stop: stop.drop_guard(), task: AbortOnDropHandle::new(task) }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Base URL for clients: `http://<addr>`, without trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Takes no new request, closes the sockets, waits for running requests up to the grace period, ends.
    ///
    /// # Errors
    /// [`ServerError::Stopped`] when it had ended by a panic.
    pub async fn shutdown(self) -> Result<(), ServerError> {
        let Self { addr, stop, task } = self;
        drop(stop);
        task.await.map_err(|e| ServerError::Stopped { addr, detail: e.to_string() })
    }

    /// Waits until the server ends, by its token or a panic. Cancel safe: dropping the future ends the server.
    ///
    /// # Errors
    /// [`ServerError::Stopped`] when it panicked.
    pub async fn join(self) -> Result<(), ServerError> {
        let Self { addr, stop, task } = self;
        let ended = task.await.map_err(|e| ServerError::Stopped { addr, detail: e.to_string() });
        drop(stop);
        ended
    }
}
