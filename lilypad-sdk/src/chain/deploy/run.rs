//! Carrying out the steps, each of which looks first whether it is done.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use futures_util::future::{BoxFuture, try_join_all};

use super::{
    DeployConfig, DeployedContract, DeployedStep, Deployment, PendingStep,
    fund::fund,
    plan::{self, Step},
    record::{self, unusable},
};
use crate::chain::{Chain, ChainError, RpcChain, SignedTx, TxJournal, TxOptions, TxReceipt};

/// Gas limit of a step where blocks follow at once and gas is free; the largest contract takes about five million.
const QUICK_GAS: u64 = 8_000_000;
/// What OpenZeppelin says to whoever initialises twice.
const INITIALIZED: &str = "Initializable: contract is already initialized";

/// Deploys and wires the set with the key of `chain`, funds the accounts, and gives the connection to the contracts.
///
/// # Errors
///
/// As [`deploy_recorded`].
pub async fn deploy(chain: &RpcChain, config: &DeployConfig) -> Result<RpcChain, ChainError> {
    let deployment = deploy_recorded(chain, config).await?;
    deployment.contracts().map(|contracts| chain.with_contracts(contracts)).ok_or_else(|| ChainError::Decode {
        what: "the deployed addresses",
        message: "a contract is missing".to_owned(),
    })
}

/// Deploys and wires the set with the key of `chain`, and funds the accounts.
///
/// Goes on with what the file of the configuration and the chain have; sends nothing when all is done.
///
/// # Errors
///
/// As [`Chain::send`]; `DeploymentFile` when the file is of another chain or of another key, cannot be read or written, or
/// is in use; `NoContract` when a contract of the file is gone. The same call goes on afterwards.
///
/// # Cancel safety
///
/// With a file nothing is lost: a dropped future is as a crash.
pub async fn deploy_recorded(chain: &RpcChain, config: &DeployConfig) -> Result<Deployment, ChainError> {
    let deployer = Chain::address(chain).ok_or(ChainError::ReadOnly { call: "deploy" })?;
    let genesis = chain.genesis_hash().await?;
    let _locked = config.file.as_deref().map(record::lock).transpose()?;
    let found = config.file.as_deref().map(Deployment::read).transpose()?.flatten();
    if let (Some(path), Some(found)) = (&config.file, &found) {
        check_origin(path, found, config, chain.chain_id(), genesis, deployer)?;
    }
    let is_new = found.is_none();
    let mut deployment = found.unwrap_or_else(|| Deployment::new(&config.network, chain.chain_id(), genesis, deployer));
    deployment.treasury = config.treasury.unwrap_or(deployment.treasury);
    deployment.job_service = config.job_service.unwrap_or(deployment.job_service);
    let book = Arc::new(Book { file: config.file.clone(), deployment: Mutex::new(deployment) });
    let run = Run { chain, config, deployer, book, keeps_parties: is_new };
    run.finish_pending().await?;
    for (index, step) in plan::steps()?.iter().enumerate() {
        let done = match step {
            Step::Create { .. } => run.create(step, index).await?,
            Step::Call { .. } => run.call(step).await?,
        };
        if let Some(progress) = &config.progress {
            progress(&done);
        }
    }
    let deployment = run.book.change(|deployment| deployment.complete = true)?;
    if let Some(contracts) = deployment.contracts() {
        fund(&chain.with_contracts(contracts), &config.fund, config.ether, config.tokens).await?;
    }
    Ok(deployment)
}

/// Whether a file belongs to this chain and this key.
fn check_origin(
    path: &std::path::Path,
    found: &Deployment,
    config: &DeployConfig,
    chain_id: u64,
    genesis: B256,
    deployer: Address,
) -> Result<(), ChainError> {
    const OTHER: &str = "name another file with --deployments, or move this one away to deploy anew";
    if found.network != config.network {
        let problem = format!("it is of network {}, not {}", found.network, config.network);
        return Err(unusable(path, problem, OTHER));
    }
    if (found.chain_id, found.genesis) != (chain_id, genesis) {
        let problem = format!(
            "it is of another chain: id {} with first block {}, here {chain_id} with {genesis}",
            found.chain_id, found.genesis
        );
        return Err(unusable(path, problem, OTHER));
    }
    if found.deployer != deployer {
        let problem = format!("{} deployed these contracts, this key is that of {deployer}", found.deployer);
        return Err(unusable(path, problem, "use the deployer's key, or another file with --deployments"));
    }
    Ok(())
}

/// The record and its file.
struct Book {
    file: Option<PathBuf>,
    deployment: Mutex<Deployment>,
}

impl Book {
    fn read(&self) -> Deployment {
        self.deployment.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the record and writes it, if that made a difference.
    fn change(&self, change: impl FnOnce(&mut Deployment)) -> Result<Deployment, ChainError> {
        let mut deployment = self.deployment.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = deployment.clone();
        change(&mut changed);
        if changed != *deployment
            && let Some(file) = &self.file
        {
            changed.write(file)?;
        }
        *deployment = changed.clone();
        Ok(changed)
    }
}

/// Keeps the transaction of a step before it is sent.
struct StepJournal {
    book: Arc<Book>,
    step: String,
}

impl TxJournal for StepJournal {
    fn signed<'a>(&'a self, tx: &'a SignedTx) -> BoxFuture<'a, Result<(), String>> {
        let pending = PendingStep { step: self.step.clone(), transaction: tx.clone() };
        let kept = self.book.change(|deployment| deployment.pending = Some(pending));
        Box::pin(std::future::ready(kept.map(drop).map_err(|error| error.to_string())))
    }
}

struct Run<'a> {
    chain: &'a RpcChain,
    config: &'a DeployConfig,
    deployer: Address,
    book: Arc<Book>,
    /// Whether treasury and job service are taken from the chain where nobody named them.
    keeps_parties: bool,
}

impl Run<'_> {
    /// Sees the transaction of an earlier run through. Whether its step is done the step itself finds out.
    async fn finish_pending(&self) -> Result<(), ChainError> {
        let Some(pending) = self.book.read().pending else { return Ok(()) };
        match Chain::resume(self.chain, pending.transaction, TxOptions::default()).await {
            Ok(_) | Err(ChainError::Displaced { .. } | ChainError::Reverted { .. }) => Ok(()),
            Err(other) => Err(other),
        }
    }

    async fn create(&self, step: &Step<'static>, index: usize) -> Result<DeployedStep, ChainError> {
        let name = step.name();
        let deployment = self.book.read();
        if let Some(known) = deployment.contracts.get(&name) {
            self.expect_code(step, known, &deployment).await?;
            return Ok(done_before(name, known.address));
        }
        for (address, transaction) in self.candidates(&name, index, &deployment) {
            let code = self.chain.code(address).await?;
            if code.is_empty() || code != self.expected_code(step, &deployment).await? {
                continue;
            }
            let receipt = match transaction {
                Some(hash) => Chain::receipt(self.chain, hash).await?,
                None => None,
            };
            self.keep(&name, address, &code, receipt.as_ref())?;
            return Ok(done_before(name, address));
        }
        let receipt = self.send(step).await?;
        let address = receipt.created.ok_or_else(|| ChainError::Decode {
            what: "a receipt",
            message: format!("the transaction {} created no contract", receipt.hash),
        })?;
        let code = self.chain.code(address).await?;
        self.keep(&name, address, &code, Some(&receipt))?;
        Ok(DeployedStep { step: name, address, transaction: Some(receipt.hash), gas_used: receipt.gas_used })
    }

    /// Where the contract may be although it is not in the record.
    fn candidates(&self, name: &str, index: usize, deployment: &Deployment) -> Vec<(Address, Option<B256>)> {
        let pending = deployment.pending.as_ref().filter(|pending| pending.step == name);
        let sent =
            pending.map(|pending| (self.deployer.create(pending.transaction.nonce), Some(pending.transaction.hash)));
        // Each step of a set on a fresh account is one transaction.
        let nonce = u64::try_from(index).unwrap_or(u64::MAX);
        let fresh = self.config.find.then(|| (self.deployer.create(nonce), None));
        sent.into_iter().chain(fresh).collect()
    }

    async fn expected_code(&self, step: &Step<'static>, deployment: &Deployment) -> Result<Bytes, ChainError> {
        self.chain.simulate(self.deployer, "constructor", None, step.creation(deployment)?).await
    }

    async fn expect_code(
        &self,
        step: &Step<'static>,
        known: &DeployedContract,
        deployment: &Deployment,
    ) -> Result<(), ChainError> {
        let code = self.chain.code(known.address).await?;
        if keccak256(&code) == known.code_hash {
            return Ok(());
        }
        let Step::Create { create: contract, .. } = step else { return Ok(()) };
        if code.is_empty() {
            return Err(ChainError::NoContract { contract, address: known.address, chain_id: deployment.chain_id });
        }
        let path = self.config.file.clone().unwrap_or_default();
        let problem = format!("{contract} at {} has other code than the file says", known.address);
        Err(unusable(&path, problem, "lilypad contracts verify tells what differs; mend the file from a copy"))
    }

    fn keep(&self, name: &str, address: Address, code: &Bytes, receipt: Option<&TxReceipt>) -> Result<(), ChainError> {
        let contract = DeployedContract {
            address,
            code_hash: keccak256(code),
            block: receipt.map(|receipt| receipt.block),
            transaction: receipt.map(|receipt| receipt.hash),
        };
        self.book.change(|deployment| {
            deployment.block = deployment.block.or(contract.block);
            deployment.contracts.insert(name.to_owned(), contract);
            deployment.pending = None;
        })?;
        Ok(())
    }

    async fn call(&self, step: &Step<'static>) -> Result<DeployedStep, ChainError> {
        let Step::Call { on, .. } = step else { return Err(ChainError::ReadOnly { call: "constructor" }) };
        let name = step.name();
        let address = plan::resolve(&self.book.read(), on)?;
        let receipt = if self.is_done(step, address).await? { None } else { Some(self.send(step).await?) };
        // The pending one may be a later step's.
        self.book.change(|deployment| {
            deployment.pending.take_if(|pending| pending.step == name);
        })?;
        Ok(match receipt {
            Some(receipt) => {
                DeployedStep { step: name, address, transaction: Some(receipt.hash), gas_used: receipt.gas_used }
            }
            None => done_before(name, address),
        })
    }

    /// Whether what a call sets is set.
    async fn is_done(&self, step: &Step<'static>, address: Address) -> Result<bool, ChainError> {
        let Step::Call { on, args, reads, .. } = step else { return Ok(false) };
        if reads.is_empty() {
            let call = step.prepare(&self.book.read())?;
            return match self.chain.simulate(self.deployer, call.call, call.to, call.input).await {
                Ok(_) => Ok(false),
                Err(ChainError::Reverted { reason, .. }) if reason.text() == Some(INITIALIZED) => Ok(true),
                Err(other) => Err(other),
            };
        }
        let found = try_join_all(reads.iter().map(|read| self.chain.read_address(on, address, read))).await?;
        for (name, found) in args.iter().zip(&found) {
            self.keep_party(name, *found)?;
        }
        let deployment = self.book.read();
        for (name, found) in args.iter().zip(found) {
            if plan::resolve(&deployment, name)? != found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A set that was found keeps the treasury and the service it has, unless others are named.
    fn keep_party(&self, name: &str, found: Address) -> Result<(), ChainError> {
        if !self.keeps_parties || found.is_zero() {
            return Ok(());
        }
        self.book.change(|deployment| match name {
            "$treasury" if self.config.treasury.is_none() => deployment.treasury = found,
            "$jobService" if self.config.job_service.is_none() => deployment.job_service = found,
            _ => {}
        })?;
        Ok(())
    }

    async fn send(&self, step: &Step<'static>) -> Result<TxReceipt, ChainError> {
        let call = step.prepare(&self.book.read())?;
        let journal = StepJournal { book: Arc::clone(&self.book), step: step.name() };
        let mut options = TxOptions::journaled(Arc::new(journal));
        if self.chain.is_quick() {
            options = options.with_gas_limit(QUICK_GAS);
        }
        self.chain.send_prepared(call, options).await
    }
}

fn done_before(step: String, address: Address) -> DeployedStep {
    DeployedStep { step, address, transaction: None, gas_used: 0 }
}
