//! Transactions of one key: nonce, signature, journal, broadcast, receipt.

use std::{
    sync::{Arc, PoisonError},
    time::Duration,
};

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559, TxEnvelope},
    eips::eip2718::{Decodable2718 as _, Encodable2718 as _},
};
use alloy_primitives::{Address, B256, TxKind, U256};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use super::{RpcConfig, decode, endpoint::Endpoints, lock::LockFile, receipt, reverted};
use crate::{
    chain::{ChainError, Contracts, RevertReason, SignedTx, TxOptions, TxReceipt, Wallet, call::Prepared},
    types::Amount,
};

/// How often a lost nonce is replaced before giving up.
const NONCE_ATTEMPTS: usize = 8;
/// How long fees are reused.
const FEES_FOR: Duration = Duration::from_secs(3);
/// Least priority fee, wei per gas.
const MIN_TIP: u128 = 1_000_000;
/// How often a waiting transaction is sent again, in case a node forgot it.
const REPEAT_EVERY: Duration = Duration::from_secs(10);
/// Pauses between looks for a receipt: where blocks follow at once, and elsewhere.
const QUICK_PAUSES: [u64; 6] = [0, 2, 5, 10, 20, 50];
const SLOW_PAUSES: [u64; 5] = [100, 250, 500, 750, 1000];

/// Signs and sends for one key; clones share its order.
#[derive(Clone)]
pub(super) struct Sender {
    shared: Arc<Shared>,
    /// How long a transaction may wait before it is re-priced.
    pub(super) bump_after: Duration,
}

struct Shared {
    wallet: Wallet,
    chain_id: u64,
    lock_file: Option<LockFile>,
    /// Held from the choice of a nonce to the broadcast; remembers the newest transaction sent.
    order: Mutex<Option<SignedTx>>,
    fees: std::sync::Mutex<Option<(Instant, Fees)>>,
}

#[derive(Clone, Copy)]
struct Fees {
    max_fee: u128,
    tip: u128,
}

/// What a node says about a broadcast.
enum Broadcast {
    Taken,
    /// The nonce is used or held by another transaction.
    NonceLost,
    FeeTooLow,
    Refused(ChainError),
}

impl Sender {
    pub(super) fn new(wallet: Wallet, chain_id: u64, config: &RpcConfig) -> Self {
        let lock_file = config.lock_dir.as_ref().map(|dir| LockFile::new(dir, chain_id, wallet.address()));
        Self {
            shared: Arc::new(Shared {
                wallet,
                chain_id,
                lock_file,
                order: Mutex::new(None),
                fees: std::sync::Mutex::new(None),
            }),
            bump_after: config.bump_after,
        }
    }

    pub(super) fn address(&self) -> Address {
        self.shared.wallet.address()
    }

    pub(super) fn with_bump_after(&self, bump_after: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), bump_after }
    }

    /// Sends a call and waits for its receipt.
    pub(super) async fn send(
        &self,
        endpoints: &Endpoints,
        contracts: &Contracts,
        call: &Prepared,
        options: &TxOptions,
    ) -> Result<TxReceipt, ChainError> {
        let gas_limit = match options.gas_limit {
            Some(limit) => limit,
            None => self.estimate(endpoints, call).await?,
        };
        let deadline = Instant::now() + options.deadline.unwrap_or(TxOptions::DEADLINE);
        for _ in 0..NONCE_ATTEMPTS {
            let Some(signed) = self.dispatch(endpoints, call, gas_limit, options).await? else { continue };
            match self.confirm(endpoints, contracts, call, signed, deadline, options).await {
                // The old transaction can never be mined, so a new one cannot make two.
                Err(ChainError::Displaced { hash, nonce }) => {
                    tracing::debug!(target: "lilypad::chain", %hash, nonce, call = call.call, "nonce lost, signing anew");
                }
                other => return other,
            }
        }
        Err(ChainError::Refused {
            method: "eth_sendRawTransaction",
            code: -32000,
            message: format!(
                "the nonce of {} was lost {NONCE_ATTEMPTS} times; use one key in one place",
                self.address()
            ),
            data: alloy_primitives::Bytes::new(),
        })
    }

    /// Sends the same transaction again and waits for its receipt.
    pub(super) async fn resume(
        &self,
        endpoints: &Endpoints,
        contracts: &Contracts,
        tx: SignedTx,
        options: &TxOptions,
    ) -> Result<TxReceipt, ChainError> {
        let TxEnvelope::Eip1559(inner) = decode_tx(&tx)? else {
            return Err(decode("a recorded transaction", "it is not of the kind that is sent here"));
        };
        let inner = inner.strip_signature();
        let call = Prepared {
            contract: "contract",
            call: "resume",
            to: inner.to.to().copied(),
            value: inner.value,
            input: inner.input.clone(),
            headroom: 0,
            tokens: None,
        };
        let deadline = Instant::now() + options.deadline.unwrap_or(TxOptions::DEADLINE);
        if receipt(endpoints, contracts, tx.hash).await?.is_none() {
            match broadcast(endpoints, &tx).await? {
                Broadcast::Taken | Broadcast::FeeTooLow => {}
                Broadcast::NonceLost => {
                    if !is_known(endpoints, tx.hash).await? && self.mined_nonce(endpoints).await? > tx.nonce {
                        return Err(ChainError::Displaced { hash: tx.hash, nonce: tx.nonce });
                    }
                }
                Broadcast::Refused(error) => return Err(self.explain(endpoints, error, &call, &inner).await),
            }
        }
        self.confirm(endpoints, contracts, &call, tx, deadline, options).await
    }

    /// Chooses a nonce, signs, records, broadcasts. `None` when the nonce or the fee was overtaken: try again.
    async fn dispatch(
        &self,
        endpoints: &Endpoints,
        call: &Prepared,
        gas_limit: u64,
        options: &TxOptions,
    ) -> Result<Option<SignedTx>, ChainError> {
        let shared = &self.shared;
        let mut newest = shared.order.lock().await;
        let _locked = match &shared.lock_file {
            Some(file) => Some(file.acquire().await?),
            None => None,
        };
        let (nonce, fees) = futures_util::try_join!(self.next_nonce(endpoints, newest.as_ref()), self.fees(endpoints))?;
        let tx = TxEip1559 {
            chain_id: shared.chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas: fees.max_fee.saturating_add(distinction()),
            max_priority_fee_per_gas: fees.tip,
            to: call.to.map_or(TxKind::Create, TxKind::Call),
            value: call.value,
            access_list: alloy::eips::eip2930::AccessList::default(),
            input: call.input.clone(),
        };
        let signed = self.sign(tx.clone())?;
        record(options, call.call, &signed).await?;
        match broadcast(endpoints, &signed).await? {
            Broadcast::Taken => {
                *newest = Some(signed.clone());
                Ok(Some(signed))
            }
            Broadcast::NonceLost => {
                *newest = None;
                // After a fail-over the first endpoint may have taken it: then the nonce is lost to itself.
                Ok(is_known(endpoints, signed.hash).await?.then_some(signed))
            }
            Broadcast::FeeTooLow => {
                self.forget_fees();
                Ok(None)
            }
            Broadcast::Refused(error) => Err(self.explain(endpoints, error, call, &tx).await),
        }
    }

    fn sign(&self, tx: TxEip1559) -> Result<SignedTx, ChainError> {
        let nonce = tx.nonce;
        let signature = self.shared.wallet.sign_hash(&tx.signature_hash())?;
        let envelope = TxEnvelope::from(tx.into_signed(signature));
        Ok(SignedTx { hash: *envelope.hash(), nonce, raw: envelope.encoded_2718().into() })
    }

    /// The nonce that the node expects next, unless it has not yet seen the newest transaction of this process.
    async fn next_nonce(&self, endpoints: &Endpoints, newest: Option<&SignedTx>) -> Result<u64, ChainError> {
        let pending: U256 = endpoints.request("eth_getTransactionCount", json!([self.address(), "pending"])).await?;
        let pending: u64 = pending.saturating_to();
        if let Some(newest) = newest.filter(|newest| newest.nonce == pending) {
            let known: Option<Value> = endpoints.request("eth_getTransactionByHash", json!([newest.hash])).await?;
            if known.is_some() || matches!(broadcast(endpoints, newest).await?, Broadcast::Taken) {
                return Ok(pending + 1);
            }
        }
        Ok(pending)
    }

    async fn mined_nonce(&self, endpoints: &Endpoints) -> Result<u64, ChainError> {
        let count: U256 = endpoints.request("eth_getTransactionCount", json!([self.address(), "latest"])).await?;
        Ok(count.saturating_to())
    }

    async fn fees(&self, endpoints: &Endpoints) -> Result<Fees, ChainError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct History {
            #[serde(default)]
            base_fee_per_gas: Vec<U256>,
            #[serde(default)]
            reward: Option<Vec<Vec<U256>>>,
        }
        let cached = *self.shared.fees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fees)) = cached.filter(|(at, _)| at.elapsed() < FEES_FOR) {
            return Ok(fees);
        }
        let history: History = endpoints.request("eth_feeHistory", json!(["0x1", "latest", [50]])).await?;
        let base: u128 = history.base_fee_per_gas.iter().max().copied().unwrap_or_default().saturating_to();
        let reward = history.reward.and_then(|blocks| blocks.into_iter().flatten().max()).unwrap_or_default();
        let tip = reward.saturating_to::<u128>().max(MIN_TIP);
        let fees = Fees { max_fee: base.saturating_mul(2).saturating_add(tip), tip };
        *self.shared.fees.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), fees));
        Ok(fees)
    }

    fn forget_fees(&self) {
        *self.shared.fees.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Simulates the call in the next block. The clock of an idle chain stands still in its newest one.
    async fn estimate(&self, endpoints: &Endpoints, call: &Prepared) -> Result<u64, ChainError> {
        let gas: Result<U256, _> =
            endpoints.request("eth_estimateGas", json!([self.call_object(call), "pending"])).await;
        let gas: u64 = gas.map_err(|error| reverted(error, call.contract, call.call, None))?.saturating_to();
        Ok(gas.saturating_add(gas / 4).saturating_add(call.headroom))
    }

    fn call_object(&self, call: &Prepared) -> Value {
        let mut object = json!({ "from": self.address(), "value": call.value, "input": call.input });
        if let Some(to) = call.to {
            object["to"] = json!(to);
        }
        object
    }

    /// Waits until one of the transactions of this nonce is mined, re-pricing it when it is stuck.
    async fn confirm(
        &self,
        endpoints: &Endpoints,
        contracts: &Contracts,
        call: &Prepared,
        first: SignedTx,
        deadline: Instant,
        options: &TxOptions,
    ) -> Result<TxReceipt, ChainError> {
        let began = Instant::now();
        let (mut repeat_at, mut bump_at) = (began + REPEAT_EVERY, began + self.bump_after);
        let pauses: &[u64] = if endpoints.is_quick() { &QUICK_PAUSES } else { &SLOW_PAUSES };
        let mut pause = pauses.iter();
        let mut sent = vec![first];
        loop {
            for tx in &sent {
                match receipt(endpoints, contracts, tx.hash).await {
                    Ok(Some(receipt)) => return self.judge(endpoints, call, receipt, &sent).await,
                    Ok(None) => {}
                    // It is sent; that nobody can be asked at the moment does not end the wait.
                    Err(error) if error.is_retryable() && Instant::now() < deadline => {
                        tracing::debug!(target: "lilypad::chain", %error, hash = %tx.hash, "still waiting");
                    }
                    Err(error) => return Err(error),
                }
            }
            let Some(newest) = sent.last().cloned() else {
                return Err(decode("a transaction", "none was sent"));
            };
            let now = Instant::now();
            if now >= deadline {
                return Err(ChainError::NotMined { hash: newest.hash, waited: began.elapsed() });
            }
            if now >= repeat_at || now >= bump_at {
                if self.mined_nonce(endpoints).await? > newest.nonce {
                    // Mined a moment ago, or displaced by somebody else's.
                    let mut known = false;
                    for tx in &sent {
                        known |= is_known(endpoints, tx.hash).await?;
                    }
                    if !known {
                        return Err(ChainError::Displaced { hash: newest.hash, nonce: newest.nonce });
                    }
                    bump_at = now + self.bump_after;
                }
                if Instant::now() >= bump_at {
                    sent.extend(self.bump(endpoints, call, &newest, options).await?);
                    bump_at = now + self.bump_after;
                } else {
                    broadcast(endpoints, &newest).await?;
                }
                repeat_at = now + REPEAT_EVERY;
            }
            let next = Duration::from_millis(*pause.next().or(pauses.last()).unwrap_or(&1000));
            sleep(next.min(deadline.saturating_duration_since(now))).await;
        }
    }

    /// Signs the same call under the same nonce for at least a quarter more. `None` when the node prefers the old one.
    async fn bump(
        &self,
        endpoints: &Endpoints,
        call: &Prepared,
        old: &SignedTx,
        options: &TxOptions,
    ) -> Result<Option<SignedTx>, ChainError> {
        let TxEnvelope::Eip1559(signed) = decode_tx(old)? else { return Ok(None) };
        let mut tx = signed.strip_signature();
        self.forget_fees();
        let fees = self.fees(endpoints).await?;
        let dearer = |fee: u128| fee.saturating_add(fee / 4).saturating_add(1);
        tx.max_priority_fee_per_gas = dearer(tx.max_priority_fee_per_gas).max(fees.tip);
        tx.max_fee_per_gas = dearer(tx.max_fee_per_gas).max(fees.max_fee).max(tx.max_priority_fee_per_gas);
        let newer = self.sign(tx)?;
        record(options, call.call, &newer).await?;
        match broadcast(endpoints, &newer).await? {
            Broadcast::Taken => {
                tracing::info!(target: "lilypad::chain", old = %old.hash, new = %newer.hash, call = call.call, "re-priced");
                let mut newest = self.shared.order.lock().await;
                if newest.as_ref().is_some_and(|newest| newest.hash == old.hash) {
                    *newest = Some(newer.clone());
                }
                Ok(Some(newer))
            }
            // Both stay valid candidates for the nonce: whichever is mined, the receipt is found by its hash.
            Broadcast::NonceLost | Broadcast::FeeTooLow => Ok(Some(newer)),
            Broadcast::Refused(error) => {
                tracing::debug!(target: "lilypad::chain", %error, "re-pricing was refused");
                Ok(None)
            }
        }
    }

    /// Gives the receipt of a success, and the reason of a failure.
    async fn judge(
        &self,
        endpoints: &Endpoints,
        call: &Prepared,
        receipt: TxReceipt,
        sent: &[SignedTx],
    ) -> Result<TxReceipt, ChainError> {
        if receipt.success {
            return Ok(receipt);
        }
        let hash = Some(receipt.hash);
        let again: Result<Value, _> = endpoints.request("eth_call", json!([self.call_object(call), "latest"])).await;
        let reason = match again.map_err(|error| reverted(error, call.contract, call.call, hash)) {
            Err(ChainError::Reverted { reason, .. }) => reason,
            _ => {
                let limit = sent.iter().find(|tx| tx.hash == receipt.hash).and_then(gas_limit).unwrap_or(u64::MAX);
                if receipt.gas_used >= limit - limit / 50 {
                    RevertReason::OutOfGas
                } else {
                    RevertReason::Unknown(alloy_primitives::Bytes::new())
                }
            }
        };
        Err(ChainError::Reverted { contract: call.contract, call: call.call, reason, hash })
    }

    /// Finds out whether a refusal is about money.
    async fn explain(&self, endpoints: &Endpoints, error: ChainError, call: &Prepared, tx: &TxEip1559) -> ChainError {
        let address = self.address();
        let balance: Result<U256, _> = endpoints.request("eth_getBalance", json!([address, "latest"])).await;
        let needed = U256::from(tx.gas_limit) * U256::from(tx.max_fee_per_gas) + tx.value;
        match balance {
            Ok(have) if have < needed => ChainError::InsufficientFunds {
                address,
                call: call.call,
                needed: Amount::from_wei(needed),
                have: Amount::from_wei(have),
            },
            _ => error,
        }
    }
}

/// Whether a node has the transaction, in a block or waiting.
///
/// Before one is given up as displaced it is looked for several times: behind one address there can be nodes that have
/// not seen yet what another has, and signing anew too early would pay twice.
async fn is_known(endpoints: &Endpoints, hash: B256) -> Result<bool, ChainError> {
    let pauses: &[u64] = if endpoints.is_quick() { &[0, 5, 20] } else { &[0, 1000, 2000, 4000] };
    for pause in pauses {
        sleep(Duration::from_millis(*pause)).await;
        let known: Option<Value> = endpoints.request("eth_getTransactionByHash", json!([hash])).await?;
        if known.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A few wei that make the hashes of equal calls differ. Signatures are deterministic, so two holders of one key that
/// chose the same nonce for equal calls would otherwise sign the very same transaction, and both take it for theirs.
fn distinction() -> u128 {
    let mut bytes = [0_u8; 3];
    // Without entropy the rare merging above is all that can happen.
    let _ = getrandom::fill(&mut bytes);
    u128::from(u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]))
}

async fn record(options: &TxOptions, call: &'static str, tx: &SignedTx) -> Result<(), ChainError> {
    match &options.journal {
        Some(journal) => journal.signed(tx).await.map_err(|message| ChainError::Journal { call, message }),
        None => Ok(()),
    }
}

fn decode_tx(tx: &SignedTx) -> Result<TxEnvelope, ChainError> {
    TxEnvelope::decode_2718(&mut tx.raw.as_ref()).map_err(|err| decode("a recorded transaction", err))
}

fn gas_limit(tx: &SignedTx) -> Option<u64> {
    use alloy::consensus::Transaction as _;
    decode_tx(tx).ok().map(|tx| tx.gas_limit())
}

/// Sends raw bytes. JSON-RPC has no codes for these refusals, so the words of geth, anvil, Nitro and ours are read here
/// and nowhere else.
async fn broadcast(endpoints: &Endpoints, tx: &SignedTx) -> Result<Broadcast, ChainError> {
    let answer: Result<B256, ChainError> = endpoints.request("eth_sendRawTransaction", json!([tx.raw])).await;
    let (message, error) = match answer {
        Ok(_) => return Ok(Broadcast::Taken),
        Err(ChainError::Refused { method, code, message, data }) => {
            (message.to_lowercase(), ChainError::Refused { method, code, message, data })
        }
        Err(other) => return Err(other),
    };
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    Ok(if says(&["already known", "already imported", "already exists"]) {
        Broadcast::Taken
    } else if says(&["nonce too low", "nonce has already been used", "replacement transaction underpriced"]) {
        Broadcast::NonceLost
    } else if says(&["less than block base fee", "fee cap less than", "max fee per gas less than"]) {
        Broadcast::FeeTooLow
    } else {
        Broadcast::Refused(error)
    })
}
