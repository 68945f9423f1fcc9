//! A submitted job, followed to its result.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};

use super::{
    ClientError, JobOutput, Lilypad,
    creator::{CreatorRole, Progress},
    driver::Signal,
    retry::retry,
    settlement::{self, Receipt, SettlementRecord},
};
use crate::{
    Error,
    deal::{
        AgreementState, DealState, DealTerms,
        roles::{Creator, CreatorEvent, CreatorOutcome},
    },
    types::{DealId, JobOfferId, one_line},
};

/// Most characters of a failure's reason that are shown.
const MAX_REASON_CHARS: usize = 4000;

/// How long the solver may be away when the receipt is written.
const RECEIPT_PATIENCE: Duration = Duration::from_secs(30);

/// A state the job entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// The state.
    pub state: DealState,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.state.fmt(f)
    }
}

/// What happened to a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEvent {
    /// It entered a state.
    Stage(Stage),
    /// It was matched: [`Job::terms`] says with whom and at what price. We have not agreed yet.
    Matched,
}

/// How [`Job::interrupt`] left the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// Nothing was agreed: the job is off and nothing is charged.
    Cancelled,
    /// Both parties agreed: the job goes on without us and can be attached to again.
    Detached,
}

/// A submitted job. Dropping it stops following the job, not the job: [`Lilypad::attach`] takes it up again.
#[must_use = "a job is followed by next() or output()"]
pub struct Job {
    lilypad: Lilypad,
    id: JobOfferId,
    role: Arc<CreatorRole>,
    inbox: mpsc::Sender<Signal<CreatorEvent>>,
    progressed: mpsc::UnboundedReceiver<Progress>,
    task: Option<JoinHandle<Result<Creator, Error>>>,
    pub(super) terms: Option<DealTerms>,
    outcome: Option<CreatorOutcome>,
    machine: Option<Creator>,
    from_block: u64,
    is_agreed: bool,
    is_told: bool,
    pub(super) warnings: Vec<String>,
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").field("id", &self.id).field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Job {
    pub(super) fn new(
        lilypad: Lilypad,
        id: JobOfferId,
        role: Arc<CreatorRole>,
        inbox: mpsc::Sender<Signal<CreatorEvent>>,
        progressed: mpsc::UnboundedReceiver<Progress>,
        task: JoinHandle<Result<Creator, Error>>,
        from_block: u64,
    ) -> Self {
        Self {
            lilypad,
            id,
            role,
            inbox,
            progressed,
            task: Some(task),
            terms: None,
            outcome: None,
            machine: None,
            from_block,
            is_agreed: false,
            is_told: false,
            warnings: Vec::new(),
        }
    }

    /// The id of the job's offer.
    pub fn id(&self) -> &JobOfferId {
        &self.id
    }

    /// The id of the job's deal, once it is matched.
    pub fn deal_id(&self) -> Option<&DealId> {
        self.terms.as_ref().map(|terms| &terms.deal_id)
    }

    /// What was agreed to, once the job is matched.
    pub fn terms(&self) -> Option<&DealTerms> {
        self.terms.as_ref()
    }

    /// The commit of the module that every party runs, as its offer names it.
    pub fn commit(&self) -> &str {
        &self.role.offer.module.hash
    }

    /// What its creator may not have meant, though it runs: inputs that the module never reads, and such that it lacks.
    /// Empty for a job that was attached to.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The next state the job enters; `None` once it has its result. Cancel safe.
    ///
    /// # Errors
    /// [`Error::Job`], [`Error::Timeout`] or [`Error::Funds`] when the job ended without a result; after that, `None`.
    pub async fn next(&mut self) -> Option<Result<Stage, Error>> {
        loop {
            match self.next_event().await? {
                Ok(JobEvent::Stage(stage)) => return Some(Ok(stage)),
                Ok(JobEvent::Matched) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// As [`Job::next`], and also tells of the match, before anything is paid. Cancel safe.
    ///
    /// # Errors
    /// As [`Job::next`].
    pub async fn next_event(&mut self) -> Option<Result<JobEvent, Error>> {
        loop {
            let progress = match &mut self.task {
                Some(task) => tokio::select! {
                    biased;
                    progress = self.progressed.recv() => progress,
                    ended = task => {
                        if let Err(error) = self.take_end(ended) {
                            return Some(Err(error));
                        }
                        continue;
                    }
                },
                None => self.progressed.try_recv().ok(),
            };
            match progress {
                Some(Progress::State(state)) => {
                    self.is_agreed |= state != DealState::DealNegotiating;
                    return Some(Ok(JobEvent::Stage(Stage { state })));
                }
                Some(Progress::Matched(terms)) => {
                    // The solver may tell of a match more than once.
                    let is_news = self.terms.as_ref() != Some(&*terms);
                    self.terms = Some(*terms);
                    if is_news {
                        return Some(Ok(JobEvent::Matched));
                    }
                }
                Some(Progress::GoesOn) => {}
                Some(Progress::Lost(reason)) => {
                    return Some(Err(Error::Unreachable {
                        network: self.lilypad.network().to_owned(),
                        reason: format!("{reason}; job {} goes on when it answers: attach to it then", self.id),
                    }));
                }
                Some(Progress::Stuck(reason)) => {
                    return Some(Err(Error::Job {
                        what: format!("the result of job {} can't be written here: {reason}", self.id),
                        hint: format!(
                            "the solver keeps it: mend {}, then attach to the job again",
                            self.lilypad.inner.config.paths.downloads().display()
                        ),
                    }));
                }
                Some(Progress::Unending(reason, hint)) => {
                    let what =
                        format!("the time limit of job {} has passed, but nothing can end it: {reason}", self.id);
                    return Some(Err(Error::Job { what, hint }));
                }
                Some(Progress::Ended(outcome)) => {
                    self.outcome = Some(outcome.clone());
                    self.is_told = true;
                    return self.failure(&outcome).map(Err);
                }
                // A job that had ended before it was attached to is told of once.
                None if std::mem::replace(&mut self.is_told, true) => return None,
                None => return self.outcome.as_ref().and_then(|outcome| self.failure(outcome)).map(Err),
            }
        }
    }

    /// Waits for the end of the driver; an error if the store failed under it.
    async fn ended(&mut self) -> Result<(), Error> {
        let Some(task) = self.task.as_mut() else { return Ok(()) };
        let ended = task.await;
        self.take_end(ended)
    }

    fn take_end(&mut self, ended: Result<Result<Creator, Error>, JoinError>) -> Result<(), Error> {
        self.task = None;
        match ended {
            Ok(machine) => {
                let machine = machine?;
                self.outcome = machine.outcome().cloned();
                self.terms = machine.terms().cloned();
                self.machine = Some(machine);
            }
            Err(failed) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            Err(_) => {}
        }
        Ok(())
    }

    /// Waits for the result and reads what was paid for it.
    ///
    /// # Errors
    /// As [`Job::next`]; [`Error::Chain`] when the settlement can't be read.
    pub async fn output(&mut self) -> Result<JobOutput, Error> {
        while self.outcome.is_none() {
            match self.next().await {
                Some(stage) => drop(stage?),
                None => break,
            }
        }
        self.ended().await?;
        let outcome = self.outcome.clone();
        if let Some(error) = outcome.as_ref().and_then(|outcome| self.failure(outcome)) {
            return Err(error);
        }
        let record = self.role.snapshot();
        let lost = |what: &str| Error::Job {
            what: format!("job {} ended without {what}", self.id),
            hint: format!("take it up again: lilypad jobs attach -n {} {}", self.lilypad.network(), self.id),
        };
        let terms = self.terms.clone().ok_or_else(|| lost("a deal"))?;
        let known = self.machine.as_ref().and_then(Creator::result).cloned();
        let result = record.result.clone().or(known).ok_or_else(|| lost("a result"))?;
        // A job that had ended before it was attached to was downloaded then.
        let earlier = self.result_folder(&terms.deal_id);
        let dir = record.result_dir.clone().or_else(|| earlier.is_dir().then_some(earlier));
        let dir = dir.ok_or_else(|| lost("a result folder"))?;
        let state = self.machine.as_ref().map(Creator::agreement).unwrap_or_default();
        // The job is paid and its files are here: a solver that restarts meanwhile must not make an error of it.
        let solver = &self.lilypad.inner.solver;
        let deal = retry(RECEIPT_PATIENCE, ClientError::is_retryable, || solver.deal(&terms.deal_id)).await?;
        let settlement = settlement::read(self.role.chain.as_deref(), &terms, state, self.from_block).await?;
        let receipt = Receipt { deal, result: result.clone(), settlement: settlement.clone() };
        let receipt = save_receipt(&self.lilypad.inner.config.paths.receipts(), &terms.deal_id, &receipt).await;
        Ok(JobOutput { deal_id: terms.deal_id, dir, result, settlement, receipt })
    }

    /// What the deal moved so far and where its money stands, read from the chain; `None` without a deal, and off chain as
    /// long as the job has not ended. Also for a job that ended without a result, which has no [`JobOutput`].
    ///
    /// # Errors
    /// [`Error::Chain`] when the chain can't be read.
    pub async fn settlement(&self) -> Result<Option<SettlementRecord>, Error> {
        let Some(terms) = &self.terms else { return Ok(None) };
        let chain = self.role.chain.as_deref();
        let state = match chain {
            Some(chain) => chain.agreement(&terms.deal_id, 0).await?.state,
            // Off chain only the job's own end says how it stands.
            None => match &self.machine {
                Some(machine) => machine.agreement(),
                None => return Ok(None),
            },
        };
        settlement::read(chain, terms, state, self.from_block).await.map(Some)
    }

    /// Leaves the job: cancels it before both parties have agreed, detaches from it after (design.md §11, ruling 6).
    pub async fn interrupt(&mut self) -> Interrupted {
        if self.is_agreed {
            return Interrupted::Detached;
        }
        self.inbox.send(Signal::Event(CreatorEvent::Interrupted)).await.ok();
        let wait = async {
            while let Some(progress) = self.progressed.recv().await {
                match progress {
                    Progress::Ended(outcome) => {
                        self.outcome = Some(outcome);
                        return;
                    }
                    Progress::GoesOn => return,
                    Progress::State(_)
                    | Progress::Matched(_)
                    | Progress::Lost(_)
                    | Progress::Stuck(_)
                    | Progress::Unending(..) => {}
                }
            }
        };
        // Cancelling takes one request; a job that goes on does not answer.
        tokio::time::timeout(Duration::from_secs(3), wait).await.ok();
        match self.outcome {
            Some(CreatorOutcome::Cancelled) => {
                self.ended().await.ok();
                Interrupted::Cancelled
            }
            _ => Interrupted::Detached,
        }
    }

    /// Whether our part of the deal is locked on chain, as it is where we agreed and the provider did not. It comes back when
    /// the time to agree is over. `false` where the chain does not say.
    pub async fn is_locked(&self) -> bool {
        let (Some(terms), Some(chain)) = (&self.terms, &self.role.chain) else { return false };
        let asked = tokio::time::timeout(Duration::from_secs(3), chain.agreement(&terms.deal_id, 0)).await;
        matches!(asked, Ok(Ok(found)) if found.job_creator_agreed_at.is_some() && !found.state.is_final())
    }

    fn result_folder(&self, deal: &DealId) -> PathBuf {
        self.lilypad.inner.config.paths.downloads().join(deal.as_str())
    }

    fn failure(&self, outcome: &CreatorOutcome) -> Option<Error> {
        // The words are the solver's and the provider's: strangers'.
        let clean = |text: &str| one_line(text, MAX_REASON_CHARS);
        let job = |what: String, hint: &str| Error::Job { what: clean(&what), hint: hint.to_owned() };
        Some(match outcome {
            CreatorOutcome::Completed { state: AgreementState::MediationRejected } => job(
                "the mediator found the result to be wrong; the payment came back, the mediator's fee did not"
                    .to_owned(),
                "run it again, or choose another provider with --target",
            ),
            CreatorOutcome::Completed { .. } => return None,
            CreatorOutcome::JudgeFailed { reason, funds } => {
                let folder = self.terms.as_ref().map(|t| self.result_folder(&t.deal_id).display().to_string());
                let what = format!(
                    "the result is in {}, but it could not be judged on chain: {reason}; an hour after its delivery it \
                     counts as accepted",
                    folder.unwrap_or_default()
                );
                match funds {
                    true => Error::Funds { what, hint: format!("send ETH and LP to {}", self.lilypad.address()) },
                    false => job(what, "see that the chain answers; the result is yours in any case"),
                }
            }
            CreatorOutcome::ProviderFailed { reason } if reason.is_empty() => Error::Timeout {
                what: format!("job {} was not delivered in time; nothing was charged", self.id),
                hint: "run it again: another provider may take it".to_owned(),
            },
            CreatorOutcome::ProviderFailed { reason } if reason.contains("time limit") => Error::Timeout {
                what: clean(&format!("{reason}; nothing was charged")),
                hint: "give the module a longer executionTimeoutSeconds and Timeout, or the job less to do".to_owned(),
            },
            CreatorOutcome::ProviderFailed { reason } => {
                job(format!("{reason}; nothing was charged"), provider_hint(reason))
            }
            CreatorOutcome::Refused { reason } => job(
                format!("the solver refused the job: {reason}"),
                "nothing was agreed to; correct what the solver names, or use another one with --service-solver",
            ),
            CreatorOutcome::TooExpensive { reason } => job(reason.clone(), limit_hint(reason)),
            CreatorOutcome::AgreeFailed { reason, funds: true } => {
                Error::Funds { what: clean(reason), hint: format!("send ETH and LP to {}", self.lilypad.address()) }
            }
            CreatorOutcome::AgreeFailed { reason, funds: false } => {
                let hint = if reason.contains("RP / JC same") {
                    "this key is the provider's own: run jobs with another one"
                } else {
                    "nothing of yours is locked; run it again"
                };
                job(format!("the deal was not agreed: {reason}"), hint)
            }
            CreatorOutcome::DownloadFailed { reason } => job(
                format!("the result can't be fetched: {reason}"),
                "see that this machine has room and reaches the solver",
            ),
            CreatorOutcome::TimedOut { state: DealState::TimeoutMatch } => Error::Timeout {
                what: "no provider matched the job in time; nothing was charged".to_owned(),
                hint: "lower the module's machine needs, raise --max-price, or leave --target out".to_owned(),
            },
            CreatorOutcome::TimedOut { state: DealState::JobOfferCancelled } => job(
                "job was cancelled: one party did not agree in time; nothing was charged".to_owned(),
                "run it again",
            ),
            CreatorOutcome::TimedOut { .. } => {
                Error::Timeout { what: "job timed out".to_owned(), hint: "run it again".to_owned() }
            }
            CreatorOutcome::Cancelled => match self.role.offer.target.address.as_str() {
                "" => job("job was cancelled; nothing was charged".to_owned(), "run it again"),
                target => job(
                    format!("job was cancelled: provider {target} has no open offer that fits; nothing was charged"),
                    "check the address, or leave --target out",
                ),
            },
        })
    }
}

/// Which limit of the creator's own to raise; a deal that is refused for anything else was not made honestly.
fn limit_hint(reason: &str) -> &'static str {
    if reason.contains(" a price of ") {
        "allow what the provider asks with --max-price (else --pricing-instruction-price is the limit), or choose another \
         provider with --target"
    } else if reason.contains(" a payment collateral of ") {
        "allow what the provider asks with --pricing-payment-collateral, or choose another provider with --target"
    } else if reason.contains(" a mediation fee of ") {
        "allow what the provider asks with --pricing-mediation-fee, or choose another provider with --target"
    } else {
        "nothing was agreed to; run it again, or trust another solver with --service-solver"
    }
}

fn provider_hint(reason: &str) -> &'static str {
    if reason.contains("image '") {
        "build or pull the image on the provider's machine, or correct its name in the module"
    } else if reason.contains("memory") {
        "give the job more with Resources.Memory in the module's template"
    } else if reason.contains("docker") {
        "start a Docker engine on the provider's machine"
    } else {
        "correct what the provider names, or run it again: another provider may take it"
    }
}

async fn save_receipt(folder: &Path, deal: &DealId, receipt: &Receipt) -> Option<PathBuf> {
    let path = folder.join(format!("{deal}.json"));
    let text = serde_json::to_vec_pretty(receipt).ok()?;
    let saved = async {
        tokio::fs::create_dir_all(folder).await?;
        tokio::fs::write(&path, text).await
    };
    match saved.await {
        Ok(()) => Some(path),
        Err(error) => {
            tracing::warn!(target: "lilypad::client", %deal, %error, "the receipt could not be saved");
            None
        }
    }
}
