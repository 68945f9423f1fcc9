//! A store that lives and dies with the process.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    store::{Batch, Journal, SolverRecords, Store, StoreError, StoredOffer, StreamInfo, Write},
    types::{DealContainer, DealId, JobOfferContainer, JobOfferId, JobResult, ResourceOfferContainer, ResourceOfferId},
};

/// Keeps everything in memory. Clones share one store; it is gone with the last of them.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Default)]
struct Tables {
    job_offers: BTreeMap<JobOfferId, StoredOffer<JobOfferContainer>>,
    resource_offers: BTreeMap<ResourceOfferId, StoredOffer<ResourceOfferContainer>>,
    deals: BTreeMap<DealId, DealContainer>,
    results: BTreeMap<DealId, JobResult>,
    streams: BTreeMap<String, Journal>,
    values: BTreeMap<(String, String), String>,
}

/// Takes back one write.
type Undo = Box<dyn FnOnce(&mut Tables)>;

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic while the lock is held leaves whole records behind: every write is one map operation.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.lock();
        f.debug_struct("MemoryStore")
            .field("job_offers", &tables.job_offers.len())
            .field("resource_offers", &tables.resource_offers.len())
            .field("deals", &tables.deals.len())
            .field("streams", &tables.streams.len())
            .finish_non_exhaustive()
    }
}

/// Puts `value` at `key`, or removes what is there, and returns how to take that back.
macro_rules! swap {
    ($tables:ident.$table:ident, $key:expr, $value:expr) => {{
        let key = $key;
        let before = match $value {
            Some(value) => $tables.$table.insert(key.clone(), value),
            None => $tables.$table.remove(&key),
        };
        Box::new(move |tables: &mut Tables| {
            match before {
                Some(value) => tables.$table.insert(key, value),
                None => tables.$table.remove(&key),
            };
        }) as Undo
    }};
}

impl Tables {
    fn write(&mut self, write: Write) -> Result<Undo, StoreError> {
        match write {
            Write::PutJobOffer { container, envelope, expected } => {
                let found = self.job_offers.get(&container.id).map(|o| (o.container.state, &o.container.deal_id));
                expected.check("job offer", container.id.as_str(), found)?;
                let container = *container;
                Ok(swap!(self.job_offers, container.id.clone(), Some(StoredOffer { container, envelope })))
            }
            Write::PutResourceOffer { container, envelope, expected } => {
                let found = self.resource_offers.get(&container.id).map(|o| (o.container.state, &o.container.deal_id));
                expected.check("resource offer", container.id.as_str(), found)?;
                let container = *container;
                Ok(swap!(self.resource_offers, container.id.clone(), Some(StoredOffer { container, envelope })))
            }
            Write::RemoveResourceOffer { id } => Ok(swap!(self.resource_offers, id, None)),
            Write::PutDeal { container, expected } => {
                let found = self.deals.get(&container.id).map(|deal| (deal.state, &deal.id));
                expected.check("deal", container.id.as_str(), found)?;
                Ok(swap!(self.deals, container.id.clone(), Some(*container)))
            }
            Write::PutResult { result } => Ok(swap!(self.results, result.deal_id.clone(), Some(result))),
            Write::AppendEvent { stream, seq, event } => {
                let next = self.streams.get(&stream).map_or(0, |journal| journal.events.len() as u64);
                if next != seq {
                    return Err(super::batch::wrong_seq(stream, seq, next));
                }
                self.open_stream(stream, |journal| {
                    journal.events.push(event);
                    |journal: &mut Journal| drop(journal.events.pop())
                })
            }
            Write::AddEffect { stream, key, effect } => self.open_stream(stream, |journal| {
                let is_new = journal.pending.iter().all(|(pending, _)| *pending != key);
                if is_new {
                    journal.pending.push((key, effect));
                }
                move |journal: &mut Journal| {
                    if is_new {
                        journal.pending.pop();
                    }
                }
            }),
            Write::CompleteEffect { stream, key } => {
                let Some(journal) = self.streams.get_mut(&stream) else { return Ok(Box::new(|_| ())) };
                let Some(at) = journal.pending.iter().position(|(pending, _)| *pending == key) else {
                    return Ok(Box::new(|_| ()));
                };
                let effect = journal.pending.remove(at);
                Ok(Box::new(move |tables: &mut Tables| {
                    tables.streams.entry(stream).or_default().pending.insert(at, effect);
                }))
            }
            Write::PutValue { ns, key, value } => Ok(swap!(self.values, (ns, key), Some(value))),
            Write::DeleteValue { ns, key } => Ok(swap!(self.values, (ns, key), None)),
            Write::CloseStream { stream } => {
                let was_there = self.streams.contains_key(&stream);
                let journal = self.streams.entry(stream.clone()).or_default();
                let before = std::mem::replace(&mut journal.closed, true);
                Ok(Box::new(move |tables: &mut Tables| match was_there {
                    true => tables.streams.entry(stream).or_default().closed = before,
                    false => drop(tables.streams.remove(&stream)),
                }))
            }
        }
    }

    /// Changes the stream `name`, which must not be closed; `change` returns how to take its change back.
    fn open_stream<U>(&mut self, name: String, change: impl FnOnce(&mut Journal) -> U) -> Result<Undo, StoreError>
    where
        U: FnOnce(&mut Journal) + 'static,
    {
        let was_there = self.streams.contains_key(&name);
        let journal = self.streams.entry(name.clone()).or_default();
        if journal.closed {
            return Err(StoreError::Closed { stream: name });
        }
        let undo = change(journal);
        Ok(Box::new(move |tables: &mut Tables| match tables.streams.get_mut(&name) {
            Some(journal) if was_there => undo(journal),
            _ => drop(tables.streams.remove(&name)),
        }))
    }
}

impl Store for MemoryStore {
    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut tables = self.lock();
        let mut done: Vec<Undo> = Vec::with_capacity(batch.writes.len());
        for write in batch.writes {
            match tables.write(write) {
                Ok(undo) => done.push(undo),
                Err(error) => {
                    done.into_iter().rev().for_each(|undo| undo(&mut tables));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    async fn solver_records(&self) -> Result<SolverRecords, StoreError> {
        let tables = self.lock();
        let mut records = SolverRecords {
            job_offers: tables.job_offers.values().cloned().collect(),
            resource_offers: tables.resource_offers.values().cloned().collect(),
            deals: tables.deals.values().cloned().collect(),
            results: tables.results.values().cloned().collect(),
        };
        records.sort();
        Ok(records)
    }

    async fn journal(&self, stream: &str) -> Result<Journal, StoreError> {
        Ok(self.lock().streams.get(stream).cloned().unwrap_or_default())
    }

    async fn streams(&self, prefix: &str) -> Result<Vec<StreamInfo>, StoreError> {
        let tables = self.lock();
        let streams = tables.streams.range(prefix.to_owned()..).take_while(|(name, _)| name.starts_with(prefix));
        Ok(streams
            .map(|(name, journal)| StreamInfo {
                name: name.clone(),
                events: journal.events.len() as u64,
                closed: journal.closed,
            })
            .collect())
    }

    async fn value(&self, ns: &str, key: &str) -> Result<Option<String>, StoreError> {
        Ok(self.lock().values.get(&(ns.to_owned(), key.to_owned())).cloned())
    }

    async fn values(&self, ns: &str) -> Result<Vec<(String, String)>, StoreError> {
        let tables = self.lock();
        let values = tables.values.range((ns.to_owned(), String::new())..).take_while(|((at, _), _)| at == ns);
        Ok(values.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }
}
