//! The protocol's nouns: records, ids, amounts and time, exactly as the network writes them.
//!
//! ```text
//! bytes ──gojson──► record ──canonical──► JSON text ──dag-pb, SHA-256──► id (CIDv0)
//! ```
//!
//! Records decode as the existing nodes decode them (missing and `null` members are zero values, names match ignoring case,
//! unknown members are ignored; network.md §1.1) and encode as those nodes encode them: every member, in table order, with
//! HTML characters escaped (network.md §2.2). A list or map that was never set is `None` and is written `null`; the
//! difference from empty changes ids and is kept.
//!
//! Invariants: an id is computed, never believed; money is whole wei; nothing here reads a clock, a file or a socket.

mod amount;
mod canonical;
mod gojson;
mod ids;
mod machine;
mod mode;
mod offer;
mod parties;
mod pricing;
mod record;
mod result;
mod state;
mod text;
mod time;

mod deal;
mod event;

pub use alloy_primitives::{Address, B256, U256};

pub use self::{
    amount::{Amount, AmountError, WEI_PER_TOKEN},
    canonical::{cid_of_record, to_canonical_json},
    deal::{
        Deal, DealContainer, DealMembers, DealTransactions, JobCreatorTransactions, MediatorTransactions,
        ResourceProviderTransactions,
    },
    event::{EventType, SolverEvent},
    gojson::{DecodeError, FromGo, Node, from_json},
    ids::{DataId, DealId, IdError, JobOfferId, ResourceOfferId, ResultId},
    machine::{GpuSpec, InputFiles, MachineSpec, ModuleConfig},
    mode::{AuthMode, Settlement},
    offer::{JobOffer, JobOfferContainer, ResourceOffer, ResourceOfferContainer},
    parties::{Target, TrustedParties},
    pricing::{DealPricing, PricingMode},
    result::JobResult,
    state::{DealState, UnknownState},
    text::{one_line, plain_lines},
    time::Timestamp,
};
