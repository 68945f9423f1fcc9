//! The constant headers of the existing network. Source: network.md §3.3; vectors `signing.json`.

use alloy_primitives::{Address, B256, Signature, keccak256};
use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::AuthError;
use crate::wallet::{SignError, Wallet};

/// The two headers that name a signer. They are the same for every request of a key, so whoever sees them can use them.
#[derive(Clone, PartialEq, Eq)]
pub struct LegacyHeaders {
    /// `X-Lilypad-User`: base64 of `{"address":"0x…"}`.
    pub user: String,
    /// `X-Lilypad-Signature`: base64 of `r || s || v`, v 0 or 1, over keccak256 of the payload.
    pub signature: String,
}

impl LegacyHeaders {
    /// The headers of a key. No prefix is hashed; the signature is deterministic with low s.
    ///
    /// # Errors
    /// [`SignError`], which no valid key causes.
    pub fn sign(wallet: &Wallet) -> Result<Self, SignError> {
        let payload = format!("{{\"address\":\"{}\"}}", wallet.address());
        let signature = wallet.sign_hash(&keccak256(payload.as_bytes()))?;
        let mut bytes = [0; 65];
        bytes[..32].copy_from_slice(&signature.r().to_be_bytes::<32>());
        bytes[32..64].copy_from_slice(&signature.s().to_be_bytes::<32>());
        bytes[64] = u8::from(signature.v());
        Ok(Self { user: STANDARD.encode(payload), signature: STANDARD.encode(bytes) })
    }

    /// The signer that two header values prove.
    ///
    /// # Errors
    /// [`AuthError`], in the order and with the texts of the existing solver.
    pub fn verify(user: Option<&str>, signature: Option<&str>) -> Result<Address, AuthError> {
        let user = user.filter(|text| !text.is_empty()).ok_or(AuthError::MissingUser)?;
        let signature = signature.filter(|text| !text.is_empty()).ok_or(AuthError::MissingSignature)?;
        let payload = STANDARD.decode(user).map_err(|e| AuthError::InvalidUser { detail: e.to_string() })?;
        let claimed = serde_json::from_slice::<Claim>(&payload)
            .map_err(|e| AuthError::InvalidUser { detail: e.to_string() })?
            .address
            .unwrap_or_default();
        let signer = recover(&payload, signature)?;
        // Exact, upper and lower case too: it is the text that the records are compared with.
        if claimed == signer.to_string() { Ok(signer) } else { Err(AuthError::WrongSigner) }
    }
}

#[derive(serde::Deserialize)]
struct Claim {
    #[serde(default)]
    address: Option<String>,
}

/// The address whose signature `signature` (base64) is of keccak256 of `payload`.
pub(in crate::api) fn recover(payload: &[u8], signature: &str) -> Result<Address, AuthError> {
    let invalid = |detail: String| AuthError::InvalidSignature { detail };
    let bytes = STANDARD.decode(signature).map_err(|e| invalid(e.to_string()))?;
    let bytes: [u8; 65] = bytes.try_into().map_err(|bytes: Vec<u8>| invalid(format!("{} bytes", bytes.len())))?;
    let odd = match bytes[64] {
        0 => false,
        1 => true,
        other => return Err(invalid(format!("recovery id {other}"))),
    };
    let signature =
        Signature::from_scalars_and_parity(B256::from_slice(&bytes[..32]), B256::from_slice(&bytes[32..64]), odd);
    signature.recover_address_from_prehash(&keccak256(payload)).map_err(|e| invalid(e.to_string()))
}

impl std::fmt::Debug for LegacyHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LegacyHeaders").field("user", &self.user).field("signature", &"***").finish()
    }
}
