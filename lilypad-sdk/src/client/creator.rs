//! A job of ours: offered, agreed, fetched, judged.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::{
    HttpSolver,
    driver::{Role, Signal},
    retry::{Pauses, retry},
    timeouts,
};
use crate::{
    api::{
        Refusal,
        archive::{self, ArchiveLimits},
    },
    chain::DynChain,
    deal::{
        AgreementState, ChainResult, DealState, DealTerms, TimeoutKind,
        roles::{Creator, CreatorEffect, CreatorEvent, CreatorOutcome},
    },
    types::{DataId, DealId, EventType, JobCreatorTransactions, JobOffer, JobOfferId, JobResult, SolverEvent},
};

/// How long a creator keeps trying to reach the solver or the chain for one step before it says so.
const STEP_PATIENCE: Duration = Duration::from_secs(120);
/// How long a creator tries to fetch a result from a solver that does not answer: half of the time it has to judge.
const DOWNLOAD_PATIENCE: Duration = Duration::from_secs(1800);
/// How long it tries when the solver answers, but without the result.
const REFUSAL_PATIENCE: Duration = Duration::from_secs(5);
/// How often the chain may refuse a judgement before it counts as impossible.
const REFUSALS: u32 = 3;
/// The time-outs in which a creator has an interest.
pub(super) const CLAIMS: &[TimeoutKind] = &[TimeoutKind::Agree, TimeoutKind::SubmitResult, TimeoutKind::MediateResult];
/// How long the chain may be silent before a watcher is told.
const SILENCE: Duration = Duration::from_secs(15);
/// How long the chain may take to name its newest block.
const ANSWER: Duration = Duration::from_secs(5);
/// What stands for a transaction off chain (network.md §0).
const OFF_CHAIN_TX: &str = "0x";

/// What a watcher of a job is told.
#[derive(Clone, Debug)]
pub(crate) enum Progress {
    /// The job entered a state.
    State(DealState),
    /// The job was matched.
    Matched(Box<DealTerms>),
    /// It has ended.
    Ended(CreatorOutcome),
    /// The person wanted out, but both parties had agreed.
    GoesOn,
    /// The chain has not answered for a while; the job goes on when it does.
    Lost(String),
    /// The result can't be written on this machine; it is tried again.
    Stuck(String),
    /// A time limit has passed, and the contracts of this network cannot end the deal.
    Unending(String, String),
}

/// What the job's receipt needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) result: Option<JobResult>,
    pub(crate) result_dir: Option<PathBuf>,
    shown: Option<DealState>,
    /// Since when the chain has been silent, and whether the watcher was told.
    silent_since: Option<(Instant, bool)>,
    /// Whether the watcher was told that nothing can end the deal.
    is_unending: bool,
}

/// Carries out the effects of one [`Creator`].
pub(crate) struct CreatorRole {
    pub(crate) chain: Option<Arc<dyn DynChain>>,
    pub(crate) solver: Arc<HttpSolver>,
    pub(crate) offer: JobOffer,
    pub(crate) inputs: Option<PathBuf>,
    pub(crate) downloads: PathBuf,
    pub(crate) progress: mpsc::UnboundedSender<Progress>,
    pub(crate) record: Mutex<Record>,
    /// Whether the solver took the offer back: then nothing is agreed any more.
    pub(crate) is_cancelled: AtomicBool,
}

impl CreatorRole {
    fn record(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn snapshot(&self) -> Record {
        self.record().clone()
    }

    async fn post_offer(&self) -> Vec<CreatorEvent> {
        let archive = match self.pack_inputs().await {
            Ok(archive) => archive,
            Err(error) => {
                return vec![CreatorEvent::OfferRefused {
                    reason: format!("the input files can't be packed: {error}"),
                }];
            }
        };
        let posted = retry(
            STEP_PATIENCE,
            |e: &super::ClientError| e.is_retryable(),
            || async {
                match &archive {
                    Some(archive) => self.solver.post_job_offer_with_files(&self.offer, archive).await,
                    None => self.solver.post_job_offer(&self.offer).await,
                }
            },
        )
        .await;
        match posted {
            Ok(container) => {
                let mut events = vec![CreatorEvent::OfferPosted { id: container.id.clone() }];
                if !container.deal_id.is_empty() {
                    events.extend(self.deal(&container.deal_id).await);
                }
                events
            }
            Err(error) => vec![CreatorEvent::OfferRefused { reason: error.to_string() }],
        }
    }

    /// The input files as an archive; `None` for a job without any.
    async fn pack_inputs(&self) -> std::io::Result<Option<PathBuf>> {
        let Some(folder) = self.inputs.clone() else { return Ok(None) };
        let target = self.downloads.join(format!(".{}.inputs.tar", self.offer.compute_id()));
        let packed = tokio::task::spawn_blocking(move || {
            if let Some(parent) = target.parent() {
                std::fs::create_dir_all(parent)?;
            }
            let out = std::fs::File::create(&target)?;
            archive::pack(&folder, out).map_err(std::io::Error::other)?;
            Ok(Some(target))
        });
        packed.await.map_err(std::io::Error::other)?
    }

    async fn deal(&self, id: &DealId) -> Option<CreatorEvent> {
        let deal = self.solver.deal(id).await.ok()?;
        Some(CreatorEvent::DealFound { deal: Box::new(deal) })
    }

    /// Ends only with an answer of the chain: an agreement that may be on its way is never called a failure.
    async fn agree(&self, terms: &DealTerms) -> Vec<CreatorEvent> {
        let Some(chain) = &self.chain else { return vec![CreatorEvent::Agreed { tx: OFF_CHAIN_TX.to_owned() }] };
        let (mut pauses, mut failed) = (Pauses::new(STEP_PATIENCE), None);
        loop {
            // After a crash, or an error on the way back, the agreement may be on chain already: then nothing is sent.
            match chain.agreement(&terms.deal_id, 0).await {
                Ok(found)
                    if found.job_creator_agreed_at.is_some() || found.state != AgreementState::DealNegotiating =>
                {
                    return vec![CreatorEvent::ChainState { state: found.state }];
                }
                Ok(_) if self.is_cancelled.load(Ordering::Acquire) => return Vec::new(),
                Ok(_) => {
                    if let Some((error, is_final)) = failed.take()
                        && (is_final || pauses.are_over())
                    {
                        let error: crate::chain::ChainError = error;
                        let funds = error.is_lack_of_funds();
                        return vec![CreatorEvent::AgreeFailed { reason: error.to_string(), funds }];
                    }
                    match chain.agree(terms).await {
                        Ok(receipt) => return self.agreed(&**chain, terms, receipt.hash.to_string()).await,
                        Err(error) => {
                            let is_final = !error.is_retryable();
                            failed = Some((error, is_final));
                            if is_final {
                                continue;
                            }
                        }
                    }
                }
                Err(error) => {
                    tracing::debug!(target: "lilypad::client", deal = %terms.deal_id, %error, "the chain can't be read")
                }
            }
            pauses.wait().await;
        }
    }

    async fn agreed(&self, chain: &dyn DynChain, terms: &DealTerms, tx: String) -> Vec<CreatorEvent> {
        let txs = JobCreatorTransactions { agree: tx.clone(), ..Default::default() };
        let (posted, agreement) = tokio::join!(
            self.solver.post_creator_transactions(&terms.deal_id, &txs),
            chain.agreement(&terms.deal_id, 0)
        );
        if let Err(error) = posted {
            tracing::debug!(target: "lilypad::client", deal = %terms.deal_id, %error, "the solver did not take our transaction");
        }
        let mut events = vec![CreatorEvent::Agreed { tx }];
        events.extend(agreement.ok().map(|a| CreatorEvent::ChainState { state: a.state }));
        events
    }

    async fn fetch_result(&self, deal_id: &DealId) -> Vec<CreatorEvent> {
        let fetched =
            retry(Duration::from_secs(10), |e: &super::ClientError| e.is_retryable(), || self.solver.result(deal_id))
                .await;
        let mut result = match fetched {
            Ok(result) => result,
            Err(error) => {
                tracing::debug!(target: "lilypad::client", deal = %deal_id, %error, "no result record at the solver");
                JobResult { deal_id: deal_id.clone(), ..JobResult::default() }
            }
        };
        // What the provider put on chain is what it is held to, whatever the solver serves: without it nothing is judged.
        match &self.chain {
            Some(chain) => {
                let claimed = claimed_result(&**chain, deal_id).await;
                result.data_id = claimed.data_id;
                result.instruction_count = claimed.instruction_count;
            }
            None if result.data_id.is_empty() => {
                self.record().result = Some(result.clone());
                return vec![CreatorEvent::JobFailed { reason: result.error }];
            }
            None => {}
        }
        self.record().result = Some(result.clone());
        vec![CreatorEvent::ResultFetched { result }]
    }

    /// A result that can't be fetched is no result. The creator has an hour to judge; half of it goes to trying.
    /// A fault of this machine (no room, no right to write) is told at once and ends nothing: who mends it and attaches to
    /// the job again has the result.
    async fn download(&self, deal_id: &DealId) -> Vec<CreatorEvent> {
        let (mut long, mut short) = (Pauses::new(DOWNLOAD_PATIENCE), Pauses::new(REFUSAL_PATIENCE));
        let mut told = false;
        loop {
            let error = match self.download_once(deal_id).await {
                Ok((folder, data_id)) => {
                    self.record().result_dir = Some(folder);
                    return vec![CreatorEvent::Downloaded { data_id }];
                }
                Err(error) => error,
            };
            let reason = error.to_string();
            let pauses = match error {
                error if error.is_ours() => {
                    if !std::mem::replace(&mut told, true) {
                        self.progress.send(Progress::Stuck(reason.clone())).ok();
                    }
                    if long.are_over() {
                        return vec![CreatorEvent::DownloadFailed { reason }];
                    }
                    &mut long
                }
                error if error.is_retryable() => &mut long,
                _ => &mut short,
            };
            if pauses.are_over() {
                return vec![match self.chain {
                    Some(_) => CreatorEvent::NotDelivered { reason },
                    None => CreatorEvent::DownloadFailed { reason },
                }];
            }
            tracing::info!(target: "lilypad::client", deal = %deal_id, reason, "the result is not here yet");
            pauses.wait().await;
        }
    }

    async fn download_once(&self, deal_id: &DealId) -> Result<(PathBuf, DataId), DownloadError> {
        let target = self.downloads.join(deal_id.as_str());
        let fresh = self.downloads.join(format!(".{deal_id}.{}", std::process::id()));
        let tar = self.downloads.join(format!(".{deal_id}.{}.tar", std::process::id()));
        tokio::fs::create_dir_all(&self.downloads).await?;
        self.solver.download_result(deal_id, &tar).await?;
        let unpacked = tokio::task::spawn_blocking(move || unpack_fresh(&tar, &fresh, &target)).await;
        unpacked.map_err(|e| DownloadError::Io(std::io::Error::other(e)))?
    }

    async fn judge(&self, deal_id: &DealId, check: bool) -> Vec<CreatorEvent> {
        let Some(chain) = &self.chain else {
            let txs = JobCreatorTransactions { accept_result: OFF_CHAIN_TX.to_owned(), ..Default::default() };
            let posted = retry(
                STEP_PATIENCE,
                |e: &super::ClientError| e.is_retryable(),
                || self.solver.post_creator_transactions(deal_id, &txs),
            )
            .await;
            if let Err(error) = posted {
                tracing::warn!(target: "lilypad::client", deal = %deal_id, %error, "the solver did not take the acceptance");
            }
            return vec![CreatorEvent::Judged { tx: OFF_CHAIN_TX.to_owned() }];
        };
        let (mut pauses, mut refusals) = (Pauses::new(Duration::MAX), 0);
        loop {
            let sent = if check { chain.check_result(deal_id).await } else { chain.accept_result(deal_id).await };
            let error = match sent {
                Ok(receipt) => return self.judged(&**chain, deal_id, check, receipt.hash.to_string()).await,
                Err(error) => error,
            };
            tracing::warn!(target: "lilypad::client", deal = %deal_id, %error, "the judgement was not taken");
            // Judged before a crash, or timed out meanwhile: the chain says which.
            if let Ok(found) = chain.agreement(deal_id, 0).await {
                if found.state != AgreementState::ResultsSubmitted {
                    return vec![CreatorEvent::ChainState { state: found.state }];
                }
                refusals += u32::from(!error.is_retryable());
                if refusals >= REFUSALS {
                    let funds = error.is_lack_of_funds();
                    return vec![CreatorEvent::JudgeFailed { reason: error.to_string(), funds }];
                }
            }
            pauses.wait().await;
        }
    }

    async fn judged(&self, chain: &dyn DynChain, deal_id: &DealId, check: bool, tx: String) -> Vec<CreatorEvent> {
        let mut txs = JobCreatorTransactions::default();
        let slot = if check { &mut txs.check_result } else { &mut txs.accept_result };
        slot.clone_from(&tx);
        if let Err(error) = self.solver.post_creator_transactions(deal_id, &txs).await {
            tracing::debug!(target: "lilypad::client", deal = %deal_id, %error, "the solver did not take our transaction");
        }
        let mut events = vec![CreatorEvent::Judged { tx }];
        // With several mediators a later block decides who is drawn; anyone may send the draw.
        if check && let Err(error) = chain.draw_mediator(deal_id).await {
            tracing::debug!(target: "lilypad::client", deal = %deal_id, %error, "the mediator was not drawn");
        }
        if let Ok(agreement) = chain.agreement(deal_id, 0).await {
            events.push(CreatorEvent::ChainState { state: agreement.state });
        }
        events
    }

    /// Whether the solver took the offer back.
    async fn cancel(&self) -> Vec<CreatorEvent> {
        let id = self.offer.compute_id();
        let asked = retry(
            Duration::from_secs(2),
            |e: &super::ClientError| e.is_retryable(),
            || self.solver.cancel_job_offer(&id),
        )
        .await;
        self.is_cancelled.store(asked.is_ok(), Ordering::Release);
        if let Err(error) = &asked {
            tracing::debug!(target: "lilypad::client", job_offer = %id, %error, "the solver did not cancel the offer");
        }
        vec![CreatorEvent::CancelAnswered { taken: asked.is_ok() }]
    }

    /// Tells the watcher once when the chain stays silent, so that nobody waits before a screen that never changes.
    async fn tell_silence(&self, chain: &dyn DynChain) {
        let reason = match tokio::time::timeout(ANSWER, chain.head()).await {
            Ok(Ok(_)) => {
                self.record().silent_since = None;
                return;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the chain does not answer".to_owned(),
        };
        let mut record = self.record();
        let (since, told) = *record.silent_since.get_or_insert((Instant::now(), false));
        if !told && since.elapsed() >= SILENCE {
            record.silent_since = Some((since, true));
            drop(record);
            self.progress.send(Progress::Lost(reason)).ok();
        }
    }

    async fn observe_deal(&self, machine: &Creator, terms: &DealTerms) -> Vec<CreatorEvent> {
        let state = match &self.chain {
            Some(chain) => {
                self.tell_silence(&**chain).await;
                let seen = timeouts::look(&**chain, terms, 0, CLAIMS).await;
                if let Some(error) = seen.as_ref().and_then(|seen| seen.stuck.as_ref())
                    && !std::mem::replace(&mut self.record().is_unending, true)
                {
                    let hint = error.hint().unwrap_or_default();
                    self.progress.send(Progress::Unending(error.to_string(), hint)).ok();
                }
                let found = seen.map(|seen| seen.agreement);
                if found.as_ref().is_some_and(|a| a.state == AgreementState::ResultsChecked)
                    && let Ok(None) = chain.mediator(&terms.deal_id).await
                    && let Err(error) = chain.draw_mediator(&terms.deal_id).await
                {
                    tracing::debug!(target: "lilypad::client", deal = %terms.deal_id, %error, "the mediator was not drawn");
                }
                found.map(|a| a.state)
            }
            None => self.solver.deal(&terms.deal_id).await.ok().map(|d| off_chain_state(d.state)),
        };
        state
            .filter(|s| *s != machine.agreement())
            .map(|state| CreatorEvent::ChainState { state })
            .into_iter()
            .collect()
    }
}

/// What a solver without a chain means, in the words of the contract.
pub(crate) fn off_chain_state(state: DealState) -> AgreementState {
    match state {
        DealState::DealNegotiating => AgreementState::DealNegotiating,
        DealState::DealAgreed | DealState::Uploading => AgreementState::DealAgreed,
        DealState::ResultsSubmitted | DealState::Downloading => AgreementState::ResultsSubmitted,
        DealState::ResultsAccepted => AgreementState::ResultsAccepted,
        DealState::ResultsChecked => AgreementState::ResultsChecked,
        DealState::MediationAccepted => AgreementState::MediationAccepted,
        DealState::MediationRejected => AgreementState::MediationRejected,
        DealState::JobOfferCancelled | DealState::TimeoutMatch => AgreementState::TimeoutAgree,
        DealState::TimeoutSubmitResults | DealState::TimeoutExecution | DealState::JobTimedOut => {
            AgreementState::TimeoutSubmitResults
        }
        DealState::TimeoutJudgeResults | DealState::TimeoutDownload => AgreementState::TimeoutJudgeResults,
        DealState::TimeoutMediateResults => AgreementState::TimeoutMediateResults,
    }
}

impl Role for CreatorRole {
    type Machine = Creator;

    async fn perform(&self, effect: CreatorEffect) -> Vec<CreatorEvent> {
        match effect {
            CreatorEffect::PostOffer => self.post_offer().await,
            CreatorEffect::Agree { terms } => self.agree(&terms).await,
            CreatorEffect::FetchResult { deal_id } => self.fetch_result(&deal_id).await,
            CreatorEffect::Download { deal_id } => self.download(&deal_id).await,
            CreatorEffect::Accept { deal_id } => self.judge(&deal_id, false).await,
            CreatorEffect::Check { deal_id } => self.judge(&deal_id, true).await,
            CreatorEffect::CancelOffer => self.cancel().await,
            CreatorEffect::Finish(outcome) => {
                // The watcher may have gone; the journal has the outcome.
                self.progress.send(Progress::Ended(outcome)).ok();
                Vec::new()
            }
        }
    }

    async fn observe(&self, machine: Creator) -> Vec<CreatorEvent> {
        if let Some(terms) = machine.terms() {
            return self.observe_deal(&machine, terms).await;
        }
        let Some(id) = machine.offer_id() else { return Vec::new() };
        let container = match self.solver.job_offer(id).await {
            Ok(container) => container,
            // A solver that lost the offer gets it again: it is the same offer, with the same id.
            Err(error) if error.is_refused_with(Refusal::JobOfferNotFound) => return self.post_offer().await,
            Err(_) => return Vec::new(),
        };
        if container.deal_id.is_empty() {
            return vec![CreatorEvent::OfferState { state: container.state }];
        }
        self.deal(&container.deal_id).await.into_iter().collect()
    }

    fn applied(&self, event: &CreatorEvent, machine: &Creator) {
        let state = match event {
            CreatorEvent::CancelAnswered { .. } if !machine.is_finished() => {
                self.progress.send(Progress::GoesOn).ok();
                return;
            }
            // The match may be told before the offer's post is answered: either shows that the job is there.
            CreatorEvent::OfferPosted { .. } | CreatorEvent::DealFound { .. } => DealState::DealNegotiating,
            // Given up or never delivered: which of the two, the provider's record says.
            CreatorEvent::ChainState { state: AgreementState::TimeoutSubmitResults } => return,
            CreatorEvent::ResultFetched { result }
                if machine.agreement() == AgreementState::TimeoutSubmitResults && result.error.is_empty() =>
            {
                DealState::TimeoutExecution
            }
            CreatorEvent::ChainState { state } => state.to_deal_state(),
            CreatorEvent::OfferState { state } => *state,
            _ => return,
        };
        if let (CreatorEvent::DealFound { .. }, Some(terms)) = (event, machine.terms()) {
            self.progress.send(Progress::Matched(Box::new(terms.clone()))).ok();
        }
        // Hints repeat and overtake each other; a job only goes on.
        let mut record = self.record();
        if record.shown.is_none_or(|shown| shown.code() < state.code()) {
            record.shown = Some(state);
            self.progress.send(Progress::State(state)).ok();
        }
    }

    fn is_wanted(machine: &Creator, effect: &CreatorEffect) -> bool {
        // What was cancelled is not agreed to after all.
        !(machine.is_finished() && matches!(effect, CreatorEffect::Agree { .. }))
    }

    fn is_finished(machine: &Creator) -> bool {
        machine.is_finished()
    }
}

/// What an event of the solver's socket means to the creator of `offer`.
pub(crate) fn signal_of(event: &SolverEvent, offer: &JobOfferId) -> Option<Signal<CreatorEvent>> {
    match event.kind()? {
        EventType::DealAdded => {
            let deal = event.deal.as_ref().filter(|d| d.job_offer == *offer)?;
            Some(Signal::Event(CreatorEvent::DealFound { deal: deal.clone() }))
        }
        EventType::JobOfferStateUpdated => {
            let container = event.job_offer.as_ref().filter(|o| o.id == *offer)?;
            if container.deal_id.is_empty() {
                return Some(Signal::Event(CreatorEvent::OfferState { state: container.state }));
            }
            Some(Signal::Look)
        }
        EventType::DealStateUpdated | EventType::DealMediatorUpdated => {
            event.deal.as_ref().filter(|d| d.job_offer == *offer).map(|_| Signal::Look)
        }
        _ => None,
    }
}

#[derive(Debug, thiserror::Error)]
enum DownloadError {
    #[error(transparent)]
    Solver(#[from] super::ClientError),
    #[error("the result's archive can't be unpacked: {0}")]
    Archive(#[from] archive::ArchiveError),
    #[error("the result can't be written: {0}")]
    Io(#[from] std::io::Error),
}

impl DownloadError {
    /// Whether it is this machine that can't take the result.
    fn is_ours(&self) -> bool {
        match self {
            Self::Solver(error) => matches!(error, super::ClientError::File { .. }),
            Self::Archive(error) => !error.is_sender_fault(),
            Self::Io(_) => true,
        }
    }

    fn is_retryable(&self) -> bool {
        match self {
            Self::Solver(error) => error.is_retryable(),
            Self::Archive(_) | Self::Io(_) => false,
        }
    }
}

/// Unpacks into a fresh folder and puts it in place at once, so that a half-written result is never seen.
fn unpack_fresh(tar: &Path, fresh: &Path, target: &Path) -> Result<(PathBuf, DataId), DownloadError> {
    if fresh.exists() {
        std::fs::remove_dir_all(fresh)?;
    }
    std::fs::create_dir_all(fresh)?;
    let file = std::io::BufReader::new(std::fs::File::open(tar)?);
    archive::unpack(file, fresh, &ArchiveLimits::default())?;
    let data_id = archive::data_id_of_folder(fresh)?;
    if target.exists() {
        std::fs::remove_dir_all(target)?;
    }
    std::fs::rename(fresh, target)?;
    std::fs::remove_file(tar)?;
    Ok((target.to_owned(), data_id))
}

/// The result that the provider put on chain; empty once the deal ended without one. Asks until the chain answers.
async fn claimed_result(chain: &dyn DynChain, deal_id: &DealId) -> ChainResult {
    let mut pauses = Pauses::new(Duration::MAX);
    loop {
        if let Ok(Some(claimed)) = chain.result(deal_id).await {
            return claimed;
        }
        // A node behind the others may not have the result yet, so its word is not enough.
        if let Ok(found) = chain.agreement(deal_id, 0).await
            && found.state == AgreementState::TimeoutSubmitResults
        {
            return ChainResult { deal_id: deal_id.clone(), ..ChainResult::default() };
        }
        pauses.wait().await;
    }
}
