//! A signature over one request. Source: design.md §11, ruling 9.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Mutex, PoisonError},
};

use alloy_primitives::{Address, B256, Signature};
use alloy_sol_types::{Eip712Domain, SolStruct as _};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::AuthError;
use crate::wallet::{SignError, Wallet};

/// How far a request's time may be from the solver's, in milliseconds, either way.
pub const MAX_CLOCK_SKEW_MS: u64 = 30_000;
/// How long a nonce is remembered, in milliseconds: a request signed [`MAX_CLOCK_SKEW_MS`] ahead is refused after it.
pub const NONCE_KEPT_MS: u64 = 60_000;
/// Nonces remembered at most; beyond it requests are refused for a while, none is forgotten early.
const MAX_NONCES: usize = 1 << 17;
/// Longest header read.
const MAX_HEADER_BYTES: usize = 1024;

#[allow(clippy::allow_attributes_without_reason, missing_docs, reason = "generated code")]
mod message {
    alloy_sol_types::sol! {
        /// What a bound request signs.
        struct Request {
            address solver;
            string method;
            string target;
            bytes32 bodyHash;
            uint64 timeMs;
            bytes32 nonce;
        }
    }
}

/// Where a signature is good: one solver of one set of contracts on one chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestDomain {
    /// The solver that is asked.
    pub solver: Address,
    /// Chain of the controller.
    pub chain_id: u64,
    /// Controller contract, `verifyingContract` of the EIP-712 domain.
    pub controller: Address,
}

/// What is signed besides the [`RequestDomain`].
///
/// Shape: EIP-712 `Request(address solver,string method,string target,bytes32 bodyHash,uint64 timeMs,bytes32 nonce)` in
/// the domain `{name: "Lilypad", version: "1", chainId, verifyingContract: controller}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundRequest {
    /// Upper-case method.
    pub method: String,
    /// Path and query as they stand in the request line, from `/api/v1` on.
    pub target: String,
    /// SHA-256 of the body; of nothing when there is none.
    pub body_hash: B256,
    /// When it was signed, milliseconds since 1970.
    pub time_ms: u64,
    /// Random, new for every request.
    pub nonce: B256,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    address: Address,
    time_ms: u64,
    nonce: B256,
    body_hash: B256,
    signature: String,
}

/// Who sent a bound request, and what its body must hash to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundCaller {
    /// The signer.
    pub address: Address,
    /// SHA-256 that the body must have; the server compares when it has read it.
    pub body_hash: B256,
}

impl BoundRequest {
    /// A request signed at `time_ms` with a fresh nonce, for a body that is at hand.
    pub fn new(method: &str, target: &str, body: &[u8], time_ms: u64) -> Self {
        Self::with_hash(method, target, Self::hash(body), time_ms)
    }

    /// A request for a body that is known by its hash, such as a file.
    pub fn with_hash(method: &str, target: &str, body_hash: B256, time_ms: u64) -> Self {
        let mut nonce = B256::ZERO;
        #[expect(clippy::expect_used, reason = "without randomness of the system nothing can be signed safely")]
        getrandom::fill(nonce.as_mut_slice()).expect("the system gives random bytes");
        Self { method: method.to_owned(), target: target.to_owned(), body_hash, time_ms, nonce }
    }

    /// The hash of a body.
    pub fn hash(body: &[u8]) -> B256 {
        B256::from_slice(&Sha256::digest(body))
    }

    /// The hash that is signed.
    pub fn digest(&self, domain: &RequestDomain) -> B256 {
        let message = message::Request {
            solver: domain.solver,
            method: self.method.clone(),
            target: self.target.clone(),
            bodyHash: self.body_hash,
            timeMs: self.time_ms,
            nonce: self.nonce,
        };
        let domain = Eip712Domain {
            name: Some("Lilypad".into()),
            version: Some("1".into()),
            chain_id: Some(alloy_primitives::U256::from(domain.chain_id)),
            verifying_contract: Some(domain.controller),
            salt: None,
        };
        message.eip712_signing_hash(&domain)
    }

    /// The value of `X-Lilypad-Auth`: base64 of `{"address","time_ms","nonce","body_hash","signature"}`.
    ///
    /// # Errors
    /// [`SignError`], which no valid key causes.
    pub fn sign(&self, domain: &RequestDomain, wallet: &Wallet) -> Result<String, SignError> {
        let signature = wallet.sign_hash(&self.digest(domain))?;
        let header = Header {
            address: wallet.address(),
            time_ms: self.time_ms,
            nonce: self.nonce,
            body_hash: self.body_hash,
            signature: hex::encode(signature.as_bytes()),
        };
        Ok(STANDARD.encode(crate::types::to_canonical_json(&header)))
    }
}

/// Accepts each bound request of a solver once.
///
/// What it has seen is in memory: a new verifier refuses everything signed before its start. A sender whose clock runs
/// ahead of the solver's by `n` seconds is protected again `n` seconds after a restart.
#[derive(Debug)]
pub struct BoundVerifier {
    domain: RequestDomain,
    started_ms: u64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    nonces: HashSet<(Address, B256)>,
    by_time: VecDeque<(u64, (Address, B256))>,
}

impl BoundVerifier {
    /// A verifier for requests in `domain`, started at `now_ms` (milliseconds since 1970).
    pub fn new(domain: RequestDomain, now_ms: u64) -> Self {
        Self { domain, started_ms: now_ms, seen: Mutex::default() }
    }

    /// The domain it checks against.
    pub fn domain(&self) -> RequestDomain {
        self.domain
    }

    /// Who sent the request that carries `header`; its nonce is used from then on, whatever becomes of the request.
    ///
    /// # Errors
    /// [`AuthError`]: the header is unreadable, signed by another key or for another request, stale, or was used before.
    pub fn verify(&self, header: &str, method: &str, target: &str, now_ms: u64) -> Result<BoundCaller, AuthError> {
        let invalid = |detail: &str| AuthError::InvalidBound { detail: detail.to_owned() };
        if header.len() > MAX_HEADER_BYTES {
            return Err(invalid("too long"));
        }
        let bytes = STANDARD.decode(header).map_err(|_| invalid("not base64"))?;
        let header: Header = serde_json::from_slice(&bytes).map_err(|_| invalid("not the JSON it should be"))?;
        let skew_ms = header.time_ms.abs_diff(now_ms);
        if skew_ms > MAX_CLOCK_SKEW_MS {
            return Err(AuthError::Stale { skew_ms });
        }
        if header.time_ms < self.started_ms {
            return Err(AuthError::BeforeStart);
        }
        let request = BoundRequest {
            method: method.to_owned(),
            target: target.to_owned(),
            body_hash: header.body_hash,
            time_ms: header.time_ms,
            nonce: header.nonce,
        };
        let signature = hex::decode(&header.signature).map_err(|_| invalid("signature is not hexadecimal"))?;
        let signature = Signature::from_raw(&signature).map_err(|_| invalid("signature is malformed"))?;
        let signer = signature
            .recover_address_from_prehash(&request.digest(&self.domain))
            .map_err(|_| invalid("signature recovers to no key"))?;
        if signer != header.address {
            return Err(invalid("signed for another solver or request, or by another key"));
        }
        self.use_nonce((signer, header.nonce), now_ms)?;
        Ok(BoundCaller { address: signer, body_hash: header.body_hash })
    }

    fn use_nonce(&self, key: (Address, B256), now_ms: u64) -> Result<(), AuthError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, old)) = seen.by_time.front().copied() {
            if now_ms.saturating_sub(at) <= NONCE_KEPT_MS {
                break;
            }
            seen.by_time.pop_front();
            seen.nonces.remove(&old);
        }
        if seen.nonces.contains(&key) {
            return Err(AuthError::Replayed);
        }
        if seen.nonces.len() >= MAX_NONCES {
            return Err(AuthError::TooMany);
        }
        seen.nonces.insert(key);
        seen.by_time.push_back((now_ms, key));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const NOW: u64 = 1_753_700_000_000;

    fn domain() -> RequestDomain {
        RequestDomain { solver: Address::repeat_byte(1), chain_id: 31337, controller: Address::repeat_byte(2) }
    }

    fn signed(request: &BoundRequest) -> String {
        request.sign(&domain(), &Wallet::dev(5).unwrap()).unwrap()
    }

    #[test]
    fn accepts_a_request_once() {
        let verifier = BoundVerifier::new(domain(), NOW - 1);
        let header = signed(&BoundRequest::new("POST", "/api/v1/job_offers?x=1", b"moo", NOW));
        let caller = verifier.verify(&header, "POST", "/api/v1/job_offers?x=1", NOW).unwrap();
        assert_eq!(caller.address, Wallet::dev(5).unwrap().address());
        assert_eq!(caller.body_hash, BoundRequest::hash(b"moo"));
        let again = verifier.verify(&header, "POST", "/api/v1/job_offers?x=1", NOW + 29_999);
        assert_eq!(again, Err(AuthError::Replayed));
    }

    #[test]
    fn refuses_another_method_target_domain_or_signature() {
        let verifier = BoundVerifier::new(domain(), NOW);
        let header = signed(&BoundRequest::new("GET", "/api/v1/deals", b"", NOW));
        for (method, target) in [("POST", "/api/v1/deals"), ("GET", "/api/v1/deals?"), ("GET", "/api/v1/deals/x")] {
            let error = verifier.verify(&header, method, target, NOW).unwrap_err();
            assert!(matches!(error, AuthError::InvalidBound { .. }), "{method} {target}: {error}");
        }
        let other = BoundVerifier::new(RequestDomain { chain_id: 1, ..domain() }, NOW);
        assert!(other.verify(&header, "GET", "/api/v1/deals", NOW).is_err());
        assert!(verifier.verify("%", "GET", "/api/v1/deals", NOW).is_err());
        assert!(verifier.verify(&"A".repeat(2000), "GET", "/api/v1/deals", NOW).is_err());
        assert!(verifier.verify(&header, "GET", "/api/v1/deals", NOW).is_ok(), "a failure uses no nonce");
    }

    #[test]
    fn time_counts_to_the_edge() {
        let verifier = BoundVerifier::new(domain(), NOW - 40_000);
        let at = |time_ms: u64| {
            let header = signed(&BoundRequest::new("GET", "/", b"", time_ms));
            verifier.verify(&header, "GET", "/", NOW)
        };
        assert!(at(NOW - 30_000).is_ok() && at(NOW + 30_000).is_ok());
        assert_eq!(at(NOW - 30_001), Err(AuthError::Stale { skew_ms: 30_001 }));
        assert_eq!(at(NOW + 30_001), Err(AuthError::Stale { skew_ms: 30_001 }));
        let restarted = BoundVerifier::new(domain(), NOW);
        let header = signed(&BoundRequest::new("GET", "/", b"", NOW - 1));
        assert_eq!(restarted.verify(&header, "GET", "/", NOW), Err(AuthError::BeforeStart));
    }

    #[test]
    fn the_digest_is_the_eip712_one() {
        // Computed a second time from the type's text, without the macro.
        use alloy_primitives::keccak256;
        let request = BoundRequest { nonce: B256::repeat_byte(7), ..BoundRequest::new("GET", "/t", b"", 5) };
        let word = |bytes: &[u8]| {
            let mut word = [0; 32];
            word[32 - bytes.len()..].copy_from_slice(bytes);
            word
        };
        let type_hash = keccak256(
            "Request(address solver,string method,string target,bytes32 bodyHash,uint64 timeMs,bytes32 nonce)",
        );
        let parts = [
            type_hash.0,
            word(domain().solver.as_slice()),
            keccak256("GET").0,
            keccak256("/t").0,
            request.body_hash.0,
            word(&5_u64.to_be_bytes()),
            request.nonce.0,
        ];
        let domain_type =
            keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
        let separator = [
            domain_type.0,
            keccak256("Lilypad").0,
            keccak256("1").0,
            word(&31337_u64.to_be_bytes()),
            word(domain().controller.as_slice()),
        ];
        let (separator, hash) = (keccak256(separator.concat()), keccak256(parts.concat()));
        let text = [&[0x19, 1][..], separator.as_slice(), hash.as_slice()];
        assert_eq!(request.digest(&domain()), keccak256(text.concat()));
    }
}
