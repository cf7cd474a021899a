//! Connections that end badly, and the end of the server.

use rescind::emulator::{Faults, Operation};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::support::{Service, emulator, get, one, request, serve};

#[tokio::test]
async fn connections_that_break_or_make_no_sense_stop_nothing() {
    let address = serve(&emulator(&one(&json!({})))).await;
    for bytes in [
        &b""[..],
        b"GET /jobs",
        b"PUT /things/r1/jobs/fw/cancel HTTP/1.1\r\ncontent-length: 100\r\n\r\n{",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"NONSENSE\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(address).await.expect("the emulator listens");
        stream.write_all(bytes).await.expect("bytes are written");
        drop(stream);
        assert_eq!(get(address, "/jobs").await.status, 200, "{bytes:?}");
    }
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let address = serve(&emulator(&one(&json!({})))).await;
    let mut stream = TcpStream::connect(address).await.expect("the emulator listens");
    for _ in 0..3 {
        stream.write_all(b"GET /jobs/fw HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is open");
        let mut start = [0; 15];
        stream.read_exact(&mut start).await.expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200 OK");
        let mut rest = vec![0; 4096];
        let read = stream.read(&mut rest).await.expect("the rest of the answer");
        assert!(rest[..read].ends_with(b"}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_cancels_at_once_exactly_one_takes_effect() {
    let emulator = emulator(&one(&json!({})));
    let address = serve(&emulator).await;
    let cancels = (0..40).map(|_| {
        tokio::spawn(async move {
            let body = json!({"expectedVersion": 1});
            let target = "/things/r1/jobs/fw/cancel";
            request(address, Service::Iot, "PUT", target, &body).await.status
        })
    });
    let mut statuses = Vec::new();
    for cancel in cancels.collect::<Vec<_>>() {
        statuses.push(cancel.await.expect("no panic"));
    }
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[409; 39][..]));
    assert_eq!(emulator.effects().len(), 1);
}

#[tokio::test]
async fn shutdown_ends_the_server_while_clients_hold_idle_connections() {
    let emulator = emulator(&one(&json!({})));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let server = tokio::spawn(emulator.serve(listener, shutdown));
    let mut idle = TcpStream::connect(address).await.expect("the emulator listens");
    idle.write_all(b"GET /jobs HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("it is open");
    let mut start = [0; 15];
    idle.read_exact(&mut start).await.expect("an answer");
    stop.send(()).expect("the server waits for it");
    server.await.expect("no panic").expect("no error");
}

#[tokio::test(start_paused = true)]
async fn a_delay_is_waited_for_on_the_clock_of_the_runtime() {
    let emulator = emulator(&one(&json!({})));
    let delay = [(Operation::ListJobs, 5_000)].into();
    emulator.set_faults(Faults { delay_milliseconds: delay, ..Faults::default() });
    let address = serve(&emulator).await;
    let started = tokio::time::Instant::now();
    assert_eq!(get(address, "/jobs").await.status, 200);
    assert!(started.elapsed() >= std::time::Duration::from_secs(5));
}
