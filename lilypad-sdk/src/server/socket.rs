//! The event socket (network.md §4).

use axum::{
    extract::{
        WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::header,
    response::{IntoResponse as _, Response},
};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    config,
    context::Cx,
    hub::{Hub, Lease, Providers, Seat, View},
};
use crate::api::{ApiResult, AuthError, AuthMode, Refusal, SocketQuery, SocketRole, USER_HEADER};

/// Close code of a server that goes away.
const GOING_AWAY: u16 = 1001;
/// Close code for a client that should come again.
const TRY_AGAIN: u16 = 1013;

pub(super) async fn open(cx: Cx, upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>) -> ApiResult<Response> {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(rejection.into_response()),
    };
    if is_foreign_page(&cx) {
        return Err(Refusal::OtherOrigin.into());
    }
    let query = SocketQuery::parse(&cx.query);
    let view = view(&cx, &query)?;
    let seat = Hub::join(&cx.app, view).ok_or(Refusal::NetworkBusy)?;
    let lease = match (query.role, query.id) {
        (Some(SocketRole::ResourceProvider), Some(id)) => Some(Providers::enter(&cx.app, id).await),
        _ => None,
    };
    let upgrade =
        upgrade.max_message_size(config::MAX_SOCKET_MESSAGE_BYTES).max_frame_size(config::MAX_SOCKET_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| run(socket, seat, lease)))
}

/// Who may open the socket, and what it sees (design.md §11, ruling 11). A signed socket's `ID` is its signer.
fn view(cx: &Cx, query: &SocketQuery) -> Result<View, AuthError> {
    let signed = cx.has_bound_header() || cx.header(USER_HEADER).is_some();
    match cx.app.auth {
        AuthMode::Bound => {}
        AuthMode::Both if !signed => return Ok(View::WithoutInputs),
        AuthMode::Legacy if !signed => return Ok(View::All),
        AuthMode::Both | AuthMode::Legacy => {}
    }
    let (_, signer) = cx.signer()?;
    if query.id != Some(signer) {
        return Err(AuthError::WrongSigner);
    }
    Ok(if cx.is_bound_only() { View::Only(signer) } else { View::All })
}

fn is_foreign_page(cx: &Cx) -> bool {
    let Some(origin) = cx.headers.get(header::ORIGIN) else { return false };
    let host = cx.header(header::HOST.as_str()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    origin.split_once("://").is_none_or(|(_, of)| !of.eq_ignore_ascii_case(host))
}

async fn run(mut socket: WebSocket, mut seat: Seat, lease: Option<Lease>) {
    let mut silent_since = Instant::now();
    let mut asked = false;
    let code = loop {
        tokio::select! {
            () = seat.gone.cancelled() => break Some(if seat.is_stopping() { GOING_AWAY } else { TRY_AGAIN }),
            event = seat.events.recv() => {
                let Some(text) = event else { break None };
                let gone = seat.gone.clone();
                let sent = tokio::select! {
                    sent = timeout(config::SOCKET_SEND_TIMEOUT, socket.send(Message::Text(text))) => sent,
                    () = gone.cancelled() => break None,
                };
                if !matches!(sent, Ok(Ok(()))) {
                    break None;
                }
            }
            message = socket.recv() => {
                // Pings are answered below this; whatever clients say is dropped.
                let Some(Ok(message)) = message else { break None };
                if matches!(message, Message::Close(_)) {
                    break None;
                }
                (silent_since, asked) = (Instant::now(), false);
            }
            () = sleep_until(silent_since + config::SOCKET_IDLE) => {
                if asked || socket.send(Message::Ping(Vec::new().into())).await.is_err() {
                    break None;
                }
                (silent_since, asked) = (Instant::now(), true);
            }
        }
    };
    drop(lease);
    if let Some(code) = code {
        let frame = CloseFrame { code, reason: "".into() };
        let _ = timeout(config::SOCKET_SEND_TIMEOUT, socket.send(Message::Close(Some(frame)))).await;
    }
}
