//! Paths of the solver's API, with `{id}` where a record's id stands. Source: network.md §3.5.

/// Prefix of all routes but [`HEALTHZ`].
pub const BASE: &str = "/api/v1";
/// Whether the process answers: `ok`. Ours.
pub const HEALTHZ: &str = "/healthz";
/// What the solver is: [`super::SolverInfo`]. Ours; a solver without it settles off chain with legacy signatures.
pub const INFO: &str = "/api/v1/info";
/// Job offers: list, post.
pub const JOB_OFFERS: &str = "/api/v1/job_offers";
/// A job offer with its input files, as a form.
pub const JOB_OFFERS_WITH_FILES: &str = "/api/v1/job_offers/with_files";
/// One job offer.
pub const JOB_OFFER: &str = "/api/v1/job_offers/{id}";
/// Cancels an offer that has no agreed deal. Ours.
pub const JOB_OFFER_CANCEL: &str = "/api/v1/job_offers/{id}/cancel";
/// Resource offers: list, post.
pub const RESOURCE_OFFERS: &str = "/api/v1/resource_offers";
/// Deals: list.
pub const DEALS: &str = "/api/v1/deals";
/// One deal.
pub const DEAL: &str = "/api/v1/deals/{id}";
/// A deal's result record: read, post.
pub const DEAL_RESULT: &str = "/api/v1/deals/{id}/result";
/// A deal's result archive: read, post.
pub const DEAL_FILES: &str = "/api/v1/deals/{id}/files";
/// The input archive of a deal's job.
pub const DEAL_INPUT_FILES: &str = "/api/v1/deals/{id}/input_files";
/// The provider's transactions of a deal.
pub const DEAL_TXS_RESOURCE_PROVIDER: &str = "/api/v1/deals/{id}/txs/resource_provider";
/// The creator's transactions of a deal.
pub const DEAL_TXS_JOB_CREATOR: &str = "/api/v1/deals/{id}/txs/job_creator";
/// The mediator's transactions of a deal.
pub const DEAL_TXS_MEDIATOR: &str = "/api/v1/deals/{id}/txs/mediator";
/// The event stream.
pub const WS: &str = "/api/v1/ws";

/// Name of the form part that holds a job offer's JSON.
pub const PART_JOB_OFFER: &str = "job_offer.json";
/// Name of the form part that holds the input archive.
pub const PART_INPUTS: &str = "inputs.tar";

/// `route` with `id` in its place.
pub fn with_id(route: &str, id: &str) -> String {
    route.replace("{id}", id)
}
