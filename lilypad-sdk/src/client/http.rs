//! The solver's API over HTTP.

use std::{fmt, future::Future, path::Path, sync::Arc, time::Duration};

use reqwest::{
    Method, Response, StatusCode, header,
    redirect::{Action, Attempt, Policy},
};

use super::{
    ClientError,
    transfer::{self, Payload},
};
use crate::{
    api::{
        ApiError, AuthMode, BOUND_HEADER, BoundRequest, DealQuery, JobOfferQuery, LegacyHeaders, RequestDomain,
        ResourceOfferQuery, SIGNATURE_HEADER, SolverInfo, USER_HEADER, VERSION_HEADER, WIRE_VERSION, routes,
    },
    types::{
        Address, DealContainer, DealId, FromGo, JobCreatorTransactions, JobOffer, JobOfferContainer, JobOfferId,
        JobResult, MediatorTransactions, ResourceOffer, ResourceOfferContainer, ResourceProviderTransactions,
        from_json, to_canonical_json,
    },
    wallet::Wallet,
};

/// Largest JSON answer that is read.
const MAX_ANSWER_BYTES: u64 = 256 << 20;
/// Most of an error's text that is read.
const MAX_ERROR_BYTES: u64 = 64 << 10;
/// Redirections followed, all within one host.
const MAX_REDIRECTS: usize = 3;
/// Longest wait that a solver can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How requests are signed.
#[derive(Clone, Debug)]
pub enum HttpAuth {
    /// A signature over each request, good for one solver only.
    Bound {
        /// Whose requests.
        wallet: Wallet,
        /// The solver that is meant.
        domain: RequestDomain,
    },
    /// The existing network's constant headers. Whoever sees them can use them, so they go only to a solver that was
    /// pinned as legacy (design.md §11, ruling 10).
    Legacy {
        /// Whose requests.
        wallet: Wallet,
    },
}

impl HttpAuth {
    /// Who signs.
    pub fn address(&self) -> Address {
        match self {
            Self::Bound { wallet, .. } | Self::Legacy { wallet } => wallet.address(),
        }
    }
}

/// Patience of a client.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HttpOptions {
    /// How often a request is sent at most. Default 6.
    pub attempts: u32,
    /// Wait after the first failure; doubles each time. Default 0.2 s.
    pub first_wait: Duration,
    /// Longest wait between two attempts, unless the solver asks for more. Default 10 s.
    pub max_wait: Duration,
    /// Longest time to connect. Default 3 s.
    pub connect_timeout: Duration,
    /// Longest silence within an answer, and longest wait for one to begin. Default 60 s.
    pub read_timeout: Duration,
    /// Largest archive that is downloaded, in bytes. Default 1 GiB.
    pub max_archive_bytes: u64,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_wait: Duration::from_millis(200),
            max_wait: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(60),
            max_archive_bytes: 1 << 30,
        }
    }
}

/// A solver at the other end of a pool of connections. Cheap to clone.
///
/// Each method is one route of network.md §3.5. Every attempt is signed anew, connection failures, 429 and most 5xx are
/// repeated (a post that is repeated is answered like the first), refusals that are known are not. Methods are cancel
/// safe in that a dropped call leaves no half file behind; whether the solver acted is not known then.
#[derive(Clone)]
pub struct HttpSolver {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: String,
    auth: HttpAuth,
    options: HttpOptions,
    info: Option<SolverInfo>,
}

impl HttpSolver {
    /// Connects to the solver at `base_url` (without `/api/v1`) and makes sure that it is the one that is meant.
    ///
    /// # Errors
    /// [`ClientError::Unreachable`] within a few seconds, [`ClientError::WrongSolver`] when it announces another address,
    /// chain, controller or way to sign, [`ClientError::BadUrl`].
    pub async fn connect(base_url: &str, auth: HttpAuth) -> Result<Self, ClientError> {
        Self::connect_with(base_url, auth, HttpOptions::default()).await
    }

    /// As [`Self::connect`], with other patience.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_with(base_url: &str, auth: HttpAuth, options: HttpOptions) -> Result<Self, ClientError> {
        let base = base_url.trim_end_matches('/').to_owned();
        let bad = |detail: String| ClientError::BadUrl { url: base_url.to_owned(), detail };
        let url = reqwest::Url::parse(&base).map_err(|e| bad(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it begins neither with http:// nor with https://".to_owned()));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(options.connect_timeout)
            .read_timeout(options.read_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .redirect(Policy::custom(redirect))
            .tcp_nodelay(true);
        if url.host_str().is_some_and(|host| matches!(host, "127.0.0.1" | "localhost" | "[::1]")) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| bad(chain_of(&e)))?;
        let patience = HttpOptions { attempts: options.attempts.min(3), ..options.clone() };
        let mut inner = Inner { http, base, auth, options: patience, info: None };
        inner.info = inner.fetch_info().await?;
        inner.check_info()?;
        inner.options = options;
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The solver's base URL, without trailing slash.
    pub fn url(&self) -> &str {
        &self.inner.base
    }

    /// Who signs the requests.
    pub fn address(&self) -> Address {
        self.inner.auth.address()
    }

    /// What the solver announced at [`Self::connect`]; `None` for one of the existing network.
    pub fn info(&self) -> Option<&SolverInfo> {
        self.inner.info.as_ref()
    }

    /// What the solver announces now.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn fetch_info(&self) -> Result<Option<SolverInfo>, ClientError> {
        self.inner.fetch_info().await
    }

    /// Lists job offers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn job_offers(&self, query: &JobOfferQuery) -> Result<Vec<JobOfferContainer>, ClientError> {
        self.list(routes::JOB_OFFERS, &query.encode()).await
    }

    /// One job offer.
    ///
    /// # Errors
    /// [`ClientError`]; [`crate::api::Refusal::JobOfferNotFound`] when it is unknown or another's.
    pub async fn job_offer(&self, id: &JobOfferId) -> Result<JobOfferContainer, ClientError> {
        self.get(&routes::with_id(routes::JOB_OFFER, id.as_str())).await
    }

    /// Offers a job.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_job_offer(&self, offer: &JobOffer) -> Result<JobOfferContainer, ClientError> {
        self.post(routes::JOB_OFFERS, offer).await
    }

    /// Offers a job with its input files, given as a tar archive.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_job_offer_with_files(
        &self,
        offer: &JobOffer,
        inputs: &Path,
    ) -> Result<JobOfferContainer, ClientError> {
        let payload = transfer::form(&to_canonical_json(offer), inputs).await?;
        let answer = self.inner.call(Method::POST, routes::JOB_OFFERS_WITH_FILES, &payload).await?;
        self.inner.decode(routes::JOB_OFFERS_WITH_FILES, &answer)
    }

    /// Cancels an offer whose deal is not agreed yet. Ours: solvers of the existing network answer 404.
    ///
    /// # Errors
    /// [`ClientError`]; [`crate::api::Refusal::OfferAgreed`] when it is too late.
    pub async fn cancel_job_offer(&self, id: &JobOfferId) -> Result<JobOfferContainer, ClientError> {
        let target = routes::with_id(routes::JOB_OFFER_CANCEL, id.as_str());
        let answer = self.inner.call(Method::POST, &target, &Payload::Empty).await?;
        self.inner.decode(&target, &answer)
    }

    /// Lists resource offers.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn resource_offers(
        &self,
        query: &ResourceOfferQuery,
    ) -> Result<Vec<ResourceOfferContainer>, ClientError> {
        self.list(routes::RESOURCE_OFFERS, &query.encode()).await
    }

    /// Offers a machine; `None` when the solver does not list it now (too little balance, or an open offer stays).
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_resource_offer(
        &self,
        offer: &ResourceOffer,
    ) -> Result<Option<ResourceOfferContainer>, ClientError> {
        let offer: Option<Box<ResourceOfferContainer>> = self.post(routes::RESOURCE_OFFERS, offer).await?;
        Ok(offer.map(|offer| *offer))
    }

    /// Lists deals.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn deals(&self, query: &DealQuery) -> Result<Vec<DealContainer>, ClientError> {
        self.list(routes::DEALS, &query.encode()).await
    }

    /// One deal.
    ///
    /// # Errors
    /// [`ClientError`]; [`crate::api::Refusal::DealNotFound`] when it is unknown or another's.
    pub async fn deal(&self, id: &DealId) -> Result<DealContainer, ClientError> {
        self.get(&routes::with_id(routes::DEAL, id.as_str())).await
    }

    /// A deal's result record.
    ///
    /// # Errors
    /// [`ClientError`]; [`crate::api::Refusal::ResultNotFound`] while there is none.
    pub async fn result(&self, id: &DealId) -> Result<JobResult, ClientError> {
        self.get(&routes::with_id(routes::DEAL_RESULT, id.as_str())).await
    }

    /// Posts the provider's result.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_result(&self, id: &DealId, result: &JobResult) -> Result<JobResult, ClientError> {
        self.post(&routes::with_id(routes::DEAL_RESULT, id.as_str()), result).await
    }

    /// Posts the provider's transactions; empty members change nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_provider_transactions(
        &self,
        id: &DealId,
        transactions: &ResourceProviderTransactions,
    ) -> Result<DealContainer, ClientError> {
        self.post(&routes::with_id(routes::DEAL_TXS_RESOURCE_PROVIDER, id.as_str()), transactions).await
    }

    /// Posts the creator's transactions; empty members change nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_creator_transactions(
        &self,
        id: &DealId,
        transactions: &JobCreatorTransactions,
    ) -> Result<DealContainer, ClientError> {
        self.post(&routes::with_id(routes::DEAL_TXS_JOB_CREATOR, id.as_str()), transactions).await
    }

    /// Posts the mediator's transactions; empty members change nothing.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn post_mediator_transactions(
        &self,
        id: &DealId,
        transactions: &MediatorTransactions,
    ) -> Result<DealContainer, ClientError> {
        self.post(&routes::with_id(routes::DEAL_TXS_MEDIATOR, id.as_str()), transactions).await
    }

    /// Uploads the provider's result archive, streamed from a file.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn upload_result(&self, id: &DealId, archive: &Path) -> Result<(), ClientError> {
        let target = routes::with_id(routes::DEAL_FILES, id.as_str());
        let payload = transfer::file(archive).await?;
        self.inner.call(Method::POST, &target, &payload).await?;
        Ok(())
    }

    /// Downloads a deal's result archive to the file `target`, and gives its size in bytes. A solver of the existing
    /// network appends `{}` to the archive; reading a tar ends before it.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download_result(&self, id: &DealId, target: &Path) -> Result<u64, ClientError> {
        self.inner.download(&routes::with_id(routes::DEAL_FILES, id.as_str()), target).await
    }

    /// Downloads the input archive of a deal's job to the file `target`, and gives its size in bytes.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn download_inputs(&self, id: &DealId, target: &Path) -> Result<u64, ClientError> {
        self.inner.download(&routes::with_id(routes::DEAL_INPUT_FILES, id.as_str()), target).await
    }

    pub(super) fn auth(&self) -> &HttpAuth {
        &self.inner.auth
    }

    async fn list<T: FromGo + Default>(&self, route: &str, query: &str) -> Result<Vec<T>, ClientError> {
        let target = if query.is_empty() { route.to_owned() } else { format!("{route}?{query}") };
        let list: Option<Vec<T>> = self.get(&target).await?;
        Ok(list.unwrap_or_default())
    }

    async fn get<T: FromGo + Default>(&self, target: &str) -> Result<T, ClientError> {
        let answer = self.inner.call(Method::GET, target, &Payload::Empty).await?;
        self.inner.decode(target, &answer)
    }

    async fn post<T: FromGo + Default>(
        &self,
        target: &str,
        record: &(impl serde::Serialize + Sync),
    ) -> Result<T, ClientError> {
        let payload = Payload::bytes(to_canonical_json(record).into_bytes());
        let answer = self.inner.call(Method::POST, target, &payload).await?;
        self.inner.decode(target, &answer)
    }
}

impl Inner {
    async fn fetch_info(&self) -> Result<Option<SolverInfo>, ClientError> {
        let answer = self.retry(|| async { self.read(self.send(Method::GET, routes::INFO, None).await?).await }).await;
        let bytes = match answer {
            Ok(bytes) => bytes,
            Err(ClientError::Refused { error, .. }) if error.status() == 404 => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|e| self.malformed(routes::INFO, e.to_string()))
    }

    fn check_info(&self) -> Result<(), ClientError> {
        let wrong = |detail: String| Err(ClientError::WrongSolver { url: self.base.clone(), detail });
        match (&self.auth, &self.info) {
            (HttpAuth::Bound { .. }, None) => wrong("it announces nothing about itself".to_owned()),
            (HttpAuth::Bound { .. }, Some(info)) if info.auth == AuthMode::Legacy => {
                wrong("it takes legacy signatures only".to_owned())
            }
            (HttpAuth::Bound { domain, .. }, Some(info)) => {
                let announced =
                    RequestDomain { solver: info.solver, chain_id: info.chain_id, controller: info.controller };
                if announced.solver != domain.solver {
                    return wrong(format!("its address is {}, not {}", announced.solver, domain.solver));
                }
                if announced.chain_id != domain.chain_id {
                    return wrong(format!("its chain is {}, not {}", announced.chain_id, domain.chain_id));
                }
                if announced.controller != domain.controller {
                    return wrong(format!("its controller is {}, not {}", announced.controller, domain.controller));
                }
                Ok(())
            }
            (HttpAuth::Legacy { .. }, Some(info)) if info.auth == AuthMode::Bound => {
                wrong("it takes bound signatures only".to_owned())
            }
            (HttpAuth::Legacy { .. }, _) => Ok(()),
        }
    }

    /// One request with its answer, repeated where that may help.
    async fn call(&self, method: Method, target: &str, payload: &Payload) -> Result<Vec<u8>, ClientError> {
        self.retry(|| async { self.read(self.send(method.clone(), target, Some(payload)).await?).await }).await
    }

    async fn download(&self, target: &str, to: &Path) -> Result<u64, ClientError> {
        let lost = |e: reqwest::Error| self.lost(&e);
        let bytes = self
            .retry(|| async {
                let response = self.send(Method::GET, target, Some(&Payload::Empty)).await?;
                let limit = self.options.max_archive_bytes;
                transfer::save(response, to, limit, lost).await
            })
            .await?;
        match bytes {
            None => {
                Err(self.malformed(target, format!("archive of more than {} bytes", self.options.max_archive_bytes)))
            }
            Some(0) => Err(self.malformed(target, "empty archive".to_owned())),
            Some(bytes) => Ok(bytes),
        }
    }

    /// Sends one attempt; `payload` is `None` for a request that is not signed.
    async fn send(&self, method: Method, target: &str, payload: Option<&Payload>) -> Result<Response, ClientError> {
        let request_name = format!("{method} {}", target.split('?').next().unwrap_or(target));
        let mut request = self.http.request(method.clone(), format!("{}{target}", self.base));
        request = request.header(VERSION_HEADER, WIRE_VERSION);
        if let Some(payload) = payload {
            for (name, value) in self.signature(method.as_str(), target, payload)? {
                request = request.header(name, value);
            }
            if let Some(content_type) = payload.content_type() {
                request = request.header(header::CONTENT_TYPE, content_type);
            }
            if let Some((body, length)) = payload.body().await? {
                request = request.header(header::CONTENT_LENGTH, length).body(body);
            }
        }
        let response = request.send().await.map_err(|e| self.lost(&e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (status, retry_after) = (response.status(), retry_after(&response));
        let text = transfer::collect(response, MAX_ERROR_BYTES).await.ok().flatten().unwrap_or_default();
        let error = ApiError::from_answer(status.as_u16(), &String::from_utf8_lossy(&text));
        let retry_after = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
            .then_some(retry_after)
            .flatten();
        Err(ClientError::Refused { url: self.base.clone(), request: request_name, error, retry_after })
    }

    fn signature(
        &self,
        method: &str,
        target: &str,
        payload: &Payload,
    ) -> Result<Vec<(&'static str, String)>, ClientError> {
        sign(&self.auth, method, target, payload)
    }

    async fn read(&self, response: Response) -> Result<Vec<u8>, ClientError> {
        let path = response.url().path().to_owned();
        let bytes = transfer::collect(response, MAX_ANSWER_BYTES).await.map_err(|e| self.lost(&e))?;
        bytes.ok_or_else(|| self.malformed(&path, format!("more than {MAX_ANSWER_BYTES} bytes")))
    }

    fn decode<T: FromGo + Default>(&self, target: &str, bytes: &[u8]) -> Result<T, ClientError> {
        from_json(bytes).map_err(|e| self.malformed(target, e.to_string()))
    }

    fn malformed(&self, target: &str, detail: String) -> ClientError {
        let request = target.split('?').next().unwrap_or(target).to_owned();
        ClientError::Malformed { url: self.base.clone(), request, detail }
    }

    fn lost(&self, error: &reqwest::Error) -> ClientError {
        let url = self.base.clone();
        if error.is_timeout() {
            let connect = error.is_connect();
            let after = if connect { self.options.connect_timeout } else { self.options.read_timeout };
            return ClientError::Timeout { url, after };
        }
        ClientError::Unreachable { url, detail: chain_of(error) }
    }

    async fn retry<T, F>(&self, mut attempt: impl FnMut() -> F) -> Result<T, ClientError>
    where
        F: Future<Output = Result<T, ClientError>>,
    {
        let mut wait = self.options.first_wait;
        let mut left = self.options.attempts.max(1);
        loop {
            left -= 1;
            let error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) if left == 0 || !error.is_retryable() => return Err(error),
                Err(error) => error,
            };
            let pause = error.retry_after().unwrap_or(wait).min(MAX_RETRY_AFTER.max(self.options.max_wait));
            tracing::debug!(target: "lilypad::client", %error, ?pause, "asking the solver again");
            tokio::time::sleep(jittered(pause)).await;
            wait = (wait * 2).min(self.options.max_wait);
        }
    }
}

/// The headers that sign a request.
pub(super) fn sign(
    auth: &HttpAuth,
    method: &str,
    target: &str,
    payload: &Payload,
) -> Result<Vec<(&'static str, String)>, ClientError> {
    match auth {
        HttpAuth::Bound { wallet, domain } => {
            let request = BoundRequest::with_hash(method, target, payload.hash(), now_ms());
            Ok(vec![(BOUND_HEADER, request.sign(domain, wallet)?)])
        }
        HttpAuth::Legacy { wallet } => {
            let headers = LegacyHeaders::sign(wallet)?;
            Ok(vec![(USER_HEADER, headers.user), (SIGNATURE_HEADER, headers.signature)])
        }
    }
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Up to a quarter longer than asked, so that many clients do not come back together.
pub(super) fn jittered(pause: Duration) -> Duration {
    let mut byte = [0_u8];
    let _ = getrandom::fill(&mut byte);
    pause + pause / 4 * u32::from(byte[0]) / 255
}

/// Follows a redirection within one host only: the headers that sign a request would travel along.
fn redirect(attempt: Attempt<'_>) -> Action {
    let first = attempt.previous().first();
    let same = first.is_some_and(|first| first.host_str() == attempt.url().host_str());
    if same && attempt.previous().len() <= MAX_REDIRECTS { attempt.follow() } else { attempt.stop() }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// An error with its causes: reqwest keeps the telling part at the end.
fn chain_of(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl fmt::Debug for HttpSolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpSolver").field("url", &self.inner.base).field("auth", &self.inner.auth).finish()
    }
}
