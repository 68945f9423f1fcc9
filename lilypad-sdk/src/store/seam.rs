//! The trait every store implements, and its boxed twin.

use std::{fmt, pin::Pin, sync::Arc};

use crate::{
    store::{Batch, StoreError},
    types::{DealContainer, JobOfferContainer, JobResult, ResourceOfferContainer},
};

/// A future in a box, as [`DynStore`] returns it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An offer's container with the envelope that travels beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOffer<C> {
    /// The container.
    pub container: C,
    /// The text of `lilypad_envelope`, as it came; `None` for offers of existing nodes.
    pub envelope: Option<String>,
}

/// Everything a solver needs to start where it stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SolverRecords {
    /// Job offers, by `created_at`, then id.
    pub job_offers: Vec<StoredOffer<JobOfferContainer>>,
    /// Resource offers, by `created_at`, then id.
    pub resource_offers: Vec<StoredOffer<ResourceOfferContainer>>,
    /// Deals, by `created_at`, then id.
    pub deals: Vec<DealContainer>,
    /// Results, by id of their deal.
    pub results: Vec<JobResult>,
}

impl SolverRecords {
    /// Brings the lists into the order their docs promise.
    pub(super) fn sort(&mut self) {
        self.job_offers.sort_by(|a, b| {
            let key = |o: &StoredOffer<JobOfferContainer>| o.container.job_offer.created_at;
            key(a).cmp(&key(b)).then_with(|| a.container.id.cmp(&b.container.id))
        });
        self.resource_offers.sort_by(|a, b| {
            let key = |o: &StoredOffer<ResourceOfferContainer>| o.container.resource_offer.created_at;
            key(a).cmp(&key(b)).then_with(|| a.container.id.cmp(&b.container.id))
        });
        self.deals.sort_by(|a, b| a.created_at.cmp(&b.created_at).then_with(|| a.id.cmp(&b.id)));
        self.results.sort_by(|a, b| a.deal_id.cmp(&b.deal_id));
    }
}

/// One stream: its events, and the effects that are still to be performed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journal {
    /// The events, from sequence number 0.
    pub events: Vec<String>,
    /// Key and text of each effect not yet complete, in the order they were added.
    pub pending: Vec<(String, String)>,
    /// Whether the stream takes no more events.
    pub closed: bool,
}

/// A stream's name and size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// The name.
    pub name: String,
    /// How many events it has.
    pub events: u64,
    /// Whether it takes no more events.
    pub closed: bool,
}

/// A place that keeps records, journals and values.
///
/// Cancel safety: a dropped `commit` future leaves a batch that is written as a whole or not at all; reads change nothing.
pub trait Store: Send + Sync + 'static {
    /// Writes all of `batch`, durably, or nothing.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a record or stream is not as the batch expects it, [`StoreError::Closed`] for a
    /// closed stream; the others when the store could not write.
    fn commit(&self, batch: Batch) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// All offers, deals and results.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read or holds a record that this version cannot decode.
    fn solver_records(&self) -> impl Future<Output = Result<SolverRecords, StoreError>> + Send;

    /// The stream `stream`; an empty journal for a stream that was never written.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn journal(&self, stream: &str) -> impl Future<Output = Result<Journal, StoreError>> + Send;

    /// The streams whose names start with `prefix`, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn streams(&self, prefix: &str) -> impl Future<Output = Result<Vec<StreamInfo>, StoreError>> + Send;

    /// The value at `key` in the namespace `ns`.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn value(&self, ns: &str, key: &str) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;

    /// All keys and values of the namespace `ns`, by key.
    ///
    /// # Errors
    /// [`StoreError`] when the store cannot be read.
    fn values(&self, ns: &str) -> impl Future<Output = Result<Vec<(String, String)>, StoreError>> + Send;
}

/// [`Store`] with boxed futures, so that services can hold an `Arc<dyn DynStore>`.
///
/// Every [`Store`] is one, and an `Arc<dyn DynStore>` is a [`Store`] again. Implement [`Store`], not this.
pub trait DynStore: Send + Sync + 'static {
    /// See [`Store::commit`].
    fn dyn_commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>>;
    /// See [`Store::solver_records`].
    fn dyn_solver_records(&self) -> BoxFuture<'_, Result<SolverRecords, StoreError>>;
    /// See [`Store::journal`].
    fn dyn_journal<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Journal, StoreError>>;
    /// See [`Store::streams`].
    fn dyn_streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, StoreError>>;
    /// See [`Store::value`].
    fn dyn_value<'a>(&'a self, ns: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>>;
    /// See [`Store::values`].
    fn dyn_values<'a>(&'a self, ns: &'a str) -> BoxFuture<'a, Result<Vec<(String, String)>, StoreError>>;
}

impl<S: Store> DynStore for S {
    fn dyn_commit(&self, batch: Batch) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(self.commit(batch))
    }

    fn dyn_solver_records(&self) -> BoxFuture<'_, Result<SolverRecords, StoreError>> {
        Box::pin(self.solver_records())
    }

    fn dyn_journal<'a>(&'a self, stream: &'a str) -> BoxFuture<'a, Result<Journal, StoreError>> {
        Box::pin(self.journal(stream))
    }

    fn dyn_streams<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Vec<StreamInfo>, StoreError>> {
        Box::pin(self.streams(prefix))
    }

    fn dyn_value<'a>(&'a self, ns: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<String>, StoreError>> {
        Box::pin(self.value(ns, key))
    }

    fn dyn_values<'a>(&'a self, ns: &'a str) -> BoxFuture<'a, Result<Vec<(String, String)>, StoreError>> {
        Box::pin(self.values(ns))
    }
}

impl Store for Arc<dyn DynStore> {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.as_ref().dyn_commit(batch).await
    }

    async fn solver_records(&self) -> Result<SolverRecords, StoreError> {
        self.as_ref().dyn_solver_records().await
    }

    async fn journal(&self, stream: &str) -> Result<Journal, StoreError> {
        self.as_ref().dyn_journal(stream).await
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamInfo>, StoreError> {
        self.as_ref().dyn_streams(prefix).await
    }

    async fn value(&self, ns: &str, key: &str) -> Result<Option<String>, StoreError> {
        self.as_ref().dyn_value(ns, key).await
    }

    async fn values(&self, ns: &str) -> Result<Vec<(String, String)>, StoreError> {
        self.as_ref().dyn_values(ns).await
    }
}

impl fmt::Debug for dyn DynStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DynStore")
    }
}
