//! Who is asking: the existing network's constant headers, and ours, bound to one request.
//!
//! | | headers | binds | can be replayed |
//! |---|---|---|---|
//! | legacy | `X-Lilypad-User`, `X-Lilypad-Signature` | the address only | for ever |
//! | bound | `X-Lilypad-Auth` | solver, method, target, body, time, nonce | no |
//!
//! Sources: network.md §3.3; design.md §4 and §11, rulings 9 and 10.

mod bound;
mod legacy;

pub(super) use self::legacy::recover;
pub use self::{
    bound::{BoundCaller, BoundRequest, BoundVerifier, MAX_CLOCK_SKEW_MS, NONCE_KEPT_MS, RequestDomain},
    legacy::LegacyHeaders,
};

use crate::types::Address;

/// Header with the payload that names the signer.
pub const USER_HEADER: &str = "X-Lilypad-User";
/// Header with the signature of the payload.
pub const SIGNATURE_HEADER: &str = "X-Lilypad-Signature";
/// Header with the client's version.
pub const VERSION_HEADER: &str = "X-Lilypad-Version";
/// Header with a signature over the whole request. Ours.
pub const BOUND_HEADER: &str = "X-Lilypad-Auth";

/// How a caller proved who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthKind {
    /// Not at all.
    None,
    /// By the constant headers.
    Legacy,
    /// By a signature over the request.
    Bound,
}

/// Who makes a request, as far as that was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The signer; `None` when nothing was signed and nothing had to be.
    pub address: Option<Address>,
    /// How that was proved.
    pub kind: AuthKind,
}

impl Caller {
    /// Someone who signed nothing.
    pub const ANONYMOUS: Self = Self { address: None, kind: AuthKind::None };

    /// `address`, proved by a bound signature or by being inside this process.
    pub const fn bound(address: Address) -> Self {
        Self { address: Some(address), kind: AuthKind::Bound }
    }

    /// `address`, proved by the constant headers.
    pub const fn legacy(address: Address) -> Self {
        Self { address: Some(address), kind: AuthKind::Legacy }
    }

    /// Whether the caller is `address`.
    pub fn is(&self, address: Address) -> bool {
        self.address == Some(address)
    }
}

/// Why a request's signature is not taken. Its text is the answer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// No `X-Lilypad-User`.
    #[error("missing user header")]
    MissingUser,
    /// No `X-Lilypad-Signature`.
    #[error("missing signature header")]
    MissingSignature,
    /// The user header is not base64 of JSON.
    #[error("invalid user header {detail}")]
    InvalidUser {
        /// What is wrong.
        detail: String,
    },
    /// The signature is not base64 of 65 bytes that recover to a key.
    #[error("invalid user header or signature {detail}")]
    InvalidSignature {
        /// What is wrong.
        detail: String,
    },
    /// Signed by another address than the payload names.
    #[error("invalid signature")]
    WrongSigner,
    /// A solver that takes bound requests got another one.
    #[error("this solver takes requests with an X-Lilypad-Auth header only")]
    BoundRequired,
    /// The address has signed whole requests before; its constant headers are not taken any more.
    #[error("{address} signs whole requests, its constant headers are refused")]
    LegacyRefused {
        /// The signer.
        address: Address,
    },
    /// The bound header cannot be read, or its signature is not its address'.
    #[error("invalid X-Lilypad-Auth header: {detail}")]
    InvalidBound {
        /// What is wrong.
        detail: String,
    },
    /// The request's time is too far from the solver's.
    #[error("request was signed {skew_ms} ms away from the solver's time, at most {MAX_CLOCK_SKEW_MS} ms are allowed")]
    Stale {
        /// How far, in milliseconds.
        skew_ms: u64,
    },
    /// The request was signed before the solver started, so that it may have been served before.
    #[error("request was signed before the solver started, sign it again")]
    BeforeStart,
    /// The request was served before.
    #[error("request was sent before, its nonce is used")]
    Replayed,
    /// The body is not the one that was signed.
    #[error("request body differs from its signed hash")]
    BodyDiffers,
    /// More requests in a minute than the solver remembers.
    #[error("too many signed requests at once, try again")]
    TooMany,
}

impl AuthError {
    /// HTTP status of the answer.
    pub fn status(&self) -> u16 {
        if self.is_retryable() { 503 } else { 401 }
    }

    /// Whether the request may succeed when it is signed again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::BeforeStart | Self::TooMany)
    }

    pub(super) fn is_legacy(&self) -> bool {
        matches!(
            self,
            Self::MissingUser
                | Self::MissingSignature
                | Self::InvalidUser { .. }
                | Self::InvalidSignature { .. }
                | Self::WrongSigner
        )
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let fixed = [
            Self::MissingUser,
            Self::MissingSignature,
            Self::WrongSigner,
            Self::BoundRequired,
            Self::BeforeStart,
            Self::Replayed,
            Self::BodyDiffers,
            Self::TooMany,
        ];
        if let Some(error) = fixed.into_iter().find(|error| error.to_string() == text) {
            return Some(error);
        }
        let rest = |start: &str| text.strip_prefix(start).map(str::to_owned);
        if let Some(detail) = rest("invalid user header or signature ") {
            return Some(Self::InvalidSignature { detail });
        }
        if let Some(detail) = rest("invalid user header ") {
            return Some(Self::InvalidUser { detail });
        }
        if let Some(detail) = rest("invalid X-Lilypad-Auth header: ") {
            return Some(Self::InvalidBound { detail });
        }
        let skew = rest("request was signed ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        skew.map(|skew_ms| Self::Stale { skew_ms })
    }
}
