//! Transactions that wait: those with a nonce from the future, and all of them while automining is off.

use std::collections::BTreeMap;

use alloy::consensus::{Transaction as _, TxEnvelope};
use alloy_primitives::{Address, B256};

use super::error::RpcFailure;

/// Most transactions that may wait at once.
const MAX_WAITING: usize = 4096;

/// A signed transaction that is not mined yet.
#[derive(Clone)]
pub(super) struct Waiting {
    pub(super) hash: B256,
    pub(super) from: Address,
    pub(super) tx: TxEnvelope,
}

/// Waiting transactions, at most one per sender and nonce.
#[derive(Clone, Default)]
pub(super) struct Pool {
    waiting: BTreeMap<(Address, u64), Waiting>,
}

impl Pool {
    /// Puts a transaction in, replacing one of the same nonce when it pays at least 10 % more.
    pub(super) fn insert(&mut self, new: Waiting) -> Result<(), RpcFailure> {
        let key = (new.from, new.tx.nonce());
        if let Some(old) = self.waiting.get(&key) {
            if old.hash == new.hash {
                return Err(RpcFailure::refused("already known"));
            }
            let dearer = |new: u128, old: u128| new >= old.saturating_add(old / 10).saturating_add(1);
            if !dearer(new.tx.max_fee_per_gas(), old.tx.max_fee_per_gas()) {
                return Err(RpcFailure::refused("replacement transaction underpriced"));
            }
        } else if self.waiting.len() >= MAX_WAITING {
            return Err(RpcFailure::refused(format!("txpool is full: {MAX_WAITING} transactions wait")));
        }
        self.waiting.insert(key, new);
        Ok(())
    }

    /// Takes the transaction of `from` with exactly this nonce.
    pub(super) fn take(&mut self, from: Address, nonce: u64) -> Option<Waiting> {
        self.waiting.remove(&(from, nonce))
    }

    /// Senders that have something waiting.
    pub(super) fn senders(&self) -> Vec<Address> {
        let mut senders: Vec<Address> = self.waiting.keys().map(|(from, _)| *from).collect();
        senders.dedup();
        senders
    }

    /// First nonce at or after `nonce` that nothing waiting occupies without a gap.
    pub(super) fn next_nonce(&self, from: Address, nonce: u64) -> u64 {
        let mut next = nonce;
        while self.waiting.contains_key(&(from, next)) {
            next += 1;
        }
        next
    }

    pub(super) fn by_hash(&self, hash: B256) -> Option<&Waiting> {
        self.waiting.values().find(|waiting| waiting.hash == hash)
    }

    pub(super) fn remove(&mut self, hash: B256) -> Option<Waiting> {
        let key = self.waiting.iter().find(|(_, waiting)| waiting.hash == hash).map(|(key, _)| *key)?;
        self.waiting.remove(&key)
    }
}
