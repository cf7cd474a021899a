//! What a failed request means: the SDK's errors, closed into [`ErrorKind`].
//!
//! It stands apart because everything that follows (retry, outcome, give back a budget unit) hangs on
//! it. AWS's error codes decide, then the status; its words never do.
//!
//! Invariants: "not found" and "denied" are only said by AWS's own code or a status that leaves no
//! doubt; after a request may have left, no error claims that there was no effect unless AWS
//! answered so.

use std::fmt;

use aws_sdk_iot::error::ProvideErrorMetadata;
use aws_sdk_iot::operation::RequestId as _;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{DispatchFailure, SdkError};

use super::CLIENT_TIMEOUT;
use super::intercept::Flight;
use crate::backend::{Error, ErrorKind, Operation, Result};
use crate::execution::{Account, ExecutionKey, JobId, JobStatus, ThingName};

/// The codes under which AWS's front ends and services throttle (the SDK's own list).
const THROTTLED: [&str; 12] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// The codes for a signature or token that is not accepted. None of them is in AWS IoT's model.
const CREDENTIALS: [&str; 16] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "InvalidTokenException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "UnrecognizedClientException",
];

/// The codes for a missing permission. `UnauthorizedException` is the registry's.
const DENIED: [&str; 5] = [
    "AccessDenied",
    "AccessDeniedException",
    "ForbiddenException",
    "NotAuthorized",
    "UnauthorizedException",
];

/// The longest text of AWS that is kept, in characters.
const LONGEST: usize = 1000;

/// One call, for messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) target: Target<'a>,
    pub(super) region: &'a str,
    pub(super) account: Option<&'a Account>,
}

/// What a call is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    Jobs(&'a JobStatus),
    Job(&'a JobId),
    Thing(&'a ThingName),
    Execution(&'a ExecutionKey),
}

impl fmt::Display for Target<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jobs(status) => write!(f, "jobs in status {status}"),
            Self::Job(job) => write!(f, "job {job}"),
            Self::Thing(thing) => write!(f, "thing {thing}"),
            Self::Execution(key) => write!(f, "job {key}"),
        }
    }
}

impl Error {
    /// AWS's text without control characters, and not longer than people read.
    pub(super) fn clean(text: &str) -> String {
        text.chars().take(LONGEST).map(|c| if c.is_control() { ' ' } else { c }).collect()
    }
}

impl Call<'_> {
    /// An answer that cannot be used.
    pub(super) fn malformed(&self, what: &str) -> Error {
        self.error(ErrorKind::Malformed, format!("AWS's answer made no sense: {what}"))
    }

    /// The ARN of a job of the account that answered. Tags are asked for after a list of jobs, whose
    /// ARNs tell the account.
    pub(super) fn job_arn(&self, job: &JobId) -> Result<String> {
        match self.account {
            Some(_) => Ok(self.arn("job", job.as_str())),
            None => Err(self.malformed("no job came with an ARN that tells the account")),
        }
    }

    /// What the SDK's error means.
    pub(super) fn failed<E>(&self, flight: &Flight, error: SdkError<E, HttpResponse>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        if let Some(response) = error.raw_response() {
            let answered = self.answered(response, &error);
            let unread = answered.kind == ErrorKind::Malformed;
            let source = error.into_source().ok().filter(|_| unread);
            return Error { source, account: flight.account().map(Box::new), ..answered };
        }
        let kind = match &error {
            _ if flight.was_withheld() => ErrorKind::Withdrawn,
            SdkError::ConstructionFailure(_) => ErrorKind::InvalidRequest,
            // Between construction and sending there is only the search for credentials and signing.
            _ if !flight.was_sent() => ErrorKind::Credentials,
            SdkError::TimeoutError(_) => ErrorKind::TimedOut,
            SdkError::DispatchFailure(failure) if never_connected(failure) => {
                ErrorKind::NotConnected
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::TimedOut,
            _ => ErrorKind::ConnectionLost,
        };
        let message = match kind {
            ErrorKind::Withdrawn => "withdrawn at the last moment; nothing was sent".to_owned(),
            ErrorKind::InvalidRequest => "the request could not be built".to_owned(),
            ErrorKind::Credentials => {
                "the request could not be signed: are the AWS credentials still valid?".to_owned()
            }
            ErrorKind::TimedOut => format!("no answer within {} s", CLIENT_TIMEOUT.as_secs()),
            ErrorKind::NotConnected => format!(
                "{} could not be reached; nothing was sent. Is the region right? Check the network and \
                 proxy, and AWS_ENDPOINT_URL_IOT or the profile's endpoint_url if one is set",
                flight.endpoint().unwrap_or("AWS IoT")
            ),
            _ => format!(
                "the connection to {} failed or was lost",
                flight.endpoint().unwrap_or("AWS IoT")
            ),
        };
        let source = error.into_source().ok().filter(|_| kind != ErrorKind::Withdrawn);
        Error { source, ..self.error(kind, message) }
    }

    /// What an answer means that is no success, or that the SDK could not read.
    fn answered(&self, response: &HttpResponse, error: &impl ProvideErrorMetadata) -> Error {
        let status = response.status().as_u16();
        // The SDK drops the code with a body that it cannot read.
        let header = response.headers().get("x-amzn-errortype").map(bare_code);
        let code = error.code().or(header);
        let kind = classify(code, status);
        let said = error.message().map(Error::clean).filter(|text| !text.trim().is_empty());
        let code = Error::clean(code.unwrap_or("no error code"));
        let said = said.unwrap_or_else(|| format!("HTTP {status} with {code}"));
        let message = match kind {
            ErrorKind::Denied => format!("needs {}; AWS says: {said}", self.permission()),
            ErrorKind::Credentials => {
                format!("AWS does not accept the credentials or the signature ({code}): {said}")
            }
            ErrorKind::Malformed => format!("AWS's answer could not be read (HTTP {status})"),
            _ => said,
        };
        let request_id = response.headers().request_id().map(Error::clean);
        Error { request_id, ..self.error(kind, message) }
    }

    fn error(&self, kind: ErrorKind, message: String) -> Error {
        let resource = self.target.to_string();
        Error {
            operation: self.operation,
            resource,
            kind,
            message,
            request_id: None,
            account: None,
            source: None,
        }
    }

    /// The IAM action and resources: `iot:DescribeThing on arn:…:thing/robot-001`.
    fn permission(&self) -> String {
        let resources = match self.target {
            Target::Jobs(_) => "*".to_owned(),
            Target::Job(job) => self.arn("job", job.as_str()),
            Target::Thing(thing) => self.arn("thing", thing.as_str()),
            Target::Execution(key) => {
                let job = self.arn("job", key.job.as_str());
                format!("{job} and {}", self.arn("thing", key.thing.as_str()))
            }
        };
        format!("{} on {resources}", self.operation.action())
    }

    fn arn(&self, kind: &str, name: &str) -> String {
        let (partition, account) =
            self.account.map_or(("aws", "*"), |it| (it.partition.as_str(), it.account.as_str()));
        format!("arn:{partition}:iot:{}:{account}:{kind}/{name}", self.region)
    }
}

/// Whether the HTTP client says that it had no connection to send the request over: not one that was
/// refused, timed out, or had no TLS or proxy in time. What it sent over a connection that then failed
/// has another kind, and so has a connection that was not taken for a reason that it does not say.
fn never_connected(failure: &DispatchFailure) -> bool {
    let mut error: Option<&(dyn std::error::Error + 'static)> =
        failure.as_connector_error().map(|error| error as _);
    while let Some(found) = error {
        if let Some(client) = found.downcast_ref::<hyper_util::client::legacy::Error>() {
            return client.is_connect();
        }
        error = found.source();
    }
    false
}

/// A code without namespace and address: `ns#Code:http://…`.
fn bare_code(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.split_once('#').map_or(code, |(_, code)| code)
}

fn classify(code: Option<&str>, status: u16) -> ErrorKind {
    let code = code.unwrap_or_default();
    match (code, status) {
        _ if THROTTLED.contains(&code) || status == 429 => ErrorKind::Throttled,
        (_, 500..) => ErrorKind::Unavailable,
        // A success or a redirection that could not be read.
        (_, ..=399) => ErrorKind::Malformed,
        ("InvalidRequestException", _) => ErrorKind::InvalidRequest,
        ("InvalidStateTransitionException", _) => ErrorKind::InvalidStateTransition,
        ("VersionConflictException", _) => ErrorKind::VersionConflict,
        // Without AWS's code, a 404 is a wrong address, and says nothing about a thing or a job.
        ("ResourceNotFoundException", _) => ErrorKind::NotFound,
        ("ServiceUnavailableException" | "InternalFailureException", _) => ErrorKind::Unavailable,
        ("RequestTimeout" | "RequestTimeoutException", _) | (_, 408) => ErrorKind::TimedOut,
        _ if CREDENTIALS.contains(&code) => ErrorKind::Credentials,
        _ if DENIED.contains(&code) => ErrorKind::Denied,
        (_, 401 | 403) => ErrorKind::Denied,
        _ => ErrorKind::OtherClient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_before_statuses_and_5xx_before_the_rest() {
        use ErrorKind as Kind;
        for (code, status, kind) in [
            (Some("ThrottlingException"), 400, Kind::Throttled),
            (Some("ThrottlingException"), 503, Kind::Throttled),
            (None, 429, Kind::Throttled),
            (Some("ServiceUnavailableException"), 503, Kind::Unavailable),
            (Some("ResourceNotFoundException"), 500, Kind::Unavailable),
            (Some("ResourceNotFoundException"), 404, Kind::NotFound),
            (None, 404, Kind::OtherClient),
            (None, 409, Kind::OtherClient),
            (Some("LimitExceededException"), 410, Kind::OtherClient),
            (Some("ExpiredTokenException"), 403, Kind::Credentials),
            (Some("UnauthorizedException"), 401, Kind::Denied),
            (None, 403, Kind::Denied),
            (None, 302, Kind::Malformed),
            (Some("VersionConflictException"), 200, Kind::Malformed),
        ] {
            assert_eq!(classify(code, status), kind, "{code:?} with {status}");
        }
    }

    #[test]
    fn a_code_is_bared_of_namespace_and_address() {
        assert_eq!(bare_code("com.amazon#Code:http://internal"), "Code");
        assert_eq!(bare_code("Code"), "Code");
    }
}
