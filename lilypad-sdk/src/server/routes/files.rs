//! Archives up and down, streamed between socket and disk.

use std::path::{Path as FilePath, PathBuf};

use axum::{
    body::{Body, Bytes},
    extract::Path,
    http::{
        HeaderValue,
        header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
};
use futures_util::StreamExt as _;
use tokio_util::io::ReaderStream;

use super::deals::signed;
use crate::{
    api::{ApiError, ApiResult, AuthError, Party, Refusal, deal_parties},
    server::{answer, checks, context::Cx, upload},
    types::{DataId, DealId, JobResult},
};

/// Bytes read from an archive at once.
const CHUNK_BYTES: usize = 64 << 10;

/// Takes the provider's result archive. Shape: the raw tar as body; whatever name the client gives it is ignored.
pub(in crate::server) async fn upload(cx: Cx, Path(id): Path<String>, body: Body) -> ApiResult<Response> {
    let id = DealId::from_wire(id);
    let target = match admit(&cx, &id).await {
        Ok(target) => target,
        Err(error) => {
            upload::discard(body.into_data_stream()).await;
            return Err(error);
        }
    };
    let config = &cx.app.config;
    let archive = upload::receive(body, &target, config.max_result_bytes, cx.body_hash(), config.sync_uploads).await?;
    archive.persist(&target).map_err(|e| ApiError::internal(format!("cannot keep the archive: {e}")))?;
    cx.app.backend.finish_upload(id.clone()).await?;
    Ok(answer::ok(&JobResult { data_id: DataId::from_wire(id.to_string()), ..JobResult::default() }))
}

/// Whether the caller may upload the deal's result, and where to.
async fn admit(cx: &Cx, id: &DealId) -> ApiResult<PathBuf> {
    // The existing solver answers 500 with the signature's text here.
    let unsigned = |error: AuthError| if cx.is_bound_only() { error.into() } else { ApiError::internal(error) };
    let (deal, signer) = signed(cx, id.clone(), true, unsigned).await?;
    checks::check_deal_provider(&deal, signer)?;
    cx.app.backend.begin_upload(id.clone()).await
}

/// Sends the result archive to the creator, or to the drawn mediator or the solver, for whom nothing is recorded.
pub(in crate::server) async fn result_file(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), false, |e| in_file(&cx, e, Refusal::FileNotAuthorized)).await?;
    let parties = deal_parties(&deal, signer);
    let order = [Party::JobCreator, Party::Mediator, Party::Solver];
    let reader = order.into_iter().find(|party| parties.contains(party)).ok_or(Refusal::FilesOfOthers)?;
    let path = cx.app.backend.result_file(id.clone(), reader).await?;
    let app = cx.app.clone();
    send(&path, move || {
        if reader == Party::JobCreator {
            app.tasks.clone().spawn(async move {
                if let Err(error) = app.backend.result_sent(id.clone()).await {
                    tracing::warn!(target: "lilypad::server", deal = %id, %error, "cannot record the download");
                }
            });
        }
    })
    .await
}

/// Sends the input archive to the provider or the drawn mediator.
pub(in crate::server) async fn input_file(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), false, |e| in_file(&cx, e, Refusal::FileUnauthorized)).await?;
    let parties = deal_parties(&deal, signer);
    let order = [Party::ResourceProvider, Party::Mediator];
    let reader = order.into_iter().find(|party| parties.contains(party)).ok_or(Refusal::InputsOfOthers)?;
    send(&cx.app.backend.input_file(id, reader).await?, || ()).await
}

/// A bad signature as the wire's file routes tell it; with bound requests as everywhere.
fn in_file(cx: &Cx, error: AuthError, refusal: Refusal) -> ApiError {
    if cx.is_bound_only() { error.into() } else { refusal.into() }
}

/// Sends a file. `sent` is called when its last byte has been handed over.
async fn send(path: &FilePath, sent: impl FnOnce() + Send + 'static) -> ApiResult<Response> {
    let file = tokio::fs::File::open(path).await.map_err(|_| Refusal::NoFiles)?;
    let meta = file.metadata().await.map_err(ApiError::internal)?;
    // A client takes an empty body for an empty archive, so it is never sent.
    if !meta.is_file() || meta.len() == 0 {
        return Err(Refusal::NoFiles.into());
    }
    let (mut left, mut sent) = (meta.len(), Some(sent));
    let chunks = ReaderStream::with_capacity(file, CHUNK_BYTES).map(move |chunk| {
        let mut chunk: Bytes = chunk?;
        chunk.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left -= chunk.len() as u64;
        if left == 0
            && let Some(sent) = sent.take()
        {
            sent();
        }
        Ok::<_, std::io::Error>(chunk)
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "._-".contains(*c)).collect();
    let mut response = Body::from_stream(chunks).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(meta.len()));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename={name}")) {
        headers.insert(CONTENT_DISPOSITION, value);
    }
    Ok(response)
}
