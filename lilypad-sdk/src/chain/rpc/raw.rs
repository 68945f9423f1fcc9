//! What deployments and the smaller contracts need beneath the protocol's verbs.

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use alloy_sol_types::SolCall;
use serde_json::json;

use super::{MAX_LOG_BLOCKS, RpcChain, decode, reverted};
use crate::chain::{ChainError, TxOptions, TxReceipt, call::Prepared, event::RawLog};

impl RpcChain {
    /// Whether blocks follow transactions at once and gas is free, as on a development chain.
    pub(crate) fn is_quick(&self) -> bool {
        self.inner.endpoints.is_quick()
    }

    /// The code at an address, empty where there is none.
    pub(crate) async fn code(&self, address: Address) -> Result<Bytes, ChainError> {
        self.inner.endpoints.request("eth_getCode", json!([address, "latest"])).await
    }

    /// A word of a contract's storage.
    pub(crate) async fn slot(&self, address: Address, slot: B256) -> Result<B256, ChainError> {
        self.inner.endpoints.request("eth_getStorageAt", json!([address, slot, "latest"])).await
    }

    /// What a call, or a creation without `to`, would give, without keeping it.
    pub(crate) async fn simulate(
        &self,
        from: Address,
        call: &'static str,
        to: Option<Address>,
        input: Bytes,
    ) -> Result<Bytes, ChainError> {
        let mut object = json!({ "from": from, "input": input });
        if let Some(to) = to {
            object["to"] = json!(to);
        }
        let answer = self.inner.endpoints.request("eth_call", json!([object, "latest"])).await;
        answer.map_err(|error| reverted(error, "contract", call, None))
    }

    /// An address that a contract gives for a function without arguments, named by its signature.
    pub(crate) async fn read_address(
        &self,
        contract: &'static str,
        to: Address,
        signature: &'static str,
    ) -> Result<Address, ChainError> {
        let name = signature.split_once('(').map_or(signature, |(name, _)| name);
        let selector = keccak256(signature);
        let params = json!([{ "to": to, "input": Bytes::copy_from_slice(&selector[..4]) }, "latest"]);
        let output: Result<Bytes, _> = self.inner.endpoints.request("eth_call", params).await;
        let output = output.map_err(|error| reverted(error, contract, name, None))?;
        if output.is_empty() {
            return Err(ChainError::NoContract { contract, address: to, chain_id: self.inner.endpoints.chain_id() });
        }
        match B256::try_from(output.as_ref()) {
            Ok(word) => Ok(Address::from_word(word)),
            Err(_) => Err(decode("an address", format_args!("{contract}.{name} gave {} bytes", output.len()))),
        }
    }

    /// Sends a call of one of the bindings.
    pub(crate) async fn send_typed<C: SolCall>(
        &self,
        contract: &'static str,
        to: Address,
        call: &C,
    ) -> Result<TxReceipt, ChainError> {
        let name = C::SIGNATURE.split('(').next().unwrap_or(C::SIGNATURE);
        let input = call.abi_encode().into();
        let call = Prepared { contract, call: name, to: Some(to), value: U256::ZERO, input, headroom: 0, tokens: None };
        self.send_prepared(call, TxOptions::default()).await
    }

    /// One contract's events of one kind in the blocks `from..=to`, with their transactions, oldest first.
    pub(crate) async fn logs_of(
        &self,
        address: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<(Log, B256)>, ChainError> {
        let (mut all, mut next) = (Vec::new(), from);
        while next <= to {
            let last = to.min(next.saturating_add(MAX_LOG_BLOCKS - 1));
            let (from, to) = (U256::from(next), U256::from(last));
            let filter = json!([{ "fromBlock": from, "toBlock": to, "address": address, "topics": [topic] }]);
            let logs: Vec<RawLog> = self.inner.endpoints.request("eth_getLogs", filter).await?;
            for log in logs {
                all.push(log.into_log()?);
            }
            next = last + 1;
        }
        Ok(all)
    }
}
