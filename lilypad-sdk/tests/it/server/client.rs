//! The client against the server, with each kind of signature.

use std::time::Duration;

use lilypad_sdk::{
    api::{ApiError, AuthMode, DealQuery, JobOfferQuery, Refusal, RequestDomain, ResourceOfferQuery, SocketRole},
    client::{ClientError, EventStream, HttpAuth, HttpOptions, HttpSolver, StreamItem},
    server::{ServerConfig, ServerHandle},
    types::{
        Address, DealState, EventType, JobCreatorTransactions, JobResult, ResourceProviderTransactions, SolverEvent,
    },
    wallet::Wallet,
};
use tokio::time::timeout;

use super::fake::{Fake, creator, domain, job, machine, provider, stranger};

fn auth(mode: AuthMode, wallet: Wallet) -> HttpAuth {
    match mode {
        AuthMode::Bound => HttpAuth::Bound { wallet, domain: domain() },
        _ => HttpAuth::Legacy { wallet },
    }
}

async fn connect(server: &ServerHandle, mode: AuthMode, wallet: Wallet) -> HttpSolver {
    HttpSolver::connect(&server.url(), auth(mode, wallet)).await.unwrap()
}

async fn event(stream: &mut EventStream) -> SolverEvent {
    match timeout(Duration::from_secs(10), stream.next()).await.expect("an event") {
        Some(StreamItem::Event(event)) => *event,
        other => panic!("{other:?}"),
    }
}

async fn a_job_from_offer_to_result(server_mode: AuthMode, mode: AuthMode) {
    let (fake, server) = Fake::start(server_mode).await;
    let creator = connect(&server, mode, creator()).await;
    let provider = connect(&server, mode, provider()).await;
    let mut created = creator.events(SocketRole::JobCreator).await.unwrap();
    let mut provided = provider.events(SocketRole::ResourceProvider).await.unwrap();
    let files = tempfile::tempdir().unwrap();
    let (inputs, archive, back) = (files.path().join("in"), files.path().join("out"), files.path().join("a/back"));
    std::fs::write(&inputs, "input bytes").unwrap();
    std::fs::write(&archive, vec![7; 300_000]).unwrap();

    let offered = provider.post_resource_offer(&machine()).await.unwrap().expect("a listed offer");
    assert_eq!(provider.post_resource_offer(&machine()).await.unwrap(), None, "the soft refusal");
    let offer = creator.post_job_offer_with_files(&job("a"), &inputs).await.unwrap();
    assert_eq!(offer.id, offer.job_offer.compute_id());
    let added = event(&mut provided).await;
    assert_eq!(added.kind(), Some(EventType::DealAdded));
    let id = added.deal.unwrap().id;
    assert_eq!(event(&mut created).await.kind(), Some(EventType::DealAdded));

    let query = DealQuery { state: Some(DealState::DealAgreed), ..DealQuery::default() };
    assert_eq!(provider.deals(&query).await.unwrap()[0].id, id);
    assert_eq!(creator.deal(&id).await.unwrap().resource_offer, offered.id);
    assert_eq!(creator.job_offers(&JobOfferQuery::default()).await.unwrap().len(), 1);
    assert_eq!(creator.job_offer(&offer.id).await.unwrap().deal_id, id);
    assert_eq!(provider.resource_offers(&ResourceOfferQuery::default()).await.unwrap().len(), 1);

    assert_eq!(provider.download_inputs(&id, &back).await.unwrap(), 11);
    assert_eq!(std::fs::read(&back).unwrap(), b"input bytes");
    assert!(creator.result(&id).await.unwrap_err().is_refused_with(Refusal::ResultNotFound));
    provider.upload_result(&id, &archive).await.unwrap();
    let result = JobResult { data_id: "Qm".parse().unwrap_or_default(), error: "none".into(), ..JobResult::default() };
    let result = provider.post_result(&id, &result).await.unwrap();
    assert_eq!(creator.result(&id).await.unwrap(), result);
    assert_eq!(creator.download_result(&id, &back).await.unwrap(), 300_000);
    assert_eq!(std::fs::read(&back).unwrap(), vec![7; 300_000]);
    let transactions = ResourceProviderTransactions { add_result: "0x1".into(), ..Default::default() };
    provider.post_provider_transactions(&id, &transactions).await.unwrap();
    let transactions = JobCreatorTransactions { accept_result: "0x2".into(), ..Default::default() };
    let deal = creator.post_creator_transactions(&id, &transactions).await.unwrap();
    assert_eq!(deal.transactions.resource_provider.add_result, "0x1");

    let error = creator.cancel_job_offer(&offer.id).await.unwrap_err();
    assert!(error.is_refused_with(Refusal::OfferAgreed) && !error.is_retryable(), "{error}");
    let second = creator.post_job_offer(&job("b")).await.unwrap();
    assert_eq!(creator.cancel_job_offer(&second.id).await.unwrap().state, DealState::JobOfferCancelled);
    let refused = provider.cancel_job_offer(&second.id).await.unwrap_err();
    assert!(matches!(refused, ClientError::Refused { .. }), "{refused}");
    assert_eq!(std::fs::read_dir(files.path().join("a")).unwrap().count(), 1, "no half files");
    drop(fake);
}

#[tokio::test]
async fn a_job_with_bound_requests() {
    a_job_from_offer_to_result(AuthMode::Bound, AuthMode::Bound).await;
}

#[tokio::test]
async fn a_job_with_constant_headers() {
    a_job_from_offer_to_result(AuthMode::Legacy, AuthMode::Legacy).await;
}

#[tokio::test]
async fn a_job_with_bound_requests_on_a_mixed_network() {
    a_job_from_offer_to_result(AuthMode::Both, AuthMode::Bound).await;
}

#[tokio::test]
async fn a_solver_that_is_another_one_is_refused_before_anything_is_signed() {
    let (_fake, server) = Fake::start(AuthMode::Bound).await;
    let wallet = creator();
    for (other, word) in [
        (RequestDomain { solver: Address::ZERO, ..domain() }, "address"),
        (RequestDomain { chain_id: 1, ..domain() }, "chain"),
        (RequestDomain { controller: Address::ZERO, ..domain() }, "controller"),
    ] {
        let auth = HttpAuth::Bound { wallet: wallet.clone(), domain: other };
        let error = HttpSolver::connect(&server.url(), auth).await.unwrap_err();
        assert!(matches!(error, ClientError::WrongSolver { .. }) && error.to_string().contains(word), "{error}");
    }
    let error = HttpSolver::connect(&server.url(), auth(AuthMode::Legacy, wallet.clone())).await.unwrap_err();
    assert!(matches!(error, ClientError::WrongSolver { .. }), "constant headers do not go to a bound solver: {error}");
    let (_fake, server) = Fake::start(AuthMode::Legacy).await;
    let error = HttpSolver::connect(&server.url(), auth(AuthMode::Bound, wallet)).await.unwrap_err();
    assert!(matches!(error, ClientError::WrongSolver { .. }), "{error}");
}

#[tokio::test]
async fn an_unreachable_solver_is_named_soon() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let begun = std::time::Instant::now();
    let url = format!("http://{free}");
    let error = HttpSolver::connect(&url, auth(AuthMode::Legacy, creator())).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(error.is_unreachable() && error.is_retryable() && error.hint().is_some());
    assert!(error.to_string().starts_with(&format!("cannot reach the solver at {url}: ")), "{error}");
    for bad in ["", "127.0.0.1:8080", "ftp://x", "http://"] {
        let error = HttpSolver::connect(bad, auth(AuthMode::Legacy, creator())).await.unwrap_err();
        assert!(matches!(error, ClientError::BadUrl { .. }), "{bad}: {error}");
    }
}

#[tokio::test]
async fn a_refusal_names_what_was_asked() {
    let (_fake, server) = Fake::start(AuthMode::Bound).await;
    let solver = connect(&server, AuthMode::Bound, stranger()).await;
    let error = solver.deal(&lilypad_sdk::types::DealId::from_wire("none")).await.unwrap_err();
    assert_eq!(error.refusal(), Some(&ApiError::Refused(Refusal::DealNotFound)));
    let text = format!("the solver at {} refused GET /api/v1/deals/none: deal not found", server.url());
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn events_go_on_after_the_solver_was_away() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let addr = server.addr();
    let solver = connect(&server, AuthMode::Bound, creator()).await;
    let mut events = solver.events(SocketRole::JobCreator).await.unwrap();
    server.shutdown().await.unwrap();
    let _server = timeout(Duration::from_secs(10), async {
        loop {
            match fake.server().listen(addr).spawn().await {
                Ok(server) => break server,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    })
    .await
    .expect("the port is free again");
    let item = timeout(Duration::from_secs(10), events.next()).await.expect("a reconnection");
    assert_eq!(item, Some(StreamItem::Reconnected));
    solver.post_job_offer(&job("a")).await.unwrap();
    assert_eq!(event(&mut events).await.kind(), Some(EventType::JobOfferAdded));
}

#[tokio::test]
async fn many_clients_at_once() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let url = server.url();
    let solver = HttpSolver::connect_with(&url, auth(AuthMode::Bound, creator()), HttpOptions::default());
    let solver = solver.await.unwrap();
    let posts = (0..50).map(|n| {
        let solver = solver.clone();
        async move { solver.post_job_offer(&job(&n.to_string())).await.map(drop) }
    });
    let posted: Result<Vec<()>, _> = futures_util::future::join_all(posts).await.into_iter().collect();
    posted.unwrap();
    assert_eq!(fake.state().job_offers.len(), 50);
}

#[tokio::test]
async fn a_large_body_that_is_refused_gets_its_refusal() {
    let fake = Fake::new(AuthMode::Bound);
    let mut config = ServerConfig::default();
    (config.max_result_bytes, config.max_inputs_bytes) = (1000, 1000);
    let server = fake.server_with(config).spawn().await.unwrap();
    let id = fake.with_deal();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(8 << 20).unwrap();
    let provider = connect(&server, AuthMode::Bound, provider()).await;
    let error = provider.upload_result(&id, file.path()).await.unwrap_err();
    assert_eq!(error.refusal(), Some(&ApiError::TooLarge { limit: 1000 }), "{error}");
    let creator = connect(&server, AuthMode::Bound, creator()).await;
    let error = creator.post_job_offer_with_files(&job("b"), file.path()).await.unwrap_err();
    assert!(error.is_refused_with(Refusal::BadForm), "{error}");
    let stranger = connect(&server, AuthMode::Bound, stranger()).await;
    let error = stranger.upload_result(&id, file.path()).await.unwrap_err();
    assert!(error.is_refused_with(Refusal::DealNotFound), "{error}");
}
