//! HTTP by hand: what goes over the wire, and nothing that a client library adds.

use std::{net::SocketAddr, time::Duration};

use lilypad_sdk::{
    api::{BOUND_HEADER, BoundRequest, LegacyHeaders, RequestDomain},
    wallet::Wallet,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{}: ", name.to_lowercase());
        self.head.lines().find_map(|line| {
            let (line_start, value) = line.split_at_checked(start.len())?;
            (line_start.to_lowercase() == start).then_some(value)
        })
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Status and text, to compare at once.
    pub(crate) fn says(&self) -> (u16, &str) {
        (self.status, self.text())
    }
}

/// Sends bytes and reads until the server closes.
pub(crate) async fn exchange(addr: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    // The server may refuse and close before it has read everything.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes)).await.expect("an answer");
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Answer {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("headers");
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: bytes[end + 4..].to_vec() };
    if let Some(length) = answer.header("content-length") {
        assert_eq!(answer.body.len(), length.parse::<usize>().unwrap(), "{}", answer.head);
    }
    answer.body.shrink_to_fit();
    answer
}

/// A request with the headers given and a body, if it is not empty.
pub(crate) fn request(addr: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut text = format!("{line} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    if !body.is_empty() {
        text += &format!("Content-Length: {}\r\n", body.len());
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

pub(crate) async fn send(addr: SocketAddr, line: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    exchange(addr, &request(addr, line, headers, body)).await
}

/// As a node of the existing network sends it: constant headers, a version, no content type.
pub(crate) async fn legacy(addr: SocketAddr, wallet: &Wallet, line: &str, body: &[u8]) -> Answer {
    let headers = LegacyHeaders::sign(wallet).unwrap();
    let headers = [
        ("X-Lilypad-User", headers.user.as_str()),
        ("X-Lilypad-Signature", headers.signature.as_str()),
        ("X-Lilypad-Version", "v2.23.0"),
    ];
    send(addr, line, &headers, body).await
}

pub(crate) fn bound_header(domain: &RequestDomain, wallet: &Wallet, line: &str, body: &[u8], time_ms: u64) -> String {
    let (method, target) = line.split_once(' ').unwrap();
    BoundRequest::new(method, target, body, time_ms).sign(domain, wallet).unwrap()
}

/// As our nodes send it.
pub(crate) async fn bound(addr: SocketAddr, wallet: &Wallet, line: &str, body: &[u8]) -> Answer {
    let time = u64::try_from(super::fake::now().as_millis()).unwrap();
    let header = bound_header(&super::fake::domain(), wallet, line, body, time);
    send(addr, line, &[(BOUND_HEADER, &header), ("X-Lilypad-Version", "v2.23.0")], body).await
}
