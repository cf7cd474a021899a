//! What the loop logs and reports: of each line that it applies, and where it could not look.
//!
//! It also tells when an apply only waits for lost calls, which later passes do not wait for.

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::apply::{Afterwards, Ending, Record, Watch};
use crate::backend::{self, ErrorKind};
use crate::clock::Clock;
use crate::plan::Outcome;
use crate::status::Failure;
use crate::status::report::Reporter;

pub(super) struct Log {
    waiting: Notify,
    reporter: Reporter,
    clock: Clock,
    /// How many lines come after those that it is told of.
    beyond: usize,
}

impl Log {
    pub(super) fn new(reporter: Reporter, clock: Clock, beyond: usize) -> Self {
        Self { waiting: Notify::new(), reporter, clock, beyond }
    }

    /// Waits until only lost calls are waited for.
    pub(super) async fn only_waits(&self) {
        self.waiting.notified().await;
    }
}

impl Watch for Log {
    fn ended(&self, record: &Record, left: usize) {
        macro_rules! told {
            ($level:ident) => {
                tracing::$level!(
                    job = %record.key.job,
                    thing = %record.key.thing,
                    execution = record.number.0,
                    policy = %record.policy,
                    outcome = record.ending.label(),
                    force = record.force,
                    attempts = record.attempts,
                    request_id = record.request_id.as_deref(),
                    left = left + self.beyond,
                    "{}", record.note
                )
            };
        }
        let canceled = matches!(
            record.ending,
            Ending::Outcome(Outcome::Canceled | Outcome::CanceledUnattributed)
        );
        self.reporter.ended(record.ending.label(), canceled && record.force);
        match record.ending {
            Ending::Outcome(Outcome::Failed | Outcome::Unresolved) => {
                if let Some((operation, kind)) = record.refused {
                    self.reporter.refused(Failure {
                        at: self.clock.now(),
                        what: record.note.clone(),
                        operation: Some(operation.to_string()),
                        kind: Some(kind.label().to_owned()),
                        action: (kind == ErrorKind::Denied).then(|| operation.action()),
                        ..Failure::default()
                    });
                }
                told!(warn);
            }
            Ending::Outcome(_) => told!(info),
            // They are met again in each pass, and their number is in the pass's summary.
            Ending::Kept(_)
            | Ending::BudgetExhausted
            | Ending::BeyondMax
            | Ending::JobDenied
            | Ending::NotTried => told!(debug),
            Ending::Elsewhere => told!(error),
        }
    }

    fn waiting(&self, lines: usize, until: Instant) -> Afterwards {
        let seconds = until.saturating_duration_since(Instant::now()).as_secs();
        tracing::warn!(
            lines,
            seconds,
            "what was lost or throttled waits: a lost call is settled once it can no longer take effect"
        );
        self.waiting.notify_one();
        Afterwards::Settle
    }
}

/// Logs why nothing could be observed; what it was, for the status.
pub(super) fn unobserved(error: &backend::Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    tracing::error!(%error, cause = cause.as_deref(), kind = error.kind.label(), "nothing could be observed");
    format!("nothing could be observed: {error}")
}
