//! A JSON-RPC endpoint over HTTP for a chain that lives in this process.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{ServerError, ServerHandle, answer, config, listen, routes};
use crate::api::{ApiError, Refusal};

/// Answers one JSON-RPC request, or a batch as a list; `null` for a notification.
pub type RpcHandler = Arc<dyn Fn(Value) -> BoxFuture<'static, Value> + Send + Sync>;

/// How long a shutdown waits.
const GRACE: Duration = Duration::from_secs(1);

/// Serves JSON-RPC at `POST /`.
pub struct JsonRpcServer;

struct Rpc {
    handler: RpcHandler,
    loopback: bool,
}

impl JsonRpcServer {
    /// Starts to serve. On a loopback address, web pages and foreign host names are refused (design.md §11, ruling 11).
    /// Bodies are at most [`config::MAX_RPC_BYTES`].
    ///
    /// # Errors
    /// [`ServerError::Bind`].
    pub async fn spawn(addr: SocketAddr, handler: RpcHandler) -> Result<ServerHandle, ServerError> {
        let (listener, addr) = listen::bind(addr).await?;
        let rpc = Arc::new(Rpc { handler, loopback: addr.ip().is_loopback() });
        let router = Router::new()
            .route("/", post(call))
            .fallback(|| async { ApiError::from(Refusal::NoSuchPath) })
            .layer(DefaultBodyLimit::disable())
            .with_state(rpc);
        let stop = CancellationToken::new();
        let task = tokio::spawn(listen::serve(listener, router, stop.clone(), GRACE));
        Ok(ServerHandle::new(addr, stop, task))
    }
}

async fn call(State(rpc): State<Arc<Rpc>>, headers: HeaderMap, body: Body) -> Response {
    if rpc.loopback && !listen::is_local_program(&headers) {
        return ApiError::from(Refusal::NotLoopback).into_response();
    }
    let bytes = match routes::read(body, config::MAX_RPC_BYTES).await {
        Ok(bytes) => bytes,
        Err(error) => return answer::refuse(error.status(), &error.to_string()),
    };
    let answer = match serde_json::from_slice(&bytes) {
        Ok(request) => (rpc.handler)(request).await,
        Err(error) => {
            let error = json!({ "code": -32700, "message": format!("parse error: {error}") });
            json!({ "jsonrpc": "2.0", "id": null, "error": error })
        }
    };
    if answer.is_null() {
        return StatusCode::NO_CONTENT.into_response();
    }
    ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

impl fmt::Debug for JsonRpcServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JsonRpcServer")
    }
}
