//! What runs inside a request: AWS's clock is read, and the gate is asked.
//!
//! It stands apart because these hooks run between signing and sending, where nothing else of ours
//! does. [`AwsTime`] is on the client, so that no call can forget it; a [`Flight`] goes with one
//! request and knows afterwards what became of it.
//!
//! A [`Flight`] also sees by whom its request was signed. Credentials may be those of another account from
//! one request to the next, so that the gate is told whose they are.
//!
//! Invariants: a [`Flight`] lets one attempt out, and none that its gate refuses. It says "not sent"
//! only if no byte of the request can have left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use aws_sdk_iot::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextRef,
    BeforeTransmitInterceptorContextRef,
};
use aws_sdk_iot::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_iot::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::time::Instant;

use super::signers::{AccessKey, Signers};
use crate::backend::Gate;
use crate::clock::Clock;
use crate::execution::Account;

/// Tells the clock AWS's time from each answer.
#[derive(Debug)]
pub(super) struct AwsTime {
    clock: Clock,
}

impl AwsTime {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

#[derive(Debug)]
struct Sent(Instant);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl Intercept for AwsTime {
    fn name(&self) -> &'static str {
        "AwsTime"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(Sent(Instant::now()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        // A proxy on the way has a clock of its own, but no request id of AWS.
        if headers.get("x-amzn-requestid").is_some()
            && let Some(date) = headers.get("date").and_then(date)
            && let Some(Sent(sent)) = config.load::<Sent>()
        {
            self.clock.confirm(date, *sent);
        }
        Ok(())
    }
}

/// Reads a `Date` header: `Sun, 01 Mar 2026 12:00:00 GMT`.
fn date(header: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    PARSER.parse_timestamp(header).ok()
}

/// A URI without path and query, and without the name and password that may stand before its host:
/// `https://iot.eu-central-1.amazonaws.com`.
fn endpoint(uri: &str) -> Option<String> {
    let host = uri.find("://")? + 3;
    let end = uri[host..].find(['/', '?']).map_or(uri.len(), |end| host + end);
    let authority = &uri[host..end];
    let shown = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some(format!("{}{shown}", &uri[..host]))
}

/// One request on its way. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Flight(Arc<State>);

#[derive(Debug)]
struct State {
    gate: Option<Arc<dyn Gate>>,
    signers: Arc<Signers>,
    /// By which key it was signed.
    key: OnceLock<AccessKey>,
    /// Where it was to go.
    endpoint: OnceLock<String>,
    sent: AtomicBool,
    withheld: AtomicBool,
    foreign: AtomicBool,
}

/// Why a request was not sent.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("what is in force now does not allow it any more")]
    Gate,
    #[error("a request is sent once")]
    Repeated,
}

impl Flight {
    /// A request that goes out unasked.
    pub(super) fn new(signers: Arc<Signers>) -> Self {
        Self::with(None, signers)
    }

    /// The same request, but the gate is asked about it.
    pub(super) fn gated(&self, gate: Arc<dyn Gate>) -> Self {
        Self::with(Some(gate), Arc::clone(&self.0.signers))
    }

    fn with(gate: Option<Arc<dyn Gate>>, signers: Arc<Signers>) -> Self {
        let state = State {
            gate,
            signers,
            key: OnceLock::new(),
            endpoint: OnceLock::new(),
            sent: AtomicBool::default(),
            withheld: AtomicBool::default(),
            foreign: AtomicBool::default(),
        };
        Self(Arc::new(state))
    }

    /// Takes in that its answer is one of `account`.
    pub(super) fn told(&self, account: &Account) {
        if let Some(key) = self.0.key.get() {
            self.0.signers.learn(key, account);
        }
    }

    /// Whose credentials signed it, as far as an answer has told.
    pub(super) fn account(&self) -> Option<Account> {
        self.0.signers.account(self.0.key.get()?)
    }

    /// Scheme, host and port of where it was to go; none before it was about to leave.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.get().map(String::as_str)
    }

    /// Whether bytes may have left.
    pub(super) fn was_sent(&self) -> bool {
        self.0.sent.load(Ordering::SeqCst)
    }

    /// Whether the gate refused it.
    pub(super) fn was_withheld(&self) -> bool {
        self.0.withheld.load(Ordering::SeqCst)
    }

    /// Whether the answer claims success without being one of AWS IoT.
    pub(super) fn is_foreign(&self) -> bool {
        self.0.foreign.load(Ordering::SeqCst)
    }
}

impl Intercept for Flight {
    fn name(&self) -> &'static str {
        "Flight"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if self.was_sent() {
            return Err(Refused::Repeated.into());
        }
        if let Some(key) = context.request().headers().get("authorization").and_then(AccessKey::of)
        {
            self.0.key.get_or_init(|| key);
        }
        if let Some(endpoint) = endpoint(context.request().uri()) {
            self.0.endpoint.get_or_init(|| endpoint);
        }
        let may_send = |gate: &Arc<dyn Gate>| gate.may_send(self.account().as_ref());
        if self.0.gate.as_ref().is_some_and(|gate| !may_send(gate)) {
            self.0.withheld.store(true, Ordering::SeqCst);
            return Err(Refused::Gate.into());
        }
        self.0.sent.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        let body = response.body().bytes().unwrap_or_default().trim_ascii();
        // The SDK does not look into the body of an operation without output, so any 200 would pass
        // for a cancel. An old AWS front end answers unknown operations with 200 and this body.
        let object = body.is_empty() || (body.starts_with(b"{") && body.ends_with(b"}"));
        let foreign = !object || body.starts_with(br#"{"Output":"#);
        if response.status().is_success() && foreign {
            self.0.foreign.store(true, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{date, endpoint};

    #[test]
    fn an_endpoint_is_what_stands_before_the_path() {
        let aws = "https://iot.eu-central-1.amazonaws.com";
        for rest in ["", "/", "/jobs?status=SCHEDULED", "?a=/"] {
            assert_eq!(endpoint(&format!("{aws}{rest}")).as_deref(), Some(aws), "{rest}");
        }
        let of = |uri| endpoint(uri).unwrap_or_default();
        assert_eq!(of("http://[::1]:8080/jobs"), "http://[::1]:8080");
        assert_eq!(of("http://me:p@ss@127.0.0.1:1/jobs?a=b@c"), "http://127.0.0.1:1");
        assert_eq!(endpoint("/jobs"), None);
    }

    #[test]
    fn reads_the_date_of_http() {
        let time = date("Sun, 01 Mar 2026 12:00:00 GMT").unwrap();
        assert_eq!(time.to_string(), "2026-03-01T12:00:00Z");
        assert_eq!(date("yesterday"), None);
    }
}
