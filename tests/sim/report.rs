//! Many runs side by side, and what they reached.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use rescind::plan::Outcome;

use crate::run::{self, run};
use crate::scenario::Scenario;
use crate::setting;

/// How many lines of a trace are shown before a violation.
const SHOWN: u64 = 60;

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

    /// Holds the report against what should be reached.
    pub fn has_everything(&self) {
        let expected = Outcome::ALL.map(|outcome| format!("outcome {}", outcome.label()));
        let missing: Vec<_> =
            expected.iter().filter(|what| !self.counts.contains_key(*what)).collect();
        assert!(missing.is_empty(), "never reached: {missing:?}");
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
    let scenario = Scenario::draw(seed);
    let went = run(&scenario, true);
    let repeats =
        format!("RESCIND_SEED={seed} cargo test --test sim whatever_fails -- --nocapture");
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
