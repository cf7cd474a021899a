//! Whose credentials sign: the account of an access key, as answers have told it.
//!
//! Apart from `intercept`, which sees one request. Credentials change under the process: a role's session is
//! renewed each hour, and a `credential_process`, a profile or a login may give those of another account.
//! A request does not say to which account it goes. An answer with an ARN does, and an access key belongs
//! to one account for as long as it is, so that it says so of the next request by the same key too.
//!
//! Invariants: of a key of which no answer has told, nothing is known. No key is logged or shown.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::execution::Account;

/// How many keys are remembered. During a renewal two are in use; a process that lives for months sees
/// thousands, one after the other.
const MOST: usize = 8;

/// An access key's id, by which a request says who signed it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct AccessKey(String);

impl AccessKey {
    /// From an `Authorization` header: `AWS4-HMAC-SHA256 Credential=AKIA…/20260301/eu-central-1/iot/…`.
    pub(super) fn of(authorization: &str) -> Option<Self> {
        let (_, credential) = authorization.split_once("Credential=")?;
        let (key, _) = credential.split_once('/')?;
        (!key.is_empty()).then(|| Self(key.to_owned()))
    }
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessKey")
    }
}

/// The accounts of the keys that were in use lately, the latest first.
#[derive(Debug, Default)]
pub(super) struct Signers(Mutex<VecDeque<(AccessKey, Account)>>);

impl Signers {
    /// Takes in that an answer to a request by this key was one of `account`.
    pub(super) fn learn(&self, key: &AccessKey, account: &Account) {
        let mut known = self.known();
        known.retain(|(other, _)| other != key);
        known.push_front((key.clone(), account.clone()));
        known.truncate(MOST);
    }

    /// Whose the key is, if an answer has told.
    pub(super) fn account(&self, key: &AccessKey) -> Option<Account> {
        self.known().iter().find(|(known, _)| known == key).map(|(_, account)| account.clone())
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<(AccessKey, Account)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::provider::future;
    use aws_sdk_iot::config::{BehaviorVersion, Builder, Credentials, ProvideCredentials, Region};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::super::Connection;
    use super::*;
    use crate::backend::{
        CancelRequest, ErrorKind, Gate, JobsReader as _, JobsWriter as _, Result,
    };
    use crate::clock::Clock;
    use crate::execution::{ExecutionKey, ExecutionVersion};

    const OURS: &str = "123456789012";
    const OTHER: &str = "210987654321";

    /// Credentials that have run out at once, so that each request is signed by what the source gives then:
    /// the id of the key, which is the account that answers.
    #[derive(Clone, Debug)]
    struct Source(Arc<Mutex<&'static str>>);

    impl ProvideCredentials for Source {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let expired = UNIX_EPOCH + Duration::from_secs(1);
            let key = *self.0.lock().unwrap();
            let credentials = Credentials::new(key, "secret", None, Some(expired), "test");
            future::ProvideCredentials::ready(Ok(credentials))
        }
    }

    /// Lets nothing out, and keeps what it was told.
    #[derive(Debug, Default)]
    struct Told(Mutex<Vec<Option<String>>>);

    impl Gate for Told {
        fn may_send(&self, account: Option<&Account>) -> bool {
            self.0.lock().unwrap().push(account.map(|it| it.account.clone()));
            false
        }
    }

    /// Answers each describe for the account that its key says.
    async fn answers(listener: TcpListener) {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = String::new();
            while !request.contains("\r\n\r\n") {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).await.unwrap();
                request.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
            }
            if request.contains("/things/gone") {
                let answer = "HTTP/1.1 404 Not Found\r\nx-amzn-ErrorType: ResourceNotFoundException\r\n\
                    connection: close\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).await.unwrap();
                continue;
            }
            let account = if request.contains(OTHER) { OTHER } else { OURS };
            let arn = format!("arn:aws:iot:eu-central-1:{account}:thing/r0");
            let body = format!(
                r#"{{"execution":{{"jobId":"fw","thingArn":"{arn}","status":"QUEUED","versionNumber":1}}}}"#
            );
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    /// A connection to what answers like that.
    async fn connection(source: &Source) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(answers(listener));
        let builder = Builder::new()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .endpoint_url(format!("http://{address}"))
            .credentials_provider(source.clone())
            .http_client(aws_smithy_http_client::Builder::new().build_http());
        Connection::new(builder, "eu-central-1".to_owned(), Clock::system(), None)
    }

    fn execution(thing: &str) -> ExecutionKey {
        ExecutionKey { job: "fw".parse().unwrap(), thing: thing.parse().unwrap() }
    }

    #[tokio::test]
    async fn a_404_says_whose_it_is_once_an_answer_to_the_same_credentials_has_told() {
        let source = Source(Arc::new(Mutex::new(OURS)));
        let reader = connection(&source).await.reader();
        let gone = async || {
            let error = reader.describe_execution(&execution("gone"), None).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::NotFound);
            assert_eq!(error.is_not_found_somewhere(), error.account.is_none());
            error.account.map(|it| it.account)
        };
        assert_eq!(gone().await, None);
        reader.describe_execution(&execution("r0"), None).await.unwrap();
        assert_eq!(gone().await.as_deref(), Some(OURS));
        *source.0.lock().unwrap() = OTHER;
        assert_eq!(gone().await, None);
    }

    #[tokio::test]
    async fn the_gate_is_told_whose_the_credentials_are_that_sign_the_cancel_itself() {
        let source = Source(Arc::new(Mutex::new(OURS)));
        let (connection, key) = (connection(&source).await, execution("r0"));
        let request = CancelRequest {
            key: key.clone(),
            force: false,
            expected_version: ExecutionVersion::new(1).unwrap(),
            status_details: None,
        };
        let told = Arc::new(Told::default());
        let cancel = async || {
            let answer: Result<_> = connection.writer().cancel(&request, told.clone()).await;
            assert_eq!(answer.unwrap_err().kind, ErrorKind::Withdrawn);
        };
        let describe = async || {
            let found = connection.reader().describe_execution(&key, None).await.unwrap();
            found.account.unwrap().account
        };
        cancel().await;
        assert_eq!(describe().await, OURS);
        cancel().await;
        *source.0.lock().unwrap() = OTHER;
        cancel().await;
        assert_eq!(describe().await, OTHER);
        cancel().await;
        *source.0.lock().unwrap() = OURS;
        cancel().await;
        let told = told.0.lock().unwrap().clone();
        let (ours, other) = (Some(OURS.to_owned()), Some(OTHER.to_owned()));
        assert_eq!(told, [None, ours.clone(), None, other, ours]);
    }

    fn key(id: &str) -> AccessKey {
        let header = format!(
            "AWS4-HMAC-SHA256 Credential={id}/20260301/eu-central-1/iot/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=00"
        );
        AccessKey::of(&header).unwrap()
    }

    fn account(number: &str) -> Account {
        let (partition, region) = ("aws".to_owned(), "eu-central-1".to_owned());
        Account { partition, account: number.to_owned(), region }
    }

    #[test]
    fn a_key_is_known_once_an_answer_has_told_and_only_the_latest_are_kept() {
        let signers = Signers::default();
        assert_eq!(signers.account(&key("A")), None);
        signers.learn(&key("A"), &account(OURS));
        signers.learn(&key("B"), &account(OTHER));
        assert_eq!(signers.account(&key("A")), Some(account(OURS)));
        assert_eq!(signers.account(&key("B")), Some(account(OTHER)));
        signers.learn(&key("A"), &account(OURS));
        for other in 1..MOST {
            signers.learn(&key(&format!("C{other}")), &account(OURS));
        }
        assert_eq!(signers.account(&key("A")), Some(account(OURS)));
        assert_eq!(signers.account(&key("B")), None);
    }

    #[test]
    fn what_is_not_signed_has_no_key_and_no_key_is_shown() {
        for header in ["", "Bearer x", "AWS4-HMAC-SHA256 Credential=/20260301", "Credential=AKIA"] {
            assert_eq!(AccessKey::of(header), None, "{header:?}");
        }
        assert_eq!(format!("{:?}", key("AKIDEXAMPLE")), "AccessKey");
    }
}
