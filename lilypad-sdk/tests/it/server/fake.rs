//! A solver in memory that matches the first job with the first machine.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use lilypad_sdk::{
    api::{
        ApiResult, AuthMode, Caller, DealQuery, JobOfferQuery, Party, Refusal, RequestDomain, ResourceOfferQuery,
        Settlement, SolverInfo,
    },
    server::{Backend, Server, ServerBuilder, ServerConfig, ServerHandle, TempUpload},
    types::{
        Address, Deal, DealContainer, DealId, DealMembers, DealState, EventType, JobCreatorTransactions, JobOffer,
        JobOfferContainer, JobOfferId, JobResult, MediatorTransactions, ResourceOffer, ResourceOfferContainer,
        ResourceProviderTransactions, SolverEvent, Timestamp, TrustedParties,
    },
    wallet::Wallet,
};
use tokio::sync::broadcast;

#[derive(Clone)]
pub(crate) struct Fake(Arc<Inner>);

struct Inner {
    auth: AuthMode,
    files: tempfile::TempDir,
    state: Mutex<State>,
    events: broadcast::Sender<Arc<SolverEvent>>,
    busy: AtomicBool,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) job_offers: Vec<JobOfferContainer>,
    pub(crate) resource_offers: Vec<ResourceOfferContainer>,
    pub(crate) deals: Vec<DealContainer>,
    pub(crate) results: Vec<JobResult>,
    /// What the server told besides requests, in order.
    pub(crate) log: Vec<String>,
}

pub(crate) fn creator() -> Wallet {
    Wallet::dev(5).unwrap()
}

pub(crate) fn provider() -> Wallet {
    Wallet::dev(4).unwrap()
}

pub(crate) fn stranger() -> Wallet {
    Wallet::dev(7).unwrap()
}

pub(crate) fn domain() -> RequestDomain {
    RequestDomain { solver: Wallet::dev(2).unwrap().address(), chain_id: 31337, controller: Address::repeat_byte(9) }
}

pub(crate) fn now() -> Timestamp {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap())
}

fn trusted() -> TrustedParties {
    TrustedParties {
        solver: domain().solver.to_string(),
        mediators: Some(vec![Wallet::dev(3).unwrap().address().to_string()]),
        api_host: String::new(),
    }
}

pub(crate) fn job(nonce: &str) -> JobOffer {
    JobOffer {
        created_at: now(),
        nonce: nonce.to_owned(),
        job_creator: creator().address().to_string(),
        inputs: Some([("Message".to_owned(), "moo".to_owned())].into()),
        mode: "MarketPrice".to_owned(),
        trusted_parties: trusted(),
        ..JobOffer::default()
    }
}

pub(crate) fn machine() -> ResourceOffer {
    ResourceOffer {
        created_at: now(),
        resource_provider: provider().address().to_string(),
        mode: "FixedPrice".to_owned(),
        trusted_parties: trusted(),
        ..ResourceOffer::default()
    }
}

impl Fake {
    pub(crate) fn new(auth: AuthMode) -> Self {
        Self(Arc::new(Inner {
            auth,
            files: tempfile::tempdir().unwrap(),
            state: Mutex::default(),
            events: broadcast::channel(1024).0,
            busy: AtomicBool::new(false),
        }))
    }

    pub(crate) fn server(&self) -> ServerBuilder {
        self.server_with(ServerConfig::default())
    }

    pub(crate) fn server_with(&self, config: ServerConfig) -> ServerBuilder {
        Server::builder(self.clone()).config(config).spool(self.folder("spool"))
    }

    pub(crate) async fn start(auth: AuthMode) -> (Self, ServerHandle) {
        let fake = Self::new(auth);
        let server = fake.server().spawn().await.unwrap();
        (fake, server)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }

    pub(crate) fn set_busy(&self, busy: bool) {
        self.0.busy.store(busy, Ordering::Relaxed);
    }

    pub(crate) fn emit(&self, event: SolverEvent) {
        let _ = self.0.events.send(Arc::new(event));
    }

    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        self.0.files.path().join(name)
    }

    /// Puts a job, a machine and their deal in place, and gives the deal's id.
    pub(crate) fn with_deal(&self) -> DealId {
        let mut state = self.state();
        state.job_offers.push(JobOfferContainer::new(job("a")));
        state.resource_offers.push(ResourceOfferContainer::new(machine()));
        matched(&mut state).unwrap().id
    }

    fn change(&self, id: &DealId, change: impl FnOnce(&mut DealContainer)) -> ApiResult<DealContainer> {
        let mut state = self.state();
        let deal = state.deals.iter_mut().find(|deal| deal.id == *id).ok_or(Refusal::DealNotFound)?;
        change(deal);
        Ok(deal.clone())
    }
}

fn matched(state: &mut State) -> Option<DealContainer> {
    let job = state.job_offers.iter_mut().find(|offer| offer.deal_id.is_empty())?;
    let machine = state.resource_offers.iter_mut().find(|offer| offer.deal_id.is_empty())?;
    let mut deal = Deal {
        members: DealMembers {
            solver: job.job_offer.trusted_parties.solver.clone(),
            job_creator: job.job_creator.clone(),
            resource_provider: machine.resource_provider.clone(),
            mediators: machine.resource_offer.trusted_parties.mediators.clone(),
        },
        job_offer: job.job_offer.clone(),
        resource_offer: machine.resource_offer.clone(),
        ..Deal::default()
    };
    deal.id = deal.compute_id();
    let deal = DealContainer::new(deal, DealState::DealAgreed, now());
    (job.deal_id, machine.deal_id) = (deal.id.clone(), deal.id.clone());
    (job.state, machine.state) = (DealState::DealAgreed, DealState::DealAgreed);
    state.deals.push(deal.clone());
    Some(deal)
}

impl Backend for Fake {
    fn info(&self) -> SolverInfo {
        SolverInfo {
            version: "0.1.0".into(),
            settlement: if self.0.auth == AuthMode::Bound { Settlement::OnChain } else { Settlement::OffChain },
            auth: self.0.auth,
            chain_id: domain().chain_id,
            controller: domain().controller,
            solver: domain().solver,
            time_ms: now(),
        }
    }

    fn subscribe(&self) -> broadcast::Receiver<Arc<SolverEvent>> {
        self.0.events.subscribe()
    }

    async fn check_capacity(&self) -> ApiResult<()> {
        if self.0.busy.load(Ordering::Relaxed) { Err(Refusal::NetworkBusy.into()) } else { Ok(()) }
    }

    async fn job_offers(&self, _: Caller, query: JobOfferQuery) -> ApiResult<Vec<JobOfferContainer>> {
        Ok(self.state().job_offers.iter().filter(|offer| query.matches(offer)).cloned().collect())
    }

    async fn job_offer(&self, id: JobOfferId) -> ApiResult<Option<JobOfferContainer>> {
        Ok(self.state().job_offers.iter().find(|offer| offer.id == id).cloned())
    }

    async fn post_job_offer(
        &self,
        _: Caller,
        offer: JobOffer,
        inputs: Option<TempUpload>,
    ) -> ApiResult<JobOfferContainer> {
        let offer = JobOfferContainer::new(offer);
        if let Some(inputs) = inputs {
            inputs.persist(&self.folder("inputs").join(offer.id.as_str()).join("inputs.tar")).unwrap();
        }
        let deal = {
            let mut state = self.state();
            state.job_offers.push(offer.clone());
            matched(&mut state)
        };
        if let Some(deal) = deal {
            self.emit(SolverEvent::deal(EventType::DealAdded, deal));
        }
        self.emit(SolverEvent::job_offer(EventType::JobOfferAdded, offer.clone()));
        Ok(offer)
    }

    async fn cancel_job_offer(&self, _: Caller, id: JobOfferId) -> ApiResult<JobOfferContainer> {
        let mut state = self.state();
        let offer = state.job_offers.iter_mut().find(|offer| offer.id == id).ok_or(Refusal::JobOfferNotFound)?;
        if !offer.deal_id.is_empty() {
            return Err(Refusal::OfferAgreed.into());
        }
        offer.state = DealState::JobOfferCancelled;
        Ok(offer.clone())
    }

    async fn resource_offers(&self, _: Caller, query: ResourceOfferQuery) -> ApiResult<Vec<ResourceOfferContainer>> {
        Ok(self.state().resource_offers.iter().filter(|offer| query.matches(offer)).cloned().collect())
    }

    async fn post_resource_offer(&self, _: Caller, offer: ResourceOffer) -> ApiResult<Option<ResourceOfferContainer>> {
        let offer = ResourceOfferContainer::new(offer);
        let mut state = self.state();
        let is_open = |other: &ResourceOfferContainer| {
            other.deal_id.is_empty() && other.resource_provider == offer.resource_provider
        };
        if state.resource_offers.iter().any(is_open) {
            return Ok(None);
        }
        state.resource_offers.push(offer.clone());
        Ok(Some(offer))
    }

    async fn deals(&self, _: Caller, query: DealQuery) -> ApiResult<Vec<DealContainer>> {
        Ok(self.state().deals.iter().filter(|deal| query.matches(deal)).cloned().collect())
    }

    async fn deal(&self, id: DealId) -> ApiResult<Option<DealContainer>> {
        Ok(self.state().deals.iter().find(|deal| deal.id == id).cloned())
    }

    async fn result(&self, id: DealId) -> ApiResult<Option<JobResult>> {
        Ok(self.state().results.iter().find(|result| result.deal_id == id).cloned())
    }

    async fn post_result(&self, id: DealId, result: JobResult) -> ApiResult<JobResult> {
        self.state().results.push(result.clone());
        let deal = self.change(&id, |deal| deal.state = DealState::ResultsSubmitted)?;
        self.emit(SolverEvent::deal(EventType::DealStateUpdated, deal));
        Ok(result)
    }

    async fn post_provider_transactions(
        &self,
        id: DealId,
        transactions: ResourceProviderTransactions,
    ) -> ApiResult<DealContainer> {
        self.change(&id, |deal| deal.transactions.resource_provider.merge_filled(&transactions))
    }

    async fn post_creator_transactions(
        &self,
        id: DealId,
        transactions: JobCreatorTransactions,
    ) -> ApiResult<DealContainer> {
        self.change(&id, |deal| deal.transactions.job_creator.merge_filled(&transactions))
    }

    async fn post_mediator_transactions(
        &self,
        id: DealId,
        transactions: MediatorTransactions,
    ) -> ApiResult<DealContainer> {
        self.change(&id, |deal| deal.transactions.mediator.merge_filled(&transactions))
    }

    async fn begin_upload(&self, id: DealId) -> ApiResult<PathBuf> {
        self.change(&id, |deal| deal.state = DealState::Uploading)?;
        Ok(self.folder("results").join(id.as_str()).join("results.tar"))
    }

    async fn finish_upload(&self, id: DealId) -> ApiResult<()> {
        self.change(&id, |deal| deal.upload_at = now()).map(drop)
    }

    async fn result_file(&self, id: DealId, reader: Party) -> ApiResult<PathBuf> {
        self.state().log.push(format!("result file for {reader:?}"));
        Ok(self.folder("results").join(id.as_str()).join("results.tar"))
    }

    async fn result_sent(&self, id: DealId) -> ApiResult<()> {
        self.state().log.push("result sent".to_owned());
        self.change(&id, |deal| deal.download_at = now()).map(drop)
    }

    async fn input_file(&self, id: DealId, reader: Party) -> ApiResult<PathBuf> {
        let offer = self.change(&id, |_| ())?.job_offer;
        self.state().log.push(format!("input file for {reader:?}"));
        Ok(self.folder("inputs").join(offer.as_str()).join("inputs.tar"))
    }

    async fn provider_connected(&self, address: Address) -> ApiResult<()> {
        self.state().log.push(format!("{address} came"));
        Ok(())
    }

    async fn provider_disconnected(&self, address: Address) -> ApiResult<()> {
        self.state().log.push(format!("{address} went"));
        Ok(())
    }
}
