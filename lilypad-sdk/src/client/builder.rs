//! A job before it is submitted.

use std::{collections::BTreeMap, path::PathBuf};

use super::{Job, Lilypad, driver::now, input_folder, lilypad::SavedJob};
use crate::{
    Error,
    api::ResourceOfferQuery,
    deal::roles::CreatorLimits,
    module::{AlteredInputs, Checkout, Module, ModuleReference, ModuleSource, input_warnings},
    types::{Address, Amount, DealPricing, JobOffer, PricingMode, Settlement, Target, TrustedParties, U256},
};

/// Least ether to start a job with, wei: four transactions at a few gwei.
const MIN_ETHER: u64 = 600_000_000_000_000;
/// Characters of a nano id.
const NONCE_CHARS: &[u8; 64] = b"_-0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A job before it is submitted.
#[derive(Clone, Debug)]
#[must_use = "a job is offered by submit()"]
pub struct JobBuilder {
    lilypad: Lilypad,
    module: String,
    module_path: Option<String>,
    inputs: BTreeMap<String, String>,
    inputs_path: Option<PathBuf>,
    mode: PricingMode,
    pricing: DealPricing,
    target: Option<Address>,
    mediation_chance: u8,
    altered: AlteredInputs,
}

/// A job that may be offered as it is.
#[must_use = "a job is offered by submit()"]
pub struct CheckedJob {
    lilypad: Lilypad,
    saved: SavedJob,
    warnings: Vec<String>,
}

impl std::fmt::Debug for CheckedJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedJob").field("warnings", &self.warnings).finish_non_exhaustive()
    }
}

impl CheckedJob {
    /// What the creator may not have meant, though the job would run: inputs that the module never reads, that it lacks, or
    /// that reach it as JSON text. Values are left out.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Offers the job.
    ///
    /// # Errors
    /// [`Error::Solver`] and [`Error::Chain`] when they don't answer.
    pub async fn submit(self) -> Result<Job, Error> {
        let mut job = self.lilypad.start(self.saved, true).await?;
        job.warnings = self.warnings;
        Ok(job)
    }
}

/// A module that is ready to be offered.
struct Resolved {
    source: ModuleSource,
    module: Module,
    inputs: BTreeMap<String, String>,
    warnings: Vec<String>,
    checkout: Checkout,
}

impl JobBuilder {
    /// A job of `module` at the network's default prices.
    pub(super) fn new(lilypad: Lilypad, module: String) -> Self {
        Self {
            lilypad,
            module,
            module_path: None,
            inputs: BTreeMap::new(),
            inputs_path: None,
            mode: PricingMode::Market,
            pricing: DealPricing {
                instruction_price: 1,
                payment_collateral: 2,
                results_collateral_multiple: 2,
                mediation_fee: 1,
            },
            target: None,
            mediation_chance: 0,
            altered: AlteredInputs::Refuse,
        }
    }

    /// Where the template lies in the module's repository; `/lilypad_module.json.tmpl` by default.
    pub fn module_path(mut self, path: impl Into<String>) -> Self {
        self.module_path = Some(path.into());
        self
    }

    /// Sets an input of the module's template.
    pub fn input(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Sets inputs of the module's template.
    pub fn inputs<N: Into<String>, V: Into<String>>(mut self, inputs: impl IntoIterator<Item = (N, V)>) -> Self {
        self.inputs.extend(inputs.into_iter().map(|(n, v)| (n.into(), v.into())));
        self
    }

    /// What becomes of a value that reaches the program as another text than was given, because the module's template escapes
    /// it; such a value is refused by default.
    pub fn altered_inputs(mut self, altered: AlteredInputs) -> Self {
        self.altered = altered;
        self
    }

    /// The folder with the module's input files.
    pub fn inputs_path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inputs_path = Some(folder.into());
        self
    }

    /// How the price is found; `MarketPrice` by default.
    pub fn pricing_mode(mut self, mode: PricingMode) -> Self {
        self.mode = mode;
        self
    }

    /// The prices of the offer, whole tokens. No deal above any of them is agreed to.
    pub fn pricing(mut self, pricing: DealPricing) -> Self {
        self.pricing = pricing;
        self
    }

    /// The most the job may cost, whole tokens.
    pub fn max_price(mut self, tokens: u64) -> Self {
        self.pricing.instruction_price = tokens;
        self.pricing.payment_collateral = self.pricing.payment_collateral.max(tokens);
        self
    }

    /// Only this provider may run the job.
    pub fn target(mut self, provider: Address) -> Self {
        self.target = Some(provider);
        self
    }

    /// How likely the result is checked by a mediator, percent from 0 to 100.
    pub fn mediation_chance(mut self, percent: u8) -> Self {
        self.mediation_chance = percent.min(100);
        self
    }

    /// Resolves the module, checks its inputs and renders it, checks the balance, offers the job. An input that the module's
    /// template would corrupt, or that its file of typed inputs does not allow, is refused here, before anything is paid.
    ///
    /// # Errors
    /// [`Error::Module`] before anything is sent, [`Error::Usage`] when the key is a service's, [`Error::Funds`] when the
    /// account can't pay, [`Error::Solver`] and [`Error::Chain`] when they don't answer.
    pub async fn submit(self) -> Result<Job, Error> {
        self.check().await?.submit().await
    }

    /// Does all that [`JobBuilder::submit`] does before the offer: nothing is sent yet, and what there is to be said about the
    /// inputs can be read.
    ///
    /// # Errors
    /// As [`JobBuilder::submit`].
    pub async fn check(self) -> Result<CheckedJob, Error> {
        let Resolved { source, module, inputs, warnings, checkout } = self.resolve().await?;
        let inputs_path = input_folder::check_declared(&self.module, &module, self.inputs_path.as_deref())?;
        let workload = module.workload().map_err(|error| error.in_module(&self.module))?;
        checkout.check_files(&workload).map_err(|error| error.in_module(&self.module))?;
        let (from_block, ()) = tokio::try_join!(self.check_funds(), self.check_roles())?;
        let inner = &self.lilypad.inner;
        let offer = JobOffer {
            created_at: now(),
            nonce: nonce()?,
            job_creator: self.lilypad.address().to_string(),
            module: source.to_config(),
            spec: module.machine.clone(),
            inputs: Some(inputs),
            input_files: module.input_files.clone(),
            execution_timeout_seconds: module.execution_timeout_seconds,
            mode: self.mode.as_str().to_owned(),
            pricing: self.pricing.clone(),
            trusted_parties: TrustedParties {
                solver: inner.config.solver.clone(),
                mediators: Some(inner.config.mediators.clone()),
                api_host: inner.config.api_host.clone(),
            },
            target: Target { address: self.target.map(|t| t.to_string()).unwrap_or_default() },
            ..JobOffer::default()
        };
        let limits = CreatorLimits {
            max_price: Some(Amount::from_tokens(self.pricing.instruction_price)),
            max_payment_collateral: Amount::from_tokens(self.pricing.payment_collateral),
            max_mediation_fee: Amount::from_tokens(self.pricing.mediation_fee),
            check_result: draw(self.mediation_chance)?,
        };
        let saved = SavedJob { offer, limits, inputs_path, from_block };
        Ok(CheckedJob { lilypad: self.lilypad, saved, warnings })
    }

    /// The module at a commit, rendered, its inputs as the offer carries them, and what is odd about those given.
    async fn resolve(&self) -> Result<Resolved, Error> {
        let inner = &self.lilypad.inner;
        let mut reference = ModuleReference::parse(&self.module)?;
        if let Some(path) = &self.module_path {
            reference = reference.with_path(path)?;
        }
        if reference.directory().is_some() && inner.config.local_modules.is_none() {
            return Err(Error::Usage {
                what: format!(
                    "module {} is a folder of this machine, which providers of {} can't read",
                    self.module, inner.config.network
                ),
                hint: "push it to a git repository and name that, or run it with -n local".to_owned(),
            });
        }
        let source = inner.fetcher.resolve(&reference).await?;
        let checkout = inner.fetcher.fetch(&source).await?;
        let (shown, inputs, altered) = (self.module.clone(), self.inputs.clone(), self.altered);
        // Within its limits a template may work for seconds, and meanwhile a person may want out.
        let prepared = tokio::task::spawn_blocking(move || {
            let prepared = checkout.prepare(&shown, &inputs, altered);
            let (inputs, module) = prepared.map_err(|error| error.in_module(&shown))?;
            let warnings = input_warnings(checkout.template()?, &shown, &inputs)?;
            Ok(Resolved { source, module, inputs, warnings, checkout })
        });
        prepared.await.map_err(|error| Error::Io {
            what: format!("module {}", self.module),
            source: std::io::Error::other(error),
        })?
    }

    /// Refuses the key of a service: two programs would share its nonces, and no deal may name one party twice.
    async fn check_roles(&self) -> Result<(), Error> {
        let inner = &self.lilypad.inner;
        let me = self.lilypad.address();
        let is_me = |text: &String| text.parse::<Address>().is_ok_and(|address| address == me);
        let role = if is_me(&inner.config.solver) {
            "solver"
        } else if inner.config.mediators.iter().any(is_me) {
            "mediator"
        } else {
            let mine = ResourceOfferQuery { resource_provider: me.to_string(), ..ResourceOfferQuery::default() };
            // A solver that does not list offers will say what is wrong when it gets the job.
            match inner.solver.resource_offers(&mine).await {
                Ok(offers) if !offers.is_empty() => "provider",
                _ => return Ok(()),
            }
        };
        Err(Error::Usage {
            what: format!(
                "account {me} is a {role} of network {}, so it can't create jobs there",
                inner.config.network
            ),
            hint: match inner.config.network.as_str() {
                "local" => "leave WEB3_PRIVATE_KEY out, or set it to the key of another account".to_owned(),
                _ => "set WEB3_PRIVATE_KEY to the key of another account".to_owned(),
            },
        })
    }

    /// Checks that the account can pay what the job may lock; gives the block from which its payments are read.
    async fn check_funds(&self) -> Result<u64, Error> {
        let inner = &self.lilypad.inner;
        if inner.config.settlement == Settlement::OffChain {
            return Ok(0);
        }
        let me = self.lilypad.address();
        let (ether, tokens, head) =
            tokio::try_join!(inner.chain.eth_balance(me), inner.chain.token_balance(me), inner.chain.head())?;
        let network = &inner.config.network;
        let hint = match network.as_str() {
            "local" => {
                "fund it from a funded key, or leave WEB3_PRIVATE_KEY out to use the development account".to_owned()
            }
            "testnet" => format!("fund {me} at https://faucet-testnet.lilypad.tech/"),
            _ => format!("send ETH and LP to {me}"),
        };
        if ether < Amount::from_wei(U256::from(MIN_ETHER)) {
            let what = format!("account {me} has {ether} ETH on {network}, a job needs about 0.002 ETH for gas");
            return Err(Error::Funds { what, hint });
        }
        let mut needed = Amount::from_tokens(self.pricing.payment_collateral);
        if self.mediation_chance > 0 {
            let fee = Amount::from_tokens(self.pricing.mediation_fee);
            needed = needed.checked_add(fee).unwrap_or(needed);
        }
        if tokens < needed {
            let what = format!("account {me} has {tokens} LP on {network}, this job locks up to {needed} LP");
            return Err(Error::Funds { what, hint });
        }
        Ok(head.number)
    }
}

fn random<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0_u8; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::Io { what: "the system's random numbers".to_owned(), source: std::io::Error::other(e) })?;
    Ok(bytes)
}

/// 21 random characters that make an offer's id unique.
fn nonce() -> Result<String, Error> {
    let bytes = random::<21>()?;
    Ok(bytes.iter().map(|byte| char::from(NONCE_CHARS[usize::from(byte & 63)])).collect())
}

/// Whether a draw from 0 to 99 is below `percent`.
fn draw(percent: u8) -> Result<bool, Error> {
    let drawn = u64::from_le_bytes(random::<8>()?) % 100;
    Ok(drawn < u64::from(percent))
}
