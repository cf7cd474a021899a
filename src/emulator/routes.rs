//! From an HTTP request to an answer: which plane, which operation, which faults.
//!
//! There is no router: paths are split and decoded here, since AWS's labels (`$next`, `a%3Ab`) and its
//! two planes on one path fit none. The state's lock is never held across an await.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, Response};
use serde_json::{Value, json};

use super::Emulator;
use super::arn::Arns;
use super::connection::Switch;
use super::faults::Faults;
use super::operation::{Plane, route};
use super::refusal::Refusal;
use super::wire::{self, MAX_BODY};

/// What is the emulator's and not AWS's lies below this segment.
const INTROSPECTION: &str = "_emulator";

/// All paths go to one handler.
pub fn router(emulator: Emulator) -> Router {
    Router::new().fallback(handle).with_state(emulator)
}

async fn handle(
    State(emulator): State<Emulator>,
    ConnectInfo(switch): ConnectInfo<Switch>,
    request: Request,
) -> Response<Body> {
    let request_id = emulator.next_request_id();
    let (head, body) = request.into_parts();
    let scope = wire::scope(&head.headers);
    let plane = scope.as_ref().map_or(Plane::Control, |scope| scope.plane);
    let region = scope.as_ref().ok().and_then(|scope| scope.region.as_deref());
    let arns = Arns::new(&emulator.0.account, region);
    let answer = async {
        let segments = wire::segments(head.uri.path())?;
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
            Refusal::InvalidRequest(format!("The body is not there or exceeds {MAX_BODY} bytes."))
        })?;
        if let [first, rest @ ..] = segments.as_slice()
            && first == INTROSPECTION
        {
            return introspect(&emulator, &head.method, rest, &body).map(Some);
        }
        let plane = scope.as_ref().map_err(Clone::clone)?.plane;
        let route = route(plane, head.method.as_str(), &segments).ok_or_else(|| {
            let (method, path) = (&head.method, head.uri.path());
            Refusal::UnknownOperation(format!("No operation of the emulator has {method} {path}."))
        })?;
        let query = wire::query(head.uri.query())?;
        let members = wire::members(&body)?;
        if let Some(delay) = emulator.delay(route.operation) {
            tokio::time::sleep(Duration::from_millis(delay)).await;
        }
        emulator.call(route, query, members, arns.clone(), request_id.clone())
    };
    let answer = answer.await;
    let now = emulator.now();
    match answer {
        Ok(Some(body)) => wire::success(&body, &request_id, now),
        Ok(None) => {
            switch.cut();
            wire::success(&Value::Null, &request_id, now)
        }
        Err(refusal) => wire::refusal(&refusal, plane, &request_id, now, |name| arns.of(name)),
    }
}

fn introspect(
    emulator: &Emulator,
    method: &Method,
    rest: &[String],
    body: &[u8],
) -> Result<Value, Refusal> {
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let shown = |value: serde_json::Result<Value>| value.map_err(|_| Refusal::InternalFailure);
    match (method.as_str(), rest.as_slice()) {
        ("GET", ["effects"]) => Ok(json!({ "effects": emulator.effects() })),
        ("GET", ["calls"]) => Ok(json!({ "calls": emulator.calls() })),
        ("POST", ["calls", "reset"]) | ("DELETE", ["calls"]) => {
            emulator.reset_calls();
            Ok(json!({}))
        }
        ("GET", ["faults"]) => shown(serde_json::to_value(emulator.faults())),
        ("POST", ["faults"]) => {
            let faults: Faults = serde_json::from_slice(body)
                .map_err(|error| Refusal::Serialization(format!("These are no faults: {error}")))?;
            emulator.set_faults(faults);
            shown(serde_json::to_value(emulator.faults()))
        }
        _ => {
            let path = rest.join("/");
            Err(Refusal::UnknownOperation(format!(
                "The emulator has no {method} /{INTROSPECTION}/{path}."
            )))
        }
    }
}
