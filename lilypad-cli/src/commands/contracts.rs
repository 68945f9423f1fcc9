//! `lilypad contracts`: the sets of contracts on a chain.

use std::{collections::BTreeMap, sync::Arc};

use lilypad_sdk::{
    Error,
    chain::{
        Chain as _, ChainError, Check, ContractStatus, DeployConfig, DeployedStep, Deployment, Given, RpcChain,
        RpcConfig, TxReceipt, deploy_recorded, give, survey, verify,
    },
    devnet::Devnet,
    types::Address,
};
use serde_json::{Value, json};

use super::failure::of_sdk;
use crate::{
    args::{ContractsArgs, ContractsCommand, GlobalArgs},
    exit::{Exit, Failure},
    printer::{Color, Printer},
    settings::{DeploySettings, FundSettings, Reader, SetSettings},
};

/// Columns of the plain output.
const NAME_WIDTH: usize = 44;

pub(crate) async fn contracts(
    args: ContractsArgs,
    reader: &Reader<'_>,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<Exit, Failure> {
    match args.command {
        ContractsCommand::Deploy(args) => deploy(&DeploySettings::resolve(reader, global, &args)?, printer).await,
        ContractsCommand::Verify(args) => check(&SetSettings::resolve(reader, global, &args)?, printer).await,
        ContractsCommand::Show(args) => show(&SetSettings::resolve(reader, global, &args)?, printer).await,
        ContractsCommand::Fund(args) => fund(&FundSettings::resolve(reader, global, &args)?, printer).await,
    }
}

fn failed(error: ChainError) -> Failure {
    of_sdk(&error.into())
}

/// The chain, with the contracts of the preset or of the devnet; those of a file come over them.
async fn connect(set: &SetSettings) -> Result<RpcChain, Failure> {
    let mut rpc = RpcConfig::for_network(&set.network);
    rpc.lock_dir = Some(set.paths.locks());
    match &set.endpoints {
        Some(urls) => rpc.endpoints.clone_from(urls),
        None => {
            let running = Devnet::running(&set.paths).await.map_err(|error| of_sdk(&error))?;
            let info = running.ok_or_else(|| {
                Failure::new(Exit::Unreachable, "no lilypad devnet runs on this machine")
                    .hint("start one in another terminal: lilypad devnet")
                    .hint("or name a development chain: --web3-rpc-url http://127.0.0.1:8545")
            })?;
            (rpc.endpoints, rpc.controller, rpc.known) = (vec![info.rpc_url], info.controller, None);
        }
    }
    if let Some(given) = &set.asks_controller {
        (rpc.known, rpc.given) = (None, *given);
    }
    let network = set.network.name;
    RpcChain::connect(rpc, set.wallet.clone()).await.map_err(|error| match error.is_retryable() {
        true if set.is_local() => {
            Failure::new(Exit::Unreachable, format!("network {network} can't be reached: {error}"))
                .hint("see whether the chain runs, and where it listens: --web3-rpc-url http://127.0.0.1:8545")
        }
        true => of_sdk(&Error::Unreachable { network: network.to_owned(), reason: error.to_string() }),
        false => failed(error),
    })
}

fn no_file(set: &SetSettings) -> Failure {
    Failure::usage(format!("{}: there is no such file", set.file.display()))
        .hint("name the file of the deployment with --deployments")
        .hint(format!("lilypad contracts deploy -n {} writes it; what is deployed already it finds", set.network.name))
}

async fn deploy(settings: &DeploySettings, printer: &Printer) -> Result<Exit, Failure> {
    let set = &settings.set;
    // A file that cannot be used is told of before anything is connected.
    Deployment::read(&set.file).map_err(failed)?;
    let chain = connect(set).await?;
    let mut config = DeployConfig::default();
    (config.treasury, config.job_service) = (settings.treasury, settings.job_service);
    (config.network, config.file) = (set.network.name.to_owned(), Some(set.file.clone()));
    config.find = set.is_local();
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    // Nobody listens any more only when the command ends.
    config.progress = Some(Arc::new(move |step: &DeployedStep| drop(tell.send(step.clone()))));
    let (mut transactions, mut gas) = (0_u64, 0_u64);
    let (deployed, ()) = tokio::join!(async move { deploy_recorded(&chain, &config).await }, async {
        while let Some(step) = told.recv().await {
            (transactions, gas) = (transactions + u64::from(step.transaction.is_some()), gas + step.gas_used);
            say_step(&step, printer);
        }
    });
    let deployment = deployed.map_err(failed)?;
    let file = set.file.display();
    printer.document(&json!({
        "event": "deployed",
        "file": file.to_string(),
        "transactions": transactions,
        "gas_used": gas,
        "deployment": deployment,
    }));
    printer.line(match transactions {
        0 => format!("\nEverything was done before: nothing was sent. {file} has the addresses."),
        _ => format!(
            "\n{} contracts are deployed on chain {} with {transactions} transactions and {gas} gas. {file} has the addresses.",
            deployment.contracts.len(),
            deployment.chain_id
        ),
    });
    Ok(Exit::Success)
}

fn say_step(step: &DeployedStep, printer: &Printer) {
    printer.event(&json!({
        "event": "step",
        "step": step.step,
        "address": step.address,
        "transaction": step.transaction,
        "gas_used": step.gas_used,
    }));
    let how = match step.transaction {
        Some(hash) => format!("{hash}  {} gas", step.gas_used),
        None => "done before".to_owned(),
    };
    printer.line(format_args!("{:NAME_WIDTH$}  {}  {how}", step.step, step.address));
}

async fn check(set: &SetSettings, printer: &Printer) -> Result<Exit, Failure> {
    let deployment = Deployment::read(&set.file).map_err(failed)?.ok_or_else(|| no_file(set))?;
    let chain = connect(set).await?;
    let checks = verify(&chain, &deployment).await.map_err(failed)?;
    for check in &checks {
        say_check(check, printer);
    }
    let failure = checks.iter().find(|check| !check.holds).map(|check| difference(check, set));
    let name = if failure.is_none() { "verified" } else { "failed" };
    printer.document(&json!({
        "event": name,
        "file": set.file.display().to_string(),
        "checks": checks,
        "error": failure.as_ref().map(described),
    }));
    match failure {
        Some(failure) => Err(failure),
        None => {
            printer.line(format_args!("\n{} checks, no difference.", checks.len()));
            Ok(Exit::Success)
        }
    }
}

fn say_check(check: &Check, printer: &Printer) {
    let line = if check.holds {
        format!("{}  {:NAME_WIDTH$}  {}", printer.paint(Color::Green, "ok    "), check.what, check.found)
    } else {
        let (expected, found) = (&check.expected, &check.found);
        let mark = printer.paint(Color::Red, "DIFFER");
        format!("{mark}  {:NAME_WIDTH$}  {found}, should be {expected}", check.what)
    };
    printer.line(line);
}

/// The first check that does not hold, as the end of the command.
fn difference(check: &Check, set: &SetSettings) -> Failure {
    let failure = Failure::new(Exit::Job, format!("{} is {}, should be {}", check.what, check.found, check.expected));
    match check.what.as_str() {
        "chain id" | "first block" => failure.hint(format!(
            "{} is of another chain than the endpoint's; name the right one with --deployments or --web3-rpc-url",
            set.file.display()
        )),
        what if what.ends_with(" code") => failure
            .hint("another version of the contracts, or other contracts: verify with the version of lilypad that deployed them"),
        what if what.ends_with(".owner") => {
            failure.hint("if ownership was handed on, write the new owner into the file as \"owner\"")
        }
        _ => failure.hint("lilypad contracts deploy with the owner's key wires what is not wired as the file says"),
    }
}

fn described(failure: &Failure) -> Value {
    json!({ "message": failure.message, "hints": failure.hints, "exit_code": failure.exit.code() })
}

/// The contracts of the file, else those that the network is known to have.
async fn open(set: &SetSettings) -> Result<(RpcChain, Option<Deployment>), Failure> {
    let deployment = Deployment::read(&set.file).map_err(failed)?;
    let chain = connect(set).await?;
    if let Some(deployment) = &deployment {
        let genesis = chain.genesis_hash().await.map_err(failed)?;
        if (deployment.chain_id, deployment.genesis) != (chain.chain_id(), genesis) {
            return Err(Failure::usage(format!("{}: it is of another chain", set.file.display())).hint(
                "name another file with --deployments, or move this one away; another chain with --web3-rpc-url",
            ));
        }
    }
    match deployment.as_ref().map(Deployment::contracts) {
        Some(Some(contracts)) => Ok((chain.with_contracts(contracts), deployment)),
        Some(None) => Err(Failure::usage(format!("{}: its deployment is not finished", set.file.display()))
            .hint(format!("lilypad contracts deploy -n {} goes on with it", set.network.name))),
        None => Ok((chain, None)),
    }
}

async fn show(set: &SetSettings, printer: &Printer) -> Result<Exit, Failure> {
    let (chain, deployment) = open(set).await?;
    let addresses: BTreeMap<String, Address> = match &deployment {
        Some(deployment) => deployment.contracts.iter().map(|(name, one)| (name.clone(), one.address)).collect(),
        None => chain.contracts().by_name(),
    };
    let all = survey(&chain, &addresses).await.map_err(failed)?;
    let mut deployer = None;
    if let Some(deployment) = &deployment {
        let account = deployment.deployer;
        let ether = chain.eth_balance(account).await.map_err(failed)?;
        let tokens = chain.token_balance(account).await.map_err(failed)?;
        deployer = Some((account, ether, tokens));
    }
    if !all.iter().any(|one| one.exists) {
        return Err(Failure::usage(format!(
            "there are no contracts of network {} on chain {} at their addresses",
            set.network.name,
            chain.chain_id()
        ))
        .hint(format!("lilypad contracts deploy -n {} deploys them; --deployments names others", set.network.name)));
    }
    printer.document(&json!({
        "event": "shown",
        "network": set.network.name,
        "chain_id": chain.chain_id(),
        "file": deployment.as_ref().map(|_| set.file.display().to_string()),
        "deployer": deployer.map(|(address, ether, tokens)| json!({ "address": address, "ether": ether, "tokens": tokens })),
        "complete": deployment.as_ref().map(|one| one.complete),
        "contracts": all,
    }));
    printer.line(format_args!("Network {}, chain {}", set.network.name, chain.chain_id()));
    if let Some((address, ether, tokens)) = deployer {
        printer.line(format_args!("recorded in {}", set.file.display()));
        printer.line(format_args!("deployed by {address}, who has {tokens} LP, {ether} ETH"));
    }
    for one in &all {
        say_contract(one, printer);
    }
    Ok(Exit::Success)
}

fn say_contract(one: &ContractStatus, printer: &Printer) {
    printer.line(format_args!("\n{:26}{}", one.contract, one.address));
    if !one.exists {
        printer.line("    there is no code at this address");
        return;
    }
    if let Some(owner) = one.owner.filter(|owner| *owner != Address::ZERO) {
        printer.line(format_args!("    {:22}{owner}", "owner"));
    }
    for (read, address) in &one.wiring {
        printer.line(format_args!("    {read:22}{address}"));
    }
    if !one.tokens.is_zero() || !one.ether.is_zero() {
        printer.line(format_args!("    {:22}{} LP, {} ETH", "holds", one.tokens, one.ether));
    }
}

async fn fund(settings: &FundSettings, printer: &Printer) -> Result<Exit, Failure> {
    let (chain, _) = open(&settings.set).await?;
    // Each is said at once: a second run would send it again.
    let mut is_begun = false;
    let say = |given: Given, receipt: &TxReceipt| {
        is_begun = true;
        let (amount, unit) = match given {
            Given::Ether => (settings.ether, "ETH"),
            Given::Tokens => (settings.tokens, "LP"),
        };
        printer.line(format_args!("sent {amount} {unit} to {}  {}", settings.account, receipt.hash));
        printer.event(&json!({ "event": "sent", "unit": unit, "amount_wei": amount, "transaction": receipt.hash }));
    };
    let given = give(&chain, settings.account, settings.ether, settings.tokens, say).await;
    let given = given.map_err(|error| match is_begun {
        true => failed(error).hint("the ETH was sent; repeat with --lp alone"),
        false => failed(error),
    })?;
    let sent = |amount, receipt: Option<TxReceipt>| {
        receipt.map(|receipt| json!({ "amount_wei": amount, "transaction": receipt.hash }))
    };
    let (ether, tokens) = (sent(settings.ether, given.ether), sent(settings.tokens, given.tokens));
    printer.document(&json!({
        "event": "funded",
        "account": settings.account,
        "from": chain.address(),
        "ether": ether,
        "tokens": tokens,
    }));
    Ok(Exit::Success)
}
