"""Every operation of the emulator once, each answer held against botocore's service model.

`boto3_shapes.py ENDPOINT`. botocore's parser passes over members that it does not know; this walks the
raw body instead: unknown members, missing required ones and wrong types are failures. It prints how many
operations and members it saw, as `operations=N members=M`.
"""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config

ENDPOINT = sys.argv[1]
ARN = "arn:aws:iot:eu-west-1:123456789012:"
OPERATIONS, MEMBERS, WRONG = set(), set(), []

TYPES = {
    "string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float),
    "float": (int, float), "timestamp": (int, float),
}


def walk(shape, value, place):
    if value is None:
        return
    if shape.type_name == "structure":
        if not isinstance(value, dict):
            return WRONG.append(f"{place}: not a structure: {value!r}")
        for name in shape.required_members:
            if name not in value:
                WRONG.append(f"{place}.{name}: missing")
        wire = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        for key, inner in value.items():
            if key not in wire:
                WRONG.append(f"{place}.{key}: unknown")
                continue
            MEMBERS.add(f"{place}.{key}")
            walk(wire[key][1], inner, f"{place}.{key}")
    elif shape.type_name == "list":
        if not isinstance(value, list):
            return WRONG.append(f"{place}: not a list: {value!r}")
        for inner in value:
            walk(shape.member, inner, f"{place}[]")
    elif shape.type_name == "map":
        for inner in value.values():
            walk(shape.value, inner, f"{place}{{}}")
    else:
        kind = TYPES[shape.type_name]
        right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not right:
            WRONG.append(f"{place}: {value!r} is no {shape.type_name}")
        enum = shape.metadata.get("enum")
        if enum and value not in enum:
            WRONG.append(f"{place}: {value!r} is none of {enum}")


def check(http_response, parsed, model, **_):
    if http_response.status_code != 200:
        sys.exit(f"{model.name}: {http_response.status_code} {http_response.content!r}")
    OPERATIONS.add(f"{model.service_model.service_name}.{model.name}")
    body = json.loads(http_response.content or b"{}")
    if model.output_shape is None:
        if body:
            WRONG.append(f"{model.name}: has no output, got {body!r}")
    else:
        walk(model.output_shape, body, model.name)


def client(service):
    made = boto3.client(
        service, endpoint_url=ENDPOINT, region_name="eu-west-1", aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret", config=Config(retries={"total_max_attempts": 1}),
    )
    made.meta.events.register("after-call", check)
    return made


iot, data, quotas = client("iot"), client("iot-jobs-data"), client("service-quotas")
TAGS = [{"Key": "team", "Value": "a"}]

iot.create_thing_type(
    thingTypeName="robot", tags=TAGS,
    thingTypeProperties={"thingTypeDescription": "a robot", "searchableAttributes": ["board"]})
iot.describe_thing_type(thingTypeName="robot")
iot.list_thing_types(maxResults=1)
iot.create_thing_group(thingGroupName="germany")
iot.create_thing_group(
    thingGroupName="berlin", parentGroupName="germany", tags=TAGS,
    thingGroupProperties={"thingGroupDescription": "x", "attributePayload": {"attributes": {"a": "b"}}})
iot.describe_thing_group(thingGroupName="berlin")
iot.update_thing_group(thingGroupName="berlin", thingGroupProperties={"thingGroupDescription": "y"})
iot.list_thing_groups(maxResults=1)
for name in ("t1", "t2", "t3"):
    iot.create_thing(
        thingName=name, thingTypeName="robot", attributePayload={"attributes": {"board": "a"}})
    iot.add_thing_to_thing_group(thingName=name, thingGroupName="berlin")
iot.describe_thing(thingName="t1")
iot.update_thing(thingName="t1", attributePayload={"attributes": {"c": "d"}, "merge": True})
iot.list_things(maxResults=1)
iot.list_things_in_thing_group(thingGroupName="germany", recursive=True, maxResults=1)
iot.list_thing_groups_for_thing(thingName="t1")
iot.search_index(queryString="thingTypeName:robot", maxResults=1)
iot.search_index(queryString="connectivity.connected:false")
iot.get_thing_connectivity_data(thingName="seen")
iot.describe_endpoint(endpointType="iot:Jobs")
iot.create_job(
    jobId="fw", targets=[ARN + "thinggroup/berlin"], document="{}", description="d",
    targetSelection="CONTINUOUS", tags=TAGS, namespaceId="n",
    presignedUrlConfig={"expiresInSec": 60},
    jobExecutionsRolloutConfig={
        "maximumPerMinute": 10,
        "exponentialRate": {
            "baseRatePerMinute": 1, "incrementFactor": 1.5,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 1}}},
    abortConfig={"criteriaList": [{
        "failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 50.5,
        "minNumberOfExecutedThings": 100}]},
    timeoutConfig={"inProgressTimeoutInMinutes": 5},
    jobExecutionsRetryConfig={"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]},
    schedulingConfig={"endTime": "2027-06-01 00:00", "endBehavior": "CANCEL"})
iot.create_job(jobId="alone", targets=[ARN + "thing/t1"], document="{}")
iot.associate_targets_with_job(jobId="fw", targets=[ARN + "thing/t1"], comment="c")
iot.update_job(jobId="fw", description="e")
iot.get_job_document(jobId="fw")
iot.describe_job(jobId="fw")
iot.list_jobs(maxResults=1)
iot.list_tags_for_resource(resourceArn=ARN + "job/fw")
iot.tag_resource(resourceArn=ARN + "job/fw", tags=TAGS)
iot.untag_resource(resourceArn=ARN + "job/fw", tagKeys=["team"])
data.start_next_pending_job_execution(thingName="t1", statusDetails={"a": "b"}, stepTimeoutInMinutes=1)
data.get_pending_job_executions(thingName="t1")
data.describe_job_execution(thingName="t1", jobId="$next")
data.update_job_execution(
    thingName="t1", jobId="alone", status="IN_PROGRESS", includeJobExecutionState=True,
    includeJobDocument=True, statusDetails={"a": "b"})
iot.list_job_executions_for_job(jobId="fw", maxResults=1)
iot.list_job_executions_for_thing(thingName="t1", maxResults=1)
iot.describe_job_execution(thingName="t1", jobId="alone")
iot.cancel_job_execution(thingName="t1", jobId="alone", force=True, statusDetails={"x": "y"})
iot.describe_job_execution(thingName="t1", jobId="alone")
iot.delete_job_execution(thingName="t1", jobId="alone", executionNumber=1, force=True)
iot.cancel_job(jobId="fw", reasonCode="R", comment="c", force=True)
iot.describe_job(jobId="fw")
iot.delete_job(jobId="fw", force=True)
iot.update_thing_groups_for_thing(thingName="t1", thingGroupsToRemove=["berlin"])
iot.remove_thing_from_thing_group(thingName="t2", thingGroupName="berlin")
iot.delete_thing(thingName="t1")
iot.delete_thing_group(thingGroupName="berlin")
iot.deprecate_thing_type(thingTypeName="robot")
iot.describe_thing_type(thingTypeName="robot")
for name in ("t2", "t3"):
    iot.delete_thing(thingName=name)
# A type is deleted five minutes after it was deprecated.
urllib.request.urlopen(f"{ENDPOINT}/_emulator/clock", data=b'{"advance": "6m"}').close()
iot.delete_thing_type(thingTypeName="robot")
quotas.get_service_quota(ServiceCode="iot", QuotaCode="L-5D01DB62")
quotas.get_aws_default_service_quota(ServiceCode="iot", QuotaCode="L-5D01DB62")

if WRONG:
    sys.exit("\n".join(WRONG))
print(f"operations={len(OPERATIONS)} members={len(MEMBERS)}")
