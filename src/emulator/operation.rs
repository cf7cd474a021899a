//! The operations that the emulator answers, and how a request is recognised as one.
//!
//! Its own list, not the controller's: what the controller calls is under test here. Both planes use
//! one port; the service name in the SigV4 credential scope tells them apart, since two paths are the
//! same on both.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The plane that a request was signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plane {
    /// `iot`, also what is not signed at all.
    Control,
    /// `iot-jobs-data`.
    Data,
}

macro_rules! operations {
    ($($variant:ident = $plane:ident $name:literal $action:literal),+ $(,)?) => {
        /// An operation.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[allow(missing_docs)] // the names are AWS's
        pub enum Operation { $($variant,)+ }

        impl Operation {
            /// Every variant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// AWS's name, and `iotjobsdata:` before it on the data plane: one name is on both.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The IAM action.
            pub fn action(self) -> &'static str {
                match self { $(Self::$variant => $action,)+ }
            }

            /// The plane that it is on.
            pub fn plane(self) -> Plane {
                match self { $(Self::$variant => Plane::$plane,)+ }
            }
        }
    };
}

operations!(
    ListJobs = Control "ListJobs" "iot:ListJobs",
    DescribeJob = Control "DescribeJob" "iot:DescribeJob",
    CreateJob = Control "CreateJob" "iot:CreateJob",
    ListJobExecutionsForJob = Control "ListJobExecutionsForJob" "iot:ListJobExecutionsForJob",
    ListJobExecutionsForThing =
        Control "ListJobExecutionsForThing" "iot:ListJobExecutionsForThing",
    DescribeJobExecution = Control "DescribeJobExecution" "iot:DescribeJobExecution",
    CancelJobExecution = Control "CancelJobExecution" "iot:CancelJobExecution",
    DescribeThing = Control "DescribeThing" "iot:DescribeThing",
    CreateThing = Control "CreateThing" "iot:CreateThing",
    ListThingGroupsForThing = Control "ListThingGroupsForThing" "iot:ListThingGroupsForThing",
    CreateThingGroup = Control "CreateThingGroup" "iot:CreateThingGroup",
    AddThingToThingGroup = Control "AddThingToThingGroup" "iot:AddThingToThingGroup",
    RemoveThingFromThingGroup =
        Control "RemoveThingFromThingGroup" "iot:RemoveThingFromThingGroup",
    GetPendingJobExecutions =
        Data "iotjobsdata:GetPendingJobExecutions" "iotjobsdata:GetPendingJobExecutions",
    StartNextPendingJobExecution =
        Data "iotjobsdata:StartNextPendingJobExecution" "iotjobsdata:StartNextPendingJobExecution",
    DataDescribeJobExecution =
        Data "iotjobsdata:DescribeJobExecution" "iotjobsdata:DescribeJobExecution",
    UpdateJobExecution = Data "iotjobsdata:UpdateJobExecution" "iotjobsdata:UpdateJobExecution",
);

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Operation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.iter().copied().find(|operation| operation.as_str() == name);
        found.ok_or_else(|| {
            serde::de::Error::custom(format!("{name:?} is no operation of the emulator"))
        })
    }
}

/// An operation and the labels of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The operation.
    pub operation: Operation,
    /// The `thingName` label, decoded.
    pub thing: Option<String>,
    /// The `jobId` label, decoded.
    pub job: Option<String>,
    /// The `thingGroupName` label, decoded.
    pub group: Option<String>,
}

/// What a request means; none if no operation has this method and path.
pub fn route(plane: Plane, method: &str, segments: &[String]) -> Option<Route> {
    use Operation as O;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let none = None::<&str>;
    let (operation, thing, job, group) = match (plane, method, segments.as_slice()) {
        (Plane::Control, "GET", ["jobs"]) => (O::ListJobs, none, none, none),
        (Plane::Control, "GET", ["jobs", job]) => (O::DescribeJob, none, Some(*job), none),
        (Plane::Control, "PUT", ["jobs", job]) => (O::CreateJob, none, Some(*job), none),
        (Plane::Control, "GET", ["jobs", job, "things"]) => {
            (O::ListJobExecutionsForJob, none, Some(*job), none)
        }
        (Plane::Control, "GET", ["things", thing]) => (O::DescribeThing, Some(*thing), none, none),
        (Plane::Control, "POST", ["things", thing]) => (O::CreateThing, Some(*thing), none, none),
        (Plane::Control, "GET", ["things", thing, "thing-groups"]) => {
            (O::ListThingGroupsForThing, Some(*thing), none, none)
        }
        (Plane::Control, "GET", ["things", thing, "jobs"]) => {
            (O::ListJobExecutionsForThing, Some(*thing), none, none)
        }
        (Plane::Control, "GET", ["things", thing, "jobs", job]) => {
            (O::DescribeJobExecution, Some(*thing), Some(*job), none)
        }
        (Plane::Control, "PUT", ["things", thing, "jobs", job, "cancel"]) => {
            (O::CancelJobExecution, Some(*thing), Some(*job), none)
        }
        (Plane::Control, "PUT", ["thing-groups", "addThingToThingGroup"]) => {
            (O::AddThingToThingGroup, none, none, none)
        }
        (Plane::Control, "PUT", ["thing-groups", "removeThingFromThingGroup"]) => {
            (O::RemoveThingFromThingGroup, none, none, none)
        }
        (Plane::Control, "POST", ["thing-groups", group]) => {
            (O::CreateThingGroup, none, none, Some(*group))
        }
        (Plane::Data, "GET", ["things", thing, "jobs"]) => {
            (O::GetPendingJobExecutions, Some(*thing), none, none)
        }
        (Plane::Data, "GET", ["things", thing, "jobs", job]) => {
            (O::DataDescribeJobExecution, Some(*thing), Some(*job), none)
        }
        (Plane::Data, "PUT", ["things", thing, "jobs", "$next"]) => {
            (O::StartNextPendingJobExecution, Some(*thing), none, none)
        }
        (Plane::Data, "POST", ["things", thing, "jobs", job]) => {
            (O::UpdateJobExecution, Some(*thing), Some(*job), none)
        }
        _ => return None,
    };
    let owned = |label: Option<&str>| label.map(str::to_owned);
    Some(Route { operation, thing: owned(thing), job: owned(job), group: owned(group) })
}
