//! What an operator deletes: jobs and single executions, at once and without a trace.
//!
//! Apart from the state machine, since a deletion is no transition: what is deleted is not found any
//! more. No route leads here; tests and hooks use it to let something vanish under a client.

use super::{Store, position};

impl Store {
    /// Deletes a job with all its executions. Whether there was one.
    pub fn delete_job(&mut self, id: &str) -> bool {
        let Some((id, job)) = self.jobs.remove_entry(id) else { return false };
        self.job_order.remove(&(std::cmp::Reverse(job.created_at), id.clone()));
        for thing in job.executions.keys() {
            if let Some(jobs) = self.jobs_of.get_mut(thing) {
                jobs.remove(&id);
            }
        }
        true
    }

    /// Deletes the latest execution of a job on a thing. Whether there was one.
    pub fn delete_execution(&mut self, thing: &str, id: &str) -> bool {
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let Some((thing, list)) = job.executions.get_key_value(thing) else { return false };
        let (thing, mut list) = (thing.clone(), list.clone());
        let Some(execution) = list.pop() else { return false };
        if let Some(places) = job.by_status.get_mut(&execution.status) {
            places.remove(&position(&thing, &execution));
        }
        if list.is_empty() {
            job.executions.remove(&thing);
            if let Some(jobs) = self.jobs_of.get_mut(&thing) {
                jobs.remove(id);
            }
        } else {
            job.executions.insert(thing, list);
        }
        true
    }
}
