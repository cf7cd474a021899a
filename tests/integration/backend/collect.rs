//! The collector, over a small store in memory.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind::backend::fault::{Fault, Faulty};
use rescind::backend::{
    CancelAnswer, CancelRequest, Error, ErrorKind, Gate, JobSummary, JobsReader, JobsWriter,
    Operation, Page, PageToken, Result,
};
use rescind::clock::Clock;
use rescind::execution::{
    ExecutionDescription, ExecutionKey, ExecutionNumber, ExecutionStatus, ExecutionSummary,
    ExecutionVersion, JobId, JobStatus, OpenStatus, TargetSelection, ThingName, Times,
};
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{
    Connectivity, Inventory, JobDescription, Listing, QueuedExecution, ThingDescription,
};
use rescind::observe::{Collector, NoProgress, Progress};
use rescind::plan::{self, Depth, Needs};
use rescind::policy::PolicySet;

mod again;

/// Jobs IN_PROGRESS, their executions and things. Pages have two rows.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    jobs: BTreeSet<JobId>,
    rows: Vec<(JobId, OpenStatus, ThingName)>,
    things: BTreeSet<ThingName>,
    /// The job whose lists lead back to their second page, over and over.
    circles: Option<JobId>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Memory {
    pub fn with_thing(name: &str) -> Self {
        Self { things: [name.parse().unwrap()].into(), ..Self::default() }
    }

    /// Two jobs with three QUEUED and one IN_PROGRESS execution each, on things t-0 to t-3.
    fn fleet() -> Self {
        let mut memory = Self::default();
        for job in ["fw-1", "fw-2"].map(|job| job.parse::<JobId>().unwrap()) {
            for index in 0..4 {
                let thing: ThingName = format!("t-{index}").parse().unwrap();
                let status = if index < 3 { OpenStatus::Queued } else { OpenStatus::InProgress };
                memory.rows.push((job.clone(), status, thing.clone()));
                memory.things.insert(thing);
            }
            memory.jobs.insert(job);
        }
        memory
    }

    fn log(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }
}

fn not_found(operation: Operation) -> Error {
    Error {
        operation,
        resource: "it".to_owned(),
        kind: ErrorKind::NotFound,
        message: "no such thing".to_owned(),
        request_id: None,
        account: None,
        source: None,
    }
}

fn page<T: Clone>(rows: &[T], page: Option<&PageToken>) -> Page<T> {
    let start = page.map_or(0, |token| token.0.parse().unwrap());
    let items: Vec<_> = rows.iter().skip(start).take(2).cloned().collect();
    let more = start + 2 < rows.len();
    Page { items, next: more.then(|| PageToken((start + 2).to_string())) }
}

#[async_trait]
impl JobsReader for Memory {
    async fn list_jobs(
        &self,
        status: &JobStatus,
        token: Option<&PageToken>,
    ) -> Result<Page<JobSummary>> {
        let row = |id: &JobId| JobSummary {
            id: id.clone(),
            account: None,
            status: status.clone(),
            target_selection: TargetSelection::Snapshot,
            created_at: Fact::Absent,
        };
        let rows: Vec<_> = self.jobs.iter().map(row).collect();
        Ok(page(&rows, token))
    }

    async fn describe_job(&self, _: &JobId) -> Result<JobDescription> {
        let status = Fact::Known(JobStatus::InProgress);
        Ok(JobDescription { status, ..JobDescription::default() })
    }

    async fn list_executions(
        &self,
        job: &JobId,
        status: OpenStatus,
        token: Option<&PageToken>,
    ) -> Result<Page<ExecutionSummary>> {
        let from = token.map_or("0", |token| &token.0);
        self.log(format!("{job} {status} {from}"));
        tokio::task::yield_now().await;
        let rows = self.rows.iter().filter(|row| row.0 == *job && row.1 == status);
        let rows = rows.map(|(_, _, thing)| ExecutionSummary {
            thing: thing.clone(),
            number: Fact::Known(ExecutionNumber(1)),
            status: status.into(),
            times: Times::default(),
            retry_attempt: Fact::Known(0),
        });
        let mut page = page(&rows.collect::<Vec<_>>(), token);
        if self.circles.as_ref() == Some(job) {
            assert!(self.log.lock().unwrap().len() < 100, "it is read for ever");
            page.next = Some(PageToken(if from == "2" { "4" } else { "2" }.to_owned()));
        }
        Ok(page)
    }

    async fn list_job_tags(
        &self,
        job: &JobId,
        token: Option<&PageToken>,
    ) -> Result<Page<(String, String)>> {
        self.log(format!("tags of {job}"));
        Ok(page(&["a", "b", "c"].map(|key| (key.to_owned(), "1".to_owned())), token))
    }

    async fn describe_thing(&self, thing: &ThingName) -> Result<ThingDescription> {
        let known = self.things.contains(thing).then(ThingDescription::default);
        known.ok_or_else(|| not_found(Operation::DescribeThing))
    }

    async fn list_thing_groups(
        &self,
        thing: &ThingName,
        token: Option<&PageToken>,
    ) -> Result<Page<String>> {
        if !self.things.contains(thing) {
            return Err(not_found(Operation::ListThingGroupsForThing));
        }
        Ok(page(&["a", "b", "c"].map(str::to_owned), token))
    }

    async fn thing_connectivity(&self, thing: &ThingName) -> Result<Connectivity> {
        let known = Connectivity { connected: Fact::Known(true), timestamp: Fact::Absent };
        let known = self.things.contains(thing).then_some(known);
        known.ok_or_else(|| not_found(Operation::GetThingConnectivityData))
    }

    async fn list_on_thing(
        &self,
        thing: &ThingName,
        status: OpenStatus,
        token: Option<&PageToken>,
    ) -> Result<Page<QueuedExecution>> {
        let queued = |row: &&(JobId, OpenStatus, ThingName)| row.1 == status && row.2 == *thing;
        let rows = self.rows.iter().filter(queued).map(|(job, ..)| QueuedExecution {
            job: job.clone(),
            number: Fact::Known(ExecutionNumber(1)),
            queued_at: Fact::Known(start()),
        });
        Ok(page(&rows.collect::<Vec<_>>(), token))
    }

    async fn describe_execution(
        &self,
        key: &ExecutionKey,
        _: Option<ExecutionNumber>,
    ) -> Result<ExecutionDescription> {
        self.log(format!("describe {key}"));
        Ok(ExecutionDescription {
            account: None,
            number: Fact::Known(ExecutionNumber(1)),
            status: ExecutionStatus::Queued,
            times: Times::default(),
            version: Fact::Known(ExecutionVersion::new(1).unwrap()),
            status_details: Fact::Known(std::collections::BTreeMap::new()),
            force_canceled: false,
            seconds_before_timed_out: Fact::Absent,
        })
    }
}

#[async_trait]
impl JobsWriter for Memory {
    async fn cancel(&self, _: &CancelRequest, _: Arc<dyn Gate>) -> Result<CancelAnswer> {
        Ok(CancelAnswer { request_id: None })
    }
}

/// Asks for everything that is not read.
pub fn everything(seen: &Inventory) -> Needs {
    let mut needs = Needs::default();
    if !seen.job_lists.contains_key(&JobStatus::InProgress) {
        needs.job_lists.insert(JobStatus::InProgress);
    }
    for (id, job) in &seen.jobs {
        if job.description.is_not_read() {
            needs.jobs.insert(id.clone());
        } else if job.tags.is_not_read() {
            needs.tags.insert(id.clone());
        }
        let lists = OpenStatus::ALL.map(|status| (id.clone(), status));
        needs.lists.extend(lists.into_iter().filter(|list| !seen.lists.contains_key(list)));
    }
    for (key, row) in &seen.executions {
        let thing = seen.things.get(&key.thing).cloned().unwrap_or_default();
        if thing.description.is_not_read() {
            needs.things.insert(key.thing.clone());
        } else if thing.connectivity.is_not_read() {
            needs.connectivity.insert(key.thing.clone());
        } else if thing.queue.is_not_read() {
            needs.queues.insert(key.thing.clone());
        } else if thing.groups.is_not_read() {
            needs.groups.insert(key.thing.clone());
        } else if row.described.is_not_read() {
            needs.executions.insert(key.clone());
        }
    }
    needs
}

const START: &str = "2026-03-01T12:00:00Z";

fn start() -> Timestamp {
    START.parse().unwrap()
}

fn collector(reader: impl JobsReader + 'static) -> Collector {
    Collector::new(Arc::new(reader), Clock::starting_at(start()))
}

async fn collect(reader: impl JobsReader + 'static) -> Result<Inventory> {
    let observed = collector(reader).collect(Inventory::default(), everything, &NoProgress).await;
    Ok(observed?)
}

fn key(job: &str, thing: &str) -> ExecutionKey {
    ExecutionKey { job: job.parse().unwrap(), thing: thing.parse().unwrap() }
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_asked_for_is_read() {
    let memory = Memory::fleet();
    let log = Arc::clone(&memory.log);
    let seen = collect(memory).await.unwrap();
    assert_eq!(seen.problems, BTreeSet::new());
    assert_eq!(everything(&seen), Needs::default());
    assert_eq!((seen.jobs.len(), seen.lists.len(), seen.executions.len()), (2, 4, 8));
    assert!(seen.lists.values().all(|list| *list == Listing::Complete(start())));
    let row = &seen.executions[&key("fw-1", "t-3")];
    assert_eq!(row.listed, OpenStatus::InProgress);
    assert_eq!(row.described.known().unwrap().at, start());
    let thing = &seen.things[&"t-0".parse().unwrap()];
    assert_eq!(thing.groups.known().unwrap().len(), 3, "all pages");
    let log = log.lock().unwrap();
    let lists =
        |job: &str| log.iter().filter(|it| it.starts_with(job)).cloned().collect::<Vec<_>>();
    assert_eq!(lists("fw-1"), ["fw-1 QUEUED 0", "fw-1 QUEUED 2", "fw-1 IN_PROGRESS 0"]);
    assert_eq!(log[..2], ["fw-1 QUEUED 0", "fw-2 QUEUED 0"], "jobs run side by side");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_fails_midway_keeps_no_rows_and_spoils_no_other() {
    let memory = Memory::fleet();
    let log = Arc::clone(&memory.log);
    let faulty = Faulty::new(memory);
    let (script, calls) = (faulty.clone(), AtomicUsize::new(0));
    let lists = Operation::ListJobExecutionsForJob;
    let seen = collect(faulty.before_each(move |operation| {
        if operation == lists && calls.fetch_add(1, Ordering::SeqCst) == 2 {
            script.inject(lists, Fault::LoseReply, 1);
        }
    }));
    let seen = seen.await.unwrap();
    let lost = log.lock().unwrap()[2].clone();
    let job = lost.strip_suffix(" QUEUED 2").expect("the second page of either job is lost");
    let failed = Listing::Failed(Unreadable::Failed);
    assert_eq!(seen.lists[&(job.parse().unwrap(), OpenStatus::Queued)], failed);
    assert_eq!(seen.executions.len(), 5);
    let [problem] = &seen.problems.iter().collect::<Vec<_>>()[..] else { panic!("{seen:?}") };
    assert_eq!(problem.what, format!("QUEUED executions of job {job}"));
    assert_eq!(problem.why, "ListJobExecutionsForJob for a call: injected");
}

#[tokio::test(start_paused = true)]
async fn a_failed_relisting_takes_the_old_rows_out_and_a_good_one_replaces_them() {
    let mut memory = Memory::fleet();
    let mut seen = collect(memory.clone()).await.unwrap();
    let list = ("fw-1".parse::<JobId>().unwrap(), OpenStatus::Queued);
    memory.rows.retain(|row| row.2.as_str() != "t-1");
    seen.lists.remove(&list);
    let seen = collector(memory.clone()).collect(seen, everything, &NoProgress).await.unwrap();
    assert!(!seen.executions.contains_key(&key("fw-1", "t-1")));
    assert!(seen.executions.contains_key(&key("fw-2", "t-1")), "not listed again");

    let mut seen = seen;
    seen.lists.remove(&list);
    let faulty = Faulty::new(memory);
    faulty.inject(Operation::ListJobExecutionsForJob, Fault::Fail(ErrorKind::Denied), 1);
    let seen = collector(faulty).collect(seen, everything, &NoProgress).await.unwrap();
    assert_eq!(seen.lists[&list], Listing::Failed(Unreadable::Denied));
    let rows = seen.executions.iter().filter(|(key, _)| key.job == list.0);
    assert!(rows.clone().all(|(_, row)| row.listed == OpenStatus::InProgress), "{seen:?}");
    assert_eq!(rows.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_relisting_that_fails_in_passing_leaves_what_was_listed() {
    let memory = Memory::fleet();
    let mut seen = collect(memory.clone()).await.unwrap();
    let before = seen.executions.clone();
    let list = ("fw-1".parse::<JobId>().unwrap(), OpenStatus::Queued);
    seen.lists.remove(&list);
    let faulty = Faulty::new(memory);
    faulty.inject(Operation::ListJobExecutionsForJob, Fault::Fail(ErrorKind::Unavailable), 1);
    let seen = collector(faulty).collect(seen, everything, &NoProgress).await.unwrap();
    assert_eq!(seen.lists[&list], Listing::Failed(Unreadable::Failed), "it is not complete");
    assert_eq!(seen.executions, before);
}

#[tokio::test(start_paused = true)]
async fn a_finished_job_is_forgotten_when_its_list_is_read_again() {
    let mut memory = Memory::fleet();
    let mut seen = collect(memory.clone()).await.unwrap();
    memory.jobs.remove(&"fw-1".parse::<JobId>().unwrap());
    seen.job_lists.clear();
    let seen = collector(memory).collect(seen, everything, &NoProgress).await.unwrap();
    assert_eq!(seen.jobs.keys().map(JobId::as_str).collect::<Vec<_>>(), ["fw-2"]);
    assert!(seen.lists.keys().all(|(job, _)| job.as_str() == "fw-2"));
    assert_eq!(seen.executions.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_said_to_be_gone_and_not_asked_for_again() {
    let mut memory = Memory::fleet();
    memory.things.clear();
    let faulty = Faulty::new(memory);
    let gone = Fault::Fail(ErrorKind::NotFound);
    faulty.inject(Operation::DescribeJob, gone, 1);
    faulty.inject(Operation::DescribeJobExecution, gone, 1);
    faulty.inject(Operation::ListJobExecutionsForJob, gone, 1);
    let seen = collect(faulty).await.unwrap();
    let missing = Fact::Unreadable(Unreadable::Gone);
    assert_eq!(seen.jobs[&"fw-1".parse().unwrap()].description, missing.map(|()| unreachable!()));
    let list = ("fw-1".parse().unwrap(), OpenStatus::Queued);
    assert_eq!(seen.lists[&list], Listing::Failed(Unreadable::Gone));
    let gone = seen.executions.values().filter(|row| row.described.known().is_none());
    assert_eq!(gone.count(), 1);
    let thing = &seen.things[&"t-0".parse().unwrap()];
    assert_eq!((&thing.description, &thing.groups), (&Fact::Absent, &Fact::Absent));
    let unread = Fact::Unreadable(Unreadable::Gone);
    assert_eq!(thing.connectivity, unread, "the index not to have it is no answer");
    let what = seen.problems.iter().map(|problem| problem.what.as_str());
    let (connections, what): (Vec<_>, Vec<_>) =
        what.partition(|what| what.starts_with("connectivity of thing"));
    assert_eq!(connections.len(), 4);
    assert_eq!(
        what,
        ["execution of job fw-1 on t-3", "job fw-1", "job fw-1 vanished while it was listed"]
    );
}

#[tokio::test(start_paused = true)]
async fn only_refused_credentials_end_a_pass() {
    for kind in ErrorKind::ALL {
        let faulty = Faulty::new(Memory::fleet());
        faulty.inject(Operation::ListJobs, Fault::Fail(kind), 1);
        let seen = collect(faulty).await;
        assert_eq!(seen.is_err(), kind == ErrorKind::Credentials, "{kind:?}");
        if let Ok(seen) = seen {
            let list = seen.job_lists[&JobStatus::InProgress];
            assert_eq!(list, Listing::Failed(kind.unreadable()));
            assert_eq!(seen.problems.len(), 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_failure_of_many_reads_is_told_briefly() {
    let memory = Memory::default();
    let faulty = Faulty::new(memory);
    faulty.inject(Operation::DescribeThing, Fault::Fail(ErrorKind::Denied), 1_000);
    let names = (0..1_000).map(|index| format!("t-{index:04}").parse::<ThingName>().unwrap());
    let names: BTreeSet<_> = names.collect();
    let needs = |seen: &Inventory| Needs {
        things: if seen.things.is_empty() { names.clone() } else { BTreeSet::new() },
        ..Needs::default()
    };
    let collector = collector(faulty);
    let seen = collector.collect(Inventory::default(), needs, &NoProgress).await.unwrap();
    assert_eq!(seen.things.len(), 1_000);
    let what: Vec<_> = seen.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(what.len(), 11);
    // Those that are named come first: the first is what a command ends with.
    assert_eq!(
        (what[0], what[10]),
        ("thing t-0000", "what 990 more reads with DescribeThing ask for")
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_leads_back_to_a_page_of_its_own_is_not_read_for_ever() {
    let memory = Memory { circles: Some("fw-1".parse().unwrap()), ..Memory::fleet() };
    let seen = collect(memory).await.unwrap();
    let failed = |job: &str| seen.lists[&(job.parse().unwrap(), OpenStatus::Queued)];
    assert_eq!(failed("fw-1"), Listing::Failed(Unreadable::Invalid));
    assert_eq!(failed("fw-2"), Listing::Complete(start()));
    let told: Vec<_> = seen.problems.iter().map(|it| format!("{}: {}", it.what, it.why)).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("it leads back to a page that was read"), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn an_ask_that_repeats_itself_ends_with_a_problem() {
    let thing: BTreeSet<ThingName> = ["t-0".parse().unwrap()].into();
    let always = |_: &Inventory| Needs { things: thing.clone(), ..Needs::default() };
    let collector = collector(Memory::fleet());
    let seen = collector.collect(Inventory::default(), always, &NoProgress).await.unwrap();
    assert_eq!(seen.problems.iter().next().unwrap().what, "1 facts");
}

#[tokio::test(start_paused = true)]
async fn progress_is_told_and_nothing_is_read_without_a_policy() {
    #[derive(Default)]
    struct Told(Mutex<Vec<(String, usize, Option<usize>)>>);
    impl Progress for Told {
        fn update(&self, what: &str, done: usize, total: Option<usize>) {
            self.0.lock().unwrap().push((what.to_owned(), done, total));
        }
    }
    let told = Told::default();
    let collector = collector(Memory::fleet());
    collector.collect(Inventory::default(), everything, &told).await.unwrap();
    let told = told.0.into_inner().unwrap();
    assert_eq!(told[0], ("lists of jobs".to_owned(), 1, Some(1)));
    assert_eq!(told.last().unwrap(), &("executions".to_owned(), 8, Some(8)));

    let policies = Arc::new(PolicySet::new([]));
    let memory = plan::Memory::default();
    let observing =
        collector.observe(Inventory::default(), &policies, &memory, Depth::Exact, &NoProgress);
    // A task of its own may observe.
    let sendable: &(dyn Future<Output = _> + Send) = &observing;
    let _ = sendable;
    let seen = observing.await.unwrap();
    assert!(seen.job_lists.is_empty());
}
