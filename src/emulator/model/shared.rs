//! Members and structures that several operations have, or that are too large to stand in a line.

use super::Shape::{
    Double, Flag, Integer, Long, LongOrOff, Map, OneOf, Structure, Structures, Text, Texts,
};
use super::{Member, Shape, body, label, query};
use crate::emulator::constraint::{
    ANY, ATTRIBUTE, ATTRIBUTE_VALUE, CONNECTION_ATTRIBUTE, CRON, DESCRIPTION, DETAIL, JOB_ID, NAME,
    NAMESPACE, PROSE, ROLE, TAG_KEY, TAG_VALUE, TARGET, TIME, USER_PROPERTY,
};

pub const MANY: usize = usize::MAX;
pub const ANY_LONG: Shape = Long(i64::MIN, i64::MAX);
pub const FROM_ONE: Shape = Integer(1, i32::MAX as i64);

pub const EXECUTION_STATUS: Shape = OneOf(&[
    "QUEUED",
    "IN_PROGRESS",
    "SUCCEEDED",
    "FAILED",
    "TIMED_OUT",
    "REJECTED",
    "REMOVED",
    "CANCELED",
]);
pub const JOB_STATUS: Shape =
    OneOf(&["IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"]);
pub const SELECTION: Shape = OneOf(&["CONTINUOUS", "SNAPSHOT"]);

/// Ten pairs at most, say the words of the model.
pub const DETAILS: Member = body("statusDetails", Map(10, &NAME, &DETAIL));
/// 1 to 10080, or -1 to stop the timer, say the words of the model.
pub const STEP_TIMEOUT: Member = body("stepTimeoutInMinutes", LongOrOff(1, 10_080));
pub const TARGETS: Member = body("targets", Texts(1, MANY, &TARGET)).required();
pub const MAX_RESULTS: Member = query("maxResults", Integer(1, 250));
pub const NEXT_TOKEN: Member = query("nextToken", Text(&ANY));
pub const OF_NAMESPACE: Member = query("namespaceId", Text(&NAMESPACE));
pub const FORCE: Member = query("force", Flag);
pub const JOB: Member = label("jobId", &JOB_ID);
pub const THING: Member = label("thingName", &NAME);
pub const GROUP: Member = label("thingGroupName", &NAME);
pub const TYPE: Member = label("thingTypeName", &NAME);
pub const COMMENT: Member = body("comment", Text(&PROSE));
pub const BODY_VERSION: Member = body("expectedVersion", ANY_LONG);
pub const QUERY_VERSION: Member = query("expectedVersion", ANY_LONG);

pub const TAG: &[Member] =
    &[body("Key", Text(&TAG_KEY)).required(), body("Value", Text(&TAG_VALUE))];
pub const TAGS: Member = body("tags", Structures(0, MANY, TAG));

pub const PAYLOAD: &[Member] =
    &[body("attributes", Map(MANY, &ATTRIBUTE, &ATTRIBUTE_VALUE)), body("merge", Flag)];
pub const ATTRIBUTES: Member = body("attributePayload", Structure(PAYLOAD));
pub const GROUP_PROPERTIES: Member = body(
    "thingGroupProperties",
    Structure(const { &[body("thingGroupDescription", Text(&DESCRIPTION)), ATTRIBUTES] }),
);
pub const PROPAGATING: &[Member] = &[
    body("userPropertyKey", Text(&USER_PROPERTY)),
    body("thingAttribute", Text(&ATTRIBUTE)),
    body("connectionAttribute", Text(&CONNECTION_ATTRIBUTE)),
];
pub const MQTT5: &[Member] = &[body("propagatingAttributes", Structures(0, MANY, PROPAGATING))];
pub const TYPE_PROPERTIES: &[Member] = &[
    body("thingTypeDescription", Text(&DESCRIPTION)),
    body("searchableAttributes", Texts(0, MANY, &ATTRIBUTE)),
    body("mqtt5Configuration", Structure(MQTT5)).not_emulated(),
];

pub const PRESIGNED_URL: Member = body(
    "presignedUrlConfig",
    Structure(const { &[body("roleArn", Text(&ROLE)), body("expiresInSec", Long(60, 3600))] }),
);
pub const RATE_INCREASE: &[Member] =
    &[body("numberOfNotifiedThings", FROM_ONE), body("numberOfSucceededThings", FROM_ONE)];
pub const EXPONENTIAL: &[Member] = &[
    body("baseRatePerMinute", Integer(1, 1000)).required(),
    body("incrementFactor", Double(1.1, 5.0)).required(),
    body("rateIncreaseCriteria", Structure(RATE_INCREASE)).required(),
];
pub const ROLLOUT: Member = body(
    "jobExecutionsRolloutConfig",
    Structure(
        const { &[body("maximumPerMinute", FROM_ONE), body("exponentialRate", Structure(EXPONENTIAL))] },
    ),
);
pub const ABORT_CRITERION: &[Member] = &[
    body("failureType", OneOf(&["FAILED", "REJECTED", "TIMED_OUT", "ALL"])).required(),
    body("action", OneOf(&["CANCEL"])).required(),
    body("thresholdPercentage", Double(f64::MIN, 100.0)).required(),
    body("minNumberOfExecutedThings", FROM_ONE).required(),
];
pub const ABORT: Member = body(
    "abortConfig",
    Structure(const { &[body("criteriaList", Structures(1, MANY, ABORT_CRITERION)).required()] }),
);
/// The range is the developer guide's.
pub const TIMEOUT: Member = body(
    "timeoutConfig",
    Structure(const { &[body("inProgressTimeoutInMinutes", Long(1, 10_080))] }),
);
pub const RETRY_CRITERION: &[Member] = &[
    body("failureType", OneOf(&["FAILED", "TIMED_OUT", "ALL"])).required(),
    body("numberOfRetries", Integer(0, 10)).required(),
];
pub const RETRY: Member = body(
    "jobExecutionsRetryConfig",
    Structure(const { &[body("criteriaList", Structures(1, 2, RETRY_CRITERION)).required()] }),
);
pub const WINDOW: &[Member] = &[
    body("startTime", Text(&CRON)).required(),
    body("durationInMinutes", Integer(1, 1430)).required(),
];
pub const SCHEDULING: Member = body(
    "schedulingConfig",
    Structure(
        const {
            &[
                body("startTime", Text(&TIME)),
                body("endTime", Text(&TIME)),
                body("endBehavior", OneOf(&["STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"])),
                body("maintenanceWindows", Structures(0, MANY, WINDOW)).not_emulated(),
            ]
        },
    ),
);
