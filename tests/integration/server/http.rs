//! The address itself: who is answered, and what is refused.

use std::net::SocketAddr;

use rescind::backend::pace::Pacer;
use rescind::clock::Clock;
use rescind::server::{Server, client};
use rescind::status::Snapshot;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{busy, now};

struct Served {
    at: SocketAddr,
    _snapshot: watch::Sender<Snapshot>,
}

async fn serve(snapshot: Snapshot, address: &str, token: Option<&std::path::Path>) -> Served {
    let (sender, receiver) = watch::channel(snapshot);
    let server = Server {
        snapshot: receiver,
        clock: Clock::starting_at(now()),
        pacer: Pacer::default(),
        token_file: token.map(Into::into),
    };
    let listener = TcpListener::bind(address).await.unwrap();
    let at = SocketAddr::from(([127, 0, 0, 1], listener.local_addr().unwrap().port()));
    tokio::spawn(server.serve(listener));
    Served { at, _snapshot: sender }
}

impl Served {
    async fn get(&self, path: &str, token: Option<&str>) -> (u16, String) {
        let (code, body) = client::get(self.at, path, token).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    /// Sends bytes as they are; the answer until the connection ends.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.at).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8(answer).unwrap()
    }
}

#[tokio::test]
async fn health_metrics_and_status_are_answered() {
    let served = serve(busy(), "127.0.0.1:0", None).await;
    assert_eq!(served.get("/livez", None).await, (200, "ok\n".to_owned()));
    assert_eq!(served.get("/readyz", None).await, (200, "ok\n".to_owned()));
    let (code, metrics) = served.get("/metrics", None).await;
    assert!(code == 200 && metrics.ends_with("# EOF\n"), "{metrics}");
    let (code, status) = served.get("/api/v1/status", None).await;
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!((code, &status["format"]), (200, &"rescind/status/v1".into()));
    assert_eq!(status["policies"][0]["budgets"][0]["left"], 0);
    let (code, there_is) = served.get("/debug", None).await;
    assert!(code == 404 && there_is.contains("/metrics"), "{there_is}");
}

#[tokio::test]
async fn what_a_file_is_called_acts_on_no_terminal_that_shows_the_answer() {
    let mut snapshot = busy();
    let mut root = rescind::status::Root::clone(&snapshot.root);
    let name = "a\u{202e}b\u{9b}31mc\u{2028}d.yaml";
    root.broken = vec![name.to_owned()];
    snapshot.root = std::sync::Arc::new(root);
    let served = serve(snapshot, "127.0.0.1:0", None).await;
    let (_, status) = served.get("/api/v1/status", None).await;
    assert!(status.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{status:?}");
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["root"]["broken"][0], name);
}

#[tokio::test]
async fn what_is_not_ready_says_why() {
    let served = serve(Snapshot::new(now(), String::new()), "127.0.0.1:0", None).await;
    let (code, reasons) = served.get("/readyz", None).await;
    assert_eq!(code, 503);
    assert!(reasons.contains("rootNotLoaded: the policy root cannot be read"), "{reasons}");
    assert!(reasons.contains("notObserved"), "{reasons}");
    assert_eq!(served.get("/livez", None).await.0, 200);
}

#[tokio::test]
async fn on_loopback_only_a_loopback_name_is_answered() {
    let served = serve(busy(), "127.0.0.1:0", None).await;
    let ask =
        |host: &str| format!("GET /metrics HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    for host in ["localhost", "LOCALHOST:9464", "127.0.0.1:1", "[::1]:9464", "127.9.9.9"] {
        assert!(served.raw(&ask(host)).await.starts_with("HTTP/1.1 200"), "{host}");
    }
    for host in
        ["evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.", "", "::1", "a b"]
    {
        let answer = served.raw(&ask(host)).await;
        assert!(answer.starts_with("HTTP/1.1 40"), "{host}: {answer}");
        assert!(!answer.contains("rescind_"), "{host}");
    }
    let none = served.raw("GET /metrics HTTP/1.0\r\n\r\n").await;
    assert!(none.starts_with("HTTP/1.0 403"), "{none}");
    let two =
        "GET /livez HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    assert!(served.raw(two).await.starts_with("HTTP/1.1 403"));
}

#[tokio::test]
async fn elsewhere_a_token_is_asked_for_and_health_keeps_its_reasons_to_itself() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a-long-enough-token\n").unwrap();
    let served = serve(Snapshot::new(now(), String::new()), "0.0.0.0:0", Some(&file)).await;
    assert_eq!(served.get("/livez", None).await.0, 200);
    assert_eq!(served.get("/readyz", None).await, (503, "not ready\n".to_owned()));
    for path in ["/metrics", "/api/v1/status"] {
        for wrong in
            [None, Some(""), Some("a-long-enough-tokem"), Some("a-long-enough-token-and-more")]
        {
            assert_eq!(served.get(path, wrong).await.0, 401, "{path} {wrong:?}");
        }
        assert_eq!(served.get(path, Some("a-long-enough-token")).await.0, 200, "{path}");
    }
    std::fs::write(&file, "another-token-by-now").unwrap();
    assert_eq!(served.get("/metrics", Some("a-long-enough-token")).await.0, 401);
    assert_eq!(served.get("/metrics", Some("another-token-by-now")).await.0, 200);
    std::fs::write(&file, "").unwrap();
    assert_eq!(served.get("/metrics", Some("")).await.0, 401);
    std::fs::remove_file(&file).unwrap();
    assert_eq!(served.get("/metrics", Some("another-token-by-now")).await.0, 401);
}

#[tokio::test]
async fn a_token_that_was_given_is_asked_for_here_too() {
    let folder = tempfile::TempDir::new().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "a-long-enough-token\n").unwrap();
    let served = serve(busy(), "127.0.0.1:0", Some(&file)).await;
    for path in ["/metrics", "/api/v1/status"] {
        assert_eq!(served.get(path, None).await.0, 401, "{path}");
        assert_eq!(served.get(path, Some("a-long-enough-token")).await.0, 200, "{path}");
    }
    assert_eq!(served.get("/livez", None).await.0, 200);
}

#[tokio::test]
async fn nothing_can_be_changed_and_nothing_large_is_read() {
    let served = serve(busy(), "127.0.0.1:0", None).await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        for path in rescind::server::PATHS {
            let ask =
                format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
            let answer = served.raw(&ask).await;
            assert!(answer.starts_with("HTTP/1.1 405"), "{method} {path}: {answer}");
        }
    }
    let body = "GET /livez HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    assert!(served.raw(body).await.starts_with("HTTP/1.1 413"));
    let large =
        format!("GET /livez HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    let mut stream = TcpStream::connect(served.at).await.unwrap();
    // It may stop reading in the middle.
    let _ = stream.write_all(large.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
    let many = "x-and-another: 1\r\n".repeat(200);
    let many = format!("GET /livez HTTP/1.1\r\nhost: localhost\r\n{many}\r\n");
    assert!(served.raw(&many).await.starts_with("HTTP/1.1 431"));
    assert!(served.raw("\u{0}\u{1}\u{2}\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    assert_eq!(served.get("/livez", None).await.0, 200, "it still answers");
}

#[tokio::test]
async fn answers_are_neither_kept_nor_taken_for_something_else() {
    let served = serve(busy(), "127.0.0.1:0", None).await;
    let ask = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let answer = served.raw(ask).await;
    for header in [
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-type: application/openmetrics-text; version=1.0.0",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn connections_are_bounded_and_slow_ones_are_ended() {
    let served = serve(busy(), "127.0.0.1:0", None).await;
    let begun = tokio::time::Instant::now();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(served.at).await.unwrap());
    }
    // It has to wait until one of them has said nothing for too long.
    assert_eq!(served.get("/livez", None).await.0, 200);
    assert!(begun.elapsed() >= std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
    for mut stream in silent {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.unwrap();
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{rest:?}");
    }
}
