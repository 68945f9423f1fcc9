//! What one transaction writes.

use crate::{
    store::StoreError,
    types::{DealContainer, DealId, DealState, JobOfferContainer, JobResult, ResourceOfferContainer, ResourceOfferId},
};

/// What a record must look like for a write to go ahead.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Expected {
    /// Whatever is there is replaced.
    #[default]
    Anything,
    /// Nothing is there yet.
    Absent,
    /// A record in this state.
    State(DealState),
    /// An offer in this state that belongs to this deal (a blank id for none); for a deal the id is its own.
    Exactly(DealState, DealId),
}

impl Expected {
    /// An offer that nobody has taken: negotiating, with no deal.
    pub fn unmatched() -> Self {
        Self::Exactly(DealState::DealNegotiating, DealId::default())
    }

    /// Compares with what is `found`: state and deal of the record, `None` when there is none.
    pub(super) fn check(
        &self,
        what: &'static str,
        id: &str,
        found: Option<(DealState, &DealId)>,
    ) -> Result<(), StoreError> {
        let holds = match self {
            Self::Anything => true,
            Self::Absent => found.is_none(),
            Self::State(state) => found.is_some_and(|(found, _)| found == *state),
            Self::Exactly(state, deal) => found.is_some_and(|found| found == (*state, deal)),
        };
        if holds {
            return Ok(());
        }
        let describe = |state: DealState, deal: &DealId| match deal.is_empty() || deal.as_str() == id {
            true => state.to_string(),
            false => format!("{state} with deal {deal}"),
        };
        Err(StoreError::Conflict {
            what,
            id: id.to_owned(),
            expected: match self {
                Self::Anything => "anything".to_owned(),
                Self::Absent => "nothing".to_owned(),
                Self::State(state) => state.to_string(),
                Self::Exactly(state, deal) if deal.is_empty() => format!("{state} without a deal"),
                Self::Exactly(state, deal) => describe(*state, deal),
            },
            found: found.map_or_else(|| "nothing".to_owned(), |(state, deal)| describe(state, deal)),
        })
    }
}

impl From<Option<DealState>> for Expected {
    fn from(state: Option<DealState>) -> Self {
        state.map_or(Self::Anything, Self::State)
    }
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Write {
    /// Stores a job offer by its id.
    PutJobOffer {
        /// The record.
        container: Box<JobOfferContainer>,
        /// Its envelope.
        envelope: Option<String>,
        /// What must be there before.
        expected: Expected,
    },
    /// Stores a resource offer by its id.
    PutResourceOffer {
        /// The record.
        container: Box<ResourceOfferContainer>,
        /// Its envelope.
        envelope: Option<String>,
        /// What must be there before.
        expected: Expected,
    },
    /// Forgets a resource offer; nothing happens when it is not there.
    RemoveResourceOffer {
        /// Its id.
        id: ResourceOfferId,
    },
    /// Stores a deal by its id.
    PutDeal {
        /// The record.
        container: Box<DealContainer>,
        /// What must be there before.
        expected: Expected,
    },
    /// Stores the result of a deal, replacing an earlier one.
    PutResult {
        /// The record.
        result: JobResult,
    },
    /// Appends an event to a stream, which begins with it.
    AppendEvent {
        /// Name of the stream.
        stream: String,
        /// Its number: that of the stream's last event plus one, from 0.
        seq: u64,
        /// The event, as text.
        event: String,
    },
    /// Adds an effect to be performed. One that is pending under the same key stays as it is.
    AddEffect {
        /// Name of the stream.
        stream: String,
        /// The effect's idempotency key.
        key: String,
        /// The effect, as text.
        effect: String,
    },
    /// Forgets a pending effect, because it was performed; nothing happens when it is not there.
    CompleteEffect {
        /// Name of the stream.
        stream: String,
        /// The effect's idempotency key.
        key: String,
    },
    /// Stores a value.
    PutValue {
        /// Its namespace.
        ns: String,
        /// Its key.
        key: String,
        /// The value, as text.
        value: String,
    },
    /// Forgets a value; nothing happens when it is not there.
    DeleteValue {
        /// Its namespace.
        ns: String,
        /// Its key.
        key: String,
    },
    /// Ends a stream: it takes no more events and effects, and what it holds stays readable.
    CloseStream {
        /// Name of the stream.
        stream: String,
    },
}

/// Changes that are written together or not at all, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "a batch does nothing until it is committed"]
pub struct Batch {
    /// The changes.
    pub writes: Vec<Write>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `write`.
    pub fn with(mut self, write: Write) -> Self {
        self.writes.push(write);
        self
    }
}

impl From<Vec<Write>> for Batch {
    fn from(writes: Vec<Write>) -> Self {
        Self { writes }
    }
}

impl FromIterator<Write> for Batch {
    fn from_iter<I: IntoIterator<Item = Write>>(writes: I) -> Self {
        Self { writes: writes.into_iter().collect() }
    }
}

impl Extend<Write> for Batch {
    fn extend<I: IntoIterator<Item = Write>>(&mut self, writes: I) {
        self.writes.extend(writes);
    }
}

/// The error of an event that is not its stream's next.
pub(super) fn wrong_seq(stream: String, seq: u64, next: u64) -> StoreError {
    StoreError::Conflict { what: "stream", id: stream, expected: count(seq), found: count(next) }
}

fn count(events: u64) -> String {
    format!("{events} {}", if events == 1 { "event" } else { "events" })
}
