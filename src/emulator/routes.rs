//! From an HTTP request to an answer: which plane, which operation, which faults.
//!
//! There is no router: paths are split and decoded here, since AWS's labels (`$next`, `a%3Ab`) and its
//! two planes on one path fit none. The state's lock is never held across an await.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;

use super::arn::Arns;
use super::connection::Switch;
use super::introspection;
use super::operation::{Plane, route};
use super::refusal::Refusal;
use super::signature;
use super::wire::{self, MAX_BODY};
use super::{Emulator, Origin};

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
        // Read whatever is refused after it, so that the connection goes on with its next request.
        let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
            Refusal::InvalidRequest(format!("The body is not there or exceeds {MAX_BODY} bytes."))
        })?;
        let segments = wire::segments(head.uri.path())?;
        if let [first, rest @ ..] = segments.as_slice()
            && first == INTROSPECTION
        {
            let told = introspection::answer(&emulator, head.method.as_str(), rest, &body);
            return told.map(|told| Some(told.to_string()));
        }
        let plane = scope.as_ref().map_err(Clone::clone)?.plane;
        if let Some(credentials) = &emulator.0.options.verify_signatures {
            signature::verify(credentials, &head, &body)?;
        }
        let target = wire::target(&head.headers);
        let words = if plane == Plane::Quotas { target.as_slice() } else { &segments };
        let route = route(plane, head.method.as_str(), words).ok_or_else(|| {
            let (method, path) = (&head.method, head.uri.path());
            Refusal::UnknownOperation(format!("No operation of the emulator has {method} {path}."))
        })?;
        let query = wire::query(head.uri.query())?;
        let members = wire::members(&body)?;
        let from = Origin {
            arns: arns.clone(),
            request_id: request_id.clone(),
            host: wire::host(&head.headers),
        };
        let Some(delay) = emulator.delay(route.operation) else {
            return emulator.call(route, query, members, from);
        };
        // What has arrived takes effect, whether or not anybody still waits for its answer.
        let emulator = emulator.clone();
        let call = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            emulator.call(route, query, members, from)
        });
        call.await.unwrap_or(Err(Refusal::InternalFailure))
    };
    let answer = answer.await;
    let now = emulator.now();
    match answer {
        Ok(Some(body)) => wire::success(body, plane, &request_id, now),
        Ok(None) => {
            switch.cut();
            wire::success(String::new(), plane, &request_id, now)
        }
        Err(refusal) => wire::refusal(&refusal, plane, &request_id, now, |name| arns.of(name)),
    }
}
