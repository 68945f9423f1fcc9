//! A development chain inside the process: revm behind JSON-RPC.
//!
//! ```text
//! RpcChain ── alloy RpcClient ── EmbeddedTransport ─┐
//! HTTP server ── handle_rpc(json) ──────────────────┴─► dispatch ─► State (accounts, blocks, pool) ─► revm
//!                                                                      └─► watch: head of the chain
//! ```
//!
//! It answers the methods that our nodes, wallets and tests use, mines one block per transaction, returns a contract's
//! revert as JSON-RPC error 3 with its data, and lets tests move the clock. anvil is the reference: one conformance
//! suite runs on both.
//!
//! - Execution is synchronous and takes about a millisecond; the lock is never held across an await.
//! - Only the latest state is kept. Asking for an older one is an error, never a wrong answer.
//! - State, transaction and receipt roots are not computed; block hashes are real header hashes and the genesis block
//!   carries a random salt, so two chains never share a genesis hash unless the configuration pins the time.
//! - Everything is lost when the last clone is dropped. There is no file and no peer.

mod dispatch;
mod error;
mod evm;
mod filter;
mod json;
mod pool;
mod state;
mod transport;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy_primitives::{Address, B256, U256, address};
use serde_json::{Value, json};
use tokio::sync::watch;

pub use transport::EmbeddedTransport;

use self::dispatch::Shared;
use super::{
    BlockHead,
    rpc::endpoint::{LONG_POLL, WAIT_FOR_BLOCK},
};

/// Chain id of the embedded chain and of anvil.
pub const LOCAL_CHAIN_ID: u64 = 31337;

/// The first ten accounts of the well-known development mnemonic, in order.
///
/// Their keys are public; nothing of value may ever be sent to them on a real network.
pub const DEV_ACCOUNTS: [Address; 10] = [
    address!("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
    address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8"),
    address!("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"),
    address!("0x90F79bf6EB2c4f870365E785982E1f101E93b906"),
    address!("0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"),
    address!("0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc"),
    address!("0x976EA74026E726554dB657fA54763abd0C3a0aa9"),
    address!("0x14dC79964da2C08b23698B3D3cc7Ca32193d9955"),
    address!("0x23618e81E3f5cdF7f54C3d65f7FBc0aBf5B21E8f"),
    address!("0xa0Ee7A142d267C1f36714E4a8F75612F20a79720"),
];

/// What an [`EmbeddedChain`] starts with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmbeddedConfig {
    /// Chain id, default [`LOCAL_CHAIN_ID`].
    pub chain_id: u64,
    /// Unix seconds of the genesis block. `None` takes the wall clock and salts the genesis hash.
    pub genesis_timestamp: Option<u64>,
    /// Constant base fee in wei per gas, default 1 gwei.
    pub base_fee: u64,
    /// Gas limit of a block and of one transaction, default 60 million.
    pub gas_limit: u64,
    /// Balances in wei at genesis. Default: 10,000 ETH for the first development account, 10 ETH for the nine others.
    pub balances: Vec<(Address, U256)>,
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        let ether = U256::from(1_000_000_000_000_000_000_u64);
        let balances = DEV_ACCOUNTS
            .iter()
            .enumerate()
            .map(|(i, account)| (*account, if i == 0 { ether * U256::from(10_000) } else { ether * U256::from(10) }))
            .collect();
        Self {
            chain_id: LOCAL_CHAIN_ID,
            genesis_timestamp: None,
            base_fee: 1_000_000_000,
            gas_limit: 60_000_000,
            balances,
        }
    }
}

/// What one account of the chain has.
#[cfg(any(test, feature = "test-utils"))]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmbeddedAccount {
    /// Where.
    pub address: Address,
    /// Ether, wei.
    pub balance: U256,
    /// Transactions or creations so far.
    pub nonce: u64,
    /// Code, empty where there is none.
    pub code: alloy_primitives::Bytes,
    /// Words of storage that are not zero.
    pub storage: Vec<(U256, U256)>,
}

/// A development chain in this process; clones share one chain.
///
/// # Examples
///
/// ```
/// use lilypad_sdk::chain::EmbeddedChain;
/// use serde_json::json;
///
/// let chain = EmbeddedChain::new();
/// let answer = chain.handle_rpc(json!({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}));
/// assert_eq!(answer["result"], "0x7a69");
/// ```
#[derive(Clone)]
pub struct EmbeddedChain {
    shared: Arc<Mutex<Shared>>,
    heads: watch::Receiver<BlockHead>,
}

impl std::fmt::Debug for EmbeddedChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedChain").field("head", &*self.heads.borrow()).finish_non_exhaustive()
    }
}

impl Default for EmbeddedChain {
    fn default() -> Self {
        Self::new()
    }
}

impl EmbeddedChain {
    /// Starts a chain with [`EmbeddedConfig::default`].
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(EmbeddedConfig::default())
    }

    /// Starts a chain with its genesis block mined.
    #[must_use]
    pub fn with_config(config: EmbeddedConfig) -> Self {
        let (shared, heads) = Shared::new(config);
        Self { shared: Arc::new(Mutex::new(shared)), heads }
    }

    /// Answers one JSON-RPC 2.0 request or a batch of them.
    ///
    /// Shape: an object gives an object, an array gives an array of the answers to those members that carry an `id`.
    /// A lone notification gives `null`, which a server sends as an empty body. Anything else gives error -32600.
    #[must_use]
    pub fn handle_rpc(&self, request: Value) -> Value {
        dispatch::handle(&mut self.lock(), request)
    }

    /// As [`Self::handle_rpc`], and answers the chain's own method `lilypad_waitForBlock` (height, milliseconds): the
    /// number of the newest block, held back until it is above the height or the time, at most 5 s, has passed.
    ///
    /// A server that calls this gives its clients new blocks without polling. Cancel safe.
    pub async fn serve_rpc(&self, request: Value) -> Value {
        let waits = request.get("method").and_then(Value::as_str) == Some(WAIT_FOR_BLOCK);
        if !waits {
            return self.handle_rpc(request);
        }
        let number = |index: usize| request.get("params")?.get(index)?.as_u64();
        let limit = number(1).map_or(LONG_POLL, Duration::from_millis).min(LONG_POLL);
        let after = number(0).unwrap_or(u64::MAX);
        let mut heads = self.subscribe_blocks();
        // Passing the time without a block is an answer, too.
        let _ = tokio::time::timeout(limit, heads.wait_for(|head| head.number > after)).await;
        let head = heads.borrow().number;
        json!({ "jsonrpc": "2.0", "id": request.get("id"), "result": head })
    }

    /// The head of the chain, and every later one: a receiver that is changed by each mined block.
    ///
    /// Blocks mined faster than the receiver looks are merged into the newest.
    #[must_use]
    pub fn subscribe_blocks(&self) -> watch::Receiver<BlockHead> {
        self.heads.clone()
    }

    /// Hash of block 0, different for each start unless `genesis_timestamp` was pinned.
    #[must_use]
    pub fn genesis_hash(&self) -> B256 {
        self.lock().genesis_hash()
    }

    /// Every account as it is, to go on with in another EVM.
    #[cfg(any(test, feature = "test-utils"))]
    #[must_use]
    pub fn accounts(&self) -> Vec<EmbeddedAccount> {
        self.lock().accounts()
    }

    pub(super) fn request(&self, method: &str, params: Value) -> Result<Value, error::RpcFailure> {
        self.lock().call(method, params)
    }

    // A panic while the lock is held leaves the last committed block in place: revm changes state only on commit.
    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
