//! The client against answers that existing solvers give, scripted byte by byte.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use lilypad_sdk::{
    api::{DealQuery, Refusal, archive},
    client::{ClientError, HttpAuth, HttpSolver},
    types::DealId,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::fake::{creator, job, machine};

/// Answers the nth connection with the nth text, after the first, which asks for info and gets 404.
async fn scripted(answers: &[&str]) -> (SocketAddr, Arc<AtomicUsize>) {
    let answers: Vec<Vec<u8>> = answers.iter().map(|text| text.as_bytes().to_vec()).collect();
    scripted_bytes(answers).await
}

async fn scripted_bytes(answers: Vec<Vec<u8>>) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        let info = b"HTTP/1.1 404 Not Found\r\nConnection: close\r\n\r\n404 page not found\n".to_vec();
        for answer in std::iter::once(info).chain(answers) {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            let mut chunk = [0; 16384];
            // Headers, then as much body as they say.
            let length = loop {
                let read = stream.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..read]);
                if let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
                    let length =
                        head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
                    break end + 4 + length.unwrap_or(0_usize);
                }
            };
            while request.len() < length {
                let read = stream.read(&mut chunk).await.unwrap();
                request.extend_from_slice(&chunk[..read]);
            }
            counter.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(&answer).await;
        }
    });
    (addr, count)
}

async fn connect(addr: SocketAddr) -> HttpSolver {
    let solver = HttpSolver::connect(&format!("http://{addr}/"), HttpAuth::Legacy { wallet: creator() }).await.unwrap();
    assert_eq!(solver.info(), None, "an existing solver announces nothing");
    solver
}

#[tokio::test]
async fn null_is_a_soft_refusal_and_an_empty_list() {
    let null = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nnull\n";
    let (addr, _) = scripted(&[null, null]).await;
    let solver = connect(addr).await;
    assert_eq!(solver.post_resource_offer(&machine()).await.unwrap(), None);
    assert_eq!(solver.deals(&DealQuery::default()).await.unwrap(), []);
}

#[tokio::test]
async fn what_may_pass_is_repeated_and_waits_as_told() {
    let (addr, count) = scripted(&[
        "",
        "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nConnection: close\r\n\r\nToo Many Requests\n",
        "HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\n\r\nsomething broke\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"deal_id\":\"QmX\",\"results_id\":\"QmY\",\"data_id\":\"\"}\n",
    ])
    .await;
    let begun = Instant::now();
    let result = connect(addr).await.result(&DealId::from_wire("x")).await.unwrap();
    assert_eq!((result.deal_id.as_str(), result.data_id.as_str()), ("QmX", "QmY"));
    assert_eq!(count.load(Ordering::SeqCst), 5);
    assert!(begun.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn known_refusals_and_other_statuses_are_not_repeated() {
    for (answer, refusal) in [
        ("HTTP/1.1 500 X\r\nConnection: close\r\n\r\ndeal not found\n", Some(Refusal::DealNotFound)),
        ("HTTP/1.1 501 X\r\nConnection: close\r\n\r\nnever\n", None),
        ("HTTP/1.1 400 X\r\nConnection: close\r\n\r\nbad\n", None),
    ] {
        let (addr, count) = scripted_bytes(vec![answer.into(), answer.into()]).await;
        let error = connect(addr).await.deal(&DealId::from_wire("x")).await.unwrap_err();
        assert!(matches!(&error, ClientError::Refused { .. }), "{error}");
        assert!(refusal.is_none_or(|refusal| error.is_refused_with(refusal)), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 2, "info and one attempt");
    }
}

#[tokio::test]
async fn an_archive_with_a_tail_is_unpacked_and_an_empty_one_is_an_error() {
    let files = tempfile::tempdir().unwrap();
    std::fs::create_dir(files.path().join("in")).unwrap();
    std::fs::write(files.path().join("in/stdout"), "moo").unwrap();
    let tar = archive::pack_to_vec(&files.path().join("in")).unwrap();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let whole = [&head[..], &chunk(&tar), &chunk(b"{}\n"), b"0\r\n\r\n"].concat();
    // The first answer breaks off in the middle and is asked for again.
    let half = [&head[..], &chunk(&tar)[..500]].concat();
    let empty = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let (addr, count) = scripted_bytes(vec![half, whole, empty]).await;
    let (solver, to) = (connect(addr).await, files.path().join("results.tar"));
    let id = DealId::from_wire("x");
    assert_eq!(solver.download_result(&id, &to).await.unwrap(), tar.len() as u64 + 3);
    let saved = std::fs::File::open(&to).unwrap();
    archive::unpack(saved, &files.path().join("out"), &archive::ArchiveLimits::default()).unwrap();
    assert_eq!(std::fs::read(files.path().join("out/stdout")).unwrap(), b"moo");
    let error = solver.download_result(&id, &files.path().join("other")).await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }) && error.to_string().contains("empty archive"), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn an_answer_that_is_no_record_is_said_to_be_none() {
    let (addr, _) = scripted(&["HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>proxy login</html>\n"]).await;
    let error = connect(addr).await.post_job_offer(&job("a")).await.unwrap_err();
    assert!(matches!(error, ClientError::Malformed { .. }) && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_redirection_to_another_host_is_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let location = format!("http://localhost:{}/api/v1/deals", other.local_addr().unwrap().port());
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nConnection: close\r\n\r\n");
    let (addr, _) = scripted(&[&answer]).await;
    let error = connect(addr).await.deals(&DealQuery::default()).await.unwrap_err();
    assert!(matches!(&error, ClientError::Refused { error, .. } if error.status() == 302), "{error}");
    let visited = tokio::time::timeout(Duration::from_millis(50), other.accept()).await;
    assert!(visited.is_err(), "the constant headers went to another host");
}
