//! The solver's events (network.md §4).

use std::{fmt, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, sleep, timeout},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async_with_config,
    tungstenite::{self, Message, client::IntoClientRequest as _, http::HeaderValue, protocol::WebSocketConfig},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    ClientError, HttpSolver,
    http::{HttpAuth, jittered, sign},
    transfer::Payload,
};
use crate::{
    api::{ApiError, SocketQuery, SocketRole, routes},
    types::{SolverEvent, from_json},
};

/// Items that wait for the consumer; a full queue stops reading, and a solver of ours then ends the connection.
const QUEUE: usize = 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
const PING_INTERVAL: Duration = Duration::from_secs(5);
/// Silence after which a connection counts as lost: three pings without an answer.
const DEAD_AFTER: Duration = Duration::from_secs(16);
const FIRST_WAIT: Duration = Duration::from_millis(200);
const MAX_WAIT: Duration = Duration::from_secs(2);
/// Attempts to connect before [`HttpSolver::events`] gives up.
const FIRST_ATTEMPTS: u32 = 4;
/// Largest event that is read.
const MAX_EVENT_BYTES: usize = 4 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What comes out of an [`EventStream`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamItem {
    /// Something happened at the solver.
    Event(Box<SolverEvent>),
    /// The connection was lost and is there again; what happened in between is lost, so poll now.
    Reconnected,
}

/// The solver's events, for as long as the stream lives. Dropping it closes the socket.
#[must_use = "dropping the stream closes the socket"]
pub struct EventStream {
    items: mpsc::Receiver<StreamItem>,
    _task: AbortOnDropHandle<()>,
}

impl EventStream {
    /// The next item; `None` never, unless the runtime shuts down. Cancel safe.
    pub async fn next(&mut self) -> Option<StreamItem> {
        self.items.recv().await
    }
}

impl futures_util::Stream for EventStream {
    type Item = StreamItem;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<StreamItem>> {
        self.items.poll_recv(cx)
    }
}

impl HttpSolver {
    /// Opens the event socket as `role`. The first connection is made before this returns, so that whatever happens after
    /// it is in the stream; later ones are made again and again, every 0.2 to 2 s, for as long as the stream lives.
    ///
    /// # Errors
    /// [`ClientError`] when the first connection fails.
    pub async fn events(&self, role: SocketRole) -> Result<EventStream, ClientError> {
        let mut wait = FIRST_WAIT;
        let mut left = FIRST_ATTEMPTS;
        let socket = loop {
            left -= 1;
            match open(self, role).await {
                Ok(socket) => break socket,
                Err(error) if left == 0 || !error.is_retryable() => return Err(error),
                Err(error) => sleep(jittered(error.retry_after().unwrap_or(wait))).await,
            }
            wait = (wait * 2).min(MAX_WAIT);
        };
        let (sender, items) = mpsc::channel(QUEUE);
        let task = tokio::spawn(run(self.clone(), role, socket, sender));
        Ok(EventStream { items, _task: AbortOnDropHandle::new(task) })
    }
}

async fn open(solver: &HttpSolver, role: SocketRole) -> Result<Socket, ClientError> {
    let url = solver.url();
    let target = format!("{}?{}", routes::WS, SocketQuery::encode(role, solver.address()));
    let lost = |detail: String| ClientError::Unreachable { url: url.to_owned(), detail };
    // "http" becomes "ws" and "https" becomes "wss".
    let mut request = format!("ws{}{target}", url.trim_start_matches("http"))
        .into_client_request()
        .map_err(|e| lost(e.to_string()))?;
    // The existing network's sockets carry no signature, and it would travel in the clear.
    if matches!(solver.auth(), HttpAuth::Bound { .. }) {
        for (name, value) in sign(solver.auth(), "GET", &target, &Payload::Empty)? {
            let value = HeaderValue::from_str(&value).map_err(|e| lost(e.to_string()))?;
            request.headers_mut().insert(name, value);
        }
    }
    let mut config = WebSocketConfig::default();
    (config.max_message_size, config.max_frame_size) = (Some(MAX_EVENT_BYTES), Some(MAX_EVENT_BYTES));
    let connecting = connect_async_with_config(request, Some(config), true);
    match timeout(HANDSHAKE_TIMEOUT, connecting).await {
        Err(_) => Err(ClientError::Timeout { url: url.to_owned(), after: HANDSHAKE_TIMEOUT }),
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(response))) => {
            let body = response.body().as_deref().unwrap_or_default();
            let error = ApiError::from_answer(response.status().as_u16(), &String::from_utf8_lossy(body));
            let after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
            let retry_after = after.map(|seconds: u64| Duration::from_secs(seconds.min(60)));
            Err(ClientError::Refused {
                url: url.to_owned(),
                request: format!("GET {}", routes::WS),
                error,
                retry_after,
            })
        }
        Ok(Err(error)) => Err(lost(error.to_string())),
    }
}

async fn run(solver: HttpSolver, role: SocketRole, mut socket: Socket, items: mpsc::Sender<StreamItem>) {
    loop {
        tokio::select! {
            () = read(&mut socket, &items) => {}
            () = items.closed() => {}
        }
        let _ = timeout(PING_INTERVAL, socket.close(None)).await;
        if items.is_closed() {
            return;
        }
        let mut wait = FIRST_WAIT;
        socket = loop {
            match open(&solver, role).await {
                Ok(socket) => break socket,
                Err(error) => {
                    tracing::debug!(target: "lilypad::client", %error, "the event socket cannot be opened");
                    sleep(jittered(error.retry_after().unwrap_or(wait))).await;
                }
            }
            wait = (wait * 2).min(MAX_WAIT);
        };
        if items.send(StreamItem::Reconnected).await.is_err() {
            return;
        }
    }
}

/// Passes events on until the connection is lost.
async fn read(socket: &mut Socket, items: &mpsc::Sender<StreamItem>) {
    let mut ping = interval(PING_INTERVAL);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            message = socket.next() => message,
            _ = ping.tick() => {
                if heard.elapsed() > DEAD_AFTER || socket.send(Message::Ping(Default::default())).await.is_err() {
                    return;
                }
                continue;
            }
        };
        let Some(Ok(message)) = message else { return };
        heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return,
            _ => continue,
        };
        match from_json::<SolverEvent>(text.as_bytes()) {
            Ok(event) => {
                if items.send(StreamItem::Event(Box::new(event))).await.is_err() {
                    return;
                }
                heard = Instant::now();
            }
            Err(error) => tracing::warn!(target: "lilypad::client", %error, "an event cannot be read and is dropped"),
        }
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EventStream")
    }
}
