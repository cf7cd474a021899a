"""The aws CLI against the emulator: `awscli_jobs.py ENDPOINT`, run by the CLI's own Python.

The life of a job for a group as an operator types it, on both planes: the CLI reads the arguments, calls,
pages and prints. Each command is a process of its own.
"""

import json
import os
import subprocess
import sys
import urllib.request

ENDPOINT = sys.argv[1]
AWS = os.path.join(os.path.dirname(sys.executable), "aws")
ARN = "arn:aws:iot:eu-west-1:123456789012:"
ENVIRONMENT = {
    "PATH": os.environ["PATH"], "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_MAX_ATTEMPTS": "1",
    "AWS_ENDPOINT_URL_IOT": ENDPOINT, "AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE": ENDPOINT,
    # Nothing of the machine's own configuration counts.
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true",
}
ENDED = "Job execution for thing r1 within job fw cannot be canceled."


def aws(line, *more):
    """What a command prints, read as JSON; it must succeed."""
    done = subprocess.run([AWS, *line.split(), *more], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"aws {line}: {done.stderr}")
    return json.loads(done.stdout or "{}")


def refused(code, line, text=""):
    done = subprocess.run([AWS, *line.split()], env=ENVIRONMENT, capture_output=True, text=True)
    if done.returncode == 0 or f"({code})" not in done.stderr or text not in done.stderr:
        sys.exit(f"aws {line}: {code} was expected, not: {done.returncode} {done.stdout} {done.stderr}")


def same(what, found, expected):
    if found != expected:
        sys.exit(f"{what}:\n  found    {found}\n  expected {expected}")


def advance(by):
    body = json.dumps({"advance": by}).encode()
    with urllib.request.urlopen(f"{ENDPOINT}/_emulator/clock", data=body) as answer:
        answer.read()


# A fleet of four in one group.
aws("iot create-thing-group --thing-group-name hamburg")
for number in range(1, 5):
    aws(f"iot create-thing --thing-name r{number} --attribute-payload attributes={{site=h1}}")
    aws(f"iot add-thing-to-thing-group --thing-name r{number} --thing-group-name hamburg")
same("list-things-in-thing-group", aws(
    "iot list-things-in-thing-group --thing-group-name hamburg --page-size 3"),
    {"things": ["r1", "r2", "r3", "r4"]})

# A job for it, and its executions over several pages.
same("create-job", aws(
    f"iot create-job --job-id fw --targets {ARN}thinggroup/hamburg --target-selection SNAPSHOT "
    "--timeout-config inProgressTimeoutInMinutes=30 --tags Key=team,Value=a",
    "--document", '{"version": "2.0.0"}', "--description", "new firmware"),
    {"jobArn": f"{ARN}job/fw", "jobId": "fw", "description": "new firmware"})
rows = aws("iot list-job-executions-for-job --job-id fw --status QUEUED --page-size 1")["executionSummaries"]
same("list-job-executions-for-job", [row["thingArn"] for row in rows], [f"{ARN}thing/r{n}" for n in range(1, 5)])
first = aws("iot list-job-executions-for-job --job-id fw --max-items 3 --page-size 2")
same("a list that is cut", len(first["executionSummaries"]), 3)
rest = aws(f"iot list-job-executions-for-job --job-id fw --page-size 2 --starting-token {first['NextToken']}")
same("the rest of it", [row["thingArn"] for row in rest["executionSummaries"]], [f"{ARN}thing/r4"])

# A device starts and reports.
started = aws("iot-jobs-data start-next-pending-job-execution --thing-name r1 --status-details step=download")
same("start-next", (started["execution"]["status"], started["execution"]["versionNumber"]), ("IN_PROGRESS", 2))
aws("iot-jobs-data update-job-execution --thing-name r1 --job-id fw --status IN_PROGRESS "
    "--expected-version 2 --status-details step=flash")
described = aws("iot describe-job-execution --thing-name r1 --job-id fw")["execution"]
same("describe-job-execution", (described["statusDetails"], described["versionNumber"]),
     ({"detailsMap": {"step": "flash"}}, 3))

# Cancels of one execution.
cancel = "iot cancel-job-execution --job-id fw --thing-name"
refused("VersionConflictException", f"{cancel} r2 --expected-version 9", "Expected version 9 but found version 1")
refused("InvalidStateTransitionException", f"{cancel} r1")
refused("ResourceNotFoundException", f"{cancel} r9")
aws(f"{cancel} r2 --expected-version 1 --status-details reason=policy")
aws(f"{cancel} r1 --expected-version 3 --force")
refused("InvalidStateTransitionException", f"{cancel} r1 --force", ENDED)
canceled = aws("iot describe-job-execution --thing-name r1 --job-id fw")["execution"]
same("a forced cancel", (canceled["status"], canceled["forceCanceled"]), ("CANCELED", True))
refused("InvalidStateTransitionException",
        "iot-jobs-data update-job-execution --thing-name r1 --job-id fw --status SUCCEEDED")
refused("InvalidRequestException", "iot list-jobs --max-results 251",
        "1 validation error detected: Value '251' at 'maxResults' failed to satisfy constraint: "
        "Member must have value less than or equal to 250")

# The job ends, and is deleted.
aws("iot-jobs-data update-job-execution --thing-name r3 --job-id fw --status SUCCEEDED")
aws("iot cancel-job --job-id fw --reason-code NOT_WANTED --force")
advance("1m")
job = aws("iot describe-job --job-id fw")["job"]
counts = {name: count for name, count in job["jobProcessDetails"].items() if count}
same("describe-job", (job["status"], job["reasonCode"], counts),
     ("CANCELED", "NOT_WANTED", {"numberOfCanceledThings": 3, "numberOfSucceededThings": 1}))
aws("iot delete-job-execution --job-id fw --thing-name r1 --execution-number 1")
aws("iot delete-job --job-id fw")
advance("10m")
refused("ResourceNotFoundException", "iot describe-job --job-id fw")
