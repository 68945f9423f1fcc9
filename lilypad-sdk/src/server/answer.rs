//! Answers as the existing network writes them (network.md §3.1).

use axum::{
    body::Body,
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::{api::ApiError, types::to_canonical_json};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// 200 with the record's text and a line feed.
pub(super) fn ok<T: Serialize + ?Sized>(value: &T) -> Response {
    let mut text = to_canonical_json(value);
    text.push('\n');
    ([(CONTENT_TYPE, TEXT)], text).into_response()
}

/// An error as plain text and a line feed; 405 has no body.
pub(super) fn refuse(status: u16, text: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A line break would end the text early for a reader of lines.
    let text = text.replace(['\n', '\r'], " ");
    let mut response = Response::new(Body::from(format!("{text}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, TEXT);
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal { what } | Self::Other { text: what, .. } = &self {
            tracing::warn!(target: "lilypad::server", error = %what, "request failed");
        }
        refuse(self.status(), &self.to_string())
    }
}
