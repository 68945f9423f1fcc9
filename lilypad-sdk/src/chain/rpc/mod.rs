//! The contracts over JSON-RPC: endpoints, transactions and reads.
//!
//! ```text
//! RpcChain ─ verb ─┬─ read ──────────────────────────────────────► Endpoints ─► first one that answers
//!                  └─ send ─► Sender: lock key, nonce, sign, journal, broadcast, unlock, await receipt
//! ```

pub(super) mod endpoint;
mod lock;
mod raw;
mod sender;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::{endpoint::Endpoints, sender::Sender};
use super::{
    BlockHead, Chain, ChainCall, ChainError, ChainEvent, ChainEventKind, Contracts, GivenContracts, Network,
    RevertReason, ServiceType, SignedTx, TxOptions, TxReceipt, Wallet, bindings as sol, call::Prepared, convert,
    deploy::UNUSED, event::RawLog,
};
use crate::{
    deal::{Agreement, ChainResult, DealTerms},
    types::{Amount, DealId, Timestamp},
};

/// Most blocks one log request asks for; public nodes refuse more.
const MAX_LOG_BLOCKS: u64 = 2_000;
/// How long a function that the contracts lack is not tried again.
const LACKING_FOR: Duration = Duration::from_secs(3600);
/// Chain id of development chains, which mine at once and are polled quickly.
const QUICK_CHAIN: u64 = 31_337;

/// Where the chain is and how long to try.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RpcConfig {
    /// Chain id that every endpoint must report.
    pub chain_id: u64,
    /// `http`, `https`, `ws` or `wss` addresses, tried in order.
    pub endpoints: Vec<String>,
    /// The controller; everything else can be read from it.
    pub controller: Address,
    /// The other contracts where they are known; they save the reading.
    pub known: Option<Contracts>,
    /// Single contracts that count over the known ones and over what the controller says.
    pub given: GivenContracts,
    /// Folder of the lock files that order the senders of one key across processes. `None` orders only this one.
    pub lock_dir: Option<PathBuf>,
    /// How long connecting may take in all, default 4.5 s.
    pub connect_budget: Duration,
    /// How long one request may take before the next endpoint is tried, default 10 s.
    pub request_timeout: Duration,
    /// How long a request is repeated over all endpoints, default 30 s.
    pub patience: Duration,
    /// How long a transaction may wait before it is re-priced, default 30 s.
    pub bump_after: Duration,
}

impl RpcConfig {
    /// A chain at `endpoints` whose contracts are found through `controller`.
    #[must_use]
    pub fn new(chain_id: u64, endpoints: Vec<String>, controller: Address) -> Self {
        Self {
            chain_id,
            endpoints,
            controller,
            known: None,
            given: GivenContracts::default(),
            lock_dir: None,
            connect_budget: Duration::from_millis(4500),
            request_timeout: Duration::from_secs(10),
            patience: Duration::from_secs(30),
            bump_after: Duration::from_secs(30),
        }
    }

    /// A preset's chain and contracts.
    #[must_use]
    pub fn for_network(network: &Network) -> Self {
        let endpoints = network.rpc_urls.iter().map(|url| (*url).to_owned()).collect();
        Self { known: Some(network.contracts), ..Self::new(network.chain_id, endpoints, network.contracts.controller) }
    }
}

/// The contracts on a chain that answers JSON-RPC: a real node, anvil, or the embedded chain. Clones share it.
#[derive(Clone)]
pub struct RpcChain {
    inner: Arc<Inner>,
}

struct Inner {
    endpoints: Endpoints,
    contracts: Contracts,
    sender: Option<Sender>,
    lacking: Lacking,
}

/// Which functions the contracts were found to lack, and when; shared by the keys of one connection.
type Lacking = Arc<Mutex<HashMap<&'static str, Instant>>>;

impl std::fmt::Debug for RpcChain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcChain")
            .field("chain_id", &self.inner.endpoints.chain_id())
            .field("endpoints", &self.inner.endpoints.labels())
            .field("address", &Chain::address(self))
            .finish_non_exhaustive()
    }
}

impl RpcChain {
    /// Connects to the first endpoint that serves the right chain; without a wallet it only reads.
    ///
    /// # Errors
    ///
    /// `Unreachable` within the connect budget, `WrongChain` when endpoints answer for another chain, `BadEndpoint`,
    /// and `NoContract` when addresses must be read and the controller is not there.
    pub async fn connect(config: RpcConfig, wallet: Option<Wallet>) -> Result<Self, ChainError> {
        let endpoints = Endpoints::connect(&config).await?;
        let contracts = match config.known {
            Some(known) => Contracts { controller: config.controller, ..known },
            None => discover(&endpoints, config.controller).await.map_err(|error| match error {
                // Something is there, but no controller: it refuses or answers with something else.
                ChainError::Reverted { .. } | ChainError::Decode { .. } => ChainError::NoContract {
                    contract: "Controller",
                    address: config.controller,
                    chain_id: endpoints.chain_id(),
                },
                other => other,
            })?,
        };
        Ok(Self::assemble(endpoints, config.given.over(contracts), &config, wallet))
    }

    /// The contracts on an embedded chain.
    #[cfg(feature = "devnet")]
    #[must_use]
    pub fn embedded(chain: &super::EmbeddedChain, contracts: Contracts, wallet: Option<Wallet>) -> Self {
        let endpoints = Endpoints::embedded(chain);
        let config = RpcConfig::new(endpoints.chain_id(), Vec::new(), contracts.controller);
        Self::assemble(endpoints, contracts, &config, wallet)
    }

    fn assemble(endpoints: Endpoints, contracts: Contracts, config: &RpcConfig, wallet: Option<Wallet>) -> Self {
        let sender = wallet.map(|wallet| Sender::new(wallet, endpoints.chain_id(), config));
        Self { inner: Arc::new(Inner { endpoints, contracts, sender, lacking: Lacking::default() }) }
    }

    /// The same chain with another key, over the same connections.
    #[must_use]
    pub fn with_wallet(&self, wallet: Wallet, lock_dir: Option<PathBuf>) -> Self {
        let endpoints = self.inner.endpoints.clone();
        let mut config = RpcConfig::new(endpoints.chain_id(), Vec::new(), self.inner.contracts.controller);
        config.lock_dir = lock_dir;
        if let Some(sender) = &self.inner.sender {
            config.bump_after = sender.bump_after;
        }
        Self::assemble(endpoints, self.inner.contracts, &config, Some(wallet))
    }

    /// The same chain with other contract addresses, as after a deployment.
    #[must_use]
    pub fn with_contracts(&self, contracts: Contracts) -> Self {
        let endpoints = self.inner.endpoints.clone();
        let (sender, lacking) = (self.inner.sender.clone(), Lacking::default());
        Self { inner: Arc::new(Inner { endpoints, contracts, sender, lacking }) }
    }

    /// The same chain and key, re-pricing stuck transactions after `pause`.
    #[must_use]
    pub fn with_bump_after(&self, pause: Duration) -> Self {
        let sender = self.inner.sender.as_ref().map(|sender| sender.with_bump_after(pause));
        let (endpoints, contracts) = (self.inner.endpoints.clone(), self.inner.contracts);
        Self { inner: Arc::new(Inner { endpoints, contracts, sender, lacking: Arc::clone(&self.inner.lacking) }) }
    }

    /// Hash of block 0, which tells one chain with this id from another.
    ///
    /// # Errors
    ///
    /// `Unreachable`, or `Decode` when the node does not have it.
    pub async fn genesis_hash(&self) -> Result<B256, ChainError> {
        let block = Chain::block(self, 0).await?;
        block.map(|block| block.hash).ok_or_else(|| decode("the genesis block", "the node does not have it"))
    }

    /// Asks the node for something that is no verb; for tests, which move the clock this way.
    ///
    /// # Errors
    ///
    /// `Refused` with the node's words, or `Unreachable`.
    #[cfg(any(test, feature = "test-utils"))]
    pub async fn request(&self, method: &'static str, params: Value) -> Result<Value, ChainError> {
        self.inner.endpoints.request(method, params).await
    }

    /// Sends prepared bytes; what `deploy` uses.
    pub(crate) async fn send_prepared(&self, call: Prepared, options: TxOptions) -> Result<TxReceipt, ChainError> {
        let sender = self.inner.sender.as_ref().ok_or(ChainError::ReadOnly { call: call.call })?;
        let contracts = &self.inner.contracts;
        match sender.send(&self.inner.endpoints, contracts, &call, &options).await {
            Err(ChainError::Reverted { reason, call: name, .. }) if reason.is_insufficient_tokens() => {
                let address = sender.address();
                let have = Chain::token_balance(self, address).await?;
                Err(ChainError::InsufficientTokens { address, call: name, needed: call.tokens, have })
            }
            other => other,
        }
    }

    pub(crate) async fn read<C: SolCall>(
        &self,
        (contract, to): (&'static str, Address),
        call: C,
        depth: u64,
    ) -> Result<C::Return, ChainError> {
        let block = if depth == 0 {
            json!("latest")
        } else {
            json!(U256::from(Chain::head(self).await?.number.saturating_sub(depth)))
        };
        read(&self.inner.endpoints, contract, to, call, block).await
    }

    /// Whether the contracts were found not to have it, a short while ago: an owner may exchange them.
    fn is_lacking(&self, call: &'static str) -> bool {
        let lacking = self.inner.lacking.lock().unwrap_or_else(PoisonError::into_inner);
        lacking.get(call).is_some_and(|found| found.elapsed() < LACKING_FOR)
    }

    fn storage(&self) -> (&'static str, Address) {
        ("Storage", self.inner.contracts.storage)
    }

    fn token(&self) -> (&'static str, Address) {
        ("Token", self.inner.contracts.token)
    }

    fn users(&self) -> (&'static str, Address) {
        ("Users", self.inner.contracts.users)
    }

    async fn logs(&self, from: u64, to: u64) -> Result<Vec<RawLog>, ChainError> {
        let contracts = &self.inner.contracts;
        let filter = json!([{
            "fromBlock": U256::from(from),
            "toBlock": U256::from(to),
            "address": [contracts.storage, contracts.payments, contracts.mediation],
            "topics": [ChainEventKind::topics()],
        }]);
        self.inner.endpoints.request("eth_getLogs", filter).await
    }
}

impl Chain for RpcChain {
    fn address(&self) -> Option<Address> {
        self.inner.sender.as_ref().map(Sender::address)
    }

    fn chain_id(&self) -> u64 {
        self.inner.endpoints.chain_id()
    }

    fn contracts(&self) -> Contracts {
        self.inner.contracts
    }

    async fn head(&self) -> Result<BlockHead, ChainError> {
        self.inner.endpoints.head().await
    }

    async fn time(&self) -> Result<Timestamp, ChainError> {
        self.inner.endpoints.time().await
    }

    async fn block(&self, number: u64) -> Result<Option<BlockHead>, ChainError> {
        self.inner.endpoints.block(json!(U256::from(number))).await
    }

    async fn wait_for_block(&self, after: u64, timeout: Duration) -> Result<BlockHead, ChainError> {
        self.inner.endpoints.wait_for_block(after, timeout).await
    }

    async fn eth_balance(&self, account: Address) -> Result<Amount, ChainError> {
        let wei: U256 = self.inner.endpoints.request("eth_getBalance", json!([account, "latest"])).await?;
        Ok(Amount::from_wei(wei))
    }

    async fn token_balance(&self, account: Address) -> Result<Amount, ChainError> {
        self.read(self.token(), sol::Token::balanceOfCall { account }, 0).await.map(Amount::from_wei)
    }

    async fn escrow_balance(&self, account: Address) -> Result<Amount, ChainError> {
        self.read(self.token(), sol::Token::escrowBalanceOfCall { _address: account }, 0).await.map(Amount::from_wei)
    }

    async fn service_url(&self, service: Address) -> Result<Option<String>, ChainError> {
        let user = self.read(self.users(), sol::Users::getUserCall { userAddress: service }, 0).await?;
        Ok((!user.userAddress.is_zero()).then_some(user.url))
    }

    async fn services(&self, role: ServiceType) -> Result<Vec<Address>, ChainError> {
        self.read(self.users(), sol::Users::showUsersInListCall { serviceType: role as u8 }, 0).await
    }

    async fn agreement(&self, deal: &DealId, depth: u64) -> Result<Agreement, ChainError> {
        let call = sol::Storage::getAgreementCall { dealId: deal.as_str().to_owned() };
        convert::agreement_from_sol(&self.read(self.storage(), call, depth).await?)
    }

    async fn deal_terms(&self, deal: &DealId) -> Result<Option<DealTerms>, ChainError> {
        let call = sol::Storage::getDealCall { dealId: deal.as_str().to_owned() };
        let found = self.read(self.storage(), call, 0).await?;
        (!found.dealId.is_empty()).then(|| convert::terms_from_sol(found)).transpose()
    }

    async fn result(&self, deal: &DealId) -> Result<Option<ChainResult>, ChainError> {
        let call = sol::Storage::getResultCall { dealId: deal.as_str().to_owned() };
        let found = self.read(self.storage(), call, 0).await?;
        (!found.dealId.is_empty()).then(|| convert::result_from_sol(found)).transpose()
    }

    async fn mediator(&self, deal: &DealId) -> Result<Option<Address>, ChainError> {
        let call = sol::Mediation::getMediatorCall { dealId: deal.as_str().to_owned() };
        let mediator = self.read(("MediationRandom", self.inner.contracts.mediation), call, 0).await?;
        Ok((!mediator.is_zero()).then_some(mediator))
    }

    async fn events(&self, from: u64, to: u64) -> Result<Vec<ChainEvent>, ChainError> {
        let mut events = Vec::new();
        let (mut next, mut span) = (from, MAX_LOG_BLOCKS);
        while next <= to {
            let last = to.min(next.saturating_add(span - 1));
            match self.logs(next, last).await {
                Ok(logs) => {
                    for log in logs {
                        events.extend(log.decode(&self.inner.contracts)?);
                    }
                    next = last + 1;
                }
                // Nodes limit the range or the size of an answer, each with other words.
                Err(ChainError::Refused { .. }) if last > next => span = (last - next).div_ceil(2),
                Err(other) => return Err(other),
            }
        }
        events.sort_by_key(|event| (event.block, event.log_index));
        Ok(events)
    }

    async fn receipt(&self, hash: B256) -> Result<Option<TxReceipt>, ChainError> {
        receipt(&self.inner.endpoints, &self.inner.contracts, hash).await
    }

    async fn send(&self, call: ChainCall, options: TxOptions) -> Result<TxReceipt, ChainError> {
        let sender = Chain::address(self).ok_or(ChainError::ReadOnly { call: call.name() })?;
        let prepared = call.prepare(&self.inner.contracts, sender);
        let (contract, name, address) = (prepared.contract, prepared.call, prepared.to.unwrap_or_default());
        if call.may_be_lacking() && self.is_lacking(name) {
            return Err(ChainError::NotOffered { contract, call: name, address });
        }
        match self.send_prepared(prepared, options).await {
            // Ours give a reason for everything.
            Err(ChainError::Reverted { reason: RevertReason::Unknown(data), hash: None, .. })
                if data.is_empty() && call.may_be_lacking() =>
            {
                let error = ChainError::NotOffered { contract, call: name, address };
                let hint = error.hint().unwrap_or_default();
                tracing::warn!(target: "lilypad::chain", %error, hint, "not tried again for an hour");
                self.inner.lacking.lock().unwrap_or_else(PoisonError::into_inner).insert(name, Instant::now());
                Err(error)
            }
            other => other,
        }
    }

    async fn resume(&self, tx: SignedTx, options: TxOptions) -> Result<TxReceipt, ChainError> {
        let sender = self.inner.sender.as_ref().ok_or(ChainError::ReadOnly { call: "resume" })?;
        sender.resume(&self.inner.endpoints, &self.inner.contracts, tx, &options).await
    }
}

/// Reads the neighbours of a controller.
async fn discover(endpoints: &Endpoints, controller: Address) -> Result<Contracts, ChainError> {
    let at = json!("latest");
    let name = "Controller";
    let (storage, users, payments, mediation, job_creator, pow) = futures_util::try_join!(
        read(endpoints, name, controller, sol::Controller::getStorageAddressCall {}, at.clone()),
        read(endpoints, name, controller, sol::Controller::getUsersAddressCall {}, at.clone()),
        read(endpoints, name, controller, sol::Controller::getPaymentsAddressCall {}, at.clone()),
        read(endpoints, name, controller, sol::Controller::getMediationAddressCall {}, at.clone()),
        read(endpoints, name, controller, sol::Controller::getJobCreatorAddressCall {}, at.clone()),
        read(endpoints, name, controller, sol::Controller::getPowAddressCall {}, at.clone()),
    )?;
    let token = read(endpoints, "Payments", payments, sol::Payments::getTokenAddressCall {}, at).await?;
    let used = |address: Address| (!address.is_zero() && address != UNUSED).then_some(address);
    Ok(Contracts {
        controller,
        payments,
        storage,
        users,
        token,
        mediation,
        job_creator: used(job_creator),
        pow: used(pow),
    })
}

async fn read<C: SolCall>(
    endpoints: &Endpoints,
    contract: &'static str,
    to: Address,
    call: C,
    block: Value,
) -> Result<C::Return, ChainError> {
    let params = json!([{ "to": to, "input": Bytes::from(call.abi_encode()) }, block]);
    let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
    let output: Bytes =
        endpoints.request("eth_call", params).await.map_err(|error| reverted(error, contract, name, None))?;
    if output.is_empty() {
        return Err(ChainError::NoContract { contract, address: to, chain_id: endpoints.chain_id() });
    }
    C::abi_decode_returns(&output).map_err(|err| decode("the answer of a contract", err))
}

/// Turns the node's refusal of a reverting call into the contract's reason.
fn reverted(error: ChainError, contract: &'static str, call: &'static str, hash: Option<B256>) -> ChainError {
    match error {
        ChainError::Refused { code, message, data, .. }
            if code == 3 || !data.is_empty() || message.contains("revert") =>
        {
            ChainError::Reverted { contract, call, reason: RevertReason::decode(&data), hash }
        }
        other => other,
    }
}

fn decode(what: &'static str, message: impl std::fmt::Display) -> ChainError {
    ChainError::Decode { what, message: message.to_string() }
}

/// A receipt as JSON-RPC gives it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReceipt {
    transaction_hash: B256,
    block_number: U256,
    block_hash: B256,
    gas_used: U256,
    status: U256,
    contract_address: Option<Address>,
    logs: Vec<RawLog>,
}

async fn receipt(endpoints: &Endpoints, contracts: &Contracts, hash: B256) -> Result<Option<TxReceipt>, ChainError> {
    let raw: Option<RawReceipt> = endpoints.request("eth_getTransactionReceipt", json!([hash])).await?;
    let Some(raw) = raw else { return Ok(None) };
    let mut events = Vec::new();
    for log in raw.logs {
        events.extend(log.decode(contracts)?);
    }
    Ok(Some(TxReceipt {
        hash: raw.transaction_hash,
        block: raw.block_number.saturating_to(),
        block_hash: raw.block_hash,
        gas_used: raw.gas_used.saturating_to(),
        success: raw.status == U256::ONE,
        created: raw.contract_address,
        events,
    }))
}

/// What `Serialize` gives as JSON-RPC parameters.
fn raw_params(params: &impl Serialize) -> Result<Box<serde_json::value::RawValue>, ChainError> {
    serde_json::value::to_raw_value(params).map_err(|err| decode("the parameters of a request", err))
}

#[cfg(all(test, feature = "devnet"))]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use super::*;

    #[test]
    fn futures_are_small() {
        let chain = RpcChain::embedded(&crate::chain::EmbeddedChain::new(), Network::local().contracts, Wallet::dev(0));
        let deal = DealId::from_wire("Qm");
        let read = Chain::agreement(&chain, &deal, 0);
        let send = Chain::send(&chain, ChainCall::AcceptResult(deal.clone()), TxOptions::default());
        let (read, send) = (std::mem::size_of_val(&read), std::mem::size_of_val(&send));
        assert!(read < 4096 && send < 8192, "read {read}, send {send}");
    }
}
