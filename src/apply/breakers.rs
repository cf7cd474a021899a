//! What AWS answers is counted for the breakers, and an open one stops what was not begun.
//!
//! Apart from `line`, which sends, and `settle`, which reads the answer: a lost call is counted when it
//! gets lost, not when it is settled minutes later.

use super::Run;
use crate::backend::{CancelAnswer, ErrorKind, Result};
use crate::plan::breaker::{Breaker, Cases, Health};

impl Run<'_> {
    /// Counts the answer to a cancel, if it was sent.
    pub(super) fn count(&self, answer: &Result<CancelAnswer>) {
        let (moved, failed) = match answer.as_ref().err().map(|error| error.kind) {
            // Two were never sent, and the third says nothing but that it is too early.
            Some(ErrorKind::Withdrawn | ErrorKind::NotConnected | ErrorKind::Throttled) => return,
            None | Some(ErrorKind::NotFound) => (false, false),
            Some(ErrorKind::VersionConflict | ErrorKind::InvalidStateTransition) => (true, false),
            Some(_) => (false, true),
        };
        let now = self.with.clock.now();
        self.with.state.count(Breaker::VersionConflict, Cases::one(moved), now);
        self.with.state.count(Breaker::Error, Cases::one(failed), now);
    }

    /// Why nothing more may be sent, if a breaker is open. One that has just opened is made to stay so.
    pub(super) async fn open_breaker(&self) -> Option<String> {
        let (state, now, skew) = (&self.with.state, self.with.clock.now(), self.with.clock.skew());
        let thresholds = self.with.in_force.current().thresholds();
        let record = state.breakers();
        let (breaker, why) = record.first_open(skew, &thresholds, now)?;
        if !record.open.contains_key(&breaker) {
            tracing::error!(%breaker, why, "a breaker opened: nothing is sent until it is closed");
            let health = Health { skew, ..Health::default() };
            if let Err(error) = state.weigh(&health, &thresholds, now).await {
                tracing::error!(%error, %breaker, "that a breaker opened was not written");
            }
        }
        Some(format!("breaker {breaker} is open: {why}"))
    }
}
