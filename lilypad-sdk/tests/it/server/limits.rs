//! Limits, each at its edge.

use std::time::Duration;

use lilypad_sdk::{
    api::{AuthMode, BOUND_HEADER},
    server::{JsonRpcServer, RateLimit, ServerConfig, config},
    types::to_canonical_json,
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{
    fake::{Fake, creator, domain, job, now, provider},
    raw::{bound, bound_header, exchange, legacy, request, send},
};

#[tokio::test]
async fn json_bodies_end_at_their_limit() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let limit = usize::try_from(config::MAX_JSON_BYTES).unwrap();
    let offer = to_canonical_json(&job("a"));
    let padded = |length: usize| [vec![b' '; length - offer.len()], offer.clone().into_bytes()].concat();
    let line = "POST /api/v1/job_offers";
    let answer = legacy(server.addr(), &creator(), line, &padded(limit + 1)).await;
    assert_eq!(answer.says(), (413, "request body is larger than 1048576 bytes\n"));
    assert!(fake.state().job_offers.is_empty());
    assert_eq!(legacy(server.addr(), &creator(), line, &padded(limit)).await.status, 200);
}

#[tokio::test]
async fn header_blocks_end_at_their_limit() {
    let (_fake, server) = Fake::start(AuthMode::Both).await;
    let long = "x".repeat(config::MAX_HEADER_BYTES);
    assert_eq!(send(server.addr(), "GET /healthz", &[("X-Long", &long)], b"").await.status, 431);
    let many = vec![("X-Many", "x"); config::MAX_HEADERS];
    assert_eq!(send(server.addr(), "GET /healthz", &many, b"").await.status, 431);
    assert_eq!(send(server.addr(), "GET /healthz", &many[..config::MAX_HEADERS - 2], b"").await.status, 200);
}

fn small() -> ServerConfig {
    let mut config = ServerConfig::default();
    (config.max_result_bytes, config.max_inputs_bytes) = (1000, 4000);
    config
}

#[tokio::test]
async fn result_archives_end_at_their_limit() {
    let fake = Fake::new(AuthMode::Both);
    let server = fake.server_with(small()).spawn().await.unwrap();
    let (addr, id) = (server.addr(), fake.with_deal());
    let line = format!("POST /api/v1/deals/{id}/files");
    let text = "request body is larger than 1000 bytes\n";
    assert_eq!(legacy(addr, &provider(), &line, &[7; 1001]).await.says(), (413, text));
    // Without a length it is noticed on the way.
    let headers = lilypad_sdk::api::LegacyHeaders::sign(&provider()).unwrap();
    let head = [
        ("X-Lilypad-User", headers.user.as_str()),
        ("X-Lilypad-Signature", headers.signature.as_str()),
        ("Transfer-Encoding", "chunked"),
    ];
    let chunked = |length: usize| {
        let body = format!("{length:x}\r\n{}\r\n0\r\n\r\n", "x".repeat(length));
        [request(addr, &line, &head, b""), body.into_bytes()].concat()
    };
    assert_eq!(exchange(addr, &chunked(1001)).await.says(), (413, text));
    let folder = fake.folder("results").join(id.as_str());
    assert!(!folder.exists() || std::fs::read_dir(&folder).unwrap().count() == 0);
    assert_eq!(exchange(addr, &chunked(1000)).await.status, 200);
    assert_eq!(std::fs::read(folder.join("results.tar")).unwrap().len(), 1000);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let id = fake.with_deal();
    let headers = lilypad_sdk::api::LegacyHeaders::sign(&provider()).unwrap();
    let head = [("X-Lilypad-User", headers.user.as_str()), ("X-Lilypad-Signature", headers.signature.as_str())];
    let bytes = request(server.addr(), &format!("POST /api/v1/deals/{id}/files"), &head, &[7; 5000]);
    let folder = fake.folder("results").join(id.as_str());
    let count = || std::fs::read_dir(&folder).map_or(0, Iterator::count);
    let mut stream = TcpStream::connect(server.addr()).await.unwrap();
    stream.write_all(&bytes[..bytes.len() - 1]).await.unwrap();
    let waited = |wanted: usize| async move {
        tokio::time::timeout(Duration::from_secs(5), async {
            while count() != wanted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .unwrap_or_else(|_| panic!("{wanted} files in the folder"));
    };
    waited(1).await;
    drop(stream);
    waited(0).await;
}

fn form(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file, content) in parts {
        let file = if file.is_empty() { String::new() } else { format!("; filename=\"{file}\"") };
        body.extend(format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n").into_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    body
}

#[tokio::test]
async fn the_form_route_has_its_own_refusals() {
    let fake = Fake::new(AuthMode::Both);
    let server = fake.server_with(small()).spawn().await.unwrap();
    let addr = server.addr();
    let headers = lilypad_sdk::api::LegacyHeaders::sign(&creator()).unwrap();
    let signed = [
        ("X-Lilypad-User", headers.user.as_str()),
        ("X-Lilypad-Signature", headers.signature.as_str()),
        ("X-Lilypad-Version", "v2.23.0"),
        ("Content-Type", "multipart/form-data; boundary=B"),
    ];
    let line = "POST /api/v1/job_offers/with_files";
    let post = async |body: &[u8]| send(addr, line, &signed, body).await;
    let json = to_canonical_json(&job("a"));
    let offer = ("job_offer.json", "job_offer.json", json.as_bytes());
    let inputs: (&str, &str, &[u8]) = ("inputs.tar", "inputs.tar", b"tar bytes");

    fake.set_busy(true);
    assert_eq!(post(b"x").await.says(), (503, "network busy\n"));
    fake.set_busy(false);
    assert_eq!(send(addr, line, &signed[3..], b"x").await.says(), (401, "Unauthorized\n"));
    assert_eq!(post(b"no form").await.says(), (400, "Error parsing form data\n"));
    assert_eq!(send(addr, line, &signed[..3], b"x").await.says(), (400, "Error parsing form data\n"));
    assert_eq!(post(&form(&[inputs])).await.says(), (400, "Missing job_offer.json part\n"));
    let no_file = ("job_offer.json", "", json.as_bytes());
    assert_eq!(post(&form(&[no_file, inputs])).await.says(), (400, "Missing job_offer.json part\n"));
    let broken: (&str, &str, &[u8]) = ("job_offer.json", "x", b"{");
    assert_eq!(post(&form(&[broken, inputs])).await.says(), (400, "Invalid job offer JSON\n"));
    assert_eq!(post(&form(&[offer])).await.says(), (400, "Missing inputs.tar part\n"));
    let mut other = job("a");
    other.job_creator = provider().address().to_string();
    let other = to_canonical_json(&other);
    let answer = post(&form(&[("job_offer.json", "x", other.as_bytes()), inputs])).await;
    assert_eq!(answer.says(), (401, "Job creator address does not match signer address\n"));
    let answer = send(addr, line, &[signed[0], signed[1], signed[3]], &form(&[offer, inputs])).await;
    assert!(answer.status == 403 && answer.text().starts_with("Please update to minimum supported version v2"));
    let mut stale = job("a");
    stale.created_at = lilypad_sdk::types::Timestamp::from_millis(0);
    let stale = to_canonical_json(&stale);
    let answer = post(&form(&[("job_offer.json", "x", stale.as_bytes()), inputs])).await;
    assert!(answer.status == 400 && answer.text().starts_with("Job offer rejected because CreatedAt time is not"));
    let mut nobody = job("a");
    nobody.trusted_parties.solver.clear();
    let nobody = to_canonical_json(&nobody);
    let answer = post(&form(&[("job_offer.json", "x", nobody.as_bytes()), inputs])).await;
    assert_eq!(answer.says(), (400, "Invalid job offer: job offer must name it's solver\n"));

    // At the edge: the whole form is what counts.
    let rest = form(&[offer, ("inputs.tar", "inputs.tar", b"")]).len();
    let filled = |length: usize| form(&[offer, ("inputs.tar", "inputs.tar", &vec![b'x'; length - rest])]);
    assert_eq!(post(&filled(4001)).await.says(), (400, "Error parsing form data\n"));
    assert!(fake.state().job_offers.is_empty());
    let answer = post(&filled(4000)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let id = fake.state().job_offers[0].id.clone();
    let stored = std::fs::read(fake.folder("inputs").join(id.as_str()).join("inputs.tar")).unwrap();
    assert_eq!(stored.len(), 4000 - rest);
    let left = std::fs::read_dir(fake.folder("spool")).unwrap().count();
    assert_eq!(left, 0, "nothing stays behind on the way");
}

#[tokio::test]
async fn strangers_are_limited_and_this_machine_is_not() {
    let fake = Fake::new(AuthMode::Both);
    let limit = RateLimit { requests: 3, window: Duration::from_secs(3600) };
    let server = fake.server().rate_limit(Some(limit)).spawn().await.unwrap();
    let (addr, line) = (server.addr(), "GET /api/v1/info");
    for _ in 0..10 {
        let answer = send(addr, line, &[], b"").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (200, None));
    }
    // A proxy on this machine names the client.
    let from = async |line: &str, client: &str| send(addr, line, &[("X-Forwarded-For", client)], b"").await;
    for remaining in ["2", "1", "0"] {
        let answer = from(line, "203.0.113.7, 10.0.0.1").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-remaining")), (200, Some(remaining)));
    }
    let answer = from("GET /api/v1/info?q=1", "203.0.113.7").await;
    assert_eq!(answer.says(), (429, "Too Many Requests\n"));
    assert_eq!(answer.header("retry-after"), Some("3600"));
    assert!(answer.header("x-ratelimit-reset").is_some());
    assert_eq!(from("GET /api/v1/deals", "203.0.113.7").await.status, 401, "each path has its own count");
    assert_eq!(from(line, "203.0.113.8").await.status, 200);
    // Signers behind one address each have their own count.
    for wallet in [creator(), provider()] {
        for wanted in [200, 200, 200, 429] {
            let line = "GET /api/v1/deals";
            let time = u64::try_from(now().as_millis()).unwrap();
            let header = bound_header(&domain(), &wallet, line, b"", time);
            let headers = [(BOUND_HEADER, header.as_str()), ("X-Real-IP", "203.0.113.9")];
            assert_eq!(send(addr, line, &headers, b"").await.status, wanted);
        }
    }
    for _ in 0..5 {
        assert_eq!(bound(addr, &creator(), "GET /api/v1/deals", b"").await.status, 200);
    }
}

#[tokio::test]
async fn json_rpc_is_passed_through_to_programs_of_this_machine() {
    let handler = std::sync::Arc::new(|request: Value| -> futures_util::future::BoxFuture<'static, Value> {
        Box::pin(async move { if request["notify"].is_null() { json!({ "got": request }) } else { Value::Null } })
    });
    let server = JsonRpcServer::spawn("127.0.0.1:0".parse().unwrap(), handler).await.unwrap();
    let addr = server.addr();
    let post = async |body: &str| send(addr, "POST /", &[], body.as_bytes()).await;
    assert_eq!(post("[1,{\"a\":2}]").await.says(), (200, "{\"got\":[1,{\"a\":2}]}"));
    assert_eq!(post("{\"notify\":1}").await.says(), (204, ""));
    assert!(post("{").await.text().contains("-32700"));
    assert_eq!(send(addr, "POST /", &[("Origin", "http://evil.example")], b"1").await.status, 403);
    let foreign = format!(
        "POST / HTTP/1.1\r\nHost: evil.example:{}\r\nConnection: close\r\nContent-Length: 1\r\n\r\n1",
        addr.port()
    );
    assert_eq!(exchange(addr, foreign.as_bytes()).await.status, 403);
    assert_eq!(send(addr, "GET /", &[], b"").await.status, 405);
    let limit = usize::try_from(config::MAX_RPC_BYTES).unwrap();
    let blank = |length: usize| [vec![b' '; length - 1], b"1".to_vec()].concat();
    assert_eq!(send(addr, "POST /", &[], &blank(limit + 1)).await.status, 413);
    assert_eq!(send(addr, "POST /", &[], &blank(limit)).await.says(), (200, "{\"got\":1}"));
    server.shutdown().await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}
