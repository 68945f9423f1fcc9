//! Formats of the existing network that its other services speak: the gateway's headers, validation tokens and
//! proof-of-work hashes. Pure functions with vectors; no route of ours uses them yet (design.md §11, "left for later").

use alloy_primitives::{Address, B256, U256, keccak256};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use sha2::{Digest as _, Sha256};

use super::{AuthError, auth::recover, same_address};

/// Header with the gateway's payload.
pub const ANURA_SERVER_HEADER: &str = "X-Anura-Server";
/// Header with the signature of the gateway's payload.
pub const ANURA_KEY_HEADER: &str = "X-Anura-Key";

/// The gateway that two header values prove, if it is in `allowed` (compared ignoring case). The payload's content plays
/// no part. Source: network.md §3.5.
///
/// # Errors
/// [`AuthError`]; the existing solver answers each with 401 `Unauthorized`.
pub fn verify_anura(server: Option<&str>, key: Option<&str>, allowed: &[String]) -> Result<Address, AuthError> {
    let server = server.ok_or(AuthError::MissingUser)?;
    let payload = STANDARD.decode(server).map_err(|e| AuthError::InvalidUser { detail: e.to_string() })?;
    let signer = recover(&payload, key.ok_or(AuthError::MissingSignature)?)?;
    if allowed.iter().any(|text| same_address(text, signer)) { Ok(signer) } else { Err(AuthError::WrongSigner) }
}

/// What a validation token says. Source: network.md §3.5.
#[derive(Clone, Debug)]
pub struct ValidationToken<'a> {
    /// Id of the signing key.
    pub key_id: &'a str,
    /// Whom the token is for.
    pub signer: Address,
    /// When it is issued, seconds since 1970.
    pub issued_at: u64,
    /// How long it is valid, in seconds; 604,800 by default.
    pub lifetime_secs: u64,
    /// A random UUID, version 4.
    pub id: &'a str,
}

#[derive(serde::Serialize)]
struct TokenHeader<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(serde::Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: u64,
    iat: u64,
    iss: &'a str,
    jti: &'a str,
    scope: &'a str,
    sub: String,
}

impl ValidationToken<'_> {
    /// The token as JWT, signed with HMAC-SHA256 under the raw bytes of `secret`.
    pub fn encode(&self, secret: &str) -> String {
        let header = TokenHeader { alg: "HS256", kid: self.key_id, typ: "JWT" };
        let claims = Claims {
            aud: "kafka-broker",
            exp: self.issued_at.saturating_add(self.lifetime_secs),
            iat: self.issued_at,
            iss: "kafka-auth",
            jti: self.id,
            scope: "kafka-cluster",
            sub: format!("rp_{}", self.signer),
        };
        let part = |text: String| URL_SAFE_NO_PAD.encode(text);
        let signed = format!(
            "{}.{}",
            part(crate::types::to_canonical_json(&header)),
            part(crate::types::to_canonical_json(&claims))
        );
        let mac = hmac_sha256(secret.as_bytes(), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac))
    }
}

/// HMAC-SHA256 (RFC 2104).
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    const BLOCK: usize = 64;
    let mut block = [0_u8; BLOCK];
    if key.len() > BLOCK {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize().into()
}

/// The hash of a proof-of-work attempt: keccak256 of challenge and nonce, each 32 bytes.
pub fn proof_of_work_hash(challenge: B256, nonce: U256) -> B256 {
    keccak256([challenge.0, nonce.to_be_bytes()].concat())
}
