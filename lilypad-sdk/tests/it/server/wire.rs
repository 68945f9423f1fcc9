//! What nodes of the existing network rely on (network.md appendix A), on an off-chain solver that takes `both`.

use lilypad_sdk::{
    api::AuthMode,
    types::{DealContainer, DealState, JobOfferContainer, JobResult, from_json, to_canonical_json},
    wallet::Wallet,
};

use super::{
    fake::{Fake, creator, job, machine, provider, stranger},
    raw::{Answer, legacy, send},
};

fn is_plain(answer: &Answer) {
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{}", answer.head);
    if answer.status != 200 {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{}", answer.head);
        assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err(), "an error is never JSON");
    }
    assert!(answer.body.ends_with(b"\n") && !answer.body.ends_with(b"\n\n"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[tokio::test]
async fn offers_are_posted_without_content_type_and_with_garbage_after_the_body() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let body = format!("{} {{}} trailing", to_canonical_json(&job("<moo> & co")));
    let answer = legacy(server.addr(), &creator(), "POST /api/v1/job_offers", body.as_bytes()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    is_plain(&answer);
    let posted: JobOfferContainer = from_json(&answer.body).unwrap();
    assert_eq!(posted, fake.state().job_offers[0]);
    assert!(!posted.job_offer.id.is_empty());
    assert!(answer.text().contains("\\u003cmoo\\u003e \\u0026 co"), "written with the wire's escapes");
}

#[tokio::test]
async fn lists_are_never_null_and_the_soft_refusal_is() {
    let (_fake, server) = Fake::start(AuthMode::Both).await;
    for path in ["job_offers", "resource_offers", "deals", "deals?state=DealAgreed", "job_offers?active=true"] {
        let answer = legacy(server.addr(), &creator(), &format!("GET /api/v1/{path}"), b"").await;
        assert_eq!(answer.says(), (200, "[]\n"), "{path}");
        is_plain(&answer);
    }
    let body = to_canonical_json(&machine());
    let post = async || legacy(server.addr(), &provider(), "POST /api/v1/resource_offers", body.as_bytes()).await;
    assert!(post().await.text().starts_with("{\"id\":\"Qm"));
    assert_eq!(post().await.says(), (200, "null\n"));
}

#[tokio::test]
async fn refusals_come_in_order_with_the_wires_texts() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let addr = server.addr();
    let post = async |body: &str| legacy(addr, &creator(), "POST /api/v1/job_offers", body.as_bytes()).await;
    let mut offer = job("a");
    offer.job_creator = stranger().address().to_string();
    assert_eq!(post("{").await.says(), (400, "Error parsing request body\n"));
    fake.set_busy(true);
    let unsigned = send(addr, "POST /api/v1/job_offers", &[], b"{}").await;
    assert_eq!(unsigned.says(), (500, "network busy\n"), "capacity comes before the signature");
    fake.set_busy(false);
    let unsigned = send(addr, "POST /api/v1/job_offers", &[], b"{}").await;
    assert_eq!(unsigned.says(), (401, "missing user header\n"));
    let answer = post(&to_canonical_json(&offer)).await;
    assert_eq!(answer.says(), (500, "job creator address does not match signer address\n"));
    is_plain(&answer);
    offer = job("a");
    offer.created_at = lilypad_sdk::types::Timestamp::from_millis(1);
    let answer = post(&to_canonical_json(&offer)).await;
    assert!(answer.text().starts_with("job offer rejected because CreatedAt time is not recent, check your"));
    offer = job("a");
    offer.trusted_parties.solver.clear();
    assert_eq!(post(&to_canonical_json(&offer)).await.says(), (500, "job offer must name it's solver\n"));
    offer = job("a");
    offer.trusted_parties.mediators = None;
    let answer = post(&to_canonical_json(&offer)).await;
    assert_eq!(answer.says(), (500, "job offer must have at least one trusted mediator\n"));
    // The constant headers without a version.
    let headers = lilypad_sdk::api::LegacyHeaders::sign(&creator()).unwrap();
    let headers = [("x-lilypad-user", headers.user.as_str()), ("x-lilypad-signature", headers.signature.as_str())];
    let answer = send(addr, "POST /api/v1/job_offers", &headers, to_canonical_json(&job("a")).as_bytes()).await;
    let text = "Please update to minimum supported version v2 or newer: \
                https://github.com/Lilypad-Tech/lilypad/releases\n";
    assert_eq!(answer.says(), (500, text));
    let mut offer = machine();
    offer.mode = "MarketPrice".into();
    let body = to_canonical_json(&offer);
    let answer = legacy(addr, &provider(), "POST /api/v1/resource_offers", body.as_bytes()).await;
    assert_eq!(answer.says(), (500, "resource offer mode cannot be market price\n"));
    assert!(fake.state().job_offers.is_empty() && fake.state().resource_offers.is_empty());
}

#[tokio::test]
async fn unknown_paths_methods_and_records() {
    let (_fake, server) = Fake::start(AuthMode::Both).await;
    let get = async |line: &str| legacy(server.addr(), &creator(), line, b"").await;
    assert_eq!(get("GET /api/v1/nothing").await.says(), (404, "404 page not found\n"));
    assert_eq!(get("GET /api/v1/deals/").await.says(), (404, "404 page not found\n"));
    assert_eq!(get("GET /api/v1/deals/a/b").await.status, 404);
    for line in ["HEAD /api/v1/deals", "OPTIONS /api/v1/deals", "DELETE /api/v1/deals/x", "PUT /api/v1/job_offers"] {
        assert_eq!(get(line).await.says(), (405, ""), "{line}");
    }
    assert_eq!(get("GET /api/v1/deals/x").await.says(), (500, "deal not found\n"));
    assert_eq!(get("GET /api/v1/deals/x/result").await.says(), (500, "result not found\n"));
    assert_eq!(get("GET /api/v1/job_offers/x").await.says(), (404, "job offer not found\n"));
    assert_eq!(get("GET /api/v1/deals?state=2").await.says(), (500, "no AgreementState of type 2\n"));
    let text = "invalid cancelled filter value: maybe\n";
    assert_eq!(get("GET /api/v1/job_offers?cancelled=maybe").await.says(), (500, text));
    assert_eq!(get("GET /healthz").await.says(), (200, "ok\n"));
}

#[tokio::test]
async fn a_deal_goes_from_upload_to_acceptance() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    let deal = |path: &str| format!("/api/v1/deals/{id}{path}");
    // An archive of any bytes comes back exactly as it went.
    let archive: Vec<u8> = (0..200_000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
    let answer = legacy(addr, &provider(), &format!("POST {}", deal("/files")), &archive).await;
    assert_eq!(answer.status, 200);
    let text = answer.text().to_owned();
    assert!(text.contains(&format!("\"data_id\":\"{id}\"")) && text.contains(&format!("\"results_id\":\"{id}\"")));
    let body = r#"{"data_id":"QmData","results_id":"QmData","instruction_count":1}"#;
    let answer = legacy(addr, &provider(), &format!("POST {}", deal("/result")), body.as_bytes()).await;
    let result: JobResult = from_json(&answer.body).unwrap();
    assert_eq!((result.deal_id.as_str(), result.data_id.as_str()), (id.as_str(), "QmData"));
    assert!(answer.text().ends_with("\"results_id\":\"QmData\"}\n"), "{}", answer.text());
    let answer = legacy(addr, &creator(), &format!("GET {}", deal("/files")), b"").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-tar"));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=results.tar"));
    assert!(answer.body == archive, "the bytes are those that were uploaded, with nothing after them");
    let empty = r#"{"agree":"","accept_result":"0x","check_result":""}"#;
    for _ in 0..2 {
        let answer = legacy(addr, &creator(), &format!("POST {}", deal("/txs/job_creator")), empty.as_bytes()).await;
        let deal: DealContainer = from_json(&answer.body).unwrap();
        assert_eq!(deal.transactions.job_creator.accept_result, "0x");
    }
    let body = br#"{"add_result":"0x"}"#;
    let answer = legacy(addr, &provider(), &format!("POST {}", deal("/txs/resource_provider")), body).await;
    assert_eq!(answer.status, 200);
    tokio::time::timeout(std::time::Duration::from_secs(5), async {
        while fake.state().deals[0].download_at.as_millis() == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the download is recorded");
    assert_eq!(fake.state().log, ["result file for JobCreator", "result sent"]);
}

#[tokio::test]
async fn only_the_party_of_record_may_act() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    let by = async |wallet: &Wallet, line: &str, body: &str| {
        legacy(addr, wallet, &line.replace("ID", id.as_str()), body.as_bytes()).await
    };
    let provider_only = "resource provider address does not match signer address\n";
    let creator_only = "job creator address does not match signer address\n";
    let wallet = &stranger();
    let line = "POST /api/v1/deals/ID/result";
    assert_eq!(by(wallet, line, r#"{"error":"x"}"#).await.says(), (500, provider_only));
    assert_eq!(by(&provider(), line, "{}").await.says(), (500, "result must have a data id\n"));
    assert_eq!(by(wallet, "POST /api/v1/deals/ID/files", "tar").await.says(), (500, provider_only));
    assert_eq!(by(wallet, "POST /api/v1/deals/ID/txs/resource_provider", "{}").await.says(), (500, provider_only));
    assert_eq!(by(wallet, "POST /api/v1/deals/ID/txs/job_creator", "{}").await.says(), (500, creator_only));
    let text = "job creator address does not match mediator address\n";
    assert_eq!(by(wallet, "POST /api/v1/deals/ID/txs/mediator", "{}").await.says(), (500, text));
    let text = "not authorized: job creator address does not match signer address\n";
    assert_eq!(by(wallet, "GET /api/v1/deals/ID/files", "").await.says(), (500, text));
    let text = "not authorized: only the resource provider running this job can download input files\n";
    assert_eq!(by(&creator(), "GET /api/v1/deals/ID/input_files", "").await.says(), (500, text));
    assert_eq!(
        by(&provider(), "GET /api/v1/deals/ID/input_files", "").await.says(),
        (500, "no regular files found in directory\n")
    );
    let unsigned = send(addr, &format!("GET /api/v1/deals/{id}/files"), &[], b"").await;
    assert_eq!(unsigned.says(), (500, "not authorized\n"));
    fake.state().deals[0].state = DealState::JobTimedOut;
    let text = format!("job with deal ID {id} timed out with a JobTimedOut state\n");
    assert_eq!(by(&provider(), line, r#"{"error":"x"}"#).await.says(), (500, text.as_str()));
    assert_eq!(by(&provider(), "POST /api/v1/deals/ID/files", "tar").await.says(), (500, text.as_str()));
    let unknown = legacy(addr, &provider(), "POST /api/v1/deals/unknown/files", b"tar").await;
    assert_eq!(unknown.says(), (500, "deal not found\n"));
}

#[tokio::test]
async fn the_drawn_mediator_reads_files_and_nothing_is_recorded() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    let answer = legacy(addr, &provider(), &format!("POST /api/v1/deals/{id}/files"), b"tar").await;
    assert_eq!(answer.status, 200);
    fake.state().deals[0].mediator = stranger().address().to_string().to_lowercase();
    let answer = legacy(addr, &stranger(), &format!("GET /api/v1/deals/{id}/files"), b"").await;
    assert_eq!(answer.says(), (200, "tar"));
    assert_eq!(fake.state().log, ["result file for Mediator"]);
}

#[tokio::test]
async fn a_legacy_solver_reads_to_everybody() {
    let (fake, server) = Fake::start(AuthMode::Legacy).await;
    let (addr, id) = (server.addr(), fake.with_deal());
    for path in ["job_offers", "resource_offers", "deals"] {
        let answer = send(addr, &format!("GET /api/v1/{path}"), &[], b"").await;
        assert!(answer.status == 200 && answer.text().starts_with("[{"), "{path}");
    }
    assert_eq!(send(addr, &format!("GET /api/v1/deals/{id}"), &[], b"").await.status, 200);
    let unsigned = send(addr, &format!("GET /api/v1/deals/{id}/files"), &[], b"").await;
    assert_eq!(unsigned.says(), (500, "not authorized\n"));
    let unsigned = send(addr, &format!("GET /api/v1/deals/{id}/input_files"), &[], b"").await;
    assert_eq!(unsigned.says(), (500, "unauthorized\n"));
    let unsigned = send(addr, &format!("POST /api/v1/deals/{id}/files"), &[], b"tar").await;
    assert_eq!(unsigned.says(), (500, "missing user header\n"));
}
