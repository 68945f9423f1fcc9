//! The event socket (network.md §4), its privacy and its patience.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt as _, StreamExt as _};
use lilypad_sdk::{
    api::{AuthMode, BOUND_HEADER, LegacyHeaders},
    types::{EventType, JobOfferContainer, SolverEvent, from_json, to_canonical_json},
    wallet::Wallet,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{self, Message, client::IntoClientRequest as _},
};

use super::{
    fake::{Fake, creator, domain, job, now, provider, stranger},
    raw::bound_header,
};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const SOON: Duration = Duration::from_secs(10);

fn target(role: &str, wallet: &Wallet) -> String {
    format!("/api/v1/ws?&Type={role}&ID={}", wallet.address())
}

async fn open(addr: SocketAddr, target: &str, headers: &[(&str, String)]) -> Result<Socket, (u16, String)> {
    let mut request = format!("ws://{addr}{target}").into_client_request().unwrap();
    for (name, value) in headers {
        let name: tungstenite::http::HeaderName = name.parse().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::Error::Http(response)) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err((response.status().as_u16(), String::from_utf8_lossy(body).into_owned()))
        }
        Err(error) => panic!("{error}"),
    }
}

fn signed(target: &str, wallet: &Wallet) -> (&'static str, String) {
    let time = u64::try_from(now().as_millis()).unwrap();
    (BOUND_HEADER, bound_header(&domain(), wallet, &format!("GET {target}"), b"", time))
}

async fn next_text(socket: &mut Socket) -> String {
    loop {
        match timeout(SOON, socket.next()).await.expect("an event").expect("an open socket").unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn job_event(nonce: &str) -> SolverEvent {
    SolverEvent::job_offer(EventType::JobOfferAdded, JobOfferContainer::new(job(nonce)))
}

#[tokio::test]
async fn a_legacy_socket_needs_nothing_and_gets_everything_as_written() {
    let (fake, server) = Fake::start(AuthMode::Legacy).await;
    let mut socket = open(server.addr(), &target("JobCreator", &stranger()), &[]).await.unwrap();
    let event = job_event("<a>");
    fake.emit(event.clone());
    fake.emit(SolverEvent::resource_offer_removed());
    assert_eq!(next_text(&mut socket).await, to_canonical_json(&event));
    let removed = r#"{"event_type":"ResourceOfferRemoved","job_offer":null,"resource_offer":null,"deal":null}"#;
    assert_eq!(next_text(&mut socket).await, removed);
    // Pings are answered; what clients say is dropped.
    socket.send(Message::Text("hello".into())).await.unwrap();
    socket.send(Message::Ping(Vec::new().into())).await.unwrap();
    let answer = timeout(SOON, socket.next()).await.unwrap().unwrap().unwrap();
    assert!(matches!(answer, Message::Pong(_)), "{answer:?}");
}

#[tokio::test]
async fn unsigned_sockets_of_both_see_no_inputs() {
    let (fake, server) = Fake::start(AuthMode::Both).await;
    let path = target("JobCreator", &creator());
    let mut unsigned = open(server.addr(), &path, &[]).await.unwrap();
    let headers = LegacyHeaders::sign(&creator()).unwrap();
    let headers = [("X-Lilypad-User", headers.user), ("X-Lilypad-Signature", headers.signature)];
    let mut known = open(server.addr(), &path, &headers).await.unwrap();
    let other = target("JobCreator", &stranger());
    let refused = open(server.addr(), &other, &headers).await.unwrap_err();
    assert_eq!(refused, (401, "invalid signature\n".to_owned()), "a signed socket's ID is its signer");
    let bad = [(BOUND_HEADER, "bad".to_owned())];
    assert_eq!(open(server.addr(), &path, &bad).await.unwrap_err().0, 401, "a bad signature is not no signature");
    fake.emit(job_event("a"));
    assert!(next_text(&mut known).await.contains("moo"));
    let event: SolverEvent = from_json(next_text(&mut unsigned).await.as_bytes()).unwrap();
    assert_eq!(event.job_offer.unwrap().job_offer.inputs, Some([].into()));
}

#[tokio::test]
async fn bound_sockets_are_signed_and_see_their_own_events() {
    let (fake, server) = Fake::start(AuthMode::Bound).await;
    let (addr, path) = (server.addr(), target("JobCreator", &creator()));
    assert_eq!(open(addr, &path, &[]).await.unwrap_err().0, 401);
    let by_other = open(addr, &path, &[signed(&path, &stranger())]).await.unwrap_err();
    assert_eq!(by_other, (401, "invalid signature\n".to_owned()));
    let header = signed(&path, &creator());
    let mut own = open(addr, &path, std::slice::from_ref(&header)).await.unwrap();
    assert_eq!(open(addr, &path, &[header]).await.unwrap_err().0, 401, "a signed upgrade counts once");
    let path = target("JobCreator", &stranger());
    let mut other = open(addr, &path, &[signed(&path, &stranger())]).await.unwrap();
    let (first, mut second) = (job_event("a"), job_event("b"));
    second.job_offer.as_mut().unwrap().job_creator = stranger().address().to_string();
    fake.emit(first.clone());
    fake.emit(SolverEvent::resource_offer_removed());
    fake.emit(second.clone());
    fake.emit(first.clone());
    assert_eq!(next_text(&mut own).await, to_canonical_json(&first));
    assert_eq!(next_text(&mut own).await, to_canonical_json(&first));
    assert_eq!(next_text(&mut other).await, to_canonical_json(&second));
}

#[tokio::test]
async fn pages_of_other_hosts_are_refused() {
    let (_fake, server) = Fake::start(AuthMode::Legacy).await;
    let path = target("JobCreator", &creator());
    let origin = |text: &str| [("Origin", text.to_owned())];
    let refused = open(server.addr(), &path, &origin("https://evil.example")).await.unwrap_err();
    assert_eq!(refused, (403, "origin not allowed\n".to_owned()));
    let own = format!("http://{}", server.addr());
    assert!(open(server.addr(), &path, &origin(&own)).await.is_ok());
    let plain = super::raw::send(server.addr(), "GET /api/v1/ws", &[], b"").await;
    assert_eq!(plain.status, 400, "no upgrade");
}

#[tokio::test]
async fn a_provider_goes_with_its_last_socket_after_a_grace() {
    let fake = Fake::new(AuthMode::Legacy);
    let server = fake.server().provider_grace(Duration::from_millis(150)).spawn().await.unwrap();
    let path = target("ResourceProvider", &provider());
    let address = provider().address();
    let (came, went) = (format!("{address} came"), format!("{address} went"));
    let log = || fake.state().log.clone();
    let first = open(server.addr(), &path, &[]).await.unwrap();
    let second = open(server.addr(), &path, &[]).await.unwrap();
    drop(first);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(log(), [came.as_str()], "another socket is still open");
    drop(second);
    // Back within the grace period.
    tokio::time::sleep(Duration::from_millis(30)).await;
    let third = open(server.addr(), &path, &[]).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(log(), [came.as_str()]);
    drop(third);
    let gone = async {
        while log().len() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, gone).await.expect("the provider is gone");
    assert_eq!(log(), [came.as_str(), went.as_str()]);
    // Others leave no trace.
    drop(open(server.addr(), &target("JobCreator", &creator()), &[]).await.unwrap());
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(log().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_socket_is_dropped_and_holds_up_nobody() {
    let (fake, server) = Fake::start(AuthMode::Legacy).await;
    let mut slow = TcpStream::connect(server.addr()).await.unwrap();
    let upgrade = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        target("JobCreator", &stranger()),
        server.addr()
    );
    slow.write_all(upgrade.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    slow.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    let mut fast = open(server.addr(), &target("JobCreator", &creator()), &[]).await.unwrap();
    let mut big = job("big");
    big.inputs = Some([("Message".to_owned(), "x".repeat(128 << 10))].into());
    let event = SolverEvent::job_offer(EventType::JobOfferAdded, JobOfferContainer::new(big));
    for sent in 0..400 {
        fake.emit(event.clone());
        let text = next_text(&mut fast).await;
        assert!(text.len() > 128 << 10, "event {sent}");
    }
    // 50 MB were sent; the slow socket's queue and buffers hold less, so it was closed and now ends.
    let mut rest = Vec::new();
    let ended = timeout(SOON, slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the slow socket is still open");
    assert!(rest.len() < 50_000_000, "{} bytes", rest.len());
}

#[tokio::test]
async fn a_shutdown_closes_sockets_and_keeps_providers() {
    let fake = Fake::new(AuthMode::Legacy);
    let server = fake.server().provider_grace(Duration::ZERO).spawn().await.unwrap();
    let mut socket = open(server.addr(), &target("ResourceProvider", &provider()), &[]).await.unwrap();
    timeout(SOON, server.shutdown()).await.expect("no socket holds up a shutdown").unwrap();
    let last = timeout(SOON, socket.next()).await.unwrap();
    assert!(matches!(&last, Some(Ok(Message::Close(Some(frame)))) if u16::from(frame.code) == 1001), "{last:?}");
    assert_eq!(fake.state().log, [format!("{} came", provider().address())]);
}
