//! Events of the solver's socket.

use std::fmt;

use super::{DealContainer, JobOfferContainer, ResourceOfferContainer, record::record};

/// What happened. Source: network.md §4.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[expect(missing_docs, reason = "the names are the wire's and say what happened")]
pub enum EventType {
    JobOfferAdded,
    ResourceOfferAdded,
    ResourceOfferRemoved,
    DealAdded,
    JobOfferStateUpdated,
    ResourceOfferStateUpdated,
    DealStateUpdated,
    DealMediatorUpdated,
    ResourceProviderTransactionsUpdated,
    JobCreatorTransactionsUpdated,
    MediatorTransactionsUpdated,
}

impl EventType {
    const ALL: [Self; 11] = [
        Self::JobOfferAdded,
        Self::ResourceOfferAdded,
        Self::ResourceOfferRemoved,
        Self::DealAdded,
        Self::JobOfferStateUpdated,
        Self::ResourceOfferStateUpdated,
        Self::DealStateUpdated,
        Self::DealMediatorUpdated,
        Self::ResourceProviderTransactionsUpdated,
        Self::JobCreatorTransactionsUpdated,
        Self::MediatorTransactionsUpdated,
    ];

    /// The event a wire name means; `None` for one that is not known here.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.to_string() == name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

record! {
    /// One event of the solver's socket: its type and the one record it concerns. Source: network.md §4.3.
    pub SolverEvent {
        /// Wire name of the event; see [`EventType`].
        "event_type" event_type: String,
        /// The job offer of job offer events.
        "job_offer" job_offer: Option<Box<JobOfferContainer>>,
        /// The resource offer of resource offer events.
        "resource_offer" resource_offer: Option<Box<ResourceOfferContainer>>,
        /// The deal of all others.
        "deal" deal: Option<Box<DealContainer>>,
    }
}

impl SolverEvent {
    /// An event about a job offer.
    pub fn job_offer(event: EventType, offer: JobOfferContainer) -> Self {
        Self { event_type: event.to_string(), job_offer: Some(Box::new(offer)), ..Self::default() }
    }

    /// An event about a resource offer.
    pub fn resource_offer(event: EventType, offer: ResourceOfferContainer) -> Self {
        Self { event_type: event.to_string(), resource_offer: Some(Box::new(offer)), ..Self::default() }
    }

    /// The event that some resource offers are gone; it carries no record.
    pub fn resource_offer_removed() -> Self {
        Self { event_type: EventType::ResourceOfferRemoved.to_string(), ..Self::default() }
    }

    /// An event about a deal.
    pub fn deal(event: EventType, deal: DealContainer) -> Self {
        Self { event_type: event.to_string(), deal: Some(Box::new(deal)), ..Self::default() }
    }

    /// The event's type; `None` for one that is not known here.
    pub fn kind(&self) -> Option<EventType> {
        EventType::from_name(&self.event_type)
    }
}
