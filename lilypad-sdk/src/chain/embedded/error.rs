//! JSON-RPC errors with the codes and texts that clients of a real node expect.

use alloy_primitives::{Address, Bytes, U256, hex};
use serde_json::{Value, json};

/// One JSON-RPC error object.
#[derive(Debug)]
pub(crate) struct RpcFailure {
    pub(crate) code: i64,
    pub(crate) message: String,
    pub(crate) data: Option<Bytes>,
}

impl RpcFailure {
    /// A refused request: what go-ethereum answers with code -32000.
    pub(super) fn refused(message: impl Into<String>) -> Self {
        Self { code: -32000, message: message.into(), data: None }
    }

    pub(super) fn invalid_params(what: impl std::fmt::Display) -> Self {
        Self { code: -32602, message: format!("invalid params: {what}"), data: None }
    }

    pub(super) fn unknown_method(method: &str) -> Self {
        Self { code: -32601, message: format!("the method {method} does not exist on the embedded chain"), data: None }
    }

    pub(super) fn invalid_request(what: &str) -> Self {
        Self { code: -32600, message: format!("invalid request: {what}"), data: None }
    }

    /// A contract's revert. Clients decode custom errors only from code 3 with `data`.
    pub(super) fn reverted(output: Bytes) -> Self {
        let message = alloy::sol_types::decode_revert_reason(&output)
            .map_or_else(|| "execution reverted".to_owned(), |reason| format!("execution reverted: {reason}"));
        Self { code: 3, message, data: Some(output) }
    }

    pub(super) fn insufficient_funds(address: Address, have: U256, want: U256) -> Self {
        Self::refused(format!("insufficient funds for gas * price + value: address {address} have {have} want {want}"))
    }

    pub(super) fn to_json(&self) -> Value {
        let mut object = json!({ "code": self.code, "message": self.message });
        if let Some(data) = &self.data {
            object["data"] = Value::String(hex::encode_prefixed(data));
        }
        object
    }
}
