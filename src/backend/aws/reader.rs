//! The reads, one after the other: a request of the SDK, sent once, and its answer in our words.
//!
//! Apart from `aws`, which connects and cancels, since they are many and all alike.

use async_trait::async_trait;

use super::error::Target;
use super::{AwsReader, PAGE, convert, send};
use crate::backend::{JobSummary, JobsReader, Operation, Page, PageToken, Result};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId, JobStatus,
    OpenStatus, ThingName,
};
use crate::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};

/// The page after this one.
fn next(token: Option<String>) -> Option<PageToken> {
    token.filter(|token| !token.is_empty()).map(PageToken)
}

#[async_trait]
impl JobsReader for AwsReader {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        let call = self.0.call(Operation::ListJobs, Target::Jobs(status));
        let flight = self.0.flight();
        let request = self.0.client.list_jobs();
        let sending = request
            .status(status.as_str().into())
            .max_results(PAGE)
            .set_next_token(page.map(|token| token.0.clone()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let jobs = answer.jobs.unwrap_or_default();
        let jobs = jobs.into_iter().map(convert::job_summary).collect::<Option<Vec<_>>>();
        let items = jobs.ok_or_else(|| call.malformed("a job without a proper id"))?;
        if let Some(account) = items.iter().find_map(|job| job.account.as_ref()) {
            self.0.account.get_or_init(|| account.clone());
            flight.told(account);
        }
        Ok(Page { items, next: next(answer.next_token) })
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        let call = self.0.call(Operation::DescribeJob, Target::Job(job));
        let flight = self.0.flight();
        let request = self.0.client.describe_job();
        let sending = request.job_id(job.as_str()).customize().interceptor(flight.clone()).send();
        let answer = send(&call, &flight, sending).await?;
        let described = answer.job.ok_or_else(|| call.malformed("an answer without a job"))?;
        Ok(convert::job_description(described))
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let call = self.0.call(Operation::ListJobExecutionsForJob, Target::Job(job));
        let flight = self.0.flight();
        let request = self.0.client.list_job_executions_for_job();
        let sending = request
            .job_id(job.as_str())
            .status(status.as_str().into())
            .max_results(PAGE)
            .set_next_token(page.map(|token| token.0.clone()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let rows = answer.execution_summaries.unwrap_or_default();
        let rows = rows.into_iter().map(convert::execution_summary).collect::<Option<Vec<_>>>();
        let items = rows.ok_or_else(|| call.malformed("an execution without a thing's ARN"))?;
        Ok(Page { items, next: next(answer.next_token) })
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        page: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        let call = self.0.call(Operation::ListTagsForResource, Target::Job(job));
        let flight = self.0.flight();
        let request = self.0.client.list_tags_for_resource();
        let sending = request
            .resource_arn(call.job_arn(job)?)
            .set_next_token(page.map(|token| token.0.clone()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let tags = answer.tags.unwrap_or_default().into_iter();
        let items = tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect();
        Ok(Page { items, next: next(answer.next_token) })
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        let call = self.0.call(Operation::DescribeThing, Target::Thing(thing));
        let flight = self.0.flight();
        let request = self.0.client.describe_thing().thing_name(thing.as_str());
        let sending = request.customize().interceptor(flight.clone()).send();
        let answer = send(&call, &flight, sending).await?;
        if answer.thing_name.as_deref() != Some(thing.as_str()) {
            return Err(call.malformed("an answer about another thing"));
        }
        Ok(convert::thing_description(answer))
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        let call = self.0.call(Operation::ListThingGroupsForThing, Target::Thing(thing));
        let flight = self.0.flight();
        let request = self.0.client.list_thing_groups_for_thing();
        let sending = request
            .thing_name(thing.as_str())
            .max_results(PAGE)
            .set_next_token(page.map(|token| token.0.clone()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let groups = answer.thing_groups.unwrap_or_default();
        let groups = groups.into_iter().map(|group| group.group_name).collect::<Option<Vec<_>>>();
        let items = groups.ok_or_else(|| call.malformed("a thing group without a name"))?;
        Ok(Page { items, next: next(answer.next_token) })
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        let call = self.0.call(Operation::GetThingConnectivityData, Target::Thing(thing));
        let flight = self.0.flight();
        let request = self.0.client.get_thing_connectivity_data().thing_name(thing.as_str());
        let sending = request.customize().interceptor(flight.clone()).send();
        let answer = send(&call, &flight, sending).await?;
        if answer.thing_name.as_deref() != Some(thing.as_str()) {
            return Err(call.malformed("an answer about another thing"));
        }
        Ok(convert::connectivity(answer.connected, answer.timestamp))
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let call = self.0.call(Operation::ListJobExecutionsForThing, Target::Thing(thing));
        let flight = self.0.flight();
        let request = self.0.client.list_job_executions_for_thing();
        let sending = request
            .thing_name(thing.as_str())
            .status(status.as_str().into())
            .max_results(PAGE)
            .set_next_token(page.map(|token| token.0.clone()))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let rows = answer.execution_summaries.unwrap_or_default();
        let rows = rows.into_iter().map(convert::queued_execution).collect::<Option<Vec<_>>>();
        let items = rows.ok_or_else(|| call.malformed("an execution without a job's id"))?;
        Ok(Page { items, next: next(answer.next_token) })
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        let call = self.0.call(Operation::DescribeJobExecution, Target::Execution(key));
        let flight = self.0.flight();
        let request = self.0.client.describe_job_execution();
        let sending = request
            .job_id(key.job.as_str())
            .thing_name(key.thing.as_str())
            .set_execution_number(number.map(|number| number.0))
            .customize()
            .interceptor(flight.clone())
            .send();
        let answer = send(&call, &flight, sending).await?;
        let execution =
            answer.execution.ok_or_else(|| call.malformed("an answer without an execution"))?;
        if !convert::is_about(&execution, key, number) {
            return Err(call.malformed("an answer about another execution"));
        }
        let description = convert::execution_description(execution);
        if let Some(account) = &description.account {
            flight.told(account);
        }
        Ok(description)
    }
}
