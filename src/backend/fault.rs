//! A failure injector over the ports: scripted failures before a call and replies lost after it.
//!
//! It stands apart from the adapters so that whatever has its effect for real (the emulator, an
//! in-memory store) can be made to fail without knowing. For tests and simulations.
//!
//! Invariants: faults of an operation are used up in the order in which they were added, one for each
//! call. A call that fails before the inner adapter is reached has no effect; a lost reply has.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter,
    Operation, Page, PageToken, Result,
};
use crate::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionSummary, JobId, JobStatus,
    OpenStatus, ThingName,
};
use crate::inventory::{Connectivity, JobDescription, QueuedExecution, ThingDescription};

/// What happens to one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the adapter.
    Fail(ErrorKind),
    /// It reaches the adapter, and the answer is lost: [`ErrorKind::ConnectionLost`].
    LoseReply,
}

type Hook = Box<dyn Fn(Operation) + Send + Sync>;

/// An adapter whose calls fail by script. Clones share the script.
#[derive(Clone)]
pub struct Faulty<T> {
    inner: T,
    script: Arc<Mutex<BTreeMap<Operation, VecDeque<Fault>>>>,
    hook: Option<Arc<Hook>>,
}

impl<T> Faulty<T> {
    /// Fails nothing yet.
    pub fn new(inner: T) -> Self {
        Self { inner, script: Arc::default(), hook: None }
    }

    /// Runs `hook` at the start of each call, before any fault.
    #[must_use]
    pub fn before_each(mut self, hook: impl Fn(Operation) + Send + Sync + 'static) -> Self {
        self.hook = Some(Arc::new(Box::new(hook)));
        self
    }

    /// Lets the next `calls` calls of the operation meet this fault, after those added before.
    pub fn inject(&self, operation: Operation, fault: Fault, calls: usize) {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.entry(operation).or_default().extend(std::iter::repeat_n(fault, calls));
    }

    async fn call<R>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<R>>,
    ) -> Result<R> {
        if let Some(hook) = &self.hook {
            hook(operation);
        }
        let next = || {
            let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
            script.get_mut(&operation)?.pop_front()
        };
        match next() {
            None => call.await,
            Some(Fault::Fail(kind)) => Err(injected(operation, kind)),
            Some(Fault::LoseReply) => {
                call.await?;
                Err(injected(operation, ErrorKind::ConnectionLost))
            }
        }
    }
}

fn injected(operation: Operation, kind: ErrorKind) -> Error {
    Error {
        operation,
        resource: "a call".to_owned(),
        kind,
        message: "injected".to_owned(),
        request_id: None,
        account: None,
        source: None,
    }
}

impl<T: fmt::Debug> fmt::Debug for Faulty<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faulty").field(&self.inner).finish()
    }
}

#[async_trait]
impl<T: JobsReader> JobsReader for Faulty<T> {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        self.call(Operation::ListJobs, self.inner.list_jobs(status, page)).await
    }

    async fn describe_job(&self, job: &JobId) -> Result<JobDescription> {
        self.call(Operation::DescribeJob, self.inner.describe_job(job)).await
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let call = self.inner.list_executions(job, status, page);
        self.call(Operation::ListJobExecutionsForJob, call).await
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        page: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        self.call(Operation::ListTagsForResource, self.inner.list_job_tags(job, page)).await
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        self.call(Operation::DescribeThing, self.inner.describe_thing(thing)).await
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        page: Option<&PageToken>,
    ) -> Result<Page<String>> {
        let call = self.inner.list_thing_groups(thing, page);
        self.call(Operation::ListThingGroupsForThing, call).await
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        self.call(Operation::GetThingConnectivityData, self.inner.thing_connectivity(thing)).await
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        page: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let call = self.inner.list_on_thing(thing, status, page);
        self.call(Operation::ListJobExecutionsForThing, call).await
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        number: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        let call = self.inner.describe_execution(key, number);
        self.call(Operation::DescribeJobExecution, call).await
    }
}

#[async_trait]
impl<T: JobsWriter> JobsWriter for Faulty<T> {
    async fn cancel(&self, request: &CancelRequest, gate: Arc<dyn Gate>) -> Result<CancelAnswer> {
        self.call(Operation::CancelJobExecution, self.inner.cancel(request, gate)).await
    }
}
