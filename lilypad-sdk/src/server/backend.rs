//! What a solver implements to be served.

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc};

use tokio::sync::broadcast;

use super::TempUpload;
use crate::{
    api::{ApiResult, Caller, DealQuery, JobOfferQuery, Party, ResourceOfferQuery, SolverInfo},
    types::{
        Address, DealContainer, DealId, JobCreatorTransactions, JobOffer, JobOfferContainer, JobOfferId, JobResult,
        MediatorTransactions, ResourceOffer, ResourceOfferContainer, ResourceProviderTransactions, SolverEvent,
    },
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

macro_rules! backend {
    ($( $(#[$meta:meta])* fn $name:ident($($arg:ident: $ty:ty),*) -> $out:ty; )*) => {
        /// A solver behind the server. Implementers write `async fn`.
        ///
        /// Methods are called concurrently and may be dropped at any await when a client goes away, so what must not be
        /// torn belongs into one transaction or a task. A method never waits for another request. A repeated post of the
        /// same record is answered like the first: clients repeat what they got no answer to.
        pub trait Backend: Send + Sync + 'static {
            /// What the solver announces. `settlement` and `auth` decide how the server checks requests; it reads them
            /// once, at start.
            fn info(&self) -> SolverInfo;

            /// A new receiver of the solver's events. When the server falls behind it, all sockets are closed and the
            /// nodes poll.
            fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>>;

            /// Whether the solver can do its work. Asked by `GET /healthz`.
            ///
            /// # Errors
            /// Why it can't, in words that strangers may read.
            fn health(&self) -> Result<(), String> {
                Ok(())
            }

            $( $(#[$meta])* fn $name(&self, $($arg: $ty),*) -> impl Future<Output = ApiResult<$out>> + Send; )*
        }

        /// [`Backend`] for `dyn`, implemented for every backend.
        #[expect(missing_docs, reason = "the methods are Backend's")]
        pub trait DynBackend: Send + Sync + 'static {
            fn info(&self) -> SolverInfo;
            fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>>;
            /// See [`Backend::health`].
            ///
            /// # Errors
            /// As [`Backend::health`].
            fn health(&self) -> Result<(), String>;
            $( fn $name(&self, $($arg: $ty),*) -> Boxed<'_, ApiResult<$out>>; )*
        }

        impl<B: Backend> DynBackend for B {
            fn info(&self) -> SolverInfo {
                Backend::info(self)
            }

            fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>> {
                Backend::subscribe(self)
            }

            fn health(&self) -> Result<(), String> {
                Backend::health(self)
            }

            $( fn $name(&self, $($arg: $ty),*) -> Boxed<'_, ApiResult<$out>> {
                Box::pin(Backend::$name(self, $($arg),*))
            } )*
        }
    };
}

backend! {
    /// Whether another job offer is taken: [`crate::api::Refusal::NetworkBusy`] when not. Asked before anything else.
    fn check_capacity() -> ();

    /// The job offers that a query asks for. In `bound` mode the server drops those the caller may not see; narrowing
    /// here saves work and decides nothing.
    fn job_offers(caller: Caller, query: JobOfferQuery) -> Vec<JobOfferContainer>;

    /// One job offer; `None` when it is unknown.
    fn job_offer(id: JobOfferId) -> Option<JobOfferContainer>;

    /// Stores a job offer, with its input archive if it came with one, and gives its container. Its id is computed here;
    /// the event is sent here.
    fn post_job_offer(caller: Caller, offer: JobOffer, inputs: Option<TempUpload>) -> JobOfferContainer;

    /// Cancels the caller's offer unless both parties agreed to its deal ([`crate::api::Refusal::OfferAgreed`]). An offer
    /// that is over already is given as it is.
    fn cancel_job_offer(caller: Caller, id: JobOfferId) -> JobOfferContainer;

    /// The resource offers that a query asks for; see [`Self::job_offers`].
    fn resource_offers(caller: Caller, query: ResourceOfferQuery) -> Vec<ResourceOfferContainer>;

    /// Stores a resource offer. `None` is the soft refusal (200 `null`): too little balance, or an open offer that
    /// stays. The allow list is checked here.
    fn post_resource_offer(caller: Caller, offer: ResourceOffer) -> Option<ResourceOfferContainer>;

    /// The deals that a query asks for; see [`Self::job_offers`].
    fn deals(caller: Caller, query: DealQuery) -> Vec<DealContainer>;

    /// One deal; `None` when it is unknown.
    fn deal(id: DealId) -> Option<DealContainer>;

    /// The result record of a deal; `None` when it has none yet.
    fn result(id: DealId) -> Option<JobResult>;

    /// Stores the provider's result; `result.deal_id` is the deal's.
    fn post_result(id: DealId, result: JobResult) -> JobResult;

    /// Merges the filled members of the provider's transactions.
    fn post_provider_transactions(id: DealId, transactions: ResourceProviderTransactions) -> DealContainer;

    /// Merges the filled members of the creator's transactions; off chain a filled `accept_result` accepts the result.
    fn post_creator_transactions(id: DealId, transactions: JobCreatorTransactions) -> DealContainer;

    /// Merges the filled members of the mediator's transactions.
    fn post_mediator_transactions(id: DealId, transactions: MediatorTransactions) -> DealContainer;

    /// The provider begins to upload its result. Gives the path at which the archive will appear; the server makes
    /// missing folders and replaces an older file there.
    fn begin_upload(id: DealId) -> PathBuf;

    /// The archive stands complete at the path that [`Self::begin_upload`] gave.
    fn finish_upload(id: DealId) -> ();

    /// The result archive. `reader` is the creator, whose download the wire shows as a state, or the drawn mediator or
    /// the solver, whose reading moves nothing.
    fn result_file(id: DealId, reader: Party) -> PathBuf;

    /// The creator has the last byte of the result archive.
    fn result_sent(id: DealId) -> ();

    /// The input archive of the deal's job, for the provider or the drawn mediator.
    fn input_file(id: DealId, reader: Party) -> PathBuf;

    /// A provider's first socket is open.
    fn provider_connected(address: Address) -> ();

    /// A provider's last socket is closed and none came within the grace period: its open offers go.
    fn provider_disconnected(address: Address) -> ();
}
