//! Log filters: parsing, matching, and the installed ones that are polled.

use std::{collections::BTreeMap, sync::Arc};

use alloy_primitives::{Address, B256, Log};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    dispatch::parse_block,
    error::RpcFailure,
    json,
    state::{Block, State},
};

/// Most filters that may be installed; the oldest goes first.
const MAX_FILTERS: usize = 1024;
/// Most log positions a topic list may name.
const MAX_TOPICS: usize = 4;

/// Which logs: by block range, emitter and topics.
#[derive(Debug, Clone)]
pub(super) struct LogFilter {
    pub(super) from: u64,
    pub(super) to: Option<u64>,
    addresses: Vec<Address>,
    topics: Vec<Vec<B256>>,
}

impl LogFilter {
    /// Reads the object of `eth_getLogs` and `eth_newFilter`. Without `fromBlock` it starts at the newest block.
    pub(super) fn parse(state: &State, value: &Value) -> Result<Self, RpcFailure> {
        let head = state.head_number();
        let object = value.as_object().ok_or_else(|| RpcFailure::invalid_params("a filter object is needed"))?;
        let (from, to) = match object.get("blockHash").filter(|hash| !hash.is_null()) {
            Some(hash) => {
                let hash: B256 = parse(hash)?;
                let block = state.block_by_hash(hash).ok_or_else(|| RpcFailure::refused("unknown block"))?;
                (block.header.number, Some(block.header.number))
            }
            None => {
                let bound = |name: &str| object.get(name).filter(|bound| !bound.is_null());
                let from = bound("fromBlock").map_or(Ok(head), |tag| Ok(parse_block(tag, state)?.number(head)))?;
                let to = match bound("toBlock") {
                    Some(tag) if tag.as_str() == Some("latest") || tag.as_str() == Some("pending") => None,
                    Some(tag) => Some(parse_block(tag, state)?.number(head)),
                    None => None,
                };
                (from, to)
            }
        };
        if to.is_some_and(|to| to < from) {
            return Err(RpcFailure::invalid_params("invalid block range"));
        }
        let topics = match object.get("topics") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(positions)) if positions.len() <= MAX_TOPICS => {
                positions.iter().map(one_or_many).collect::<Result<_, _>>()?
            }
            Some(_) => {
                return Err(RpcFailure::invalid_params("topics: a list of at most four is needed"));
            }
        };
        let addresses = object.get("address").map_or(Ok(Vec::new()), one_or_many)?;
        Ok(Self { from, to, addresses, topics })
    }

    fn accepts(&self, log: &Log) -> bool {
        let topics = log.topics();
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && topics.len() >= self.topics.len()
            && self.topics.iter().zip(topics).all(|(wanted, topic)| wanted.is_empty() || wanted.contains(topic))
    }

    /// Matching logs of the blocks `from..=to`, oldest first.
    pub(super) fn collect(&self, state: &State, from: u64, to: u64) -> Vec<Value> {
        let mut found = Vec::new();
        for number in from..=to.min(state.head_number()) {
            if let Some(block) = state.block(number) {
                self.collect_block(block, &mut found);
            }
        }
        found
    }

    fn collect_block(&self, block: &Arc<Block>, found: &mut Vec<Value>) {
        for (index, tx) in block.txs.iter().enumerate() {
            for (position, log) in tx.logs.iter().enumerate() {
                if self.accepts(log) {
                    found.push(json::log(block, index, position, log));
                }
            }
        }
    }
}

/// `null` is none, a string is one, a list is many.
fn one_or_many<T: DeserializeOwned>(value: &Value) -> Result<Vec<T>, RpcFailure> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(many) => many.iter().map(parse).collect(),
        one => Ok(vec![parse(one)?]),
    }
}

fn parse<T: DeserializeOwned>(value: &Value) -> Result<T, RpcFailure> {
    T::deserialize(value).map_err(RpcFailure::invalid_params)
}

/// What an installed filter watches, and from which block it reports next.
enum Watched {
    Logs(LogFilter),
    Blocks,
}

/// Filters installed by `eth_newFilter` and `eth_newBlockFilter`.
#[derive(Default)]
pub(super) struct Filters {
    next_id: u64,
    installed: BTreeMap<u64, (u64, Watched)>,
}

impl Filters {
    pub(super) fn install_logs(&mut self, filter: LogFilter) -> u64 {
        let from = filter.from;
        self.install(from, Watched::Logs(filter))
    }

    pub(super) fn install_blocks(&mut self, state: &State) -> u64 {
        self.install(state.head_number() + 1, Watched::Blocks)
    }

    fn install(&mut self, from: u64, watched: Watched) -> u64 {
        if self.installed.len() >= MAX_FILTERS {
            self.installed.pop_first();
        }
        self.next_id += 1;
        self.installed.insert(self.next_id, (from, watched));
        self.next_id
    }

    pub(super) fn uninstall(&mut self, id: u64) -> bool {
        self.installed.remove(&id).is_some()
    }

    /// What happened since the last poll.
    pub(super) fn changes(&mut self, state: &State, id: u64) -> Result<Vec<Value>, RpcFailure> {
        let (next, watched) = self.installed.get_mut(&id).ok_or_else(|| RpcFailure::refused("filter not found"))?;
        let from = *next;
        let head = state.head_number();
        let found = match watched {
            Watched::Logs(filter) => filter.collect(state, from, filter.to.unwrap_or(head)),
            Watched::Blocks => (from..=head)
                .filter_map(|number| state.block(number))
                .map(|block| Value::String(block.hash.to_string()))
                .collect(),
        };
        *next = from.max(head + 1);
        Ok(found)
    }

    /// Every log the filter selects, polled or not.
    pub(super) fn all(&self, state: &State, id: u64) -> Result<Vec<Value>, RpcFailure> {
        match self.installed.get(&id) {
            Some((_, Watched::Logs(filter))) => {
                Ok(filter.collect(state, filter.from, filter.to.unwrap_or(state.head_number())))
            }
            _ => Err(RpcFailure::refused("filter not found")),
        }
    }
}
