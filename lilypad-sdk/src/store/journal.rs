//! A machine whose every step is on disk before it has consequences.

use std::{collections::BTreeSet, error::Error, fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    deal::Machine,
    store::{Batch, DynStore, JournalError, StoreError, Write},
    types::Timestamp,
};

/// An event with the moment at which it was handled.
///
/// Shape in the store: `{"at":<ms>,"event":…}`.
#[derive(Serialize, Deserialize)]
struct Stamped<E> {
    at: Timestamp,
    event: E,
}

/// Most steps that wait for one that must be on disk.
const MAX_HELD: u64 = 64;

/// A [`Machine`] with its journal: a write-ahead log of its events and of the effects not yet performed.
///
/// ```text
/// apply(event) ─► machine.handle ─► commit {held steps, event, effects, completions} ─► effects to perform
///                            └─► held, when no effect must be on disk first ─► effects to perform
///                                                  perform ─► complete(key) ─┘ with the next commit
/// ```
///
/// A step with an effect that [`Machine::must_persist`] costs one commit, every other none: it is held and travels with the
/// next commit. After a crash the machine has forgotten what was held, and comes to it again by reading the world.
/// An effect that must be on disk is performed after its record is durable, and forgotten in the store after it is
/// complete; a crash between the two performs it again, with the same key.
pub struct Journaled<M: Machine> {
    store: Arc<dyn DynStore>,
    stream: String,
    machine: M,
    /// Number of the next event.
    next: u64,
    /// Keys of all effects this stream ever named.
    seen: BTreeSet<String>,
    /// Steps and completions that the store does not know yet.
    held: Vec<Write>,
    /// Number of the first event in `held`, that of the next one when none is.
    stored: u64,
    pending: BTreeSet<String>,
    closed: bool,
    interrupted: bool,
}

impl<M: Machine + Clone> Journaled<M> {
    /// Brings `machine`, in its first state, to where `stream` stopped: replays the stored events at their recorded times.
    ///
    /// Returns the effects that were not complete, in the order they arose; the caller performs them again.
    ///
    /// # Errors
    /// [`JournalError::Store`] when the store cannot be read, [`JournalError::Codec`] when it holds an event or effect
    /// that this version of the machine does not know.
    pub async fn open(
        store: Arc<dyn DynStore>,
        stream: impl Into<String>,
        mut machine: M,
    ) -> Result<(Self, Vec<M::Effect>), JournalError> {
        let stream = stream.into();
        let failed = |source| JournalError::Store { stream: stream.clone(), source };
        let journal = store.dyn_journal(&stream).await.map_err(failed)?;
        let mut seen = BTreeSet::new();
        let mut next = 0;
        for text in &journal.events {
            let Stamped { at, event } = decode(&stream, || format!("event {next}"), text)?;
            seen.extend(machine.handle(&event, at).iter().map(M::effect_key));
            next += 1;
        }
        let mut effects = Vec::with_capacity(journal.pending.len());
        let mut pending = BTreeSet::new();
        for (key, text) in journal.pending {
            effects.push(decode(&stream, || format!("effect {key}"), &text)?);
            seen.insert(key.clone());
            pending.insert(key);
        }
        let closed = journal.closed;
        let held = Vec::new();
        let journaled =
            Self { store, stream, machine, next, seen, held, stored: next, pending, closed, interrupted: false };
        Ok((journaled, effects))
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// Name of the stream.
    pub fn stream(&self) -> &str {
        &self.stream
    }

    /// How many events the stream has.
    pub fn events(&self) -> u64 {
        self.next
    }

    /// Keys of the effects that are not complete.
    pub fn pending(&self) -> impl Iterator<Item = &str> {
        self.pending.iter().map(String::as_str)
    }

    /// Whether the stream takes no more events.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Lets the machine handle `event`; returns the new effects, which the caller performs. What must be on disk before
    /// that is when this returns.
    ///
    /// Effects whose key the stream has seen before are dropped. On an error the machine is as it was before.
    ///
    /// Cancel safety: none. After a dropped call the step may be stored or not, and every later call is
    /// [`JournalError::Interrupted`] until the journal is opened again.
    ///
    /// # Errors
    /// [`JournalError`]; one with `is_conflict` means that another process writes to this stream.
    pub async fn apply(&mut self, event: M::Event, now: Timestamp) -> Result<Vec<M::Effect>, JournalError> {
        self.apply_with(event, now, |_, _| Vec::new()).await
    }

    /// [`Self::apply`] that also writes what `also` derives from the machine's next state and its new effects, in the same
    /// transaction: records move together with the event that moves them, or neither does. A step with such writes is
    /// never held.
    ///
    /// # Errors
    /// As [`Self::apply`]; a conflict may also come from one of the additional writes.
    pub async fn apply_with(
        &mut self,
        event: M::Event,
        now: Timestamp,
        also: impl FnOnce(&M, &[M::Effect]) -> Vec<Write>,
    ) -> Result<Vec<M::Effect>, JournalError> {
        let mut machine = self.machine.clone();
        let mut fresh = BTreeSet::new();
        let mut effects = machine.handle(&event, now);
        effects.retain(|effect| {
            let key = M::effect_key(effect);
            !self.seen.contains(&key) && fresh.insert(key)
        });

        let event = encode(&self.stream, || format!("event {}", self.next), &Stamped { at: now, event })?;
        let mut step = vec![Write::AppendEvent { stream: self.stream.clone(), seq: self.next, event }];
        for effect in &effects {
            let key = M::effect_key(effect);
            let effect = encode(&self.stream, || format!("effect {key}"), effect)?;
            step.push(Write::AddEffect { stream: self.stream.clone(), key, effect });
        }
        let also = also(&machine, &effects);
        let may_wait = also.is_empty()
            && !self.closed
            && !self.interrupted
            && self.next - self.stored < MAX_HELD
            && !effects.iter().any(M::must_persist);
        if may_wait {
            self.held.append(&mut step);
        } else {
            step.extend(also);
            self.commit(step).await?;
            self.stored = self.next + 1;
        }
        self.machine = machine;
        self.next += 1;
        self.pending.extend(fresh.iter().cloned());
        self.seen.append(&mut fresh);
        Ok(effects)
    }

    /// Lets `write` go out with the next commit, in the same transaction.
    pub fn enqueue(&mut self, write: Write) {
        self.held.push(write);
    }

    /// The machine, when nothing more is to be applied.
    pub fn into_machine(self) -> M {
        self.machine
    }

    /// Notes that the effect `key` was performed. The store learns of it with the next commit.
    pub fn complete(&mut self, key: &str) {
        if self.pending.remove(key) {
            self.held.push(Write::CompleteEffect { stream: self.stream.clone(), key: key.to_owned() });
        }
    }

    /// Stores the steps and completions that are held; nothing held is no commit.
    ///
    /// # Errors
    /// [`JournalError`] as [`Self::apply`].
    pub async fn flush(&mut self) -> Result<(), JournalError> {
        if !self.held.is_empty() {
            self.commit(Vec::new()).await?;
            self.stored = self.next;
        }
        Ok(())
    }

    /// Stores what is held and ends the stream. Effects that are still pending stay on record, but a closed stream is
    /// not resumed, so the caller completes them first.
    ///
    /// # Errors
    /// [`JournalError`] as [`Self::apply`].
    pub async fn close(&mut self) -> Result<(), JournalError> {
        self.commit(vec![Write::CloseStream { stream: self.stream.clone() }]).await?;
        (self.stored, self.closed) = (self.next, true);
        Ok(())
    }

    /// Commits what is held and then `step`, as one batch.
    async fn commit(&mut self, step: Vec<Write>) -> Result<(), JournalError> {
        if self.interrupted {
            return Err(JournalError::Interrupted { stream: self.stream.clone() });
        }
        let batch = self.held.iter().cloned().chain(step).collect::<Batch>();
        self.interrupted = true;
        let answer = self.store.dyn_commit(batch).await;
        self.interrupted = false;
        answer.map_err(|source: StoreError| JournalError::Store { stream: self.stream.clone(), source })?;
        self.held.clear();
        Ok(())
    }
}

impl<M: Machine + fmt::Debug> fmt::Debug for Journaled<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journaled")
            .field("stream", &self.stream)
            .field("machine", &self.machine)
            .field("events", &self.next)
            .field("pending", &self.pending)
            .finish_non_exhaustive()
    }
}

fn encode<T: Serialize>(stream: &str, what: impl FnOnce() -> String, value: &T) -> Result<String, JournalError> {
    serde_json::to_string(value).map_err(|source| codec(stream, what(), source))
}

fn decode<T: DeserializeOwned>(stream: &str, what: impl FnOnce() -> String, text: &str) -> Result<T, JournalError> {
    serde_json::from_str(text).map_err(|source| codec(stream, what(), source))
}

fn codec(stream: &str, what: String, source: impl Error + Send + Sync + 'static) -> JournalError {
    JournalError::Codec { stream: stream.to_owned(), what, source: Arc::new(source) }
}
