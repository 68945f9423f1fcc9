//! Job offers and resource offers.

use std::path::Path as FilePath;

use axum::{
    body::Body,
    extract::{FromRequest as _, Multipart, Path, Request, multipart::Field},
    response::Response,
};
use tokio_util::io::ReaderStream;

use super::{in_form, record};
use crate::{
    api::{
        ApiError, ApiResult, Caller, JobOfferQuery, Refusal, ResourceOfferQuery, VERSION_HEADER, job_offer_visible,
        resource_offer_visible, routes,
    },
    server::{
        TempUpload, answer, checks, config,
        context::{self, Cx},
        upload,
    },
    types::{Address, JobOffer, JobOfferId, ResourceOffer, from_json},
};

pub(in crate::server) async fn job_offers(cx: Cx) -> ApiResult<Response> {
    let query = JobOfferQuery::parse(&cx.query)?;
    let caller = cx.reader()?;
    let mut offers = cx.app.backend.job_offers(caller, query).await?;
    offers.retain(|offer| !cx.hides(caller, offer, job_offer_visible));
    Ok(answer::ok(&offers))
}

pub(in crate::server) async fn job_offer(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    let caller = cx.reader()?;
    let offer = cx.app.backend.job_offer(JobOfferId::from_wire(id)).await?;
    match offer {
        Some(offer) if !cx.hides(caller, &offer, job_offer_visible) => Ok(answer::ok(&offer)),
        _ => Err(Refusal::JobOfferNotFound.into()),
    }
}

pub(in crate::server) async fn post_job_offer(cx: Cx, body: Body) -> ApiResult<Response> {
    let offer: JobOffer = record(&cx, body).await?;
    cx.app.backend.check_capacity().await?;
    let (caller, signer) = cx.signer()?;
    check(&cx, &offer, signer)?;
    Ok(answer::ok(&cx.app.backend.post_job_offer(caller, offer, None).await?))
}

fn check(cx: &Cx, offer: &JobOffer, signer: Address) -> ApiResult<()> {
    checks::check_job_creator(offer, signer)?;
    checks::check_version(cx.header(VERSION_HEADER), cx.app.config.minimum_version.as_deref())?;
    checks::check_job_offer(offer, context::now(), cx.app.config.offer_age)
}

pub(in crate::server) async fn cancel_job_offer(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    let (caller, signer) = cx.signer()?;
    let id = JobOfferId::from_wire(id);
    let offer = cx.app.backend.job_offer(id.clone()).await?.ok_or(Refusal::JobOfferNotFound)?;
    if cx.hides(caller, &offer, job_offer_visible) {
        return Err(Refusal::JobOfferNotFound.into());
    }
    checks::check_job_creator(&offer.job_offer, signer)?;
    Ok(answer::ok(&cx.app.backend.cancel_job_offer(caller, id).await?))
}

pub(in crate::server) async fn resource_offers(cx: Cx) -> ApiResult<Response> {
    let caller = cx.reader()?;
    let mut offers = cx.app.backend.resource_offers(caller, ResourceOfferQuery::parse(&cx.query)).await?;
    offers.retain(|offer| !cx.hides(caller, offer, resource_offer_visible));
    Ok(answer::ok(&offers))
}

pub(in crate::server) async fn post_resource_offer(cx: Cx, body: Body) -> ApiResult<Response> {
    let offer: ResourceOffer = record(&cx, body).await?;
    let (caller, signer) = cx.signer()?;
    checks::check_resource_provider(&offer, signer)?;
    checks::check_version(cx.header(VERSION_HEADER), cx.app.config.minimum_version.as_deref())?;
    checks::check_resource_offer(&offer, context::now(), cx.app.config.offer_age)?;
    // `None` is written `null`: the soft refusal.
    Ok(answer::ok(&cx.app.backend.post_resource_offer(caller, offer).await?))
}

pub(in crate::server) async fn post_job_offer_with_files(cx: Cx, request: Request) -> Response {
    match offer_with_files(&cx, request).await {
        Ok(response) => response,
        Err(error) => in_form(&error),
    }
}

async fn offer_with_files(cx: &Cx, request: Request) -> ApiResult<Response> {
    let (caller, signer) = match admit(cx).await {
        Ok(admitted) => admitted,
        Err(error) => {
            upload::discard(request.into_body().into_data_stream()).await;
            return Err(error);
        }
    };
    let (offer, inputs) = read_form(cx, request).await?;
    let offer = offer.ok_or(Refusal::FormWithoutOffer)?;
    let offer: JobOffer = from_json(&offer).map_err(|_| Refusal::FormWithBadOffer)?;
    check(cx, &offer, signer)?;
    let inputs = inputs.ok_or(Refusal::FormWithoutInputs)?;
    store(cx, caller, offer, inputs).await
}

async fn admit(cx: &Cx) -> ApiResult<(Caller, Address)> {
    cx.app.backend.check_capacity().await?;
    Ok(cx.signer()?)
}

async fn store(cx: &Cx, caller: Caller, offer: JobOffer, inputs: TempUpload) -> ApiResult<Response> {
    let container = cx.app.backend.post_job_offer(caller, offer, Some(inputs)).await?;
    Ok(answer::ok(&container))
}

/// Takes a form apart. The whole body goes through a file first, so that nothing of it is used before its hash is right.
async fn read_form(cx: &Cx, request: Request) -> ApiResult<(Option<Vec<u8>>, Option<TempUpload>)> {
    let spool = &cx.app.config.spool;
    let (parts, body) = request.into_parts();
    let limit = cx.app.config.max_inputs_bytes;
    let form = upload::receive(body, &spool.join("form"), limit, cx.body_hash(), false)
        .await
        .map_err(|error| if matches!(error, ApiError::TooLarge { .. }) { Refusal::BadForm.into() } else { error })?;
    let file = tokio::fs::File::open(form.path()).await.map_err(ApiError::internal)?;
    let request = Request::from_parts(parts, Body::from_stream(ReaderStream::new(file)));
    let mut fields = Multipart::from_request(request, &()).await.map_err(|_| Refusal::BadForm)?;
    let (mut offer, mut inputs) = (None, None);
    while let Some(field) = fields.next_field().await.map_err(|_| Refusal::BadForm)? {
        // Only parts with a file name are files.
        match (field.name(), field.file_name().is_some()) {
            (Some(routes::PART_JOB_OFFER), true) if offer.is_none() => offer = Some(read_part(field).await?),
            (Some(routes::PART_INPUTS), true) if inputs.is_none() => inputs = Some(spool_part(field, spool).await?),
            _ => {}
        }
    }
    Ok((offer, inputs))
}

async fn read_part(mut field: Field<'_>) -> ApiResult<Vec<u8>> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|_| Refusal::BadForm)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() as u64 > config::MAX_JSON_BYTES {
            return Err(Refusal::BadForm.into());
        }
    }
    Ok(bytes)
}

async fn spool_part(mut field: Field<'_>, spool: &FilePath) -> ApiResult<TempUpload> {
    let mut file = upload::Spool::create(&spool.join(routes::PART_INPUTS)).await?;
    while let Some(chunk) = field.chunk().await.map_err(|_| Refusal::BadForm)? {
        file.write(&chunk).await?;
    }
    file.finish(false).await
}
