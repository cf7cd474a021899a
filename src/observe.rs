//! The collector: it lists, then reads what `plan::needs` asks for, until it asks for nothing more.
//!
//! It stands apart from `plan` because it waits, and from `backend` because it knows what a failed
//! read means for the inventory. `observe/read` reads, this file decides what to read and takes in.
//!
//! Invariants: each fact that is asked for has an answer in the inventory afterwards, if only that it
//! cannot be had, so the loop ends. Rows are taken in only from lists that were read to their last
//! page, and stay until the next such list; of one job, QUEUED is read to its end before IN_PROGRESS
//! is begun. A failed read spoils its own fact and nothing else, and is named in `problems`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;

use crate::backend::{self, Error, ErrorKind, JobSummary, JobsReader, Operation, Result};
use crate::clock::Clock;
use crate::execution::{Account, ExecutionKey, JobId, JobStatus, OpenStatus, ThingName};
use crate::fact::{Fact, Unreadable};
use crate::inventory::{Inventory, Job, Listing, Problem, Row};
use crate::plan::{Depth, Memory, Needs};
use crate::policy::PolicySet;

pub mod cost;
mod read;

pub use read::{JobFacts, ThingFacts, read_job, read_thing};

use read::{Answer, Reading};

/// How many reads of one kind are on their way at once: enough to reach the registry's rate at the
/// 0.1 s that an answer takes from far away. The pacer says how fast they follow each other.
const IN_FLIGHT: usize = 32;

/// How many jobs' lists are on their way at once: their rows are kept until the last page, beside those of
/// the lists before. A list is asked for eight pages a second at the most.
const LISTS_IN_FLIGHT: usize = 4;

/// How many failures of one operation and kind are named one by one; the rest are counted. A missing
/// permission fails a hundred thousand reads in the same way.
const NAMED: usize = 10;

/// Told how far a pass has got.
pub trait Progress: Send + Sync {
    /// `done` of `total` things of the sort `what` are read: `"job executions"`, 3, 17.
    fn update(&self, what: &str, done: usize, total: Option<usize>);
}

/// AWS does not accept the credentials, so that nothing can be observed.
#[derive(Debug)]
pub struct Unobserved {
    /// What is known all the same: what was known before, and what was read until then.
    pub inventory: Inventory,
    /// What AWS answered.
    pub error: Error,
}

impl From<Box<Unobserved>> for Error {
    fn from(unobserved: Box<Unobserved>) -> Self {
        unobserved.error
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn update(&self, _: &str, _: usize, _: Option<usize>) {}
}

/// Observes AWS through a reader.
#[derive(Clone)]
pub struct Collector {
    reader: Arc<dyn JobsReader>,
    clock: Clock,
}

impl Collector {
    /// A collector over a reader, which should be paced.
    pub fn new(reader: Arc<dyn JobsReader>, clock: Clock) -> Self {
        Self { reader, clock }
    }

    /// Who answers, where nothing else is observed.
    pub async fn account(&self) -> Result<Option<Account>> {
        backend::account(&*self.reader).await
    }

    /// Reads what the policies' decisions hang on and `inventory` lacks; an empty one is read anew.
    ///
    /// An error only if AWS does not accept the credentials, so that nothing can be observed.
    pub async fn observe(
        &self,
        inventory: Inventory,
        policies: &Arc<PolicySet>,
        memory: &Memory,
        depth: Depth,
        progress: &dyn Progress,
    ) -> Result<Inventory, Box<Unobserved>> {
        self.observe_for(inventory, std::slice::from_ref(policies), memory, depth, progress).await
    }

    /// The same for several sets of policies, whose decisions can then be compared: what they hang on
    /// is read once, for one time.
    pub async fn observe_for(
        &self,
        inventory: Inventory,
        sets: &[Arc<PolicySet>],
        memory: &Memory,
        depth: Depth,
        progress: &dyn Progress,
    ) -> Result<Inventory, Box<Unobserved>> {
        let as_of = Mutex::new(None);
        let needs = |seen: &Inventory| {
            let now = self.clock.now();
            *as_of.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
            let mut needs = Needs::default();
            for set in sets {
                needs.add(crate::plan::needs(set, seen, memory, now, depth));
            }
            needs
        };
        let mut observed = self.collect(inventory, needs, progress).await?;
        observed.skew = self.clock.skew();
        observed.as_of = *as_of.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(observed)
    }

    /// Reads what `needs` asks for until it asks for nothing, or for nothing new.
    pub async fn collect(
        &self,
        inventory: Inventory,
        needs: impl Fn(&Inventory) -> Needs,
        progress: &dyn Progress,
    ) -> Result<Inventory, Box<Unobserved>> {
        // Looked at by reads and changed by answers, in turn: there is one task.
        let pass = Mutex::new(Pass { inventory, problems: BTreeMap::new() });
        let mut asked = Needs::default();
        loop {
            let mut wanted = needs(&lock(&pass).inventory);
            let repeated = take_out(&mut wanted, &asked);
            if repeated > 0 {
                tracing::error!(repeated, "facts were asked for that had been answered");
                lock(&pass).inventory.problems.insert(Problem {
                    what: format!("{repeated} facts"),
                    why: "asked for again after they were read: a bug in rescind".to_owned(),
                });
            }
            if wanted.is_empty() {
                return Ok(pass.into_inner().unwrap_or_else(PoisonError::into_inner).finish());
            }
            asked.add(wanted.clone());
            if let Err(error) = self.round(wanted, &pass, progress).await {
                let pass = pass.into_inner().unwrap_or_else(PoisonError::into_inner);
                return Err(Box::new(Unobserved { inventory: pass.inventory, error }));
            }
        }
    }

    /// Reads everything that `needs` names, side by side.
    async fn round(&self, needs: Needs, pass: &Mutex<Pass>, progress: &dyn Progress) -> Result<()> {
        let Needs {
            job_lists,
            jobs,
            lists,
            tags,
            things,
            connectivity,
            groups,
            queues,
            executions,
        } = needs;
        let mut by_job = BTreeMap::<JobId, BTreeSet<OpenStatus>>::new();
        for (job, status) in lists {
            by_job.entry(job).or_default().insert(status);
        }
        let mut by_thing = BTreeMap::<ThingName, ThingFacts>::new();
        for thing in things {
            by_thing.entry(thing).or_default().description = true;
        }
        for thing in connectivity {
            by_thing.entry(thing).or_default().connectivity = true;
        }
        for thing in groups {
            by_thing.entry(thing).or_default().groups = true;
        }
        for thing in queues {
            by_thing.entry(thing).or_default().queue = true;
        }
        let totals = [
            job_lists.len(),
            jobs.len(),
            tags.len(),
            by_job.len(),
            by_thing.len(),
            executions.len(),
        ];
        let mut done = [0; Answer::KINDS.len()];
        let known = |job: &JobId| lock(pass).inventory.executions.of_job(job).len();
        let name = |key: &ExecutionKey| lock(pass).inventory.executions.name(key).cloned();
        let reading =
            Reading { reader: &*self.reader, clock: &self.clock, known: &known, name: &name };
        // One stream for each kind, since each waits for a bucket of its own.
        let mut answers = stream::select_all([
            each(job_lists, IN_FLIGHT, move |status| reading.jobs(status)),
            each(jobs, IN_FLIGHT, move |job| reading.job(job)),
            each(tags, IN_FLIGHT, move |job| reading.tags(job)),
            each(by_job, LISTS_IN_FLIGHT, move |(job, statuses)| reading.executions(job, statuses)),
            each(by_thing, IN_FLIGHT, move |(thing, facts)| reading.thing(thing, facts)),
            each(executions, IN_FLIGHT, move |key| reading.execution(key)),
        ]);
        while let Some(answer) = answers.next().await {
            let kind = answer.kind();
            done[kind] += 1;
            progress.update(Answer::KINDS[kind], done[kind], Some(totals[kind]));
            lock(pass).take_in(answer)?;
        }
        Ok(())
    }
}

fn lock(pass: &Mutex<Pass>) -> MutexGuard<'_, Pass> {
    pass.lock().unwrap_or_else(PoisonError::into_inner)
}

fn each<'a, T, F>(
    needs: impl IntoIterator<Item = T, IntoIter: Send + 'a>,
    in_flight: usize,
    read: impl Fn(T) -> F + Send + 'a,
) -> BoxStream<'a, Answer>
where
    F: Future<Output = Answer> + Send + 'a,
{
    stream::iter(needs).map(read).buffer_unordered(in_flight).boxed()
}

/// An inventory that is being filled.
struct Pass {
    inventory: Inventory,
    problems: BTreeMap<(Operation, ErrorKind), BTreeSet<Problem>>,
}

impl Pass {
    fn take_in(&mut self, answer: Answer) -> Result<()> {
        match answer {
            Answer::Jobs { status, at, rows } => match rows {
                Ok(rows) => self.take_in_jobs(status, at, rows),
                Err(error) if error.kind == ErrorKind::Credentials => return Err(error),
                Err(error) => {
                    let failed = Listing::Failed(error.kind.unreadable());
                    self.problem(Problem::jobs_in(&status), &error);
                    self.inventory.job_lists.insert(status, failed);
                }
            },
            Answer::Job { id, at, description } => {
                let fact = description.map_or_else(
                    |error| {
                        self.problem(Problem::job(&id), &error);
                        Fact::Unreadable(error.kind.unreadable())
                    },
                    Fact::Known,
                );
                if let Some(job) = self.inventory.jobs.get_mut(&id) {
                    job.take_in(fact, at);
                }
            }
            Answer::Tags { id, at, tags } => {
                let fact = tags.map_or_else(
                    |error| {
                        self.problem(format!("tags of job {id}"), &error);
                        Fact::Unreadable(error.kind.unreadable())
                    },
                    Fact::Known,
                );
                if let Some(job) = self.inventory.jobs.get_mut(&id) {
                    job.tags = fact;
                    job.tags_at = Some(at);
                }
            }
            Answer::Executions { job, lists } => {
                for (status, at, rows) in lists {
                    self.take_in_executions(&job, status, at, rows);
                }
            }
            Answer::Thing { name, read, errors } => {
                for error in &errors {
                    let what = match error.operation {
                        Operation::ListThingGroupsForThing => format!("groups of thing {name}"),
                        Operation::GetThingConnectivityData => {
                            format!("connectivity of thing {name}")
                        }
                        Operation::ListJobExecutionsForThing => {
                            format!("QUEUED executions on thing {name}")
                        }
                        _ => format!("thing {name}"),
                    };
                    self.problem(what, error);
                }
                self.inventory.things.entry(name).or_default().take_in(read);
            }
            Answer::Execution { key, at, description } => match description {
                Ok(description) => self.inventory.insert_description(&key, description, at),
                Err(error) => {
                    self.problem(format!("execution of job {key}"), &error);
                    if let Some(row) = self.inventory.executions.get_mut(&key) {
                        row.described = Fact::Unreadable(error.kind.unreadable());
                    }
                }
            },
        }
        Ok(())
    }

    fn take_in_jobs(&mut self, status: JobStatus, at: Timestamp, rows: Vec<JobSummary>) {
        let inventory = &mut self.inventory;
        let listed: BTreeSet<_> = rows.iter().map(|row| &row.id).collect();
        inventory.forget_jobs(|id, job| job.status == status && !listed.contains(id));
        for row in rows {
            if inventory.account.is_none() {
                inventory.account = row.account;
            }
            let known = inventory.jobs.remove(&row.id);
            // A job's namespace is given once, when it is created; what else a describe says is read
            // again in the moment of acting. Tags decide, and are read anew.
            let (description, described_at) =
                known.map_or((Fact::NotRead, None), |job| (job.description, job.described_at));
            let job = Job {
                status: row.status,
                target_selection: row.target_selection,
                created_at: row.created_at,
                status_at: at,
                description,
                described_at,
                tags: Fact::NotRead,
                tags_at: None,
            };
            inventory.jobs.insert(row.id, job);
        }
        inventory.job_lists.insert(status, Listing::Complete(at));
    }

    fn take_in_executions(
        &mut self,
        job: &JobId,
        status: OpenStatus,
        at: Timestamp,
        rows: Result<Vec<Row>>,
    ) {
        let listing = match rows {
            Ok(rows) => {
                self.inventory.replace_rows(job, status, rows);
                Listing::Complete(at)
            }
            Err(error) => {
                let why = error.kind.unreadable();
                // What could not be read in passing leaves what an earlier list said.
                if why != Unreadable::Failed {
                    self.inventory.remove_rows(job, status);
                }
                if why == Unreadable::Gone {
                    self.problem(format!("job {job} vanished while it was listed"), &error);
                } else {
                    self.problem(Problem::executions_of(job, status), &error);
                }
                Listing::Failed(why)
            }
        };
        self.inventory.lists.insert((job.clone(), status), listing);
    }

    fn problem(&mut self, what: String, error: &Error) {
        let problem = Problem { what, why: chain(error) };
        self.problems.entry((error.operation, error.kind)).or_default().insert(problem);
    }

    fn finish(self) -> Inventory {
        let mut inventory = self.inventory;
        for ((operation, kind), problems) in self.problems {
            let more = problems.len().saturating_sub(NAMED);
            inventory.problems.extend(problems.into_iter().take(NAMED));
            if more > 0 {
                inventory.problems.insert(Problem {
                    // It stands behind those that are named.
                    what: format!("what {more} more reads with {operation} ask for"),
                    why: format!("as with those that are named: {}", kind.label()),
                });
            }
        }
        inventory
    }
}

/// An error with its causes, on one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Takes what was asked for out of `wanted`, and says how much that was.
fn take_out(wanted: &mut Needs, asked: &Needs) -> usize {
    fn take<T: Ord>(wanted: &mut BTreeSet<T>, asked: &BTreeSet<T>) -> usize {
        let before = wanted.len();
        wanted.retain(|need| !asked.contains(need));
        before - wanted.len()
    }
    take(&mut wanted.job_lists, &asked.job_lists)
        + take(&mut wanted.jobs, &asked.jobs)
        + take(&mut wanted.lists, &asked.lists)
        + take(&mut wanted.tags, &asked.tags)
        + take(&mut wanted.things, &asked.things)
        + take(&mut wanted.connectivity, &asked.connectivity)
        + take(&mut wanted.groups, &asked.groups)
        + take(&mut wanted.queues, &asked.queues)
        + take(&mut wanted.executions, &asked.executions)
}
