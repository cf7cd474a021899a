"""boto3 against the emulator: `boto3_jobs.py ENDPOINT`.

Creates a job, starts one of its executions on the data plane, cancels the other with a wrong and then
with the right version, and compares each answer whole with what is specified. It exits with 1 and a
message at the first difference. botocore's own parser has read each answer before.
"""

import datetime
import json
import sys

import boto3
from botocore.config import Config

ENDPOINT = sys.argv[1]
REGION = "eu-west-1"
ARN = f"arn:aws:iot:{REGION}:123456789012:"


def client(service):
    return boto3.client(
        service,
        endpoint_url=ENDPOINT,
        region_name=REGION,
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


IOT = client("iot")
DATA = client("iot-jobs-data")


def plain(answer, times=()):
    """The answer without metadata; times are checked for their type and taken out."""
    meta = answer.pop("ResponseMetadata")
    assert meta["HTTPStatusCode"] == 200, meta
    assert meta["RequestId"], meta
    assert "date" in meta["HTTPHeaders"], meta

    def strip(value):
        if isinstance(value, dict):
            kept = {}
            for key, inner in value.items():
                if key in times:
                    assert isinstance(inner, (datetime.datetime, int)), (key, inner)
                else:
                    kept[key] = strip(inner)
            return kept
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        assert not isinstance(value, datetime.datetime), f"a time that was not expected: {value}"
        return value

    return strip(answer)


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}:\n  found    {found!r}\n  expected {expected!r}")


def refused(what, code, status, call, message=None):
    try:
        call()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is compared
        response = getattr(error, "response", None)
        if response is None:
            sys.exit(f"{what}: {error!r}")
        found = (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
        same(what, found, (code, status))
        if message is not None:
            same(what, response["Error"]["Message"], message)
        return response
    sys.exit(f"{what}: was not refused")


JOB_TIMES = ("createdAt", "lastUpdatedAt", "completedAt")
TIMES = ("queuedAt", "lastUpdatedAt")
STARTED = ("queuedAt", "startedAt", "lastUpdatedAt")

# A job for a thing and for a group whose member has a colon in its name.
created = IOT.create_job(
    jobId="fw",
    targets=[ARN + "thing/r1", ARN + "thinggroup/berlin"],
    document=json.dumps({"firmware": "4.2.0"}),
    description="firmware",
    timeoutConfig={"inProgressTimeoutInMinutes": 60},
)
same("CreateJob", plain(created), {"jobArn": ARN + "job/fw", "jobId": "fw", "description": "firmware"})
refused(
    "CreateJob again", "ResourceAlreadyExistsException", 409,
    lambda: IOT.create_job(jobId="fw", targets=[ARN + "thing/r1"], document="{}"),
)

# The data plane starts one.
started = DATA.start_next_pending_job_execution(thingName="r1", statusDetails={"phase": "download"})
same("StartNextPendingJobExecution", plain(started, STARTED), {
    "execution": {
        "jobId": "fw", "thingName": "r1", "status": "IN_PROGRESS",
        "statusDetails": {"phase": "download"}, "versionNumber": 2, "executionNumber": 1,
        "approximateSecondsBeforeTimedOut": 3600, "jobDocument": '{"firmware": "4.2.0"}',
    },
})
updated = DATA.update_job_execution(
    thingName="r1", jobId="fw", status="IN_PROGRESS", statusDetails={"phase": "verify"},
    expectedVersion=2, includeJobExecutionState=True, stepTimeoutInMinutes=5,
)
same("UpdateJobExecution", plain(updated), {
    "executionState": {"status": "IN_PROGRESS", "statusDetails": {"phase": "verify"}, "versionNumber": 3},
})
refused(
    "UpdateJobExecution with a wrong version", "InvalidRequestException", 400,
    lambda: DATA.update_job_execution(
        thingName="r1", jobId="fw", status="IN_PROGRESS", expectedVersion=2),
)
refused(
    "UpdateJobExecution to QUEUED", "InvalidStateTransitionException", 409,
    lambda: DATA.update_job_execution(thingName="r1", jobId="fw", status="QUEUED"),
)
expected = {
    "execution": {
        "jobId": "fw", "thingName": "r1", "status": "IN_PROGRESS",
        "statusDetails": {"phase": "verify"}, "versionNumber": 3, "executionNumber": 1,
        "approximateSecondsBeforeTimedOut": 300,
    },
}
described = DATA.describe_job_execution(thingName="r1", jobId="$next", includeJobDocument=False)
described = plain(described, STARTED)
# The timer runs while this script does.
left = described["execution"]["approximateSecondsBeforeTimedOut"]
same("the step timer is the earlier one", 240 <= left <= 300, True)
described["execution"]["approximateSecondsBeforeTimedOut"] = 300
same("DescribeJobExecution of $next", described, expected)
same("GetPendingJobExecutions", plain(DATA.get_pending_job_executions(thingName="r:2"), TIMES), {
    "inProgressJobs": [],
    "queuedJobs": [{"jobId": "fw", "versionNumber": 1, "executionNumber": 1}],
})
same("no statusDetails before the first", plain(
    DATA.describe_job_execution(thingName="r:2", jobId="fw", includeJobDocument=False), TIMES), {
        "execution": {
            "jobId": "fw", "thingName": "r:2", "status": "QUEUED", "versionNumber": 1,
            "executionNumber": 1,
        },
    })

# The control plane lists and describes.
same("ListJobExecutionsForJob", plain(
    IOT.list_job_executions_for_job(jobId="fw", status="QUEUED", maxResults=250), TIMES), {
        "executionSummaries": [{
            "thingArn": ARN + "thing/r:2",
            "jobExecutionSummary": {"status": "QUEUED", "executionNumber": 1, "retryAttempt": 0},
        }],
    })
same("ListJobExecutionsForThing", plain(
    IOT.list_job_executions_for_thing(thingName="r1"), STARTED), {
        "executionSummaries": [{
            "jobId": "fw",
            "jobExecutionSummary": {"status": "IN_PROGRESS", "executionNumber": 1, "retryAttempt": 0},
        }],
    })
same("DescribeJobExecution", plain(
    IOT.describe_job_execution(thingName="r:2", jobId="fw", executionNumber=1), TIMES), {
        "execution": {
            "jobId": "fw", "status": "QUEUED", "statusDetails": {}, "thingArn": ARN + "thing/r:2",
            "executionNumber": 1, "versionNumber": 1,
        },
    })

# Cancels: wrong version, right version, once more, and in progress without force.
conflict = refused(
    "CancelJobExecution with a wrong version", "VersionConflictException", 409,
    lambda: IOT.cancel_job_execution(jobId="fw", thingName="r:2", expectedVersion=5),
    "Expected version 5 but found version 1",
)
same("an empty answer", plain(IOT.cancel_job_execution(
    jobId="fw", thingName="r:2", expectedVersion=1, statusDetails={"reason": "by policy"})), {})
refused(
    "CancelJobExecution of what is canceled", "InvalidStateTransitionException", 409,
    lambda: IOT.cancel_job_execution(jobId="fw", thingName="r:2", force=True),
)
refused(
    "CancelJobExecution in progress without force", "InvalidStateTransitionException", 409,
    lambda: IOT.cancel_job_execution(jobId="fw", thingName="r1"),
)
refused(
    "CancelJobExecution of a job that is not there", "ResourceNotFoundException", 404,
    lambda: IOT.cancel_job_execution(jobId="cfg", thingName="r1"),
)
same("DescribeJobExecution after the cancel", plain(
    IOT.describe_job_execution(thingName="r:2", jobId="fw"), TIMES), {
        "execution": {
            "jobId": "fw", "status": "CANCELED", "forceCanceled": False,
            "statusDetails": {"detailsMap": {"reason": "by policy"}},
            "thingArn": ARN + "thing/r:2", "executionNumber": 1, "versionNumber": 2,
        },
    })
refused(
    "the data plane describes nothing terminal", "TerminalStateException", 410,
    lambda: DATA.describe_job_execution(thingName="r:2", jobId="fw"),
)
refused(
    "UpdateJobExecution of what is canceled", "InvalidStateTransitionException", 409,
    lambda: DATA.update_job_execution(thingName="r:2", jobId="fw", status="SUCCEEDED"),
)

# The job before and after its last execution.
JOB = {
    "jobArn": ARN + "job/fw", "jobId": "fw", "targetSelection": "SNAPSHOT", "status": "IN_PROGRESS",
    "targets": [ARN + "thing/r1", ARN + "thinggroup/berlin"], "description": "firmware",
    "presignedUrlConfig": {}, "jobExecutionsRolloutConfig": {}, "schedulingConfig": {},
    "timeoutConfig": {"inProgressTimeoutInMinutes": 60}, "isConcurrent": False,
    "jobProcessDetails": {
        "numberOfCanceledThings": 1, "numberOfSucceededThings": 0, "numberOfFailedThings": 0,
        "numberOfRejectedThings": 0, "numberOfQueuedThings": 0, "numberOfInProgressThings": 1,
        "numberOfRemovedThings": 0, "numberOfTimedOutThings": 0,
    },
}
same("DescribeJob", plain(IOT.describe_job(jobId="fw"), JOB_TIMES), {"job": JOB})
plain(DATA.update_job_execution(thingName="r1", jobId="fw", status="SUCCEEDED"))
JOB["status"] = "COMPLETED"
JOB["jobProcessDetails"]["numberOfInProgressThings"] = 0
JOB["jobProcessDetails"]["numberOfSucceededThings"] = 1
same("DescribeJob of a completed job", plain(IOT.describe_job(jobId="fw"), JOB_TIMES), {"job": JOB})
same("ListJobs", plain(IOT.list_jobs(status="COMPLETED", targetSelection="SNAPSHOT"), JOB_TIMES), {
    "jobs": [{
        "jobArn": ARN + "job/fw", "jobId": "fw", "targetSelection": "SNAPSHOT",
        "status": "COMPLETED", "isConcurrent": False,
    }],
})
refused(
    "DescribeJob of what is not there", "ResourceNotFoundException", 404,
    lambda: IOT.describe_job(jobId="cfg"), "Job cfg cannot be found.",
)

# Constraints, in the service's own words.
refused(
    "maxResults above the limit", "InvalidRequestException", 400,
    lambda: IOT.list_jobs(maxResults=1000),
    "1 validation error detected: Value '1000' at 'maxResults' failed to satisfy constraint: "
    "Member must have value less than or equal to 250",
)

# Registry.
refused(
    "CreateThing of a type that is not there", "ResourceNotFoundException", 404,
    lambda: IOT.create_thing(thingName="r3", thingTypeName="robot"),
)
plain(IOT.create_thing_type(thingTypeName="robot"))
thing = plain(IOT.create_thing(
    thingName="r3", thingTypeName="robot", attributePayload={"attributes": {"site": "b1"}}))
same("CreateThing", (thing["thingName"], thing["thingArn"]), ("r3", ARN + "thing/r3"))
plain(IOT.create_thing_group(thingGroupName="hamburg"))
plain(IOT.add_thing_to_thing_group(thingGroupName="hamburg", thingName="r3"))
same("ListThingGroupsForThing", plain(IOT.list_thing_groups_for_thing(thingName="r3")), {
    "thingGroups": [{"groupName": "hamburg", "groupArn": ARN + "thinggroup/hamburg"}],
})
described = plain(IOT.describe_thing(thingName="r3"))
same("one id for a thing", described.pop("thingId"), thing["thingId"])
same("DescribeThing", described, {
    "defaultClientId": "r3", "thingName": "r3", "thingArn": ARN + "thing/r3",
    "thingTypeName": "robot", "attributes": {"site": "b1"}, "version": 1,
})
refused(
    "DescribeThing of what is not there", "ResourceNotFoundException", 404,
    lambda: IOT.describe_thing(thingName="r9"),
)
