//! What AWS says of jobs and executions, as plainly as it can be written: rows in a vector, looked
//! through from end to end. It shares nothing with the store but AWS's names, and is not fast.

use std::collections::BTreeSet;

use rescind::execution::{ExecutionStatus as Status, JobStatus};

pub const THINGS: [&str; 3] = ["r1", "r2", "r3"];
pub const JOBS: [&str; 3] = ["a", "b", "c"];

/// A refusal's code.
pub type Answer = Result<(), &'static str>;

const NOT_FOUND: &str = "ResourceNotFoundException";
const INVALID: &str = "InvalidRequestException";
const STATE: &str = "InvalidStateTransitionException";

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub job: String,
    pub thing: String,
    pub number: i64,
    pub version: i64,
    pub status: Status,
    pub queued_at: i64,
    pub started_at: Option<i64>,
    pub last_updated_at: i64,
    pub retry: u32,
    pub forced: Option<bool>,
    pub ends_at: Option<i64>,
}

#[derive(Clone, Debug)]
pub struct Job {
    pub id: String,
    pub continuous: bool,
    pub status: JobStatus,
    pub created_at: i64,
    pub completed_at: Option<i64>,
    things: BTreeSet<String>,
    /// Whether it is sent to the one group.
    group: bool,
    timeout: Option<i64>,
    retries: u32,
    /// When its executions are canceled, and whether with force.
    sweep: Option<(i64, bool)>,
    gone_at: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub struct NewJob {
    pub continuous: bool,
    pub group: bool,
    pub thing: Option<usize>,
    pub timeout: bool,
    pub retries: u32,
}

#[derive(Clone, Debug, Default)]
pub struct Model {
    pub now: i64,
    members: BTreeSet<String>,
    pub jobs: Vec<Job>,
    pub rows: Vec<Row>,
}

impl Model {
    fn job(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.id == id)
    }

    fn latest(&self, thing: &str, job: &str) -> Option<usize> {
        let of = |row: &&(usize, &Row)| row.1.thing == thing && row.1.job == job;
        let rows: Vec<_> = self.rows.iter().enumerate().collect();
        rows.iter().filter(of).max_by_key(|(_, row)| row.number).map(|(at, _)| *at)
    }

    fn is_target(&self, thing: &str, job: &Job) -> bool {
        job.things.contains(thing) || (job.group && self.members.contains(thing))
    }

    fn queue(&mut self, job: &str, thing: &str, number: i64, retry: u32) {
        let row = Row {
            job: job.to_owned(),
            thing: thing.to_owned(),
            number,
            version: 1,
            status: Status::Queued,
            queued_at: self.now,
            started_at: None,
            last_updated_at: self.now,
            retry,
            forced: None,
            ends_at: None,
        };
        self.rows.push(row);
    }

    fn complete(&mut self) {
        for job in &mut self.jobs {
            let open = |row: &Row| row.job == job.id && !row.status.is_terminal();
            let over = !job.continuous && !self.rows.iter().any(open);
            if over && job.status == JobStatus::InProgress {
                job.status = JobStatus::Completed;
                job.completed_at = Some(self.now);
            }
        }
    }

    /// An execution enters a terminal status; each but REMOVED is a version more.
    fn end(&mut self, at: usize, status: &Status) {
        let row = &mut self.rows[at];
        row.version += i64::from(*status != Status::Removed);
        row.last_updated_at = self.now;
        row.ends_at = None;
        row.status = status.clone();
        let (thing, id, number, retry) =
            (row.thing.clone(), row.job.clone(), row.number, row.retry);
        let failed = matches!(status, Status::Failed | Status::TimedOut);
        let job = self.jobs.iter().find(|job| job.id == id).expect("its job").clone();
        // Who was a target of a SNAPSHOT job stays one.
        let target = !job.continuous || self.is_target(&thing, &job);
        if failed && job.status == JobStatus::InProgress && retry < job.retries && target {
            self.queue(&id, &thing, number + 1, retry + 1);
        }
        self.complete();
    }

    pub fn create(&mut self, id: &str, new: NewJob) -> Answer {
        if self.job(id).is_some() {
            return Err("ResourceAlreadyExistsException");
        }
        self.jobs.push(Job {
            id: id.to_owned(),
            continuous: new.continuous,
            status: JobStatus::InProgress,
            created_at: self.now,
            completed_at: None,
            things: new.thing.map(|thing| THINGS[thing].to_owned()).into_iter().collect(),
            group: new.group,
            timeout: new.timeout.then_some(60),
            retries: new.retries,
            sweep: None,
            gone_at: None,
        });
        for thing in THINGS {
            if self.is_target(thing, self.jobs.last().expect("it was just pushed")) {
                self.queue(id, thing, 1, 0);
            }
        }
        self.complete();
        Ok(())
    }

    pub fn cancel(&mut self, thing: &str, job: &str, force: bool, version: Option<i64>) -> Answer {
        let at = self.latest(thing, job).ok_or(NOT_FOUND)?;
        if version.is_some_and(|version| version != self.rows[at].version) {
            return Err("VersionConflictException");
        }
        match self.rows[at].status {
            Status::Queued => {}
            Status::InProgress if force => {}
            _ => return Err(STATE),
        }
        self.rows[at].forced = Some(force);
        self.end(at, &Status::Canceled);
        Ok(())
    }

    fn start(&mut self, at: usize) {
        let id = self.rows[at].job.clone();
        let timeout = self.job(&id).and_then(|job| job.timeout);
        let row = &mut self.rows[at];
        row.status = Status::InProgress;
        row.started_at = Some(self.now);
        row.ends_at = timeout.map(|seconds| self.now + seconds);
    }

    pub fn update(&mut self, thing: &str, job: &str, to: &Status, version: Option<i64>) -> Answer {
        match to {
            Status::InProgress | Status::Succeeded | Status::Failed | Status::Rejected => {}
            _ => return Err(STATE),
        }
        let at = self.latest(thing, job).ok_or(NOT_FOUND)?;
        if version.is_some_and(|version| version != self.rows[at].version) {
            return Err(INVALID);
        }
        if self.rows[at].status.is_terminal() {
            return Err(STATE);
        }
        if *to != Status::InProgress {
            self.end(at, to);
            return Ok(());
        }
        if self.rows[at].status == Status::Queued {
            self.start(at);
        }
        self.rows[at].version += 1;
        self.rows[at].last_updated_at = self.now;
        Ok(())
    }

    /// In progress first, then queued, each oldest first.
    pub fn pending(&self, thing: &str) -> Vec<(String, i64)> {
        let running = |id: &str| {
            self.jobs.iter().any(|job| job.id == id && job.status == JobStatus::InProgress)
        };
        let mut pending: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.thing == thing)
            .filter(|row| match row.status {
                Status::InProgress => true,
                Status::Queued => running(&row.job),
                _ => false,
            })
            .collect();
        pending.sort_by_key(|row| {
            (row.status == Status::Queued, row.started_at, row.queued_at, &row.job, row.number)
        });
        pending.iter().map(|row| (row.job.clone(), row.number)).collect()
    }

    pub fn start_next(&mut self, thing: &str) -> Option<(String, i64)> {
        let first = self.pending(thing).into_iter().next()?;
        let at = self.latest(thing, &first.0).expect("it is pending");
        if self.rows[at].status == Status::Queued {
            self.start(at);
            self.rows[at].version += 1;
            self.rows[at].last_updated_at = self.now;
        }
        Some(first)
    }

    fn following(&self, thing: &str) -> Vec<String> {
        let follows = |job: &&Job| {
            job.continuous
                && job.group
                && job.status == JobStatus::InProgress
                && !job.things.contains(thing)
        };
        self.jobs.iter().filter(follows).map(|job| job.id.clone()).collect()
    }

    pub fn join(&mut self, thing: &str) {
        if !self.members.insert(thing.to_owned()) {
            return;
        }
        for job in self.following(thing) {
            match self.latest(thing, &job).map(|at| self.rows[at].clone()) {
                None => self.queue(&job, thing, 1, 0),
                Some(row) if row.status.is_terminal() => {
                    self.queue(&job, thing, row.number + 1, 0);
                }
                Some(_) => {}
            }
        }
    }

    pub fn leave(&mut self, thing: &str) {
        if !self.members.remove(thing) {
            return;
        }
        for job in self.following(thing) {
            let queued = |at: &usize| self.rows[*at].status == Status::Queued;
            if let Some(at) = self.latest(thing, &job).filter(queued) {
                self.end(at, &Status::Removed);
            }
        }
    }

    pub fn delete(&mut self, thing: &str, job: &str, number: i64, force: bool) -> Answer {
        if number < 1 {
            return Err(INVALID);
        }
        let is = |row: &Row| row.thing == thing && row.job == job && row.number == number;
        let at = self.rows.iter().position(is).ok_or(NOT_FOUND)?;
        if self.rows[at].status == Status::InProgress && !force {
            return Err(STATE);
        }
        self.rows.remove(at);
        self.complete();
        Ok(())
    }

    pub fn cancel_job(&mut self, id: &str, force: bool) -> Answer {
        let now = self.now;
        let job = self.job(id).ok_or(NOT_FOUND)?;
        if job.status != JobStatus::InProgress {
            return Err(INVALID);
        }
        job.status = JobStatus::Canceled;
        job.sweep = Some((now + 1, force));
        Ok(())
    }

    pub fn delete_job(&mut self, id: &str, force: bool) -> Answer {
        let now = self.now;
        let job = self.job(id).ok_or(NOT_FOUND)?;
        let over = matches!(job.status, JobStatus::Canceled | JobStatus::Completed);
        if job.status == JobStatus::DeletionInProgress || (!over && !force) {
            return Err(STATE);
        }
        job.status = JobStatus::DeletionInProgress;
        job.sweep = None;
        job.gone_at = Some(now + 1);
        Ok(())
    }

    /// What happens by itself, second by second: timers, then cancels of jobs, then deletions.
    pub fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += 1;
            let now = self.now;
            let mut due: Vec<(String, String, i64)> = self
                .rows
                .iter()
                .filter(|row| row.ends_at == Some(now))
                .map(|row| (row.job.clone(), row.thing.clone(), row.number))
                .collect();
            due.sort();
            for (job, thing, number) in due {
                let is = |row: &Row| row.thing == thing && row.job == job && row.number == number;
                let at = self.rows.iter().position(is).expect("nothing vanishes by a timer");
                self.end(at, &Status::TimedOut);
            }
            for id in JOBS {
                let Some(job) = self.job(id) else { continue };
                let Some((_, force)) = job.sweep.filter(|(at, _)| *at == now) else { continue };
                job.sweep = None;
                for at in 0..self.rows.len() {
                    let row = &mut self.rows[at];
                    let open =
                        row.status == Status::Queued || (force && row.status == Status::InProgress);
                    if row.job == id && open {
                        row.forced = Some(force);
                        self.end(at, &Status::Canceled);
                    }
                }
            }
            let gone: Vec<String> = self
                .jobs
                .iter()
                .filter(|job| job.gone_at == Some(now))
                .map(|job| job.id.clone())
                .collect();
            self.jobs.retain(|job| !gone.contains(&job.id));
            self.rows.retain(|row| !gone.contains(&row.job));
        }
    }
}
