//! Accounts, blocks and the clock: everything the chain remembers.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::consensus::{Header, Transaction as _, TxEnvelope, transaction::SignerRecoverable as _};
use alloy_primitives::{Address, B256, Bloom, Bytes, Log, U256, keccak256, logs_bloom};
use revm::{
    DatabaseCommit as _, DatabaseRef as _,
    context::{
        BlockEnv, TxEnv,
        result::{ExecutionResult, HaltReason},
    },
    state::AccountInfo,
};

use super::{
    EmbeddedConfig,
    error::RpcFailure,
    evm::{self, Db, Mode},
    pool::{Pool, Waiting},
};
use crate::chain::BlockHead;

/// BLOCKHASH reaches this far back.
const BLOCK_HASH_WINDOW: u64 = 256;

/// A transaction inside a block, with what its receipt needs.
pub(super) struct Mined {
    pub(super) hash: B256,
    pub(super) from: Address,
    pub(super) tx: TxEnvelope,
    pub(super) success: bool,
    pub(super) gas_used: u64,
    pub(super) cumulative_gas: u64,
    pub(super) created: Option<Address>,
    pub(super) logs: Vec<Log>,
    pub(super) first_log: usize,
    pub(super) bloom: Bloom,
}

/// A sealed block.
pub(super) struct Block {
    pub(super) hash: B256,
    pub(super) header: Header,
    pub(super) txs: Vec<Mined>,
}

impl Block {
    pub(super) fn head(&self) -> BlockHead {
        BlockHead { number: self.header.number, hash: self.hash, timestamp: self.header.timestamp }
    }
}

/// The chain's memory. A clone is a snapshot; blocks are shared, accounts are copied.
#[derive(Clone)]
pub(super) struct State {
    pub(super) chain_id: u64,
    pub(super) base_fee: u64,
    pub(super) gas_limit: u64,
    pub(super) db: Db,
    pub(super) blocks: Vec<Arc<Block>>,
    pub(super) pool: Pool,
    pub(super) automine: bool,
    block_by_hash: HashMap<B256, u64>,
    tx_by_hash: HashMap<B256, (u64, usize)>,
    time_offset: i64,
    next_timestamp: Option<u64>,
}

impl State {
    pub(super) fn new(config: EmbeddedConfig) -> Self {
        let mut db = Db::default();
        for (address, balance) in config.balances {
            db.insert_account_info(address, AccountInfo::from_balance(balance));
        }
        let mut state = Self {
            chain_id: config.chain_id,
            base_fee: config.base_fee,
            gas_limit: config.gas_limit,
            db,
            blocks: Vec::new(),
            pool: Pool::default(),
            automine: true,
            block_by_hash: HashMap::new(),
            tx_by_hash: HashMap::new(),
            time_offset: 0,
            next_timestamp: None,
        };
        let (timestamp, salt) = match config.genesis_timestamp {
            Some(timestamp) => {
                state.time_offset = offset(timestamp, wall_clock());
                (timestamp, Bytes::new())
            }
            None => (wall_clock(), Bytes::from(random_salt().to_vec())),
        };
        let header = Header {
            number: 0,
            timestamp,
            gas_limit: config.gas_limit,
            base_fee_per_gas: Some(config.base_fee),
            extra_data: salt,
            ..Header::default()
        };
        state.push(header, Vec::new());
        state
    }

    pub(super) fn head(&self) -> &Arc<Block> {
        let last = self.blocks.len() - 1; // the genesis block is always there
        &self.blocks[last]
    }

    pub(super) fn head_number(&self) -> u64 {
        self.head().header.number
    }

    pub(super) fn block(&self, number: u64) -> Option<&Arc<Block>> {
        self.blocks.get(usize::try_from(number).ok()?)
    }

    pub(super) fn block_by_hash(&self, hash: B256) -> Option<&Arc<Block>> {
        self.block(*self.block_by_hash.get(&hash)?)
    }

    pub(super) fn mined(&self, hash: B256) -> Option<(&Arc<Block>, usize)> {
        let (number, index) = *self.tx_by_hash.get(&hash)?;
        Some((self.block(number)?, index))
    }

    pub(super) fn account(&self, address: Address) -> AccountInfo {
        // EmptyDB cannot fail, and an absent account is an empty one.
        self.db.basic_ref(address).ok().flatten().unwrap_or_default()
    }

    pub(super) fn set_balance(&mut self, address: Address, balance: U256) {
        let mut info = self.account(address);
        info.balance = balance;
        self.db.insert_account_info(address, info);
    }

    /// The next nonce of `address`, counting what waits.
    pub(super) fn pending_nonce(&self, address: Address) -> u64 {
        self.pool.next_nonce(address, self.account(address).nonce)
    }

    /// Takes a raw signed transaction; mines it at once unless it must wait.
    pub(super) fn submit(&mut self, raw: &[u8]) -> Result<B256, RpcFailure> {
        use alloy::eips::eip2718::Decodable2718 as _;
        let mut rest = raw;
        let tx = TxEnvelope::decode_2718(&mut rest)
            .map_err(|err| RpcFailure::invalid_params(format_args!("raw transaction: {err}")))?;
        if !rest.is_empty() {
            return Err(RpcFailure::invalid_params("raw transaction: trailing bytes"));
        }
        let from = tx
            .recover_signer()
            .map_err(|err| RpcFailure::invalid_params(format_args!("raw transaction: signature: {err}")))?;
        if tx.chain_id().is_some_and(|id| id != self.chain_id) {
            return Err(RpcFailure::refused(format!(
                "invalid chain id for signer: have {} want {}",
                tx.chain_id().unwrap_or_default(),
                self.chain_id
            )));
        }
        let hash = *tx.hash();
        let account = self.account(from);
        if tx.nonce() < account.nonce {
            return Err(RpcFailure::refused(format!(
                "nonce too low: address {from}, tx: {} state: {}",
                tx.nonce(),
                account.nonce
            )));
        }
        if tx.gas_limit() > self.gas_limit {
            return Err(RpcFailure::refused("exceeds block gas limit"));
        }
        let want = U256::from(tx.max_fee_per_gas()) * U256::from(tx.gas_limit()) + tx.value();
        if want > account.balance {
            return Err(RpcFailure::insufficient_funds(from, account.balance, want));
        }
        let waiting = Waiting { hash, from, tx };
        if !self.automine || waiting.tx.nonce() > account.nonce {
            self.pool.insert(waiting)?;
            return Ok(hash);
        }
        self.seal_one(waiting)?;
        // Successors that came too early follow, each in a block of its own.
        while let Some(next) = self.pool.take(from, self.account(from).nonce) {
            if let Err(refused) = self.seal_one(next) {
                tracing::debug!(target: "lilypad::chain", message = %refused.message, "dropped a waiting transaction");
            }
        }
        Ok(hash)
    }

    fn seal_one(&mut self, waiting: Waiting) -> Result<(), RpcFailure> {
        let env = self.next_env();
        let mined = self.run(&env, waiting, &Header::default(), 0)?;
        self.seal(&env, vec![mined]);
        Ok(())
    }

    /// Mines one block from everything that can be mined, possibly none.
    pub(super) fn mine(&mut self) {
        let env = self.next_env();
        let mut mined: Vec<Mined> = Vec::new();
        let mut progress = Header::default();
        for sender in self.pool.senders() {
            while let Some(waiting) = self.pool.take(sender, self.account(sender).nonce) {
                if progress.gas_used.saturating_add(waiting.tx.gas_limit()) > self.gas_limit {
                    // It was taken from this slot a moment ago, so it fits back in.
                    let _ = self.pool.insert(waiting);
                    break;
                }
                let first_log = mined.last().map_or(0, |last| last.first_log + last.logs.len());
                match self.run(&env, waiting, &progress, first_log) {
                    Ok(done) => {
                        progress.gas_used = done.cumulative_gas;
                        mined.push(done);
                    }
                    Err(refused) => {
                        tracing::debug!(target: "lilypad::chain", message = %refused.message, "dropped a waiting transaction");
                        break;
                    }
                }
            }
        }
        self.seal(&env, mined);
    }

    /// Executes and commits one transaction of the block under construction.
    fn run(
        &mut self,
        env: &BlockEnv,
        waiting: Waiting,
        progress: &Header,
        first_log: usize,
    ) -> Result<Mined, RpcFailure> {
        let tx_env = evm::env_of(&waiting.tx, waiting.from)?;
        let outcome = evm::execute(&mut self.db, self.chain_id, env, tx_env, Mode::Mine)?;
        self.db.commit(outcome.state);
        let success = outcome.result.is_success();
        let gas_used = outcome.result.gas().tx_gas_used();
        let logs = evm::logs(outcome.result);
        Ok(Mined {
            hash: waiting.hash,
            from: waiting.from,
            success,
            gas_used,
            cumulative_gas: progress.gas_used + gas_used,
            created: (success && waiting.tx.is_create()).then(|| waiting.from.create(waiting.tx.nonce())),
            bloom: logs_bloom(&logs),
            tx: waiting.tx,
            logs,
            first_log,
        })
    }

    fn seal(&mut self, env: &BlockEnv, txs: Vec<Mined>) {
        let header = self.header(env, &txs);
        if self.next_timestamp.take().is_some() {
            self.time_offset = offset(header.timestamp, wall_clock());
        }
        self.push(header, txs);
    }

    fn header(&self, env: &BlockEnv, txs: &[Mined]) -> Header {
        let mut bloom = Bloom::ZERO;
        for tx in txs {
            bloom.accrue_bloom(&tx.bloom);
        }
        Header {
            parent_hash: self.head().hash,
            number: env.number.saturating_to::<u64>(),
            timestamp: env.timestamp.saturating_to::<u64>(),
            gas_limit: self.gas_limit,
            gas_used: txs.last().map_or(0, |tx| tx.cumulative_gas),
            base_fee_per_gas: Some(self.base_fee),
            mix_hash: env.prevrandao.unwrap_or_default(),
            logs_bloom: bloom,
            ..Header::default()
        }
    }

    fn push(&mut self, header: Header, txs: Vec<Mined>) {
        let hash = header.hash_slow();
        let number = header.number;
        self.block_by_hash.insert(hash, number);
        for (index, tx) in txs.iter().enumerate() {
            self.tx_by_hash.insert(tx.hash, (number, index));
        }
        self.db.cache.block_hashes.insert(U256::from(number), hash);
        if let Some(old) = number.checked_sub(BLOCK_HASH_WINDOW + 1) {
            self.db.cache.block_hashes.remove(&U256::from(old));
        }
        self.blocks.push(Arc::new(Block { hash, header, txs }));
    }

    /// Environment of the block that would be mined now.
    pub(super) fn next_env(&self) -> BlockEnv {
        let head = self.head();
        let clock = wall_clock().saturating_add_signed(self.time_offset);
        let timestamp = self.next_timestamp.unwrap_or_else(|| clock.max(head.header.timestamp));
        self.env(head.header.number + 1, timestamp, keccak256(head.hash))
    }

    /// The block that would be mined now if there were nothing to mine.
    pub(super) fn pending_block(&self) -> Block {
        let env = self.next_env();
        let header = self.header(&env, &[]);
        Block { hash: header.hash_slow(), header, txs: Vec::new() }
    }

    /// Environment of the newest block, for calls at `latest`.
    pub(super) fn head_env(&self) -> BlockEnv {
        let header = &self.head().header;
        self.env(header.number, header.timestamp, header.mix_hash)
    }

    fn env(&self, number: u64, timestamp: u64, randao: B256) -> BlockEnv {
        BlockEnv {
            number: U256::from(number),
            timestamp: U256::from(timestamp),
            gas_limit: self.gas_limit,
            basefee: self.base_fee,
            prevrandao: Some(randao),
            ..BlockEnv::default()
        }
    }

    /// Executes without committing.
    pub(super) fn simulate(&mut self, env: &BlockEnv, tx: TxEnv) -> Result<ExecutionResult<HaltReason>, RpcFailure> {
        Ok(evm::execute(&mut self.db, self.chain_id, env, tx, Mode::Simulate)?.result)
    }

    /// Moves the clock forward and returns the whole offset in seconds.
    pub(super) fn increase_time(&mut self, seconds: u64) -> i64 {
        self.time_offset = self.time_offset.saturating_add_unsigned(seconds);
        self.time_offset
    }

    /// Pins the time of the next block only.
    pub(super) fn set_next_timestamp(&mut self, timestamp: u64) -> Result<(), RpcFailure> {
        let head = self.head().header.timestamp;
        if timestamp <= head {
            return Err(RpcFailure::refused(format!("timestamp {timestamp} is not after the newest block's {head}")));
        }
        self.next_timestamp = Some(timestamp);
        Ok(())
    }
}

fn wall_clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn offset(target: u64, now: u64) -> i64 {
    i64::try_from(i128::from(target) - i128::from(now)).unwrap_or(0)
}

fn random_salt() -> [u8; 16] {
    let mut salt = [0_u8; 16];
    if getrandom::fill(&mut salt).is_err() {
        // No entropy: nanoseconds still tell two starts apart, and nothing secret depends on the salt.
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        salt = nanos.to_be_bytes();
    }
    salt
}
