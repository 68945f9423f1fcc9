//! The trait behind which a chain stands, and its boxed twin.

use std::{fmt, future::Future, time::Duration};

use alloy_primitives::{Address, B256};
use futures_util::future::BoxFuture;

use super::{
    BlockHead, ChainCall, ChainError, ChainEvent, ChainEventKind, Contracts, ServiceType, SignedTx, TxOptions,
    TxReceipt,
};
use crate::{
    deal::{Agreement, ChainResult, DealTerms, Payment, TimeoutKind},
    types::{Amount, DataId, DealId, ResultId, Timestamp},
};

/// The contracts as protocol verbs.
///
/// - Reads see the newest block unless a depth is asked for. An unknown deal reads as an empty agreement or `None`.
/// - Transactions of one key are ordered: `send` holds the key from choosing a nonce to the broadcast, not until the
///   receipt. Two sends may be mined in one block or in two.
/// - `send` returns once the transaction is mined and succeeded. It never sends twice for one call, except under the
///   same nonce (re-pricing), or under a new one when the old can no longer be mined.
///
/// Implement with `async fn`; hold as `Arc<dyn DynChain>`.
pub trait Chain: fmt::Debug + Send + Sync + 'static {
    /// Address of the key that signs, `None` when this connection only reads.
    fn address(&self) -> Option<Address>;

    /// Chain id, checked against every endpoint.
    fn chain_id(&self) -> u64;

    /// Where the contracts are.
    fn contracts(&self) -> Contracts;

    /// The newest block.
    fn head(&self) -> impl Future<Output = Result<BlockHead, ChainError>> + Send;

    /// The time that the next block would have, which is what a time-out is measured against.
    ///
    /// On a chain that only mines when there is something to mine, the newest block can be much older.
    fn time(&self) -> impl Future<Output = Result<Timestamp, ChainError>> + Send;

    /// The block of that height, `None` above the head.
    fn block(&self, number: u64) -> impl Future<Output = Result<Option<BlockHead>, ChainError>> + Send;

    /// The newest block once it is above `after`; the newest there is when `timeout` has passed.
    ///
    /// Pushed by the embedded chain and by WebSocket endpoints, polled otherwise. Cancel safe.
    fn wait_for_block(
        &self,
        after: u64,
        timeout: Duration,
    ) -> impl Future<Output = Result<BlockHead, ChainError>> + Send;

    /// Ether of an account, wei.
    fn eth_balance(&self, account: Address) -> impl Future<Output = Result<Amount, ChainError>> + Send;

    /// Tokens in an account's wallet, wei.
    fn token_balance(&self, account: Address) -> impl Future<Output = Result<Amount, ChainError>> + Send;

    /// Tokens of an account that lie in escrow over all its deals, wei.
    fn escrow_balance(&self, account: Address) -> impl Future<Output = Result<Amount, ChainError>> + Send;

    /// The URL under which a service is registered, `None` when it is not.
    fn service_url(&self, service: Address) -> impl Future<Output = Result<Option<String>, ChainError>> + Send;

    /// Members of a role's list.
    fn services(&self, role: ServiceType) -> impl Future<Output = Result<Vec<Address>, ChainError>> + Send;

    /// The agreement as of `depth` blocks below the head; 0 is the newest state.
    ///
    /// The embedded chain only has depth 0.
    fn agreement(&self, deal: &DealId, depth: u64) -> impl Future<Output = Result<Agreement, ChainError>> + Send;

    /// The terms that both parties agreed to, `None` before.
    fn deal_terms(&self, deal: &DealId) -> impl Future<Output = Result<Option<DealTerms>, ChainError>> + Send;

    /// The result that was added, `None` before.
    fn result(&self, deal: &DealId) -> impl Future<Output = Result<Option<ChainResult>, ChainError>> + Send;

    /// The mediator that was appointed, `None` before.
    fn mediator(&self, deal: &DealId) -> impl Future<Output = Result<Option<Address>, ChainError>> + Send;

    /// Events of the blocks `from..=to`, oldest first.
    fn events(&self, from: u64, to: u64) -> impl Future<Output = Result<Vec<ChainEvent>, ChainError>> + Send;

    /// The receipt of a mined transaction, `None` while it is not; a failed one has `success == false`.
    fn receipt(&self, hash: B256) -> impl Future<Output = Result<Option<TxReceipt>, ChainError>> + Send;

    /// Sends a call and waits for its receipt.
    ///
    /// # Errors
    ///
    /// `Reverted` with no hash when the simulation failed and nothing was sent, with a hash when the mined transaction
    /// failed; `InsufficientFunds`, `InsufficientTokens`; `NotMined` when the deadline passed and `Unreachable` when all
    /// endpoints were lost, in which cases the transaction may still be mined; `Journal` when it could not be recorded and was not sent.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves a transaction that the journal has seen possibly sent; go on with [`Chain::resume`].
    fn send(&self, call: ChainCall, options: TxOptions) -> impl Future<Output = Result<TxReceipt, ChainError>> + Send;

    /// Sends the very same transaction again and waits for its receipt; harmless when it was sent or mined already.
    ///
    /// # Errors
    ///
    /// `Displaced` when its nonce was used by another transaction, so that it can never be mined; else as [`Chain::send`].
    fn resume(&self, tx: SignedTx, options: TxOptions) -> impl Future<Output = Result<TxReceipt, ChainError>> + Send;
}

/// [`Chain`] with boxed futures, for `Arc<dyn DynChain>`. Implemented for every `Chain`.
pub trait DynChain: fmt::Debug + Send + Sync + 'static {
    /// See [`Chain::address`].
    fn address(&self) -> Option<Address>;
    /// See [`Chain::chain_id`].
    fn chain_id(&self) -> u64;
    /// See [`Chain::contracts`].
    fn contracts(&self) -> Contracts;
    /// See [`Chain::head`].
    fn head(&self) -> BoxFuture<'_, Result<BlockHead, ChainError>>;
    /// See [`Chain::time`].
    fn time(&self) -> BoxFuture<'_, Result<Timestamp, ChainError>>;
    /// See [`Chain::block`].
    fn block(&self, number: u64) -> BoxFuture<'_, Result<Option<BlockHead>, ChainError>>;
    /// See [`Chain::wait_for_block`].
    fn wait_for_block(&self, after: u64, timeout: Duration) -> BoxFuture<'_, Result<BlockHead, ChainError>>;
    /// See [`Chain::eth_balance`].
    fn eth_balance(&self, account: Address) -> BoxFuture<'_, Result<Amount, ChainError>>;
    /// See [`Chain::token_balance`].
    fn token_balance(&self, account: Address) -> BoxFuture<'_, Result<Amount, ChainError>>;
    /// See [`Chain::escrow_balance`].
    fn escrow_balance(&self, account: Address) -> BoxFuture<'_, Result<Amount, ChainError>>;
    /// See [`Chain::service_url`].
    fn service_url(&self, service: Address) -> BoxFuture<'_, Result<Option<String>, ChainError>>;
    /// See [`Chain::services`].
    fn services(&self, role: ServiceType) -> BoxFuture<'_, Result<Vec<Address>, ChainError>>;
    /// See [`Chain::agreement`].
    fn agreement<'a>(&'a self, deal: &'a DealId, depth: u64) -> BoxFuture<'a, Result<Agreement, ChainError>>;
    /// See [`Chain::deal_terms`].
    fn deal_terms<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<DealTerms>, ChainError>>;
    /// See [`Chain::result`].
    fn result<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<ChainResult>, ChainError>>;
    /// See [`Chain::mediator`].
    fn mediator<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<Address>, ChainError>>;
    /// See [`Chain::events`].
    fn events(&self, from: u64, to: u64) -> BoxFuture<'_, Result<Vec<ChainEvent>, ChainError>>;
    /// See [`Chain::receipt`].
    fn receipt(&self, hash: B256) -> BoxFuture<'_, Result<Option<TxReceipt>, ChainError>>;
    /// See [`Chain::send`].
    fn send(&self, call: ChainCall, options: TxOptions) -> BoxFuture<'_, Result<TxReceipt, ChainError>>;
    /// See [`Chain::resume`].
    fn resume(&self, tx: SignedTx, options: TxOptions) -> BoxFuture<'_, Result<TxReceipt, ChainError>>;
}

macro_rules! boxed {
    ($($name:ident($($arg:ident: $ty:ty),*) -> $out:ty;)*) => {
        impl<T: Chain> DynChain for T {
            fn address(&self) -> Option<Address> {
                Chain::address(self)
            }
            fn chain_id(&self) -> u64 {
                Chain::chain_id(self)
            }
            fn contracts(&self) -> Contracts {
                Chain::contracts(self)
            }
            fn agreement<'a>(&'a self, deal: &'a DealId, depth: u64) -> BoxFuture<'a, Result<Agreement, ChainError>> {
                Box::pin(Chain::agreement(self, deal, depth))
            }
            fn deal_terms<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<DealTerms>, ChainError>> {
                Box::pin(Chain::deal_terms(self, deal))
            }
            fn result<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<ChainResult>, ChainError>> {
                Box::pin(Chain::result(self, deal))
            }
            fn mediator<'a>(&'a self, deal: &'a DealId) -> BoxFuture<'a, Result<Option<Address>, ChainError>> {
                Box::pin(Chain::mediator(self, deal))
            }
            $(fn $name(&self, $($arg: $ty),*) -> BoxFuture<'_, Result<$out, ChainError>> {
                Box::pin(Chain::$name(self, $($arg),*))
            })*
        }
    };
}

boxed! {
    head() -> BlockHead;
    time() -> Timestamp;
    block(number: u64) -> Option<BlockHead>;
    wait_for_block(after: u64, timeout: Duration) -> BlockHead;
    eth_balance(account: Address) -> Amount;
    token_balance(account: Address) -> Amount;
    escrow_balance(account: Address) -> Amount;
    service_url(service: Address) -> Option<String>;
    services(role: ServiceType) -> Vec<Address>;
    events(from: u64, to: u64) -> Vec<ChainEvent>;
    receipt(hash: B256) -> Option<TxReceipt>;
    send(call: ChainCall, options: TxOptions) -> TxReceipt;
    resume(tx: SignedTx, options: TxOptions) -> TxReceipt;
}

/// Most transactions that one appointment of a mediator may take: on an idle chain the first only makes a block.
const DRAW_ATTEMPTS: usize = 4;

/// The protocol's verbs in words, over [`DynChain::send`] with default options.
///
/// Every one returns after its receipt and gives the errors of [`Chain::send`].
impl dyn DynChain {
    /// Agrees to a deal as its provider or its creator.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn agree(&self, terms: &DealTerms) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::Agree(Box::new(terms.clone()))).await
    }

    /// Adds the provider's result.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn add_result(
        &self,
        deal: &DealId,
        results_id: &ResultId,
        data_id: &DataId,
        instruction_count: u64,
    ) -> Result<TxReceipt, ChainError> {
        let (deal, results_id, data_id) = (deal.clone(), results_id.clone(), data_id.clone());
        self.do_send(ChainCall::AddResult { deal, results_id, data_id, instruction_count }).await
    }

    /// Accepts the result and pays.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn accept_result(&self, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::AcceptResult(deal.clone())).await
    }

    /// Asks for a mediator.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn check_result(&self, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::CheckResult(deal.clone())).await
    }

    /// Ends a deal that the provider cannot fulfil.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn give_up(&self, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::GiveUp(deal.clone())).await
    }

    /// Has the mediator appointed, if that has not happened yet, and gives its address.
    ///
    /// `None` when the deciding block is still to come; ask again after the next one.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn draw_mediator(&self, deal: &DealId) -> Result<Option<Address>, ChainError> {
        for _ in 0..DRAW_ATTEMPTS {
            if let Some(mediator) = self.mediator(deal).await? {
                return Ok(Some(mediator));
            }
            self.do_send(ChainCall::DrawMediator(deal.clone())).await?;
        }
        self.mediator(deal).await
    }

    /// Decides for the provider.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn mediation_accept(&self, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::MediationAccept(deal.clone())).await
    }

    /// Decides for the creator.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn mediation_reject(&self, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::MediationReject(deal.clone())).await
    }

    /// Claims a time-out.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn timeout(&self, kind: TimeoutKind, deal: &DealId) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::Timeout { kind, deal: deal.clone() }).await
    }

    /// Puts a service into the directory under `url`; does nothing when it is there already.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn register_service(&self, url: &str, role: ServiceType) -> Result<(), ChainError> {
        let me = self.address().ok_or(ChainError::ReadOnly { call: "updateUser" })?;
        if self.service_url(me).await?.as_deref() != Some(url) {
            let call = ChainCall::UpdateUser { url: url.to_owned(), metadata_cid: String::new(), roles: vec![role] };
            self.do_send(call).await?;
        }
        if !self.services(role).await?.contains(&me) {
            self.do_send(ChainCall::ListService(role)).await?;
        }
        Ok(())
    }

    /// Sends tokens.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn transfer_tokens(&self, to: Address, amount: Amount) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::TransferTokens { to, amount }).await
    }

    /// Sends ether.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn transfer_ether(&self, to: Address, amount: Amount) -> Result<TxReceipt, ChainError> {
        self.do_send(ChainCall::TransferEther { to, amount }).await
    }

    /// The movements of a deal's money since block `from`, oldest first.
    ///
    /// # Errors
    /// As [`Chain::events`].
    pub async fn payments(&self, deal: &DealId, from: u64) -> Result<Vec<Payment>, ChainError> {
        let head = self.head().await?.number;
        let events = self.events(from, head).await?;
        Ok(events
            .into_iter()
            .filter_map(|event| match event.kind {
                ChainEventKind::Payment(payment) if payment.deal_id == *deal => Some(payment),
                _ => None,
            })
            .collect())
    }

    async fn do_send(&self, call: ChainCall) -> Result<TxReceipt, ChainError> {
        self.send(call, TxOptions::default()).await
    }
}
