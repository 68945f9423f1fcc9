//! The routes of network.md §3.5, and ours beside them.

mod deals;
mod files;
mod offers;

use std::sync::Arc;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    middleware::{from_fn_with_state, map_response},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::StreamExt as _;

use super::{
    answer, config,
    context::{self, App, Cx},
    socket, upload,
};
use crate::{
    api::{ApiError, ApiResult, Refusal, routes},
    types::{FromGo, from_json},
};

pub(super) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route(routes::INFO, get(info))
        .route(routes::JOB_OFFERS, get(offers::job_offers).post(offers::post_job_offer))
        .route(routes::JOB_OFFERS_WITH_FILES, post(offers::post_job_offer_with_files))
        .route(routes::JOB_OFFER, get(offers::job_offer))
        .route(routes::JOB_OFFER_CANCEL, post(offers::cancel_job_offer))
        .route(routes::RESOURCE_OFFERS, get(offers::resource_offers).post(offers::post_resource_offer))
        .route(routes::DEALS, get(deals::deals))
        .route(routes::DEAL, get(deals::deal))
        .route(routes::DEAL_RESULT, get(deals::result).post(deals::post_result))
        .route(routes::DEAL_TXS_RESOURCE_PROVIDER, post(deals::post_provider_transactions))
        .route(routes::DEAL_TXS_JOB_CREATOR, post(deals::post_creator_transactions))
        .route(routes::DEAL_TXS_MEDIATOR, post(deals::post_mediator_transactions))
        .route(routes::DEAL_FILES, get(files::result_file).post(files::upload))
        .route(routes::DEAL_INPUT_FILES, get(files::input_file))
        .route(routes::WS, get(socket::open))
        .route_layer(from_fn_with_state(Arc::clone(&app), context::gate))
        .route(routes::HEALTHZ, get(health))
        .fallback(|| async { ApiError::from(Refusal::NoSuchPath) })
        .layer(from_fn_with_state(Arc::clone(&app), context::local_only))
        // Handlers count their bodies themselves.
        .layer(DefaultBodyLimit::disable())
        .layer(map_response(no_empty_hint))
        .with_state(app)
}

/// The wire's 405 has neither a body nor a list of methods.
async fn no_empty_hint(mut response: Response) -> Response {
    response.headers_mut().remove(axum::http::header::ALLOW);
    response
}

async fn health(State(app): State<Arc<App>>) -> Response {
    match app.backend.health() {
        Ok(()) => "ok\n".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

async fn info(cx: Cx) -> Response {
    answer::ok(&cx.app.backend.info())
}

/// Reads a JSON body, checks it against its signed hash and decodes its first value.
async fn record<T: FromGo + Default>(cx: &Cx, body: Body) -> ApiResult<T> {
    let bytes = read(body, config::MAX_JSON_BYTES).await?;
    cx.check_body(&bytes)?;
    from_json(&bytes).map_err(|_| Refusal::BadBody.into())
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(body: Body, limit: u64) -> ApiResult<Bytes> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let next = tokio::time::timeout(config::BODY_IDLE_TIMEOUT, stream.next()).await;
        match next.map_err(|_| Refusal::BadBody)? {
            None => return Ok(bytes.into()),
            Some(Err(_)) => return Err(Refusal::BadBody.into()),
            Some(Ok(chunk)) => {
                if bytes.len() as u64 + chunk.len() as u64 > limit {
                    upload::discard(stream).await;
                    return Err(ApiError::TooLarge { limit });
                }
                bytes.extend_from_slice(&chunk);
            }
        }
    }
}

/// An error with the form route's own status and text.
fn in_form(error: &ApiError) -> Response {
    let (status, text) = error.in_form();
    answer::refuse(status, &text).into_response()
}
