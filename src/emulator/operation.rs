//! The operations that the emulator answers, and how a request is recognised as one.
//!
//! Its own list, not the controller's: what the controller calls is under test here. All services use
//! one port; the service name in the SigV4 credential scope tells them apart, since two paths of the
//! two planes are the same.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The service that a request was signed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Plane {
    /// `iot`, also what is not signed at all.
    Control,
    /// `iot-jobs-data`.
    Data,
    /// `servicequotas`: JSON 1.1, where `X-Amz-Target` and not the path names the operation.
    Quotas,
}

macro_rules! operations {
    ($($variant:ident = $plane:ident $name:literal $action:literal $method:ident $path:literal),+ $(,)?) => {
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

            /// Its HTTP method.
            pub fn method(self) -> &'static str {
                match self { $(Self::$variant => stringify!($method),)+ }
            }

            /// Its path with the names of its labels, as the service model writes it; for Service
            /// Quotas the operation's name, which comes in a header.
            pub fn path(self) -> &'static str {
                match self { $(Self::$variant => $path,)+ }
            }
        }
    };
}

// Of two that a path could mean, the earlier is taken: fixed words go before labels.
operations!(
    ListJobs = Control "ListJobs" "iot:ListJobs" GET "/jobs",
    DescribeJob = Control "DescribeJob" "iot:DescribeJob" GET "/jobs/{jobId}",
    CreateJob = Control "CreateJob" "iot:CreateJob" PUT "/jobs/{jobId}",
    UpdateJob = Control "UpdateJob" "iot:UpdateJob" PATCH "/jobs/{jobId}",
    CancelJob = Control "CancelJob" "iot:CancelJob" PUT "/jobs/{jobId}/cancel",
    DeleteJob = Control "DeleteJob" "iot:DeleteJob" DELETE "/jobs/{jobId}",
    GetJobDocument = Control "GetJobDocument" "iot:GetJobDocument" GET "/jobs/{jobId}/job-document",
    AssociateTargetsWithJob = Control "AssociateTargetsWithJob" "iot:AssociateTargetsWithJob" POST "/jobs/{jobId}/targets",
    ListJobExecutionsForJob = Control "ListJobExecutionsForJob" "iot:ListJobExecutionsForJob" GET "/jobs/{jobId}/things",
    ListJobExecutionsForThing = Control "ListJobExecutionsForThing" "iot:ListJobExecutionsForThing" GET "/things/{thingName}/jobs",
    DescribeJobExecution = Control "DescribeJobExecution" "iot:DescribeJobExecution" GET "/things/{thingName}/jobs/{jobId}",
    CancelJobExecution = Control "CancelJobExecution" "iot:CancelJobExecution" PUT "/things/{thingName}/jobs/{jobId}/cancel",
    DeleteJobExecution = Control "DeleteJobExecution" "iot:DeleteJobExecution" DELETE "/things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}",
    ListTagsForResource = Control "ListTagsForResource" "iot:ListTagsForResource" GET "/tags",
    TagResource = Control "TagResource" "iot:TagResource" POST "/tags",
    UntagResource = Control "UntagResource" "iot:UntagResource" POST "/untag",
    CreateThing = Control "CreateThing" "iot:CreateThing" POST "/things/{thingName}",
    DescribeThing = Control "DescribeThing" "iot:DescribeThing" GET "/things/{thingName}",
    UpdateThing = Control "UpdateThing" "iot:UpdateThing" PATCH "/things/{thingName}",
    DeleteThing = Control "DeleteThing" "iot:DeleteThing" DELETE "/things/{thingName}",
    ListThings = Control "ListThings" "iot:ListThings" GET "/things",
    CreateThingType = Control "CreateThingType" "iot:CreateThingType" POST "/thing-types/{thingTypeName}",
    DescribeThingType = Control "DescribeThingType" "iot:DescribeThingType" GET "/thing-types/{thingTypeName}",
    ListThingTypes = Control "ListThingTypes" "iot:ListThingTypes" GET "/thing-types",
    DeprecateThingType = Control "DeprecateThingType" "iot:DeprecateThingType" POST "/thing-types/{thingTypeName}/deprecate",
    DeleteThingType = Control "DeleteThingType" "iot:DeleteThingType" DELETE "/thing-types/{thingTypeName}",
    AddThingToThingGroup = Control "AddThingToThingGroup" "iot:AddThingToThingGroup" PUT "/thing-groups/addThingToThingGroup",
    RemoveThingFromThingGroup = Control "RemoveThingFromThingGroup" "iot:RemoveThingFromThingGroup" PUT "/thing-groups/removeThingFromThingGroup",
    UpdateThingGroupsForThing = Control "UpdateThingGroupsForThing" "iot:UpdateThingGroupsForThing" PUT "/thing-groups/updateThingGroupsForThing",
    CreateThingGroup = Control "CreateThingGroup" "iot:CreateThingGroup" POST "/thing-groups/{thingGroupName}",
    DescribeThingGroup = Control "DescribeThingGroup" "iot:DescribeThingGroup" GET "/thing-groups/{thingGroupName}",
    UpdateThingGroup = Control "UpdateThingGroup" "iot:UpdateThingGroup" PATCH "/thing-groups/{thingGroupName}",
    DeleteThingGroup = Control "DeleteThingGroup" "iot:DeleteThingGroup" DELETE "/thing-groups/{thingGroupName}",
    ListThingGroups = Control "ListThingGroups" "iot:ListThingGroups" GET "/thing-groups",
    ListThingsInThingGroup = Control "ListThingsInThingGroup" "iot:ListThingsInThingGroup" GET "/thing-groups/{thingGroupName}/things",
    ListThingGroupsForThing = Control "ListThingGroupsForThing" "iot:ListThingGroupsForThing" GET "/things/{thingName}/thing-groups",
    GetThingConnectivityData = Control "GetThingConnectivityData" "iot:GetThingConnectivityData" POST "/things/{thingName}/connectivity-data",
    SearchIndex = Control "SearchIndex" "iot:SearchIndex" POST "/indices/search",
    DescribeEndpoint = Control "DescribeEndpoint" "iot:DescribeEndpoint" GET "/endpoint",
    CreateJobTemplate = Control "CreateJobTemplate" "iot:CreateJobTemplate" PUT "/job-templates/{jobTemplateId}",
    DescribeJobTemplate = Control "DescribeJobTemplate" "iot:DescribeJobTemplate" GET "/job-templates/{jobTemplateId}",
    ListJobTemplates = Control "ListJobTemplates" "iot:ListJobTemplates" GET "/job-templates",
    DeleteJobTemplate = Control "DeleteJobTemplate" "iot:DeleteJobTemplate" DELETE "/job-templates/{jobTemplateId}",
    DescribeManagedJobTemplate = Control "DescribeManagedJobTemplate" "iot:DescribeManagedJobTemplate" GET "/managed-job-templates/{templateName}",
    ListManagedJobTemplates = Control "ListManagedJobTemplates" "iot:ListManagedJobTemplates" GET "/managed-job-templates",
    CreateDynamicThingGroup = Control "CreateDynamicThingGroup" "iot:CreateDynamicThingGroup" POST "/dynamic-thing-groups/{thingGroupName}",
    UpdateDynamicThingGroup = Control "UpdateDynamicThingGroup" "iot:UpdateDynamicThingGroup" PATCH "/dynamic-thing-groups/{thingGroupName}",
    DeleteDynamicThingGroup = Control "DeleteDynamicThingGroup" "iot:DeleteDynamicThingGroup" DELETE "/dynamic-thing-groups/{thingGroupName}",
    GetPendingJobExecutions = Data "iotjobsdata:GetPendingJobExecutions" "iotjobsdata:GetPendingJobExecutions" GET "/things/{thingName}/jobs",
    StartNextPendingJobExecution = Data "iotjobsdata:StartNextPendingJobExecution" "iotjobsdata:StartNextPendingJobExecution" PUT "/things/{thingName}/jobs/$next",
    DataDescribeJobExecution = Data "iotjobsdata:DescribeJobExecution" "iotjobsdata:DescribeJobExecution" GET "/things/{thingName}/jobs/{jobId}",
    UpdateJobExecution = Data "iotjobsdata:UpdateJobExecution" "iotjobsdata:UpdateJobExecution" POST "/things/{thingName}/jobs/{jobId}",
    GetServiceQuota = Quotas "GetServiceQuota" "servicequotas:GetServiceQuota" POST "GetServiceQuota",
    GetAwsDefaultServiceQuota = Quotas "GetAWSDefaultServiceQuota" "servicequotas:GetAWSDefaultServiceQuota" POST "GetAWSDefaultServiceQuota",
);

impl Operation {
    /// Whether the emulator knows it by name only: job templates and dynamic groups are not emulated.
    pub fn is_emulated(self) -> bool {
        !matches!(
            self,
            Self::CreateJobTemplate
                | Self::DescribeJobTemplate
                | Self::ListJobTemplates
                | Self::DeleteJobTemplate
                | Self::DescribeManagedJobTemplate
                | Self::ListManagedJobTemplates
                | Self::CreateDynamicThingGroup
                | Self::UpdateDynamicThingGroup
                | Self::DeleteDynamicThingGroup
        )
    }
}

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
    labels: Vec<(&'static str, String)>,
}

impl Route {
    /// A label of the path, decoded: `thingName`, `jobId`.
    pub fn label(&self, name: &str) -> Option<&String> {
        self.labels.iter().find(|(known, _)| *known == name).map(|(_, text)| text)
    }
}

/// What a request means; none if no operation has this method and path.
pub fn route(plane: Plane, method: &str, segments: &[String]) -> Option<Route> {
    let of_plane = Operation::ALL.iter().copied();
    let mut of_plane = of_plane.filter(|it| it.plane() == plane && it.method() == method);
    let labelled = |operation: Operation| {
        labels(operation.path(), segments).map(|labels| Route { operation, labels })
    };
    of_plane.find_map(labelled)
}

fn labels(path: &'static str, segments: &[String]) -> Option<Vec<(&'static str, String)>> {
    let mut words = path.trim_start_matches('/').split('/');
    let mut labels = Vec::new();
    for segment in segments {
        let word = words.next()?;
        match word.strip_prefix('{').and_then(|word| word.strip_suffix('}')) {
            Some(name) => labels.push((name, segment.clone())),
            None if word == segment => {}
            None => return None,
        }
    }
    words.next().is_none().then_some(labels)
}
