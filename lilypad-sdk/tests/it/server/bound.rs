//! Requests bound by a signature, and what they keep private.

use lilypad_sdk::{
    api::{AuthMode, BOUND_HEADER, RequestDomain, SolverInfo},
    server::ServerError,
    types::{Address, DealContainer, JobOfferContainer, ResourceOfferContainer, from_json, to_canonical_json},
    wallet::Wallet,
};

use super::{
    fake::{Fake, creator, domain, job, now, provider, stranger},
    raw::{bound, bound_header, legacy, send},
};

fn now_ms() -> u64 {
    u64::try_from(now().as_millis()).unwrap()
}

#[tokio::test]
async fn a_request_counts_once_for_one_route_body_time_and_solver() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let (addr, line) = (server.addr(), "POST /api/v1/job_offers");
    let body = to_canonical_json(&job("a"));
    let post = async |header: &str, line: &str, body: &str| {
        send(addr, line, &[(BOUND_HEADER, header), ("X-Lilypad-Version", "v2.23.0")], body.as_bytes()).await
    };
    let sign = |domain: &RequestDomain, time| bound_header(domain, &creator(), line, body.as_bytes(), time);

    let header = sign(&domain(), now_ms());
    let changed = body.replace("moo", "m00");
    assert_eq!(post(&header, line, &changed).await.says(), (401, "request body differs from its signed hash\n"));
    // That request is used up, although nothing came of it.
    assert_eq!(post(&header, line, &body).await.says(), (401, "request was sent before, its nonce is used\n"));

    let text = "invalid X-Lilypad-Auth header: signed for another solver or request, or by another key\n";
    let header = sign(&domain(), now_ms());
    assert_eq!(post(&header, "POST /api/v1/job_offers?x=1", &body).await.says(), (401, text));
    for other in [
        RequestDomain { solver: Address::ZERO, ..domain() },
        RequestDomain { chain_id: 1, ..domain() },
        RequestDomain { controller: Address::ZERO, ..domain() },
    ] {
        assert_eq!(post(&sign(&other, now_ms()), line, &body).await.says(), (401, text));
    }
    let stale = post(&sign(&domain(), now_ms() - 40_000), line, &body).await;
    assert!(stale.status == 401 && stale.text().starts_with("request was signed 4"), "{}", stale.text());
    let early = post(&sign(&domain(), now_ms() - 20_000), line, &body).await;
    assert_eq!(early.says(), (503, "request was signed before the solver started, sign it again\n"));
    assert!(fake.state().job_offers.is_empty());

    assert_eq!(post(&header, line, &body).await.status, 200, "refusals for another target use no nonce");
    assert_eq!(post(&header, line, &body).await.says(), (401, "request was sent before, its nonce is used\n"));
    assert_eq!(fake.state().job_offers.len(), 1);
}

#[tokio::test]
async fn a_body_signed_by_someone_else_is_refused() {
    let (_fake, server) = Fake::start(AuthMode::Bound).await;
    let body = to_canonical_json(&job("a"));
    let answer = bound(server.addr(), &stranger(), "POST /api/v1/job_offers", body.as_bytes()).await;
    assert_eq!(answer.says(), (500, "job creator address does not match signer address\n"));
}

#[tokio::test]
async fn the_constant_headers_open_nothing() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    let text = "this solver takes requests with an X-Lilypad-Auth header only\n";
    for path in ["job_offers", "resource_offers", "deals", &format!("deals/{id}"), &format!("deals/{id}/files")] {
        let answer = legacy(addr, &creator(), &format!("GET /api/v1/{path}"), b"").await;
        assert_eq!(answer.says(), (401, text), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let answer = legacy(addr, &creator(), "POST /api/v1/job_offers", to_canonical_json(&job("b")).as_bytes()).await;
    assert_eq!(answer.says(), (401, text));
    let info: SolverInfo = serde_json::from_slice(&send(addr, "GET /api/v1/info", &[], b"").await.body).unwrap();
    assert_eq!((info.auth, info.chain_id), (AuthMode::Bound, 31337), "info is open");
}

#[tokio::test]
async fn records_of_others_are_absent() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    let offer = fake.state().job_offers[0].id.clone();
    let get = async |wallet: &Wallet, path: &str| bound(addr, wallet, &format!("GET /api/v1/{path}"), b"").await;
    for path in ["job_offers", "resource_offers", "deals"] {
        assert_eq!(get(&stranger(), path).await.says(), (200, "[]\n"), "{path}");
    }
    assert_eq!(get(&stranger(), &format!("deals/{id}")).await.says(), get(&stranger(), "deals/none").await.says());
    assert_eq!(get(&stranger(), &format!("deals/{id}/result")).await.says(), (500, "deal not found\n"));
    assert_eq!(get(&stranger(), &format!("deals/{id}/files")).await.says(), (500, "deal not found\n"));
    assert_eq!(get(&stranger(), &format!("job_offers/{offer}")).await.says(), (404, "job offer not found\n"));
    let line = format!("POST /api/v1/job_offers/{offer}/cancel");
    assert_eq!(bound(addr, &stranger(), &line, b"").await.says(), (404, "job offer not found\n"));

    for wallet in [&creator(), &provider()] {
        let deals: Option<Vec<DealContainer>> = from_json(&get(wallet, "deals").await.body).unwrap();
        assert_eq!(deals.unwrap().len(), 1);
        assert_eq!(get(wallet, &format!("deals/{id}")).await.status, 200);
    }
    let offers: Option<Vec<JobOfferContainer>> = from_json(&get(&creator(), "job_offers").await.body).unwrap();
    assert_eq!(offers.unwrap().len(), 1);
    let offers: Option<Vec<ResourceOfferContainer>> =
        from_json(&get(&creator(), "resource_offers").await.body).unwrap();
    assert!(offers.unwrap().is_empty());
    fake.state().deals[0].mediator = stranger().address().to_string();
    assert_eq!(get(&stranger(), &format!("deals/{id}")).await.status, 200, "the drawn mediator is a party");
}

#[tokio::test]
async fn an_upload_with_another_hash_leaves_nothing() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let id = fake.with_deal();
    let line = format!("POST /api/v1/deals/{id}/files");
    let header = bound_header(&domain(), &provider(), &line, b"the archive", now_ms());
    let answer = send(server.addr(), &line, &[(BOUND_HEADER, &header)], b"another one").await;
    assert_eq!(answer.says(), (401, "request body differs from its signed hash\n"));
    let folder = fake.folder("results").join(id.as_str());
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "neither the archive nor a part of it");
    assert_eq!(bound(server.addr(), &provider(), &line, b"the archive").await.status, 200);
    assert_eq!(std::fs::read(folder.join("results.tar")).unwrap(), b"the archive");
}

#[tokio::test]
async fn both_refuses_constant_headers_of_who_signs_requests() {
    let (_fake, server) = Fake::start(AuthMode::Both).await;
    let (addr, line) = (server.addr(), "GET /api/v1/deals");
    assert_eq!(send(addr, line, &[], b"").await.says(), (401, "missing user header\n"));
    assert_eq!(legacy(addr, &creator(), line, b"").await.status, 200);
    assert_eq!(bound(addr, &creator(), line, b"").await.status, 200);
    let answer = legacy(addr, &creator(), line, b"").await;
    let text = format!("{} signs whole requests, its constant headers are refused\n", creator().address());
    assert_eq!(answer.says(), (401, text.as_str()));
    assert_eq!(legacy(addr, &provider(), line, b"").await.status, 200, "others may go on");
    assert_eq!(bound(addr, &creator(), line, b"").await.status, 200);
}

#[tokio::test]
async fn only_programs_of_this_machine_reach_a_devnet() {
    let fake = Fake::new(AuthMode::Bound);
    let server = fake.server().loopback_only(true).spawn().await.unwrap();
    let addr = server.addr();
    let text = "this solver answers programs on its own machine only\n";
    let get = async |host: &str, rest: &str| {
        let request = format!("GET /api/v1/info HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{rest}\r\n");
        super::raw::exchange(addr, request.as_bytes()).await
    };
    assert_eq!(get(&addr.to_string(), "").await.status, 200);
    assert_eq!(get(&format!("localhost:{}", addr.port()), "").await.status, 200);
    assert_eq!(get("rebound.example", "").await.says(), (403, text));
    assert_eq!(get(&addr.to_string(), &format!("Origin: http://{addr}\r\n")).await.says(), (403, text));
    assert_eq!(get(&addr.to_string(), "Origin: null\r\n").await.says(), (403, text));
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let error = fake.server().listen(server.addr()).spawn().await.unwrap_err();
    assert!(error.is_port_taken() && matches!(error, ServerError::Bind { .. }));
    assert!(error.hint().unwrap().contains(&server.addr().port().to_string()));
}
