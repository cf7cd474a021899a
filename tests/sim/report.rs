//! Many runs side by side, and what they reached.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rescind::backend::Operation;
use rescind::plan::breaker::Breaker;
use rescind::plan::{Outcome, Reason};

use crate::run::{self, run};
use crate::scenario::Scenario;
use crate::setting;

/// How many lines of a trace are shown before a violation.
const SHOWN: u64 = 60;

/// Each so many seeds, a long form tells how far it is.
const TOLD: u64 = 5_000;

/// Each so many seeds, a run is made twice.
const TWICE: u64 = 10;

#[derive(Default)]
pub struct Report {
    seeds: u64,
    counts: BTreeMap<String, u64>,
}

impl Report {
    /// Runs all seeds, as many at a time as there are cores; panics at the first violation.
    pub fn of(seeds: Range<u64>, scenario: impl Fn(u64) -> Scenario + Sync) -> Self {
        let next = AtomicU64::new(seeds.start);
        let report = Mutex::new(Self::default());
        let failed = Mutex::new(None::<u64>);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end || failed.lock().unwrap().is_some() {
                            break;
                        }
                        let scenario = scenario(seed);
                        let went = run(&scenario, false);
                        if went.violation.is_some() {
                            failed.lock().unwrap().get_or_insert(seed);
                            break;
                        }
                        if seed.is_multiple_of(TWICE) {
                            assert_eq!(
                                run(&scenario, false).hash,
                                went.hash,
                                "seed {seed} differs"
                            );
                        }
                        let report = &mut *report.lock().unwrap();
                        report.seeds += 1;
                        if report.seeds.is_multiple_of(TOLD) {
                            println!("{:>10}  seeds so far", report.seeds);
                        }
                        for (what, count) in went.counts {
                            *report.counts.entry(what).or_default() += count;
                        }
                    }
                });
            }
        });
        if let Some(seed) = *failed.lock().unwrap() {
            repeat(seed);
        }
        report.into_inner().unwrap()
    }

    /// Holds the report against what should be reached: all that can be.
    pub fn has_everything(&self) {
        let outcomes = Outcome::ALL.map(|it| (format!("outcome {}", it.label()), None));
        let reasons = Reason::ALL.map(|it| (format!("reason {}", it.label()), never_a_reason(it)));
        let breakers = Breaker::ALL.map(|it| (format!("opened breaker {it}"), never_a_breaker(it)));
        let faults = FAULTS.map(|it| (format!("fault {it}"), None));
        let calls = Operation::ALL.map(|it| (format!("call {it}"), None));
        let others = OTHERS.map(|it| (it.to_owned(), None));
        let all = outcomes
            .into_iter()
            .chain(reasons)
            .chain(breakers)
            .chain(faults)
            .chain(calls)
            .chain(others);
        let mut wrong = Vec::new();
        for (what, never) in all {
            match (self.counts.contains_key(&what), never) {
                (false, None) => wrong.push(format!("{what} is never reached")),
                (true, Some(why)) => wrong.push(format!("{what} is reached, although {why}")),
                (true, None) => {}
                (false, Some(why)) => println!("         0  {what}: {why}"),
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// What fails.
const FAULTS: [&str; 13] = [
    "throttle",
    "unavailable",
    "denied",
    "lost reply",
    "5xx after its effect",
    "late effect",
    "stale list",
    "slow",
    "slow connect",
    "slow sync",
    "full disk",
    "half written",
    "standstill",
];

/// What else happens.
const OTHERS: [&str; 14] = [
    "ends of a process",
    "stops",
    "lost states",
    "edits",
    "moves",
    "effects",
    "retired guards",
    "stop switch",
    "re-created at an equal version",
    "aborted with a cancel",
    "ended for a guard's scope",
    "fault of the file: Full",
    "fault of the file: ReadOnly",
    "fault of the file: Sync",
];

/// Why no run has this reason; none for one that has to be reached.
fn never_a_reason(reason: Reason) -> Option<&'static str> {
    match reason {
        Reason::StatusUnknown => Some("the store has no status that the program does not know"),
        Reason::Matched => Some("the loop describes in the moment of acting, and not before"),
        Reason::Terminal
        | Reason::NoMatch
        | Reason::FactUnknown
        | Reason::Excluded
        | Reason::Protected
        | Reason::JobAbortRisk
        | Reason::ForceRequired
        | Reason::ObserveOnly
        | Reason::Suspended
        | Reason::Expired
        | Reason::AlreadyCanceledByUs
        | Reason::SourceBroken
        | Reason::Frozen
        | Reason::WindowClosed
        | Reason::BreakerOpen
        | Reason::Paused
        | Reason::NotStableYet
        | Reason::BackingOff
        | Reason::InventoryIncomplete
        | Reason::BudgetExhausted
        | Reason::BudgetHalted
        | Reason::OutOfScope
        | Reason::Due => None,
    }
}

/// Why no run opens this breaker; none for one that has to be opened.
fn never_a_breaker(breaker: Breaker) -> Option<&'static str> {
    match breaker {
        Breaker::Clock => Some("a clock of the simulation has no wall clock to differ from AWS's"),
        Breaker::Unknown | Breaker::VersionConflict | Breaker::Error => None,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>10}  seeds", self.seeds)?;
        self.counts.iter().try_for_each(|(what, count)| writeln!(f, "{count:>10}  {what}"))
    }
}

/// Runs a seed with its trace, and panics with what is wrong.
pub fn repeat(seed: u64) {
    crate::mutants::choose_named();
    let scenario = Scenario::draw(seed);
    let went = run(&scenario, true);
    let (mutant, feature) = match crate::mutants::named() {
        Some(mutant) => (format!("RESCIND_MUTANT={mutant:?} "), "--features mutants "),
        None => (String::new(), ""),
    };
    let repeats = format!(
        "{mutant}RESCIND_SEED={seed} cargo test {feature}--test sim whatever_fails -- --nocapture"
    );
    match &went.violation {
        Some(violation) => panic!("{}\nagain by: {repeats}", shown(&went, &scenario, violation)),
        None => println!("{}\nno violation", went.trace.join("\n")),
    }
}

/// The end of a trace.
pub fn shown(went: &run::Outcome, scenario: &Scenario, violation: &str) -> String {
    let most = setting("RESCIND_LINES").unwrap_or(SHOWN);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let from = went.trace.len().saturating_sub(most);
    format!("{scenario:#?}\n{}\n{violation}", went.trace[from..].join("\n"))
}
