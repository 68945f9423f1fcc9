//! The shape of a role machine: events in, effects out, nothing else.

use serde::{Serialize, de::DeserializeOwned};

use crate::types::Timestamp;

/// An I/O-free state machine. Time is an argument; a timer, a transaction or a request is an effect that comes back as an
/// event.
///
/// Replaying the same events with the same times into a fresh machine gives the same state, so a driver may store events
/// and effects together, and after a crash perform again the effects that had not been completed. Every effect is
/// therefore safe to perform twice, or is made safe by whoever performs it (the key below names it for ever).
pub trait Machine: Send {
    /// What can happen.
    type Event: Serialize + DeserializeOwned + Clone + Send + Sync;
    /// What is to be done about it.
    type Effect: Serialize + DeserializeOwned + Clone + Send + Sync;

    /// Takes an event in; what comes out is to be performed, in order of the list where that matters.
    fn handle(&mut self, event: &Self::Event, now: Timestamp) -> Vec<Self::Effect>;

    /// Whether the event that caused `effect` must be on disk before the effect is performed. `false` where a machine that
    /// forgot the event would come to the same effect again by reading the chain or the solver anew.
    fn must_persist(effect: &Self::Effect) -> bool {
        let _ = effect;
        true
    }

    /// The idempotency key of an effect: equal for the same effect of the same machine, whenever it is emitted.
    fn effect_key(effect: &Self::Effect) -> String;
}
