"""What people write by hand: cancels what has been QUEUED for three days on things with one board.

Ten threads share one client. Like `rescind`, it sends the version that it described; unlike it, it keeps no
journal and judges nothing a second time.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone

import boto3
from botocore.config import Config

iot = boto3.client("iot", config=Config(max_pool_connections=10))
horizon = datetime.now(timezone.utc) - timedelta(hours=72)


def waiting():
    """The things with an execution that has waited for too long, each with its job."""
    for status in ("IN_PROGRESS", "SCHEDULED", "CANCELED"):
        for jobs in iot.get_paginator("list_jobs").paginate(status=status):
            for job in jobs["jobs"]:
                pages = iot.get_paginator("list_job_executions_for_job").paginate(
                    jobId=job["jobId"], status="QUEUED", PaginationConfig={"PageSize": 250}
                )
                for page in pages:
                    for row in page["executionSummaries"]:
                        if row["jobExecutionSummary"]["queuedAt"] < horizon:
                            yield job["jobId"], row["thingArn"].rsplit("/", 1)[1]


def cancel(found):
    """Cancels one of them, if its thing has the board."""
    job, thing = found
    if iot.describe_thing(thingName=thing)["attributes"].get("board") != "rev-c":
        return
    execution = iot.describe_job_execution(jobId=job, thingName=thing)["execution"]
    if execution["status"] == "QUEUED":
        iot.cancel_job_execution(
            jobId=job, thingName=thing, expectedVersion=execution["versionNumber"]
        )


with ThreadPoolExecutor(max_workers=10) as threads:
    for _ in threads.map(cancel, list(waiting())):
        pass
