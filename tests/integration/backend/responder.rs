//! A scripted HTTP responder on 127.0.0.1: one canned reply for each request, in order.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rescind::backend::aws::Connection;
use rescind::clock::Clock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What happens to one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(String),
    /// The connection is closed without a byte.
    Close,
    /// Nothing, for ever.
    Silence,
}

/// A reply with AWS's headers.
pub fn reply(status: u16, code: Option<&str>, body: &str) -> Reply {
    let code = code.map(|code| format!("x-amzn-ErrorType: {code}\r\n")).unwrap_or_default();
    Reply::Bytes(format!(
        "HTTP/1.1 {status} Status\r\n{code}x-amzn-RequestId: request-1\r\n\
         content-type: application/json\r\nconnection: close\r\n\
         date: Sun, 01 Mar 2026 12:00:00 GMT\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// The responder and a connection to it.
pub struct Responder {
    pub connection: Connection,
    pub clock: Clock,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Responder {
    pub async fn new(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Clock::starting_at("2026-03-01T10:00:00Z".parse::<Timestamp>().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let replies: Vec<_> = replies.into_iter().collect();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            let mut silent = Vec::new();
            // One request more than there are replies is taken in, so that a repetition is seen.
            for reply in replies.into_iter().chain([Reply::Close]) {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read_request(&mut stream).await;
                seen.lock().unwrap().push(request);
                match reply {
                    Reply::Bytes(bytes) => stream.write_all(bytes.as_bytes()).await.unwrap(),
                    Reply::Close => {}
                    Reply::Silence => silent.push(stream),
                }
            }
        });
        let connection = Connection::embedded(address, "eu-central-1", clock.clone());
        Self { connection, clock, requests }
    }

    /// The requests so far, head and body.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
            });
            if body.len() >= length.unwrap_or(0) {
                return text;
            }
        }
        if stream.read_buf(&mut bytes).await.unwrap() == 0 {
            return text;
        }
    }
}
