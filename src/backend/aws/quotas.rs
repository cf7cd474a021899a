//! How many calls a second AWS grants, as Service Quotas tells it.
//!
//! Apart from the reader: it is another service, nothing is decided by it, and it may well not answer. An
//! operation whose quota is not told keeps its default rate.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_iot::config::retry::RetryConfig;
use aws_sdk_servicequotas::Client;
use futures_util::future::join_all;

use super::{Connection, endpoint, is_address};
use crate::backend::Operation;

/// Service and code of the quota of an operation (public lists of AWS's quotas). `ListTagsForResource` has
/// one in either service, and it is not documented which of them counts for a job: it has none here.
fn code(operation: Operation) -> Option<(&'static str, &'static str)> {
    Some(match operation {
        Operation::ListJobs => ("iot", "L-145FD0E6"),
        Operation::DescribeJob => ("iot", "L-609D00CE"),
        Operation::ListJobExecutionsForJob => ("iot", "L-9CCB5F90"),
        Operation::ListJobExecutionsForThing => ("iot", "L-10F35433"),
        Operation::DescribeJobExecution => ("iot", "L-B731A266"),
        Operation::CancelJobExecution => ("iot", "L-5D01DB62"),
        Operation::GetThingConnectivityData => ("iot", "L-48D98BA3"),
        Operation::DescribeThing => ("iotcore", "L-0EF0F5EE"),
        Operation::ListThingGroupsForThing => ("iotcore", "L-75F129AD"),
        Operation::ListTagsForResource => return None,
    })
}

/// A client of Service Quotas; none where AWS IoT is an emulator, whose rates AWS does not know. None
/// either where its address is none: nothing hangs on it, so that it is no reason to refuse anything.
pub(super) fn client(config: &SdkConfig) -> Option<Client> {
    match (endpoint(config, "IoT"), endpoint(config, "Service Quotas")) {
        (Some(_), None) => return None,
        (_, Some(url)) if !is_address(&url) => {
            tracing::debug!(url, "not an address of Service Quotas: the default rates hold");
            return None;
        }
        _ => {}
    }
    let builder = aws_sdk_servicequotas::config::Builder::from(config);
    Some(Client::from_conf(builder.retry_config(RetryConfig::disabled()).build()))
}

impl Connection {
    /// The calls a second of each operation that Service Quotas tells for this account and region.
    pub async fn quotas(&self) -> BTreeMap<Operation, f64> {
        let Some(client) = &self.0.quotas else { return BTreeMap::new() };
        let asked = Operation::ALL.into_iter().filter_map(|it| Some((it, code(it)?)));
        let asking = asked.map(|(operation, (service, code))| async move {
            let asked = client.get_service_quota().service_code(service).quota_code(code);
            let answer = tokio::time::timeout(super::CLIENT_TIMEOUT, asked.send()).await;
            let answer = match answer {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => {
                    tracing::debug!(%operation, ?error, "its quota is not told");
                    return None;
                }
                Err(_) => return None,
            };
            let quota = answer.quota()?;
            // A code that means something else by now must not set a rate.
            let is_its = quota.quota_name()?.split_whitespace().next() == Some(operation.as_str());
            let value = quota.value().filter(|value| value.is_finite() && *value > 0.0)?;
            is_its.then_some((operation, value))
        });
        join_all(asking).await.into_iter().flatten().collect()
    }
}
