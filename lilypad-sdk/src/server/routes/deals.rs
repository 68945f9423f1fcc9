//! Deals, their results and transactions.

use axum::{body::Body, extract::Path, response::Response};

use super::record;
use crate::{
    api::{ApiError, ApiResult, AuthError, Caller, DealQuery, Refusal, deal_visible},
    server::{
        answer,
        checks::{self, check_not_timed_out},
        context::Cx,
    },
    types::{
        Address, DealContainer, DealId, JobCreatorTransactions, JobResult, MediatorTransactions,
        ResourceProviderTransactions,
    },
};

pub(in crate::server) async fn deals(cx: Cx) -> ApiResult<Response> {
    let query = DealQuery::parse(&cx.query)?;
    let caller = cx.reader()?;
    let mut deals = cx.app.backend.deals(caller, query).await?;
    deals.retain(|deal| !cx.hides(caller, deal, deal_visible));
    Ok(answer::ok(&deals))
}

pub(in crate::server) async fn deal(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    Ok(answer::ok(&visible(&cx, cx.reader()?, DealId::from_wire(id)).await?))
}

pub(in crate::server) async fn result(cx: Cx, Path(id): Path<String>) -> ApiResult<Response> {
    let (caller, id) = (cx.reader()?, DealId::from_wire(id));
    if cx.is_bound_only() {
        visible(&cx, caller, id.clone()).await?;
    }
    Ok(answer::ok(&cx.app.backend.result(id).await?.ok_or(Refusal::ResultNotFound)?))
}

/// The deal, unless it is unknown or to be kept from the caller; both look alike.
async fn visible(cx: &Cx, caller: Caller, id: DealId) -> ApiResult<DealContainer> {
    let deal = cx.app.backend.deal(id).await?.ok_or(Refusal::DealNotFound)?;
    if cx.hides(caller, &deal, deal_visible) {
        return Err(Refusal::DealNotFound.into());
    }
    Ok(deal)
}

/// The deal of a request that changes it or reads its files, and who signed it. `must_run` refuses deals out of time.
/// The existing solver looks for the deal before the signature; with bound requests nobody learns of a deal unsigned.
pub(super) async fn signed(
    cx: &Cx,
    id: DealId,
    must_run: bool,
    unsigned: impl Fn(AuthError) -> ApiError,
) -> ApiResult<(DealContainer, Address)> {
    let caller = if cx.is_bound_only() { cx.signer()?.0 } else { Caller::ANONYMOUS };
    let deal = visible(cx, caller, id).await?;
    if must_run {
        check_not_timed_out(&deal)?;
    }
    let (_, signer) = cx.signer().map_err(unsigned)?;
    Ok((deal, signer))
}

pub(in crate::server) async fn post_result(cx: Cx, Path(id): Path<String>, body: Body) -> ApiResult<Response> {
    let mut result: JobResult = record(&cx, body).await?;
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), true, ApiError::from).await?;
    checks::check_deal_provider(&deal, signer)?;
    if result.data_id.is_empty() && result.error.is_empty() {
        return Err(Refusal::ResultWithoutDataId.into());
    }
    result.deal_id = id.clone();
    Ok(answer::ok(&cx.app.backend.post_result(id, result).await?))
}

pub(in crate::server) async fn post_provider_transactions(
    cx: Cx,
    Path(id): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let transactions: ResourceProviderTransactions = record(&cx, body).await?;
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), false, ApiError::from).await?;
    checks::check_deal_provider(&deal, signer)?;
    Ok(answer::ok(&cx.app.backend.post_provider_transactions(id, transactions).await?))
}

pub(in crate::server) async fn post_creator_transactions(
    cx: Cx,
    Path(id): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let transactions: JobCreatorTransactions = record(&cx, body).await?;
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), false, ApiError::from).await?;
    checks::check_deal_creator(&deal, signer)?;
    Ok(answer::ok(&cx.app.backend.post_creator_transactions(id, transactions).await?))
}

pub(in crate::server) async fn post_mediator_transactions(
    cx: Cx,
    Path(id): Path<String>,
    body: Body,
) -> ApiResult<Response> {
    let transactions: MediatorTransactions = record(&cx, body).await?;
    let id = DealId::from_wire(id);
    let (deal, signer) = signed(&cx, id.clone(), false, ApiError::from).await?;
    checks::check_deal_mediator(&deal, signer)?;
    Ok(answer::ok(&cx.app.backend.post_mediator_transactions(id, transactions).await?))
}
