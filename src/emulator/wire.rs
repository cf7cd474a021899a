//! restJson1 on the wire: reading a request, writing an answer.
//!
//! Each answer has a request id and a `Date` header from the emulator's own clock: clients correct
//! their clocks by it. Nothing that a client sends ends in a 500.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::operation::Plane;
use super::refusal::Refusal;

/// More than the largest job with all its targets needs.
pub const MAX_BODY: usize = 1 << 20;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// What the credential scope of a request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The plane that the request was signed for.
    pub plane: Plane,
    /// The region that it was signed for; none if it was not signed.
    pub region: Option<String>,
}

/// Reads the credential scope of `Authorization`. The signature is not verified, and what is not
/// signed is taken for the control plane, so that curl will do.
pub fn scope(headers: &HeaderMap) -> Result<Scope, Refusal> {
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let credential = header.and_then(|text| text.split_once("Credential="));
    let Some((_, credential)) = credential else {
        return Ok(Scope { plane: Plane::Control, region: None });
    };
    let credential = credential.split([',', ' ']).next().unwrap_or_default();
    let mut parts = credential.rsplit('/');
    let (end, service, region) = (parts.next(), parts.next(), parts.next());
    let plane = match (end, service) {
        (Some("aws4_request"), Some("iot")) => Plane::Control,
        (Some("aws4_request"), Some("iot-jobs-data")) => Plane::Data,
        (Some("aws4_request"), Some("servicequotas")) => Plane::Quotas,
        _ => {
            return Err(Refusal::InvalidSignature(
                "Credential should be scoped to correct service: 'iot', 'iot-jobs-data' or \
                 'servicequotas'."
                    .to_owned(),
            ));
        }
    };
    let region = region.filter(|text| {
        let spelled = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=32).contains(&text.len()) && text.bytes().all(spelled)
    });
    match region {
        Some(region) => Ok(Scope { plane, region: Some(region.to_owned()) }),
        None => Err(Refusal::InvalidSignature(
            "Credential should be scoped to a valid region.".to_owned(),
        )),
    }
}

/// The operation that `X-Amz-Target` names, as the one segment of a path.
pub fn target(headers: &HeaderMap) -> [String; 1] {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let name = target.and_then(|target| target.strip_prefix("ServiceQuotasV20190624."));
    [name.unwrap_or_default().to_owned()]
}

/// The `Host` that a request was sent to.
pub fn host(headers: &HeaderMap) -> String {
    let host = headers.get(HOST).and_then(|value| value.to_str().ok());
    host.unwrap_or_default().to_owned()
}

/// The segments of a path, decoded; an empty segment stays.
pub fn segments(path: &str) -> Result<Vec<String>, Refusal> {
    path.trim_start_matches('/').split('/').map(decoded).collect()
}

/// The query, decoded; of a key that comes twice the last counts.
pub fn query(text: Option<&str>) -> Result<BTreeMap<String, String>, Refusal> {
    let pairs = text.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(&key.replace('+', " "))?, decoded(&value.replace('+', " "))?))
        })
        .collect()
}

fn decoded(text: &str) -> Result<String, Refusal> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| {
        Refusal::InvalidRequest("The request's path or query is not UTF-8.".to_owned())
    })?;
    Ok(decoded.into_owned())
}

/// The members of a body; an empty body has none, and null is the same as not there.
pub fn members(bytes: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(mut members)) => {
            members.retain(|_, value| !value.is_null());
            Ok(members)
        }
        _ => Err(Refusal::Serialization("The body is not a JSON object.".to_owned())),
    }
}

/// An answer that went well.
pub fn success(body: String, plane: Plane, request_id: &str, now: Timestamp) -> Response<Body> {
    answer(StatusCode::OK, body, plane, request_id, now)
}

/// An answer that says no. Throttling is 400 on the control plane and 429 on the data plane.
pub fn refusal(
    refusal: &Refusal,
    plane: Plane,
    request_id: &str,
    now: Timestamp,
    arn: impl Fn(&str) -> String,
) -> Response<Body> {
    let status = match refusal {
        Refusal::NotFound(_) | Refusal::UnknownOperation(_) => StatusCode::NOT_FOUND,
        Refusal::VersionConflict(_)
        | Refusal::InvalidStateTransition(_)
        | Refusal::AlreadyExists { .. } => StatusCode::CONFLICT,
        Refusal::TerminalState(_) | Refusal::LimitExceeded(_) => StatusCode::GONE,
        Refusal::AccessDenied(_)
        | Refusal::MissingAuthentication(_)
        | Refusal::UnrecognizedClient(_)
        | Refusal::InvalidSignature(_) => StatusCode::FORBIDDEN,
        Refusal::Throttled if plane == Plane::Data => StatusCode::TOO_MANY_REQUESTS,
        Refusal::InvalidRequest(_)
        | Refusal::Serialization(_)
        | Refusal::InvalidQuery(_)
        | Refusal::IndexNotReady(_)
        | Refusal::NoSuchResource(_)
        | Refusal::IllegalArgument(_)
        | Refusal::Throttled => StatusCode::BAD_REQUEST,
        Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
    };
    // What comes from the gateway before the service spells the member with a capital.
    let from_gateway = status == StatusCode::FORBIDDEN;
    let name = if from_gateway { "Message" } else { "message" };
    let mut body = json!({ name: refusal.to_string() });
    if let Refusal::AlreadyExists { id, resource, .. } = refusal {
        body["resourceId"] = id.as_str().into();
        body["resourceArn"] = arn(resource).into();
    }
    let code = match refusal {
        Refusal::Throttled if plane == Plane::Quotas => "TooManyRequestsException",
        other => other.code(),
    };
    if plane == Plane::Quotas {
        // JSON 1.1 names the error in the body.
        body["__type"] = code.into();
    }
    let mut response = answer(status, body.to_string(), plane, request_id, now);
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
    response
}

fn answer(
    status: StatusCode,
    body: String,
    plane: Plane,
    request_id: &str,
    now: Timestamp,
) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let kind = match plane {
        Plane::Quotas => "application/x-amz-json-1.1",
        Plane::Control | Plane::Data => "application/json",
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, value);
    }
    // Only a clock outside the years 0 to 9999 has no such form; the server then puts its own.
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&now).ok();
    if let Some(value) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        headers.insert(DATE, value);
    }
    response
}
