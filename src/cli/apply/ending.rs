//! What an apply ends with.
//!
//! Apart from the course of it: the code is what a script goes by, so that all that decides it stands in one
//! place.

use std::collections::BTreeMap;

use crate::apply::{Ending, Record};
use crate::cli::exit::Exit;
use crate::plan::{Decision, Outcome, Reason};

/// An apply that has come to its end.
pub(super) struct Ended<'a> {
    /// What became of the lines.
    pub records: &'a [Record],
    /// How many executions of the plan have each reason.
    pub reasons: BTreeMap<Reason, usize>,
    /// Whether it was a saved plan's lines.
    pub saved: bool,
    /// Whether the stop switch is on, or a breaker open, by now.
    pub switched_off: bool,
    /// Whether more may be left than is known, or the journal lacks an outcome.
    pub incomplete: bool,
}

impl Ended<'_> {
    /// The exit code.
    pub(super) fn exit(&self) -> Exit {
        let any = |is: fn(&Ending) -> bool| self.records.iter().any(|it| is(&it.ending));
        if self.records.iter().any(|it| it.elsewhere) {
            return Exit::Stopped;
        }
        if any(fails) {
            return if self.switched_off { Exit::Stopped } else { Exit::Partial };
        }
        if self.is_stopped() {
            return Exit::Stopped;
        }
        let has_failed = self.reasons.contains_key(&Reason::BackingOff);
        let nothing_went = self.saved && any(waits) && !any(goes);
        if self.incomplete || has_failed || nothing_went { Exit::Partial } else { Exit::Done }
    }

    /// Whether the stop switch may have kept a line from being done.
    pub(super) fn is_broken_off(&self) -> bool {
        let stopped = |it: &Record| fails(&it.ending) || it.ending == Ending::Kept(Reason::Paused);
        self.records.iter().any(stopped)
    }

    /// Whether what keeps everything back has kept a line back, or a budget that halts, or a guard a line of a
    /// saved plan.
    fn is_stopped(&self) -> bool {
        let stops = |reason: Reason| {
            matches!(reason, Reason::BreakerOpen | Reason::Paused | Reason::Frozen)
                || self.saved && reason.is_of_guard()
        };
        let kept = |it: &Record| matches!(it.ending, Ending::Kept(reason) if stops(reason));
        [Reason::BudgetHalted, Reason::Frozen].iter().any(|it| self.reasons.contains_key(it))
            || self.records.iter().any(kept)
    }
}

/// Whether a line was to be canceled, and may still be open although nothing forbids it.
fn fails(ending: &Ending) -> bool {
    match ending {
        Ending::Outcome(
            Outcome::Superseded | Outcome::Withdrawn | Outcome::Failed | Outcome::Unresolved,
        )
        | Ending::JobDenied
        | Ending::NotTried
        | Ending::Elsewhere => true,
        Ending::Outcome(
            Outcome::Canceled
            | Outcome::CanceledUnattributed
            | Outcome::AlreadyTerminal
            | Outcome::Gone,
        )
        | Ending::Kept(_)
        | Ending::BudgetExhausted
        | Ending::BeyondMax => false,
    }
}

fn goes(ending: &Ending) -> bool {
    matches!(ending, Ending::Outcome(_))
}

fn waits(ending: &Ending) -> bool {
    match ending {
        Ending::Kept(reason) => reason.decision() == Decision::Defer,
        _ => *ending == Ending::BudgetExhausted,
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr as _;

    use super::*;
    use crate::execution::{ExecutionKey, ExecutionNumber, JobId, ThingName};
    use crate::policy::PolicyName;

    fn record(ending: Ending) -> Record {
        let job = JobId::from_str("fw").unwrap();
        let thing = ThingName::from_str("r1").unwrap();
        let elsewhere = ending == Ending::Elsewhere;
        let (key, policy) = (ExecutionKey { job, thing }, PolicyName::new("a").unwrap());
        Record { elsewhere, ..Record::new(key, ExecutionNumber(1), policy, ending, "") }
    }

    const GONE: Ending = Ending::Outcome(Outcome::Canceled);

    /// Endings, reasons of the plan, the code, and the code for a saved plan.
    const TABLE: &[(&[Ending], &[Reason], Exit, Exit)] = &[
        (&[], &[], Exit::Done, Exit::Done),
        (&[GONE], &[Reason::Due], Exit::Done, Exit::Done),
        (&[Ending::Outcome(Outcome::Gone)], &[], Exit::Done, Exit::Done),
        (&[GONE, Ending::Outcome(Outcome::Failed)], &[], Exit::Partial, Exit::Partial),
        (&[Ending::Outcome(Outcome::Superseded)], &[], Exit::Partial, Exit::Partial),
        (&[GONE, Ending::JobDenied], &[], Exit::Partial, Exit::Partial),
        (&[GONE, Ending::NotTried], &[], Exit::Partial, Exit::Partial),
        (&[GONE, Ending::BeyondMax], &[], Exit::Done, Exit::Done),
        // Another account answered, whatever else happened.
        (&[GONE, Ending::Elsewhere], &[], Exit::Stopped, Exit::Stopped),
        (&[Ending::NotTried, Ending::Elsewhere], &[], Exit::Stopped, Exit::Stopped),
        // What keeps everything back kept the last line back, so that no other is there that was not tried.
        (&[GONE, Ending::Kept(Reason::Paused)], &[], Exit::Stopped, Exit::Stopped),
        (&[Ending::Kept(Reason::BreakerOpen)], &[], Exit::Stopped, Exit::Stopped),
        (&[Ending::Kept(Reason::Frozen)], &[], Exit::Stopped, Exit::Stopped),
        (&[GONE], &[Reason::Frozen], Exit::Stopped, Exit::Stopped),
        (&[], &[Reason::BudgetHalted], Exit::Stopped, Exit::Stopped),
        // A guard that has a say on what was reviewed.
        (&[GONE, Ending::Kept(Reason::Protected)], &[], Exit::Done, Exit::Stopped),
        (&[GONE, Ending::Kept(Reason::NoMatch)], &[], Exit::Done, Exit::Done),
        // What waits, and what of a saved plan went.
        (&[Ending::BudgetExhausted], &[], Exit::Done, Exit::Partial),
        (&[Ending::Kept(Reason::WindowClosed)], &[], Exit::Done, Exit::Partial),
        (
            &[Ending::Kept(Reason::AlreadyCanceledByUs), Ending::Kept(Reason::BudgetExhausted)],
            &[],
            Exit::Done,
            Exit::Partial,
        ),
        (&[Ending::Kept(Reason::AlreadyCanceledByUs)], &[], Exit::Done, Exit::Done),
        (&[GONE, Ending::BudgetExhausted], &[], Exit::Done, Exit::Done),
        (&[], &[Reason::BudgetExhausted], Exit::Done, Exit::Done),
        // A call for it failed a moment ago: that it is left alone does not make it well.
        (&[], &[Reason::BackingOff], Exit::Partial, Exit::Partial),
        (&[GONE], &[Reason::BackingOff], Exit::Partial, Exit::Partial),
    ];

    #[test]
    fn the_code_says_what_became_of_what_was_to_be_done() {
        for (endings, reasons, code, of_saved) in TABLE {
            let records: Vec<_> = endings.iter().cloned().map(record).collect();
            let ended = |saved, switched_off, incomplete| {
                let reasons = reasons.iter().map(|reason| (*reason, 1)).collect();
                Ended { records: &records, reasons, saved, switched_off, incomplete }.exit()
            };
            assert_eq!(ended(false, false, false), *code, "{endings:?} {reasons:?}");
            assert_eq!(ended(true, false, false), *of_saved, "saved: {endings:?} {reasons:?}");
            let incomplete = if *code == Exit::Done { Exit::Partial } else { *code };
            assert_eq!(ended(false, false, true), incomplete, "{endings:?} {reasons:?}");
            let fails = endings.iter().any(fails);
            let off = if fails { Exit::Stopped } else { *code };
            assert_eq!(ended(false, true, false), off, "{endings:?} {reasons:?}");
        }
    }
}
