//! ARNs of jobs, things and groups: made for answers, read from targets.

use super::refusal::Refusal;
use super::store::Target;
use crate::execution::Account;

/// Makes and reads ARNs of one account in the region that a request was signed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arns(String);

impl Arns {
    /// The region of the request's credential scope, or the fleet's if it has none.
    pub fn new(account: &Account, region: Option<&str>) -> Self {
        let region = region.unwrap_or(&account.region);
        let partition = match region {
            text if text.starts_with("cn-") => "aws-cn",
            text if text.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        Self(format!("arn:{partition}:iot:{region}:{}:", account.account))
    }

    /// The ARN of `job/ID`, `thing/NAME`, `thinggroup/NAME`.
    pub fn of(&self, resource: &str) -> String {
        format!("{}{resource}", self.0)
    }

    /// A job's ARN.
    pub fn job(&self, id: &str) -> String {
        format!("{}job/{id}", self.0)
    }

    /// A thing's ARN.
    pub fn thing(&self, name: &str) -> String {
        format!("{}thing/{name}", self.0)
    }

    /// A thing group's ARN.
    pub fn group(&self, name: &str) -> String {
        format!("{}thinggroup/{name}", self.0)
    }

    /// A thing type's ARN.
    pub fn thing_type(&self, name: &str) -> String {
        format!("{}thingtype/{name}", self.0)
    }

    /// A quota's ARN.
    pub fn quota(&self, service: &str, code: &str) -> String {
        let arn = self.0.replacen(":iot:", ":servicequotas:", 1);
        format!("{arn}{service}/{code}")
    }

    /// What follows the account in one of our ARNs: `job/ID`; none for an ARN of somebody else.
    pub fn resource<'a>(&self, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.0)
    }

    /// What a job's target names. A target of another account or region is refused (assumed).
    pub fn target(&self, arn: &str) -> Result<Target, Refusal> {
        let resource = arn.strip_prefix(&self.0).and_then(|rest| rest.split_once('/'));
        match resource {
            Some(("thing", name)) => Ok(Target::Thing(name.to_owned())),
            Some(("thinggroup", name)) => Ok(Target::Group(name.to_owned())),
            _ => Err(Refusal::InvalidRequest(format!("Target {arn} is not valid."))),
        }
    }
}
