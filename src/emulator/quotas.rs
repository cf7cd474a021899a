//! Service Quotas: how many calls a second AWS grants, as a service that can be asked.
//!
//! Default values for us-east-1 (`aws-iot-jobs.md`, section 4); a fleet may say that some were raised.
//! A quota that is not adjustable is not told by AWS, and not here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::input::Input;
use super::operation::Operation as O;
use super::refusal::Refusal;

/// Quotas that differ from AWS's defaults, by code.
pub type Applied = BTreeMap<String, f64>;

struct Quota {
    service: &'static str,
    code: &'static str,
    value: f64,
    operation: O,
}

const fn quota(service: &'static str, code: &'static str, value: f64, operation: O) -> Quota {
    Quota { service, code, value, operation }
}

const QUOTAS: &[Quota] = &[
    quota("iot", "L-5D01DB62", 10.0, O::CancelJobExecution),
    quota("iot", "L-B731A266", 10.0, O::DescribeJobExecution),
    quota("iot", "L-9CCB5F90", 10.0, O::ListJobExecutionsForJob),
    quota("iot", "L-10F35433", 10.0, O::ListJobExecutionsForThing),
    quota("iot", "L-145FD0E6", 10.0, O::ListJobs),
    quota("iot", "L-609D00CE", 10.0, O::DescribeJob),
    quota("iot", "L-DEC656C5", 10.0, O::CancelJob),
    quota("iot", "L-46C255C8", 10.0, O::DeleteJob),
    quota("iot", "L-4AB367B4", 10.0, O::DeleteJobExecution),
    quota("iot", "L-7365ADF8", 10.0, O::UpdateJob),
    quota("iot", "L-86FC5D66", 10.0, O::GetJobDocument),
    quota("iot", "L-D7A534B0", 10.0, O::AssociateTargetsWithJob),
    quota("iot", "L-908D0FBE", 15.0, O::SearchIndex),
    quota("iotcore", "L-0EF0F5EE", 350.0, O::DescribeThing),
    quota("iotcore", "L-57AAC135", 10.0, O::ListThings),
    quota("iotcore", "L-D33FD5F9", 25.0, O::ListThingsInThingGroup),
];

/// Calls a second of an operation, as far as AWS tells.
pub fn per_second(operation: O, applied: &Applied) -> Option<f64> {
    if let Some(quota) = QUOTAS.iter().find(|quota| quota.operation == operation) {
        return Some(applied.get(quota.code).copied().unwrap_or(quota.value));
    }
    match operation {
        // Not adjustable. The data plane counts reads and writes together; here each has its own bucket.
        O::CreateJob => Some(10.0),
        O::GetPendingJobExecutions
        | O::DataDescribeJobExecution
        | O::StartNextPendingJobExecution
        | O::UpdateJobExecution => Some(200.0),
        _ => None,
    }
}

/// `GetServiceQuota` and `GetAWSDefaultServiceQuota`.
pub fn answer(call: &Call, applied: &Applied) -> Result<Value, Refusal> {
    let input = Input::new(call);
    let (service, code) = (input.required("ServiceCode"), input.required("QuotaCode"));
    let found = QUOTAS.iter().find(|quota| quota.service == service && quota.code == code);
    let Some(quota) = found else {
        return Err(Refusal::NoSuchResource(
            "The request failed because the specified service quota does not exist.".to_owned(),
        ));
    };
    let applied = applied.get(code).filter(|_| call.operation() == O::GetServiceQuota).copied();
    let name = if service == "iot" { "AWS IoT" } else { "AWS IoT Core" };
    Ok(json!({ "Quota": {
        "ServiceCode": service,
        "ServiceName": name,
        "QuotaArn": call.arns.quota(service, code),
        "QuotaCode": code,
        "QuotaName": format!("{} throttle limit", quota.operation),
        "Value": applied.unwrap_or(quota.value),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
    }}))
}
