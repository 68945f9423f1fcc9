//! Several endpoints of one chain: the first that answers serves, and another takes over at any time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    rpc::client::RpcClient,
    transports::{RpcError, http::reqwest, ws::WsConnect},
};
use alloy_primitives::{B256, Bytes, U64, U256};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json, value::RawValue};
use tokio::{
    sync::{Mutex, OnceCell},
    time::{Instant, sleep, timeout},
};
use url::Url;

use super::{QUICK_CHAIN, RpcConfig, decode, raw_params};
use crate::{
    chain::{BlockHead, ChainError},
    types::Timestamp,
};

/// Head start of each endpoint over the next one while connecting.
const STAGGER: Duration = Duration::from_millis(300);
/// First and longest pause between rounds over all endpoints.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// Pause between looks for a new block on a development chain.
const QUICK_POLL: Duration = Duration::from_millis(25);
/// The embedded chain's own method: answers once there is a block above the first parameter, or after the second
/// parameter's milliseconds.
pub(in crate::chain) const WAIT_FOR_BLOCK: &str = "lilypad_waitForBlock";
/// Longest time that one answer is held back.
pub(in crate::chain) const LONG_POLL: Duration = Duration::from_secs(5);
/// First and longest pause between looks for a new block elsewhere.
const POLL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(1));

/// The endpoints of one chain; clones share connections.
#[derive(Clone)]
pub(super) struct Endpoints {
    shared: Arc<Shared>,
}

struct Shared {
    chain_id: u64,
    list: Vec<Endpoint>,
    current: AtomicUsize,
    request_timeout: Duration,
    patience: Duration,
}

struct Endpoint {
    label: String,
    address: Place,
    link: Mutex<Option<Arc<Link>>>,
}

enum Place {
    Http(Url),
    Ws(Url),
    #[cfg(feature = "devnet")]
    Embedded(crate::chain::EmbeddedChain),
}

/// An open connection whose chain id was checked.
struct Link {
    client: RpcClient,
    heads: OnceCell<B256>,
    no_long_poll: AtomicBool,
}

/// Why one try at one endpoint failed.
enum Failure {
    /// The node answered with an error that another node would give as well.
    Refused(ChainError),
    WrongChain(u64),
    Lost(String),
}

impl Endpoints {
    /// Dials all endpoints, each a little after the one before, and keeps the first that serves the right chain.
    pub(super) async fn connect(config: &RpcConfig) -> Result<Self, ChainError> {
        let list = config.endpoints.iter().map(|text| Endpoint::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let endpoints = Self {
            shared: Arc::new(Shared {
                chain_id: config.chain_id,
                list,
                current: AtomicUsize::new(0),
                request_timeout: config.request_timeout,
                patience: config.patience,
            }),
        };
        let shared = &endpoints.shared;
        let mut dials: FuturesUnordered<_> = shared
            .list
            .iter()
            .zip(0_u32..)
            .map(|(endpoint, place)| async move {
                sleep(STAGGER * place).await;
                (endpoint, place, endpoint.link(shared.chain_id).await)
            })
            .collect();
        let mut failures = Vec::new();
        let mut wrong = None;
        let deadline = Instant::now() + config.connect_budget;
        loop {
            match tokio::time::timeout_at(deadline, dials.next()).await {
                Ok(Some((_, place, Ok(_)))) => {
                    shared.current.store(usize::try_from(place).unwrap_or(0), Ordering::Relaxed);
                    drop(dials);
                    return Ok(endpoints);
                }
                Ok(Some((endpoint, _, Err(Failure::WrongChain(found))))) => {
                    wrong = Some(ChainError::WrongChain {
                        endpoint: endpoint.label.clone(),
                        expected: shared.chain_id,
                        found,
                    });
                }
                Ok(Some((endpoint, _, Err(Failure::Lost(why))))) => failures.push(format!("{}: {why}", endpoint.label)),
                Ok(Some((_, _, Err(Failure::Refused(error))))) => failures.push(error.to_string()),
                Ok(None) => break,
                Err(_) => {
                    failures.push(format!("no answer within {:.1} s", config.connect_budget.as_secs_f32()));
                    break;
                }
            }
        }
        if shared.list.is_empty() {
            failures.push("no endpoint is configured".to_owned());
        }
        Err(wrong.unwrap_or(ChainError::Unreachable { chain_id: shared.chain_id, failures }))
    }

    #[cfg(feature = "devnet")]
    pub(super) fn embedded(chain: &crate::chain::EmbeddedChain) -> Self {
        let chain_id = chain
            .request("eth_chainId", Value::Null)
            .ok()
            .and_then(|id| U64::deserialize(id).ok())
            .map_or(QUICK_CHAIN, |id| id.to::<u64>());
        let endpoint =
            Endpoint { label: "embedded".to_owned(), address: Place::Embedded(chain.clone()), link: Mutex::new(None) };
        Self {
            shared: Arc::new(Shared {
                chain_id,
                list: vec![endpoint],
                current: AtomicUsize::new(0),
                request_timeout: Duration::from_secs(30),
                patience: Duration::from_secs(30),
            }),
        }
    }

    pub(super) fn chain_id(&self) -> u64 {
        self.shared.chain_id
    }

    pub(super) fn labels(&self) -> Vec<&str> {
        self.shared.list.iter().map(|endpoint| endpoint.label.as_str()).collect()
    }

    /// Whether blocks follow transactions at once, so that short waits pay.
    pub(super) fn is_quick(&self) -> bool {
        #[cfg(feature = "devnet")]
        if self.watch().is_some() {
            return true;
        }
        self.shared.chain_id == QUICK_CHAIN
    }

    /// Asks the current endpoint, and on a lost connection the next ones, until patience ends.
    pub(super) async fn request<R: DeserializeOwned>(
        &self,
        method: &'static str,
        params: impl Serialize,
    ) -> Result<R, ChainError> {
        let params = raw_params(&params)?;
        // Boxed: verbs hold several requests, and their futures would be tens of kilobytes.
        let answer = Box::pin(self.request_raw(method, &params)).await?;
        serde_json::from_str(answer.get()).map_err(|err| decode(method, err))
    }

    async fn request_raw(&self, method: &'static str, params: &RawValue) -> Result<Box<RawValue>, ChainError> {
        let shared = &self.shared;
        let deadline = Instant::now() + shared.patience;
        let mut pause = BACKOFF.0;
        let mut failures = Vec::new();
        let mut wrong = None;
        for attempt in 1_usize.. {
            let current = shared.current.load(Ordering::Relaxed);
            let Some(endpoint) = shared.list.get(current) else { break };
            let failure = match timeout(shared.request_timeout, endpoint.ask(shared.chain_id, method, params)).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(Failure::Refused(error))) => return Err(error),
                Ok(Err(Failure::Lost(why))) => format!("{}: {why}", endpoint.label),
                Ok(Err(Failure::WrongChain(found))) => {
                    let expected = shared.chain_id;
                    wrong = Some(ChainError::WrongChain { endpoint: endpoint.label.clone(), expected, found });
                    format!("{}: serves chain {found}", endpoint.label)
                }
                Err(_) => format!("{}: no answer to {method}", endpoint.label),
            };
            tracing::debug!(target: "lilypad::chain", %failure, method, "trying another endpoint");
            endpoint.hang_up().await;
            let next = (current + 1) % shared.list.len();
            // Whoever failed first moves on for all.
            let _ = shared.current.compare_exchange(current, next, Ordering::Relaxed, Ordering::Relaxed);
            if !failures.contains(&failure) && failures.len() < 2 * shared.list.len() {
                failures.push(failure);
            }
            if Instant::now() >= deadline {
                break;
            }
            if attempt % shared.list.len() == 0 {
                sleep(jitter(pause).min(deadline.saturating_duration_since(Instant::now()))).await;
                pause = (pause * 2).min(BACKOFF.1);
            }
        }
        match wrong {
            Some(wrong) if failures.len() == 1 => Err(wrong),
            _ => Err(ChainError::Unreachable { chain_id: shared.chain_id, failures }),
        }
    }

    pub(super) async fn head(&self) -> Result<BlockHead, ChainError> {
        #[cfg(feature = "devnet")]
        if let Some(heads) = self.watch() {
            return Ok(*heads.borrow());
        }
        self.block(json!("latest")).await?.ok_or_else(|| decode("the newest block", "the node has none"))
    }

    pub(super) async fn block(&self, number: Value) -> Result<Option<BlockHead>, ChainError> {
        let raw: Option<RawHead> = self.request("eth_getBlockByNumber", json!([number, false])).await?;
        Ok(raw.map(RawHead::head))
    }

    /// Time of the block that would be mined now.
    pub(super) async fn time(&self) -> Result<Timestamp, ChainError> {
        #[derive(Deserialize)]
        struct Pending {
            timestamp: U256,
        }
        let pending: Option<Pending> = self.request("eth_getBlockByNumber", json!(["pending", false])).await?;
        let pending = pending.ok_or_else(|| decode("the next block", "the node has none"))?;
        Ok(Timestamp::from_secs(pending.timestamp.saturating_to()))
    }

    /// The newest block once it is above `after`, or when `limit` has passed.
    pub(super) async fn wait_for_block(&self, after: u64, limit: Duration) -> Result<BlockHead, ChainError> {
        let deadline = Instant::now() + limit;
        #[cfg(feature = "devnet")]
        if let Some(mut heads) = self.watch() {
            let _ = tokio::time::timeout_at(deadline, heads.wait_for(|head| head.number > after)).await;
            return Ok(*heads.borrow());
        }
        let mut pause = if self.is_quick() { QUICK_POLL } else { POLL.0 };
        let mut head = self.head().await?;
        while head.number <= after && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            if !self.pushed(after, left).await {
                sleep(pause.min(left)).await;
                if !self.is_quick() {
                    pause = (pause * 2).min(POLL.1);
                }
            }
            head = self.head().await?;
        }
        Ok(head)
    }

    /// Waits until the node says that there is a block; `false` at once when the current endpoint does not push.
    async fn pushed(&self, after: u64, limit: Duration) -> bool {
        let Some(endpoint) = self.shared.list.get(self.shared.current.load(Ordering::Relaxed)) else { return false };
        match endpoint.address {
            Place::Ws(_) => {}
            Place::Http(_) if self.is_quick() => return endpoint.long_poll(self.shared.chain_id, after, limit).await,
            _ => return false,
        }
        let wait = async {
            let link = endpoint.link(self.shared.chain_id).await.ok()?;
            let id = link.heads.get_or_try_init(|| async {
                let mut call = link.client.request::<_, B256>("eth_subscribe", ("newHeads",));
                call.set_is_subscription();
                call.await.map_err(drop)
            });
            let id = *id.await.ok()?;
            let mut heads = link.client.pubsub_frontend()?.get_subscription(id).await.ok()?;
            // A message that was missed is as good a reason to look as one that was read.
            match heads.recv().await {
                Ok(_) | Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => Some(()),
                Err(tokio::sync::broadcast::error::RecvError::Closed) => None,
            }
        };
        // Blocks are looked for now and then even if the subscription has gone silent.
        matches!(timeout(limit.min(Duration::from_secs(5)), wait).await, Ok(Some(())) | Err(_))
    }

    #[cfg(feature = "devnet")]
    fn watch(&self) -> Option<tokio::sync::watch::Receiver<BlockHead>> {
        match &self.shared.list.first()?.address {
            Place::Embedded(chain) => Some(chain.subscribe_blocks()),
            _ => None,
        }
    }
}

/// The members of a block that matter here.
#[derive(Deserialize)]
struct RawHead {
    number: U256,
    hash: B256,
    timestamp: U256,
}

impl RawHead {
    fn head(self) -> BlockHead {
        BlockHead { number: self.number.saturating_to(), hash: self.hash, timestamp: self.timestamp.saturating_to() }
    }
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, ChainError> {
        let bad = || ChainError::BadEndpoint { url: without_password(text) };
        let url = Url::parse(text.trim()).map_err(|_| bad())?;
        let host = url.host_str().ok_or_else(bad)?;
        // Paths of public nodes carry keys, so a label stops at the host.
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let label = format!("{}://{host}{port}", url.scheme());
        let address = match url.scheme() {
            "http" | "https" => Place::Http(url),
            "ws" | "wss" => Place::Ws(url),
            _ => return Err(bad()),
        };
        Ok(Self { label, address, link: Mutex::new(None) })
    }

    /// The open connection, or a new one that serves `chain_id`. One caller dials, the others wait for it.
    async fn link(&self, chain_id: u64) -> Result<Arc<Link>, Failure> {
        let mut link = self.link.lock().await;
        if let Some(link) = link.as_ref() {
            return Ok(Arc::clone(link));
        }
        let client = Box::pin(self.dial()).await?;
        let found: U64 = client.request_noparams("eth_chainId").await.map_err(|err| Failure::of("eth_chainId", err))?;
        if found.to::<u64>() != chain_id {
            return Err(Failure::WrongChain(found.to()));
        }
        let fresh = Arc::new(Link { client, heads: OnceCell::new(), no_long_poll: AtomicBool::new(false) });
        *link = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    async fn dial(&self) -> Result<RpcClient, Failure> {
        match &self.address {
            Place::Http(url) => {
                let mut builder = reqwest::Client::builder().connect_timeout(Duration::from_secs(3));
                if is_loopback(url) {
                    builder = builder.no_proxy();
                }
                let client = builder.build().map_err(|err| Failure::Lost(err.to_string()))?;
                Ok(RpcClient::builder().http_with_client(client, url.clone()))
            }
            Place::Ws(url) => {
                // A lost connection is ours to replace, by another endpoint if need be.
                let connect = WsConnect::new(url.as_str()).with_max_retries(0);
                RpcClient::connect_pubsub(connect).await.map_err(|err| Failure::of("connect", err))
            }
            #[cfg(feature = "devnet")]
            Place::Embedded(chain) => Ok(RpcClient::new(crate::chain::EmbeddedTransport::new(chain), true)),
        }
    }

    async fn ask(&self, chain_id: u64, method: &'static str, params: &RawValue) -> Result<Box<RawValue>, Failure> {
        let link = self.link(chain_id).await?;
        link.client.request::<_, Box<RawValue>>(method, params.to_owned()).await.map_err(|err| Failure::of(method, err))
    }

    /// Lets an embedded chain behind HTTP hold the answer back until there is a block; `false` where that is unknown.
    async fn long_poll(&self, chain_id: u64, after: u64, limit: Duration) -> bool {
        let Ok(link) = self.link(chain_id).await else { return false };
        if link.no_long_poll.load(Ordering::Relaxed) {
            return false;
        }
        let limit = limit.min(LONG_POLL);
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        let call = link.client.request::<_, Box<RawValue>>(WAIT_FOR_BLOCK, (after, millis));
        match timeout(limit + Duration::from_secs(1), call).await {
            Ok(Ok(_)) => true,
            Ok(Err(RpcError::ErrorResp(_))) => {
                link.no_long_poll.store(true, Ordering::Relaxed);
                false
            }
            _ => false,
        }
    }

    async fn hang_up(&self) {
        if matches!(self.address, Place::Ws(_)) {
            *self.link.lock().await = None;
        }
    }
}

impl Failure {
    fn of(method: &'static str, error: alloy::transports::TransportError) -> Self {
        match error {
            RpcError::ErrorResp(payload) => {
                if payload.is_retry_err() {
                    return Self::Lost(payload.message.into_owned());
                }
                Self::Refused(ChainError::Refused {
                    method,
                    code: payload.code,
                    data: payload.data.as_deref().and_then(revert_data).unwrap_or_default(),
                    message: payload.message.into_owned(),
                })
            }
            RpcError::Transport(kind) => Self::Lost(root_cause(&kind)),
            other => Self::Lost(other.to_string()),
        }
    }
}

/// Finds the bytes in an error's data, which some nodes wrap once more.
fn revert_data(raw: &RawValue) -> Option<Bytes> {
    match serde_json::from_str(raw.get()).ok()? {
        Value::String(text) => text.parse().ok(),
        Value::Object(object) => object.get("data")?.as_str()?.parse().ok(),
        _ => None,
    }
}

/// The innermost message of an error: the outer ones only repeat the address.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

fn without_password(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((_, host)) => format!("***@{host}"),
        None => text.chars().take(200).collect(),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Between half and the whole of `pause`, so that clients of a node that comes back do not arrive together.
fn jitter(pause: Duration) -> Duration {
    let mut byte = [0_u8; 1];
    let _ = getrandom::fill(&mut byte);
    pause / 2 + (pause / 2) * u32::from(byte[0]) / 255
}
