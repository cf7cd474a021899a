//! The members of every emulated operation: where each comes from and what constrains it.
//!
//! One table, to be held against AWS's service model line by line (a test with botocore does). What the
//! model's words or the developer guide add to its constraints is marked. Members that AWS knows and
//! the emulator does not are here too: they are checked and then refused, never ignored. A member that
//! is not here is passed over, as AWS does.

use super::constraint::{
    ANY, ATTRIBUTE, ATTRIBUTE_VALUE, DOCUMENT, ENDPOINT_TYPE, GROUP_ID, JOB_ID, JOB_ID_OR_NEXT,
    LONG_ARN, NAME, NAMESPACE, PARAMETER, PARAMETER_VALUE, PROSE, QUOTA_CODE, REASON, SERVICE_CODE,
    SOME, SOURCE, TAG_KEY, Text as Rule,
};
use super::operation::Operation as O;

mod shared;

use shared::{
    ABORT, ANY_LONG, ATTRIBUTES, BODY_VERSION, COMMENT, DETAILS, EXECUTION_STATUS, FORCE, FROM_ONE,
    GROUP, GROUP_PROPERTIES, JOB, JOB_STATUS, MANY, MAX_RESULTS, NEXT_TOKEN, OF_NAMESPACE,
    PRESIGNED_URL, QUERY_VERSION, RETRY, ROLLOUT, SCHEDULING, SELECTION, STEP_TIMEOUT, TAGS,
    TARGETS, THING, TIMEOUT, TYPE, TYPE_PROPERTIES,
};

/// Where a member comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A label of the path.
    Label,
    /// The query.
    Query,
    /// The body, or a structure in it.
    Body,
}

/// What a member is.
#[derive(Clone, Copy)]
pub enum Shape {
    /// A text.
    Text(&'static Rule),
    /// One of a few texts.
    OneOf(&'static [&'static str]),
    /// A number of 32 bits.
    Integer(i64, i64),
    /// A number of 64 bits.
    Long(i64, i64),
    /// -1, or a number of 64 bits in this range.
    LongOrOff(i64, i64),
    /// A number with a fraction.
    Double(f64, f64),
    /// true or false.
    Flag,
    /// Members in the body.
    Structure(&'static [Member]),
    /// So many texts.
    Texts(usize, usize, &'static Rule),
    /// So many structures.
    Structures(usize, usize, &'static [Member]),
    /// At most so many texts by text.
    Map(usize, &'static Rule, &'static Rule),
}

/// A member of an input.
pub struct Member {
    /// AWS's name.
    pub name: &'static str,
    /// Where it comes from.
    pub place: Place,
    /// Whether it must be there.
    pub required: bool,
    /// Whether the emulator does what it asks; if not, it is refused.
    pub emulated: bool,
    /// What it is.
    pub shape: Shape,
}

const fn member(name: &'static str, place: Place, shape: Shape) -> Member {
    Member { name, place, required: false, emulated: true, shape }
}

const fn label(name: &'static str, rule: &'static Rule) -> Member {
    member(name, Place::Label, Text(rule)).required()
}

const fn query(name: &'static str, shape: Shape) -> Member {
    member(name, Place::Query, shape)
}

const fn body(name: &'static str, shape: Shape) -> Member {
    member(name, Place::Body, shape)
}

impl Member {
    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn not_emulated(mut self) -> Self {
        self.emulated = false;
        self
    }
}

use Shape::{Flag, Map, Structure, Text, Texts};

/// The members of an operation, in the order of the model.
pub const fn members(operation: O) -> &'static [Member] {
    match operation {
        O::ListJobs => {
            const {
                &[
                    query("status", JOB_STATUS),
                    query("targetSelection", SELECTION),
                    MAX_RESULTS,
                    NEXT_TOKEN,
                    query("thingGroupName", Text(&NAME)),
                    query("thingGroupId", Text(&GROUP_ID)),
                    OF_NAMESPACE,
                ]
            }
        }
        O::DescribeJob | O::GetJobDocument => const { &[JOB, query("beforeSubstitution", Flag)] },
        O::CreateJob => {
            const {
                &[
                    JOB,
                    TARGETS,
                    body("documentSource", Text(&SOURCE)),
                    body("document", Text(&DOCUMENT)),
                    body("description", Text(&PROSE)),
                    PRESIGNED_URL,
                    body("targetSelection", SELECTION),
                    ROLLOUT,
                    ABORT,
                    TIMEOUT,
                    TAGS,
                    body("namespaceId", Text(&NAMESPACE)),
                    body("jobTemplateArn", Text(&LONG_ARN)).not_emulated(),
                    RETRY,
                    body("documentParameters", Map(MANY, &PARAMETER, &PARAMETER_VALUE))
                        .not_emulated(),
                    SCHEDULING,
                    body("destinationPackageVersions", Texts(0, MANY, &LONG_ARN)).not_emulated(),
                ]
            }
        }
        O::UpdateJob => {
            const {
                &[
                    JOB,
                    body("description", Text(&PROSE)),
                    PRESIGNED_URL,
                    ROLLOUT,
                    ABORT,
                    TIMEOUT,
                    OF_NAMESPACE,
                    RETRY,
                ]
            }
        }
        O::CancelJob => const { &[JOB, body("reasonCode", Text(&REASON)), COMMENT, FORCE] },
        O::DeleteJob => const { &[JOB, FORCE, OF_NAMESPACE] },
        O::AssociateTargetsWithJob => const { &[TARGETS, JOB, COMMENT, OF_NAMESPACE] },
        O::ListJobExecutionsForJob => {
            const { &[JOB, query("status", EXECUTION_STATUS), MAX_RESULTS, NEXT_TOKEN] }
        }
        O::ListJobExecutionsForThing => {
            const {
                &[
                    THING,
                    query("status", EXECUTION_STATUS),
                    OF_NAMESPACE,
                    MAX_RESULTS,
                    NEXT_TOKEN,
                    query("jobId", Text(&JOB_ID)),
                ]
            }
        }
        O::DescribeJobExecution => const { &[JOB, THING, query("executionNumber", ANY_LONG)] },
        O::CancelJobExecution => const { &[JOB, THING, FORCE, BODY_VERSION, DETAILS] },
        O::DeleteJobExecution => {
            const {
                &[
                    JOB,
                    THING,
                    member("executionNumber", Place::Label, ANY_LONG).required(),
                    FORCE,
                    OF_NAMESPACE,
                ]
            }
        }
        O::ListTagsForResource => {
            const { &[query("resourceArn", Text(&ANY)).required(), NEXT_TOKEN] }
        }
        O::TagResource => const { &[body("resourceArn", Text(&ANY)).required(), TAGS.required()] },
        O::UntagResource => {
            const {
                &[
                    body("resourceArn", Text(&ANY)).required(),
                    body("tagKeys", Texts(0, MANY, &TAG_KEY)).required(),
                ]
            }
        }
        O::CreateThing => {
            const {
                &[
                    THING,
                    body("thingTypeName", Text(&NAME)),
                    ATTRIBUTES,
                    body("billingGroupName", Text(&NAME)).not_emulated(),
                ]
            }
        }
        O::DescribeThing | O::GetThingConnectivityData | O::GetPendingJobExecutions => {
            const { &[THING] }
        }
        O::UpdateThing => {
            const {
                &[
                    THING,
                    body("thingTypeName", Text(&NAME)),
                    ATTRIBUTES,
                    BODY_VERSION,
                    body("removeThingType", Flag),
                ]
            }
        }
        O::DeleteThing => const { &[THING, QUERY_VERSION] },
        O::ListThings => {
            const {
                &[
                    NEXT_TOKEN,
                    MAX_RESULTS,
                    query("attributeName", Text(&ATTRIBUTE)),
                    query("attributeValue", Text(&ATTRIBUTE_VALUE)),
                    query("thingTypeName", Text(&NAME)),
                    query("usePrefixAttributeValue", Flag),
                ]
            }
        }
        O::CreateThingType => {
            const { &[TYPE, body("thingTypeProperties", Structure(TYPE_PROPERTIES)), TAGS] }
        }
        O::DescribeThingType | O::DeleteThingType => const { &[TYPE] },
        O::ListThingTypes => {
            const { &[NEXT_TOKEN, MAX_RESULTS, query("thingTypeName", Text(&NAME))] }
        }
        O::DeprecateThingType => const { &[TYPE, body("undoDeprecate", Flag)] },
        O::AddThingToThingGroup | O::RemoveThingFromThingGroup => {
            const {
                &[
                    body("thingGroupName", Text(&NAME)),
                    body("thingGroupArn", Text(&ANY)),
                    body("thingName", Text(&NAME)),
                    body("thingArn", Text(&ANY)),
                    body("overrideDynamicGroups", Flag),
                ]
            }
        }
        O::UpdateThingGroupsForThing => {
            const {
                &[
                    body("thingName", Text(&NAME)),
                    body("thingGroupsToAdd", Texts(0, MANY, &NAME)),
                    body("thingGroupsToRemove", Texts(0, MANY, &NAME)),
                    body("overrideDynamicGroups", Flag),
                ]
            }
        }
        O::CreateThingGroup => {
            const { &[GROUP, body("parentGroupName", Text(&NAME)), GROUP_PROPERTIES, TAGS] }
        }
        O::DescribeThingGroup => const { &[GROUP] },
        O::UpdateThingGroup => const { &[GROUP, GROUP_PROPERTIES.required(), BODY_VERSION] },
        O::DeleteThingGroup => const { &[GROUP, QUERY_VERSION] },
        O::ListThingGroups => {
            const {
                &[
                    NEXT_TOKEN,
                    MAX_RESULTS,
                    query("parentGroup", Text(&NAME)),
                    query("namePrefixFilter", Text(&NAME)),
                    query("recursive", Flag),
                ]
            }
        }
        O::ListThingsInThingGroup => {
            const { &[GROUP, query("recursive", Flag), NEXT_TOKEN, MAX_RESULTS] }
        }
        O::ListThingGroupsForThing => const { &[THING, NEXT_TOKEN, MAX_RESULTS] },
        O::SearchIndex => {
            const {
                &[
                    body("indexName", Text(&NAME)),
                    body("queryString", Text(&SOME)).required(),
                    body("nextToken", Text(&ANY)),
                    body("maxResults", FROM_ONE),
                    body("queryVersion", Text(&ANY)),
                ]
            }
        }
        O::DescribeEndpoint => const { &[query("endpointType", Text(&ENDPOINT_TYPE))] },
        O::StartNextPendingJobExecution => const { &[THING, DETAILS, STEP_TIMEOUT] },
        O::DataDescribeJobExecution => {
            const {
                &[
                    label("jobId", &JOB_ID_OR_NEXT),
                    THING,
                    query("includeJobDocument", Flag),
                    query("executionNumber", ANY_LONG),
                ]
            }
        }
        O::UpdateJobExecution => {
            const {
                &[
                    JOB,
                    THING,
                    body("status", EXECUTION_STATUS).required(),
                    DETAILS,
                    STEP_TIMEOUT,
                    BODY_VERSION,
                    body("includeJobExecutionState", Flag),
                    body("includeJobDocument", Flag),
                    body("executionNumber", ANY_LONG),
                ]
            }
        }
        O::GetServiceQuota | O::GetAwsDefaultServiceQuota => {
            const {
                &[
                    body("ServiceCode", Text(&SERVICE_CODE)).required(),
                    body("QuotaCode", Text(&QUOTA_CODE)).required(),
                ]
            }
        }
        // Not emulated: refused whatever they carry.
        O::CreateJobTemplate
        | O::DescribeJobTemplate
        | O::ListJobTemplates
        | O::DeleteJobTemplate
        | O::DescribeManagedJobTemplate
        | O::ListManagedJobTemplates
        | O::CreateDynamicThingGroup
        | O::UpdateDynamicThingGroup
        | O::DeleteDynamicThingGroup => &[],
    }
}
