//! The embedded chain as an alloy transport, so that one client code talks to it and to real nodes.

use std::{
    borrow::Cow,
    task::{Context, Poll},
};

use alloy::{
    rpc::json_rpc::{ErrorPayload, RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest},
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use serde_json::{Value, value::to_raw_value};

use super::EmbeddedChain;

/// A `tower` service that answers from an [`EmbeddedChain`] without leaving the process.
///
/// Pass it to `RpcClient::new(transport, true)` to use the chain with alloy directly.
#[derive(Clone, Debug)]
pub struct EmbeddedTransport {
    chain: EmbeddedChain,
}

impl EmbeddedTransport {
    /// A transport on a clone of `chain`.
    #[must_use]
    pub fn new(chain: &EmbeddedChain) -> Self {
        Self { chain: chain.clone() }
    }

    fn answer(&self, request: &SerializedRequest) -> Result<Response, TransportError> {
        let params = match request.params() {
            Some(raw) => serde_json::from_str(raw.get()).map_err(TransportErrorKind::custom)?,
            None => Value::Null,
        };
        let payload = match self.chain.request(request.method(), params) {
            Ok(result) => ResponsePayload::Success(to_raw_value(&result).map_err(TransportErrorKind::custom)?),
            Err(failure) => ResponsePayload::Failure(ErrorPayload {
                code: failure.code,
                data: match &failure.data {
                    Some(data) => Some(to_raw_value(data).map_err(TransportErrorKind::custom)?),
                    None => None,
                },
                message: Cow::Owned(failure.message),
            }),
        };
        Ok(Response { id: request.id().clone(), payload })
    }
}

impl tower::Service<RequestPacket> for EmbeddedTransport {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            Ok(match packet {
                RequestPacket::Single(request) => ResponsePacket::Single(this.answer(&request)?),
                RequestPacket::Batch(requests) => ResponsePacket::Batch(
                    requests.iter().map(|request| this.answer(request)).collect::<Result<_, _>>()?,
                ),
            })
        })
    }
}
