// The AWS SDK for JavaScript v3 against the emulator: `node javascript_jobs.mjs MODULES ENDPOINT`.
//
// The life of a job for a group, on both planes: started and reported by one device, cancelled for
// another, ended and deleted. MODULES is the directory in which the SDK is installed.

import assert from "node:assert/strict";
import { createRequire } from "node:module";

const [modules, endpoint] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const iotSdk = require("@aws-sdk/client-iot");
const dataSdk = require("@aws-sdk/client-iot-jobs-data-plane");

const config = {
  endpoint,
  region: "eu-west-1",
  credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
  maxAttempts: 1,
};
const clients = [
  [iotSdk, new iotSdk.IoTClient(config)],
  [dataSdk, new dataSdk.IoTJobsDataPlaneClient(config)],
];

// Sends a command of the control plane, or of the data plane, by its name.
function caller([sdk, client]) {
  return async (name, input) => {
    const { $metadata, ...answer } = await client.send(new sdk[`${name}Command`](input));
    assert.equal($metadata.httpStatusCode, 200, name);
    assert.ok($metadata.requestId, name);
    return answer;
  };
}
const [iot, data] = clients.map(caller);

async function refused(type, status, call) {
  const error = await call().then(() => assert.fail(`${type} was expected`), (error) => error);
  assert.equal(error.name, type, error.message);
  assert.equal(error.$metadata.httpStatusCode, status);
  const known = clients.some(([sdk]) => sdk[type] && error instanceof sdk[type]);
  assert.ok(known, `${type} is read as what the SDK models`);
}

async function advance(by) {
  const body = JSON.stringify({ advance: by });
  const answer = await fetch(`${endpoint}/_emulator/clock`, { method: "POST", body });
  assert.equal(answer.status, 200);
}

const arn = (resource) => `arn:aws:iot:eu-west-1:123456789012:${resource}`;
const job = { jobId: "fw" };
const things = ["robot:1", "robot:2", "robot:3", "robot:4"];

// A fleet.
await iot("CreateThingGroup", { thingGroupName: "hamburg" });
for (const thingName of things) {
  const created = await iot("CreateThing", { thingName, attributePayload: { attributes: { site: "h1" } } });
  assert.equal(created.thingArn, arn(`thing/${thingName}`));
  await iot("AddThingToThingGroup", { thingName, thingGroupName: "hamburg" });
}
const found = await iot("SearchIndex", { queryString: "thingGroupNames:hamburg AND attributes.site:h1" });
assert.deepEqual(found.things.map((thing) => thing.thingName), things);

// A job for its group, listed page by page.
const created = await iot("CreateJob", {
  ...job,
  targets: [arn("thinggroup/hamburg")],
  document: JSON.stringify({ version: "2.0.0" }),
  description: "firmware",
  timeoutConfig: { inProgressTimeoutInMinutes: 30 },
  tags: [{ Key: "team", Value: "a" }],
});
assert.deepEqual(created, { jobArn: arn("job/fw"), jobId: "fw", description: "firmware" });
await refused("ResourceAlreadyExistsException", 409, () =>
  iot("CreateJob", { ...job, targets: [arn("thinggroup/hamburg")], document: "[]" }));
const pages = iotSdk.paginateListJobExecutionsForJob(
  { client: clients[0][1], pageSize: 3 }, { ...job, status: "QUEUED" });
const sizes = [];
const listed = [];
for await (const page of pages) {
  sizes.push(page.executionSummaries.length);
  listed.push(...page.executionSummaries.map((row) => row.thingArn));
}
assert.deepEqual(sizes, [3, 1]);
assert.deepEqual(listed, things.map((name) => arn(`thing/${name}`)));

// A device takes it and reports.
const one = { thingName: "robot:1" };
const pending = await data("GetPendingJobExecutions", one);
assert.deepEqual(pending.queuedJobs.map(({ jobId, versionNumber }) => [jobId, versionNumber]), [["fw", 1]]);
const started = await data("StartNextPendingJobExecution", { ...one, statusDetails: { step: "download" } });
assert.equal(started.execution.status, "IN_PROGRESS");
assert.equal(started.execution.versionNumber, 2);
assert.equal(started.execution.jobDocument, '{"version":"2.0.0"}');
assert.equal(typeof started.execution.queuedAt, "number");
await refused("InvalidRequestException", 400, () =>
  data("UpdateJobExecution", { ...one, ...job, status: "IN_PROGRESS", expectedVersion: 7 }));
const updated = await data("UpdateJobExecution", {
  ...one, ...job, status: "IN_PROGRESS", expectedVersion: 2, statusDetails: { step: "flash" },
  includeJobExecutionState: true,
});
assert.deepEqual(updated.executionState, {
  status: "IN_PROGRESS", statusDetails: { step: "flash" }, versionNumber: 3,
});
const described = (await iot("DescribeJobExecution", { ...one, ...job })).execution;
assert.ok(described.queuedAt instanceof Date && described.startedAt instanceof Date);
assert.deepEqual(described.statusDetails, { detailsMap: { step: "flash" } });
assert.equal(described.versionNumber, 3);
assert.ok(described.approximateSecondsBeforeTimedOut > 1700);

// Cancels.
await refused("InvalidStateTransitionException", 409, () => iot("CancelJobExecution", { ...one, ...job }));
await refused("VersionConflictException", 409, () =>
  iot("CancelJobExecution", { thingName: "robot:2", ...job, expectedVersion: 9 }));
await refused("ResourceNotFoundException", 404, () =>
  iot("CancelJobExecution", { thingName: "robot:9", ...job }));
await refused("InvalidRequestException", 400, () =>
  iot("CancelJobExecution", { thingName: "robot:2", ...job, statusDetails: { "a b": "c" } }));
await iot("CancelJobExecution", {
  thingName: "robot:2", ...job, expectedVersion: 1, statusDetails: { reason: "by policy" },
});
await refused("InvalidStateTransitionException", 409, () =>
  iot("CancelJobExecution", { thingName: "robot:2", ...job, force: true }));
await iot("CancelJobExecution", { ...one, ...job, expectedVersion: 3, force: true });
const canceled = (await iot("DescribeJobExecution", { ...one, ...job })).execution;
assert.deepEqual([canceled.status, canceled.forceCanceled, canceled.versionNumber], ["CANCELED", true, 4]);
await refused("InvalidStateTransitionException", 409, () =>
  data("UpdateJobExecution", { ...one, ...job, status: "SUCCEEDED" }));
await refused("TerminalStateException", 410, () => data("DescribeJobExecution", { ...one, ...job }));

// Another device ends it; the job's timer ends a third.
await data("StartNextPendingJobExecution", { thingName: "robot:3" });
await data("UpdateJobExecution", { thingName: "robot:3", ...job, status: "SUCCEEDED" });
await data("StartNextPendingJobExecution", { thingName: "robot:4" });
await advance("31m");
const end = (await iot("DescribeJob", job)).job;
assert.equal(end.status, "COMPLETED");
assert.ok(end.completedAt instanceof Date);
const counts = Object.entries(end.jobProcessDetails).filter(([, count]) => count);
assert.deepEqual(Object.fromEntries(counts), {
  numberOfCanceledThings: 2, numberOfSucceededThings: 1, numberOfTimedOutThings: 1,
});

// A job that is cancelled as a whole, and both deleted.
await iot("CreateJob", { jobId: "next", targets: things.map((name) => arn(`thing/${name}`)), document: "{}" });
await iot("CancelJob", { jobId: "next", reasonCode: "NOT_WANTED", comment: "no" });
await advance("1m");
const next = (await iot("DescribeJob", { jobId: "next" })).job;
assert.deepEqual([next.status, next.reasonCode, next.comment], ["CANCELED", "NOT_WANTED", "no"]);
assert.equal(next.jobProcessDetails.numberOfCanceledThings, 4);
await iot("DeleteJobExecution", { ...one, ...job, executionNumber: 1 });
for (const jobId of ["fw", "next"]) {
  await iot("DeleteJob", { jobId });
}
await advance("10m");
for (const jobId of ["fw", "next"]) {
  await refused("ResourceNotFoundException", 404, () => iot("DescribeJob", { jobId }));
}
assert.deepEqual((await iot("ListJobs", {})).jobs, []);
