//! The adapter to AWS on the wire, the pacer and the collector.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rescind::backend::{
    CancelRequest, Error, ErrorKind, Gate, JobsReader as _, JobsWriter as _, PageToken,
};
use rescind::execution::{
    Account, ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionVersion, JobStatus,
    OpenStatus, TargetSelection,
};
use rescind::fact::{Fact, Unreadable};

use self::responder::{Reply, Responder, reply};

mod collect;
mod fleet;
mod pace;
mod responder;

#[derive(Debug)]
struct Switch(AtomicBool);

impl Gate for Switch {
    fn may_send(&self, _: Option<&Account>) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

fn gate(open: bool) -> Arc<dyn Gate> {
    Arc::new(Switch(AtomicBool::new(open)))
}

fn key() -> ExecutionKey {
    ExecutionKey { job: "fw-4-2-0".parse().unwrap(), thing: "robot:001".parse().unwrap() }
}

fn request() -> CancelRequest {
    CancelRequest {
        key: key(),
        force: false,
        expected_version: ExecutionVersion::new(3).unwrap(),
        status_details: None,
    }
}

/// The error of a cancel that meets this reply, and how many requests were seen.
async fn cancel_meets(answer: Reply) -> (Error, usize) {
    let responder = Responder::new([answer]).await;
    let error = responder.connection.writer().cancel(&request(), gate(true)).await.unwrap_err();
    (error, responder.requests().len())
}

#[tokio::test]
async fn each_answer_to_a_cancel_has_its_kind_and_is_sent_once() {
    use ErrorKind as Kind;
    let message = r#"{"message":"said\u0007 AWS"}"#;
    for (answer, kind) in [
        (reply(400, Some("InvalidRequestException"), message), Kind::InvalidRequest),
        (
            reply(409, Some("InvalidStateTransitionException"), message),
            Kind::InvalidStateTransition,
        ),
        (reply(409, Some("VersionConflictException:http://a/b"), message), Kind::VersionConflict),
        (reply(409, Some("VersionConflictException"), "<html>"), Kind::VersionConflict),
        (reply(404, Some("ResourceNotFoundException"), message), Kind::NotFound),
        (reply(404, None, "<html>no such page</html>"), Kind::OtherClient),
        (reply(400, Some("ThrottlingException"), message), Kind::Throttled),
        (reply(429, None, ""), Kind::Throttled),
        (reply(503, Some("ServiceUnavailableException"), message), Kind::Unavailable),
        (reply(500, Some("InternalFailure"), message), Kind::Unavailable),
        (reply(502, None, "<html>"), Kind::Unavailable),
        (reply(403, Some("AccessDeniedException"), r#"{"Message":"User: me"}"#), Kind::Denied),
        (reply(403, Some("ExpiredTokenException"), message), Kind::Credentials),
        (reply(403, Some("InvalidSignatureException"), message), Kind::Credentials),
        (reply(410, Some("LimitExceededException"), message), Kind::OtherClient),
        (reply(302, None, ""), Kind::Malformed),
        (reply(200, None, "<html>log in first</html>"), Kind::Malformed),
        (
            reply(200, None, r#"{"Output":{"__type":"x#UnknownOperationException"}}"#),
            Kind::Malformed,
        ),
        (Reply::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".into()), Kind::Malformed),
        (Reply::Bytes("garbage\r\n\r\n".into()), Kind::ConnectionLost),
        (Reply::Close, Kind::ConnectionLost),
    ] {
        let (error, sent) = cancel_meets(answer.clone()).await;
        assert_eq!(error.kind, kind, "{answer:?}: {error:?}");
        assert_eq!(sent, 1, "{answer:?}");
        assert!(!error.message.chars().any(char::is_control), "{error:?}");
        assert_eq!(error.resource, "job fw-4-2-0 on robot:001");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancel_without_an_answer_times_out() {
    let (error, _) = cancel_meets(Reply::Silence).await;
    assert_eq!(error.kind, ErrorKind::TimedOut);
    assert_eq!(error.message, "no answer within 10 s");
}

#[tokio::test]
async fn a_cancel_whose_connection_is_refused_was_not_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let clock = rescind::clock::Clock::system();
    let connection = rescind::backend::aws::Connection::embedded(address, "eu-central-1", clock);
    let error = connection.writer().cancel(&request(), gate(true)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotConnected);
    let tried =
        format!("http://{address} could not be reached; nothing was sent. Is the region right?");
    assert!(error.message.starts_with(&tried), "{}", error.message);
    assert!(!error.kind.effect_unknown() && error.kind.is_transient());
    assert!(error.source.is_some());
}

/// Once there is a connection, nothing but an answer proves that nothing was done.
#[tokio::test]
async fn a_cancel_over_a_connection_that_is_closed_at_once_may_have_had_its_effect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = std::thread::spawn(move || drop(listener.accept().unwrap()));
    let clock = rescind::clock::Clock::system();
    let connection = rescind::backend::aws::Connection::embedded(address, "eu-central-1", clock);
    let error = connection.writer().cancel(&request(), gate(true)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::ConnectionLost, "{error:?}");
    let tried = format!("the connection to http://{address} failed or was lost");
    assert_eq!(error.message, tried);
    assert!(error.kind.effect_unknown());
    taken.join().unwrap();
}

#[tokio::test]
async fn a_closed_gate_lets_no_byte_out() {
    let responder = Responder::new([reply(200, None, "{}")]).await;
    let writer = responder.connection.writer();
    let error = writer.cancel(&request(), gate(false)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Withdrawn);
    assert!(!error.kind.effect_unknown());
    assert_eq!(responder.requests(), Vec::<String>::new());
    // The next cancel is the first that the responder sees.
    writer.cancel(&request(), gate(true)).await.unwrap();
    assert_eq!(responder.requests().len(), 1);
}

#[tokio::test]
async fn a_cancel_carries_the_version_and_force_and_details_only_when_set() {
    let responder = Responder::new([reply(200, None, "{}"), reply(200, None, "")]).await;
    let writer = responder.connection.writer();
    let answer = writer.cancel(&request(), gate(true)).await.unwrap();
    assert_eq!(answer.request_id.as_deref(), Some("request-1"));
    let details = BTreeMap::from([("step".to_owned(), "flash".to_owned())]);
    let forced = CancelRequest { force: true, status_details: Some(details), ..request() };
    writer.cancel(&forced, gate(true)).await.unwrap();

    let requests = responder.requests();
    let [plain, forced] = &requests[..] else { panic!("{requests:?}") };
    assert!(plain.starts_with("PUT /things/robot%3A001/jobs/fw-4-2-0/cancel HTTP/1.1\r\n"));
    assert!(plain.ends_with("\r\n\r\n{\"expectedVersion\":3}"), "{plain}");
    assert!(forced.starts_with("PUT /things/robot%3A001/jobs/fw-4-2-0/cancel?force=true HTTP"));
    let (_, body) = forced.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body, serde_json::json!({"expectedVersion": 3, "statusDetails": {"step": "flash"}}));
    let agent = format!("rescind/{}", env!("CARGO_PKG_VERSION"));
    let head = plain.lines().find(|line| line.starts_with("user-agent:")).unwrap();
    assert!(head.contains(&agent), "{head}");
}

#[tokio::test]
async fn the_date_of_an_answer_reaches_the_clock() {
    let Reply::Bytes(answer) = reply(404, Some("ResourceNotFoundException"), "{}") else {
        unreachable!()
    };
    // A proxy's answer has a date, but it is not AWS's.
    let proxy = Reply::Bytes(answer.replace("x-amzn-RequestId: request-1\r\n", ""));
    let responder = Responder::new([proxy, Reply::Bytes(answer)]).await;
    let reader = responder.connection.reader();
    reader.describe_thing(&key().thing).await.unwrap_err();
    assert!(!responder.clock.is_confirmed());
    reader.describe_thing(&key().thing).await.unwrap_err();
    assert!(responder.clock.is_confirmed());
    let hours = responder.clock.offset().as_secs_f64() / 3600.0;
    assert!((1.9..=2.01).contains(&hours), "{hours}");
}

#[tokio::test]
async fn a_missing_permission_is_named_with_its_resources() {
    let jobs = r#"{"jobs":[{"jobId":"fw-4-2-0",
        "jobArn":"arn:aws:iot:eu-central-1:123456789012:job/fw-4-2-0"}]}"#;
    let denied = reply(403, Some("AccessDeniedException"), r#"{"Message":"User: me"}"#);
    let responder = Responder::new([denied.clone(), reply(200, None, jobs), denied]).await;
    let reader = responder.connection.reader();
    let error = reader.list_jobs(&JobStatus::Scheduled, None).await.unwrap_err();
    assert_eq!(error.message, "needs iot:ListJobs on *; AWS says: User: me");
    assert_eq!(error.request_id.as_deref(), Some("request-1"));
    reader.list_jobs(&JobStatus::Scheduled, None).await.unwrap();
    let error = reader.describe_execution(&key(), None).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DescribeJobExecution for job fw-4-2-0 on robot:001: needs iot:DescribeJobExecution on \
         arn:aws:iot:eu-central-1:123456789012:job/fw-4-2-0 and \
         arn:aws:iot:eu-central-1:123456789012:thing/robot:001; AWS says: User: me"
    );
}

#[tokio::test]
async fn a_list_of_jobs_is_read_page_by_page() {
    let page = r#"{"jobs":[{"jobId":"fw-4-2-0","status":"PAUSED","targetSelection":"CONTINUOUS",
        "jobArn":"arn:aws:iot:eu-central-1:123456789012:job/fw-4-2-0","createdAt":1542228569.5}],
        "nextToken":"two"}"#;
    let responder = Responder::new([reply(200, None, page), reply(200, None, "{}")]).await;
    let reader = responder.connection.reader();
    let first = reader.list_jobs(&JobStatus::InProgress, None).await.unwrap();
    let [job] = &first.items[..] else { panic!("{first:?}") };
    assert_eq!(job.account.as_ref().unwrap().account, "123456789012");
    assert_eq!(job.status, JobStatus::from("PAUSED"));
    assert_eq!(job.target_selection, TargetSelection::Continuous);
    assert_eq!(job.created_at.known().unwrap().to_string(), "2018-11-14T20:49:29.5Z");
    assert_eq!(first.next, Some(PageToken("two".into())));
    let second = reader.list_jobs(&JobStatus::InProgress, first.next.as_ref()).await.unwrap();
    assert_eq!((second.items.len(), second.next), (0, None));
    let requests = responder.requests();
    assert!(requests[0].starts_with("GET /jobs?status=IN_PROGRESS&maxResults=250 HTTP"));
    assert!(requests[1].contains("nextToken=two"));
}

#[tokio::test]
async fn rows_and_descriptions_keep_what_is_unknown_apart() {
    let row = |arn: &str| {
        let rows = format!(
            r#"{{"executionSummaries":[{{"thingArn":"{arn}","jobExecutionSummary":
            {{"status":"QUEUED","queuedAt":1542228569}}}}]}}"#
        );
        reply(200, None, &rows)
    };
    let described = r#"{"execution":{"jobId":"fw-4-2-0","status":"PAUSED","executionNumber":2,
        "thingArn":"arn:aws:iot:eu-central-1:123456789012:thing/robot:001"}}"#;
    let other = described.replace("robot:001", "robot:002");
    let responder = Responder::new([
        row("arn:aws:iot:eu-central-1:123456789012:thing/robot:001"),
        row("robot:001"),
        reply(200, None, described),
        reply(200, None, &other),
        reply(200, None, described),
        reply(200, None, "[1"),
        reply(200, None, "{}"),
    ])
    .await;
    let reader = responder.connection.reader();
    let list = async || reader.list_executions(&key().job, OpenStatus::Queued, None).await;
    let page = list().await.unwrap();
    let row = &page.items[0];
    assert_eq!(row.thing, key().thing);
    assert_eq!(row.number, Fact::Unreadable(Unreadable::Invalid));
    assert_eq!((row.times.started_at, row.retry_attempt), (Fact::Absent, Fact::Absent));
    assert_eq!(list().await.unwrap_err().kind, ErrorKind::Malformed);

    let describe = async |number| reader.describe_execution(&key(), number).await;
    let description = describe(None).await.unwrap();
    assert_eq!(description.number, Fact::Known(ExecutionNumber(2)));
    assert_eq!(description.version, Fact::Unreadable(Unreadable::Invalid));
    assert_eq!(description.status, ExecutionStatus::from("PAUSED"));
    assert_eq!(description.status_details, Fact::Known(BTreeMap::new()));
    for number in [None, Some(ExecutionNumber(1)), None, None] {
        assert_eq!(describe(number).await.unwrap_err().kind, ErrorKind::Malformed, "{number:?}");
    }
    let requests = responder.requests();
    assert!(requests[0].starts_with("GET /jobs/fw-4-2-0/things?status=QUEUED&maxResults=250 HTTP"));
    assert!(requests[4].starts_with("GET /things/robot%3A001/jobs/fw-4-2-0?executionNumber=1 "));
}
