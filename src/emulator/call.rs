//! One call as it came.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::arn::Arns;
use super::operation::{Operation, Plane, Route};

/// One call of an operation.
#[derive(Clone, Debug)]
pub struct Call {
    /// Operation and path labels.
    pub route: Route,
    /// Which call of this operation this is since the counters were reset, 1 for the first.
    pub nth: u64,
    /// When it came, by the emulator's clock.
    pub at: Timestamp,
    /// `x-amzn-RequestId` of its answer.
    pub request_id: String,
    /// The query, decoded.
    pub query: BTreeMap<String, String>,
    /// The body's members; none of them null.
    pub body: Map<String, Value>,
    /// The `Host` that it was sent to.
    pub host: String,
    /// For the account, and the region that it was signed for.
    pub arns: Arns,
}

impl Call {
    /// The operation.
    pub fn operation(&self) -> Operation {
        self.route.operation
    }

    /// The ARNs that IAM asks about (Service Authorization Reference, "AWS IoT").
    pub fn resources(&self) -> Vec<String> {
        let given = |name: &str| {
            let body = || self.body.get(name).and_then(Value::as_str).map(str::to_owned);
            let query = || self.query.get(name).cloned();
            self.route.label(name).cloned().or_else(query).or_else(body)
        };
        if self.operation() == Operation::SearchIndex {
            let index = given("indexName").unwrap_or_else(|| "AWS_Things".to_owned());
            return vec![self.arns.of(&format!("index/{index}"))];
        }
        if let Some(arn) = given("resourceArn") {
            return vec![arn];
        }
        let job = self.route.label("jobId").filter(|_| self.operation().plane() == Plane::Control);
        let job = job.map(|id| self.arns.job(id));
        let lists = self.operation() == Operation::ListThings;
        let thing = given("thingName").map(|name| self.arns.thing(&name));
        let group =
            self.route.label("thingGroupName").cloned().or_else(|| {
                self.body.get("thingGroupName").and_then(Value::as_str).map(str::to_owned)
            });
        let group = group.map(|name| self.arns.group(&name));
        let kind = given("thingTypeName").filter(|_| !lists && thing.is_none());
        let kind = kind.map(|name| self.arns.thing_type(&name));
        let all: Vec<String> = [job, thing, group, kind].into_iter().flatten().collect();
        if all.is_empty() { vec!["*".to_owned()] } else { all }
    }
}
