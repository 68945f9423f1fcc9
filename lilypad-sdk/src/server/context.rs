//! What a handler knows about its request, and the gate that every route lies behind.

use std::{
    collections::HashSet,
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, HeaderValue, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    DynBackend, ServerConfig,
    hub::{Hub, Providers},
    listen::{Peer, is_local_program},
    rate::RateLimiter,
};
use crate::{
    api::{
        ApiResult, AuthError, AuthMode, BOUND_HEADER, BoundCaller, BoundRequest, BoundVerifier, Caller, LegacyHeaders,
        Refusal, SIGNATURE_HEADER, USER_HEADER,
    },
    types::{Address, B256, Timestamp},
};

/// Addresses remembered as signing whole requests, since the start; further ones may still use the constant headers.
const MAX_BOUND_SIGNERS: usize = 100_000;

/// The server's state.
pub(super) struct App {
    pub(super) backend: Arc<dyn DynBackend>,
    pub(super) config: ServerConfig,
    pub(super) auth: AuthMode,
    pub(super) verifier: BoundVerifier,
    pub(super) hub: Hub,
    pub(super) providers: Providers,
    /// Work that outlives its request, such as telling the backend that a download is complete.
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
    limiter: Option<RateLimiter>,
    bound_signers: Mutex<HashSet<Address>>,
}

impl App {
    pub(super) fn new(
        backend: Arc<dyn DynBackend>,
        config: ServerConfig,
        auth: AuthMode,
        verifier: BoundVerifier,
        stop: CancellationToken,
    ) -> Self {
        let limiter = config.rate_limit.map(RateLimiter::new);
        Self {
            backend,
            config,
            auth,
            verifier,
            hub: Hub::default(),
            providers: Providers::default(),
            tasks: TaskTracker::new(),
            stop,
            limiter,
            bound_signers: Mutex::default(),
        }
    }

    fn remember_bound(&self, signer: Address) {
        let mut signers = self.bound_signers.lock().unwrap_or_else(PoisonError::into_inner);
        if signers.len() < MAX_BOUND_SIGNERS {
            signers.insert(signer);
        }
    }

    fn has_signed_bound(&self, signer: Address) -> bool {
        self.bound_signers.lock().unwrap_or_else(PoisonError::into_inner).contains(&signer)
    }
}

pub(super) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(i64::try_from(now_ms()).unwrap_or(i64::MAX))
}

/// What the bound header proved; its nonce is used when this exists.
#[derive(Clone)]
enum Proof {
    Absent,
    Bound(Result<BoundCaller, AuthError>),
}

/// One request.
#[derive(Clone)]
pub(super) struct Cx {
    pub(super) app: Arc<App>,
    pub(super) headers: HeaderMap,
    pub(super) query: String,
    proof: Proof,
}

impl FromRequestParts<Arc<App>> for Cx {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Infallible> {
        Ok(Self {
            app: Arc::clone(app),
            headers: parts.headers.clone(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            proof: parts.extensions.get().cloned().unwrap_or(Proof::Absent),
        })
    }
}

impl Cx {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn is_bound_only(&self) -> bool {
        self.app.auth == AuthMode::Bound
    }

    /// Who signed the request.
    pub(super) fn signer(&self) -> Result<(Caller, Address), AuthError> {
        match &self.proof {
            Proof::Bound(Ok(caller)) => return Ok((Caller::bound(caller.address), caller.address)),
            Proof::Bound(Err(error)) => return Err(error.clone()),
            Proof::Absent if self.is_bound_only() => return Err(AuthError::BoundRequired),
            Proof::Absent => {}
        }
        let signer = LegacyHeaders::verify(self.header(USER_HEADER), self.header(SIGNATURE_HEADER))?;
        if self.app.auth == AuthMode::Both && self.app.has_signed_bound(signer) {
            return Err(AuthError::LegacyRefused { address: signer });
        }
        Ok((Caller::legacy(signer), signer))
    }

    /// Whether the request carries a bound signature, be it good or bad.
    pub(super) fn has_bound_header(&self) -> bool {
        matches!(self.proof, Proof::Bound(_))
    }

    /// Who reads: proved wherever the solver's mode asks for proof, else nobody in particular.
    pub(super) fn reader(&self) -> ApiResult<Caller> {
        if self.app.auth == AuthMode::Legacy { Ok(Caller::ANONYMOUS) } else { Ok(self.signer()?.0) }
    }

    /// Whether a record is to be kept from the caller: in `bound` mode, unless it is one of the caller's.
    pub(super) fn hides<T>(&self, caller: Caller, record: &T, visible: impl Fn(&T, Address) -> bool) -> bool {
        self.is_bound_only() && caller.address.is_none_or(|address| !visible(record, address))
    }

    /// The hash that the body must have, where it was signed.
    pub(super) fn body_hash(&self) -> Option<B256> {
        match &self.proof {
            Proof::Bound(Ok(caller)) => Some(caller.body_hash),
            _ => None,
        }
    }

    /// Compares a whole body with its signed hash.
    pub(super) fn check_body(&self, body: &[u8]) -> Result<(), AuthError> {
        match self.body_hash() {
            Some(hash) if hash != BoundRequest::hash(body) => Err(AuthError::BodyDiffers),
            _ => Ok(()),
        }
    }
}

/// Refuses web pages and foreign names on a solver that serves this machine only. Lies before routing.
pub(super) async fn local_only(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if app.config.loopback_only && !is_local_program(request.headers()) {
        return crate::api::ApiError::from(Refusal::NotLoopback).into_response();
    }
    next.run(request).await
}

/// Reads the bound header, counts the request, and adds the headers that every answer of a route carries.
pub(super) async fn gate(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    let mut proof = Proof::Absent;
    if app.auth != AuthMode::Legacy
        && let Some(header) = request.headers().get(BOUND_HEADER)
    {
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let verified =
            app.verifier.verify(header.to_str().unwrap_or_default(), request.method().as_str(), target, now_ms());
        if let (Ok(caller), AuthMode::Both) = (&verified, app.auth) {
            app.remember_bound(caller.address);
        }
        proof = Proof::Bound(verified);
    }
    let verdict = app.limiter.as_ref().and_then(|limiter| {
        let who = match &proof {
            Proof::Bound(Ok(caller)) if client(&app.config, &request).is_some() => caller.address.to_string(),
            _ => client(&app.config, &request)?,
        };
        Some(limiter.check(&format!("{who}|{}", request.uri().path()), now_ms()))
    });
    let mut response = match verdict {
        Some(verdict) if verdict.refused => crate::api::ApiError::from(Refusal::RateLimited).into_response(),
        _ => {
            request.extensions_mut().insert(proof);
            next.run(request).await
        }
    };
    let headers = response.headers_mut();
    if let Some(verdict) = verdict {
        headers.insert("X-RateLimit-Limit", HeaderValue::from(verdict.limit));
        headers.insert("X-RateLimit-Remaining", HeaderValue::from(verdict.remaining));
        headers.insert("X-RateLimit-Reset", HeaderValue::from(verdict.reset));
        if verdict.refused {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(verdict.window));
        }
    }
    if app.auth != AuthMode::Bound {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// The address that a request counts for; `None` for a program on this machine. Forwarding headers are believed from a
/// proxy on this machine, or from everybody when so configured.
fn client(config: &ServerConfig, request: &Request) -> Option<String> {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let is_local = peer.is_some_and(|peer| peer.is_loopback());
    let forwarded = || {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        header("True-Client-IP")
            .or_else(|| header("X-Real-IP"))
            .or_else(|| header("X-Forwarded-For").and_then(|list| list.split(", ").next()))
            .map(|text| text.trim().parse().map_or_else(|_| text.chars().take(64).collect(), network))
    };
    if is_local || config.trust_forwarded {
        if let Some(forwarded) = forwarded() {
            return Some(forwarded);
        }
        if is_local {
            return None;
        }
    }
    Some(peer.map_or_else(|| "unknown".to_owned(), network))
}

/// An address as it counts: an IPv6 address is cut to its /64.
fn network(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}
