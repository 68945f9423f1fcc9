//! What can be set, and the limits that cannot.

use std::{path::PathBuf, time::Duration};

/// Largest JSON body.
pub const MAX_JSON_BYTES: u64 = 1 << 20;
/// Largest body of a JSON-RPC request: contract code travels in it.
pub const MAX_RPC_BYTES: u64 = 16 << 20;
/// Largest request line with headers.
pub const MAX_HEADER_BYTES: usize = 32 << 10;
/// Most headers of a request.
pub const MAX_HEADERS: usize = 64;
/// Longest time for a request's headers to arrive; also how long an idle connection stays.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest pause within a body.
pub const BODY_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// Most of a refused body that is read and dropped, so that its sender sees the refusal and not a broken connection.
pub const MAX_DISCARD_BYTES: u64 = 32 << 20;
/// Longest time for that.
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Most connections at once; further ones are closed at once.
pub const MAX_CONNECTIONS: usize = 4096;
/// Events that wait for one socket; one that falls further behind is closed.
pub const SOCKET_QUEUE: usize = 256;
/// Longest time for one event to leave; after it the socket is closed.
pub const SOCKET_SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a socket is asked for a sign of life; it is closed after as much again.
pub const SOCKET_IDLE: Duration = Duration::from_secs(60);
/// Largest message read from a socket; what clients say there is dropped.
pub const MAX_SOCKET_MESSAGE_BYTES: usize = 64 << 10;

/// Requests in a window, per address and path (network.md §3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests a window.
    pub requests: u32,
    /// Length of the window; whole seconds, at least one.
    pub window: Duration,
}

/// Settings of a server.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// `None` for no limit. Default 5 in 10 s. Peers on this machine are never limited.
    pub rate_limit: Option<RateLimit>,
    /// Whether forwarding headers name the client whoever sends them. Default: only when a proxy on this machine does.
    pub trust_forwarded: bool,
    /// Refuse requests that name another host or come from a web page (design.md §11, ruling 11). Default off.
    pub loopback_only: bool,
    /// Oldest client version that may post offers; `None` for no check. Default `v2`.
    pub minimum_version: Option<String>,
    /// How far an offer's `created_at` may be from now. Default 30 s.
    pub offer_age: Duration,
    /// Largest job offer with its input files, the whole form in bytes. Default 10 MiB.
    pub max_inputs_bytes: u64,
    /// Largest result archive in bytes. Default 1 GiB.
    pub max_result_bytes: u64,
    /// Folder for bodies on their way. Best on the file system where archives end. Default: the system's.
    pub spool: PathBuf,
    /// Flush archives to disk before they count as received. Default on.
    pub sync_uploads: bool,
    /// How long after its last socket closed a provider's offers stay. Default 3 s.
    pub provider_grace: Duration,
    /// Most sockets at once. Default 2048.
    pub max_sockets: usize,
    /// How long a shutdown waits for running requests. Default 5 s.
    pub shutdown_grace: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            rate_limit: Some(RateLimit { requests: 5, window: Duration::from_secs(10) }),
            trust_forwarded: false,
            loopback_only: false,
            minimum_version: Some("v2".to_owned()),
            offer_age: Duration::from_secs(30),
            max_inputs_bytes: 10 << 20,
            max_result_bytes: 1 << 30,
            spool: std::env::temp_dir(),
            sync_uploads: true,
            provider_grace: Duration::from_secs(3),
            max_sockets: 2048,
            shutdown_grace: Duration::from_secs(5),
        }
    }
}
