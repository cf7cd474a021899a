//! Every metric: its name, its labels, what it says, and where in the status its samples are.
//!
//! Apart from `metrics`, which makes the exposition of them: this is the list that `docs/metrics.md` is.

use std::collections::BTreeMap;

use super::{Kind, Metric, Samples, Scrape};
use crate::plan::Reason;
use crate::status::{Budget, Policy, Unready, Window};

const CONTROLLER: &str = "rescind";

/// Every metric, in the order of the exposition.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "controller_runtime_reconcile",
        kind: Kind::Counter,
        labels: &["controller", "result"],
        help: "Passes by result: success, or error when nothing could be observed.",
        samples: |it| {
            let of = |result: &str, n| (vec![CONTROLLER.to_owned(), result.to_owned()], count(n));
            vec![of("error", it.tally.failed), of("success", it.tally.passes)]
        },
    },
    Metric {
        name: "controller_runtime_reconcile_errors",
        kind: Kind::Counter,
        labels: &["controller"],
        help: "Passes in which nothing could be observed.",
        samples: |it| vec![(vec![CONTROLLER.to_owned()], count(it.tally.failed))],
    },
    Metric {
        name: "controller_runtime_reconcile_time_seconds",
        kind: Kind::Histogram,
        labels: &["controller"],
        help: "How long passes took, in seconds.",
        samples: |_| vec![(vec![CONTROLLER.to_owned()], 0.0)],
    },
    Metric {
        name: "controller_runtime_active_workers",
        kind: Kind::Gauge,
        labels: &["controller"],
        help: "1 while a pass is under way, else 0.",
        samples: |it| vec![(vec![CONTROLLER.to_owned()], flag(it.status.active))],
    },
    Metric {
        name: "rescind_build_info",
        kind: Kind::Gauge,
        labels: &["version"],
        help: "1, with the version of the program.",
        samples: |it| vec![(vec![it.status.rescind.clone()], 1.0)],
    },
    Metric {
        name: "rescind_ready",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 when ready, else 0: see rescind_unready for the reason.",
        samples: |it| one(flag(it.status.unready.is_empty())),
    },
    Metric {
        name: "rescind_unready",
        kind: Kind::Gauge,
        labels: &["reason"],
        help: "1 for each reason for which it is not ready, else 0.",
        samples: |it| {
            let of = |reason: Unready| {
                (vec![reason.label().to_owned()], flag(it.status.unready.contains(&reason)))
            };
            Unready::ALL.map(of).to_vec()
        },
    },
    Metric {
        name: "rescind_policies",
        kind: Kind::Gauge,
        labels: &["mode", "state"],
        help: "Policies in force, by mode (Observe, Enforce) and state (active, held: the file has an \
               error, suspended, expired).",
        samples: |it| {
            let mut counts = BTreeMap::<Vec<String>, f64>::new();
            for mode in ["Observe", "Enforce"] {
                for state in ["active", "held", "suspended", "expired"] {
                    counts.insert(vec![mode.to_owned(), state.to_owned()], 0.0);
                }
            }
            for policy in &it.status.policies {
                *counts.entry(vec![policy.mode.clone(), policy.state.clone()]).or_default() += 1.0;
            }
            counts.into_iter().collect()
        },
    },
    Metric {
        name: "rescind_broken_files",
        kind: Kind::Gauge,
        labels: &[],
        help: "Files of the policy root with an error; their policies wait.",
        samples: |it| one(size(it.status.root.broken.len())),
    },
    Metric {
        name: "rescind_executions",
        kind: Kind::Gauge,
        labels: &["reason"],
        help: "Executions in scope when all were looked at for the last time, by the reason of their decision.",
        samples: |it| {
            let pass = it.status.pass.as_ref();
            let of = |reason: Reason| {
                let label = reason.label();
                let found = pass.and_then(|pass| pass.reasons.get(label)).copied();
                (vec![label.to_owned()], count(found.unwrap_or_default()))
            };
            Reason::ALL.map(of).to_vec()
        },
    },
    Metric {
        name: "rescind_executions_observed",
        kind: Kind::Gauge,
        labels: &["policy"],
        help: "Executions that a policy would have canceled in the latest pass, were it not in Observe.",
        samples: |it| {
            let observes = it.status.policies.iter().filter(|policy| policy.mode == "Observe");
            observes.map(|policy| (vec![policy.name.clone()], count(policy.observed))).collect()
        },
    },
    Metric {
        name: "rescind_executions_recreated",
        kind: Kind::Gauge,
        labels: &[],
        help: "Open executions that AWS created anew after a cancel of ours in the last 15 minutes, as the \
               latest pass saw them.",
        samples: |it| one(count(it.status.pass.as_ref().map_or(0, |pass| pass.recreated))),
    },
    Metric {
        name: "rescind_facts_unknown",
        kind: Kind::Gauge,
        labels: &["fact"],
        help: "Executions that the latest pass kept because a fact is not known, by fact.",
        samples: |it| {
            let unknown = it.status.pass.iter().flat_map(|pass| &pass.unknown);
            unknown.map(|(fact, n)| (vec![fact.clone()], count(*n))).collect()
        },
    },
    Metric {
        name: "rescind_observation_problems",
        kind: Kind::Gauge,
        labels: &[],
        help: "Things that the latest pass could not read (at most 20 are counted).",
        samples: |it| one(size(it.status.pass.as_ref().map_or(0, |pass| pass.problems.len()))),
    },
    Metric {
        name: "rescind_endings",
        kind: Kind::Counter,
        labels: &["ending"],
        help: "Lines that were acted on, by how they ended: canceled, superseded, failed and others.",
        samples: |it| {
            let endings = it.status.endings.iter();
            endings.map(|(ending, n)| (vec![ending.clone()], count(*n))).collect()
        },
    },
    Metric {
        name: "rescind_cancels_forced",
        kind: Kind::Counter,
        labels: &[],
        help: "Cancels that took effect and were sent with force.",
        samples: |it| one(count(it.tally.forced)),
    },
    Metric {
        name: "rescind_budget_size",
        kind: Kind::Gauge,
        labels: &["policy", "limit"],
        help: "What a limit of a budget allows at present, in cancels.",
        samples: |it| budgets(it, |budget| budget.size),
    },
    Metric {
        name: "rescind_budget_left",
        kind: Kind::Gauge,
        labels: &["policy", "limit"],
        help: "What is left of a limit of a budget, in cancels.",
        samples: |it| budgets(it, |budget| budget.left),
    },
    Metric {
        name: "rescind_guard_budget_size",
        kind: Kind::Gauge,
        labels: &["guard", "limit"],
        help: "What a limit of a guard allows all policies together, in cancels.",
        samples: |it| guard_budgets(it, |budget| budget.size),
    },
    Metric {
        name: "rescind_guard_budget_left",
        kind: Kind::Gauge,
        labels: &["guard", "limit"],
        help: "What is left of a limit of a guard, in cancels.",
        samples: |it| guard_budgets(it, |budget| budget.left),
    },
    Metric {
        name: "rescind_window_open",
        kind: Kind::Gauge,
        labels: &["policy"],
        help: "1 while the windows of a policy let it act, else 0; no sample for a policy without windows.",
        samples: |it| windows(it, |window| Some(flag(window.open))),
    },
    Metric {
        name: "rescind_window_change_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &["policy"],
        help: "When the windows of a policy open or close next, in seconds since 1970; no sample if they do \
               not within a year.",
        samples: |it| {
            windows(it, |window| window.changes_at.map(|at| at.as_duration().as_secs_f64()))
        },
    },
    Metric {
        name: "rescind_paused",
        kind: Kind::Gauge,
        labels: &[],
        help: "1 while the stop switch is on (rescind pause), else 0: nothing is sent then.",
        samples: |it| one(flag(it.status.paused.is_some())),
    },
    Metric {
        name: "rescind_guards",
        kind: Kind::Gauge,
        labels: &["standing"],
        help: "Guards in force, by what of them is there: written (their document is), broken (its file has \
               an error), missing (adopted once, and no file has them).",
        samples: |it| {
            let of = |standing: &str| {
                let guards = it.status.guards.iter().filter(|guard| guard.standing == standing);
                (vec![standing.to_owned()], size(guards.count()))
            };
            ["broken", "missing", "written"].map(of).to_vec()
        },
    },
    Metric {
        name: "rescind_breaker_open",
        kind: Kind::Gauge,
        labels: &["breaker"],
        help: "1 while a breaker is open (unknown, versionConflict, error, clock), else 0: nothing is sent \
               then.",
        samples: |it| breakers(it, |breaker| flag(breaker.open)),
    },
    Metric {
        name: "rescind_breaker_limit",
        kind: Kind::Gauge,
        labels: &["breaker"],
        help: "Above what a breaker opens: percent of its cases of the last hour, of clock seconds.",
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        samples: |it| breakers(it, |breaker| breaker.limit as f64),
    },
    Metric {
        name: "rescind_breaker_cases",
        kind: Kind::Gauge,
        labels: &["breaker"],
        help: "What a breaker counted in the last hour; below 20 it does not open.",
        samples: |it| breakers(it, |breaker| count(breaker.cases)),
    },
    Metric {
        name: "rescind_breaker_bad_cases",
        kind: Kind::Gauge,
        labels: &["breaker"],
        help: "How many of the cases of a breaker were bad.",
        samples: |it| breakers(it, |breaker| count(breaker.bad)),
    },
    Metric {
        name: "rescind_aws_calls",
        kind: Kind::Counter,
        labels: &["operation"],
        help: "Requests sent to AWS, by operation; repetitions included.",
        samples: |it| calls(it, |calls| Some(count(calls.sent))),
    },
    Metric {
        name: "rescind_aws_throttled",
        kind: Kind::Counter,
        labels: &["operation"],
        help: "Requests that AWS throttled, by operation.",
        samples: |it| calls(it, |calls| Some(count(calls.throttled))),
    },
    Metric {
        name: "rescind_pace_calls_per_second",
        kind: Kind::Gauge,
        labels: &["operation"],
        help: "The rate at which an operation may be called at present, in calls a second.",
        samples: |it| calls(it, |calls| calls.rate),
    },
    Metric {
        name: "rescind_clock_offset_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "How far AWS's clock is ahead of the machine's, in seconds.",
        samples: |it| one(it.status.clock_offset_seconds),
    },
    Metric {
        name: "rescind_last_pass_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the latest pass began, in seconds since 1970; no sample before the first.",
        samples: |it| {
            it.status
                .pass
                .iter()
                .map(|pass| (Vec::new(), pass.at.as_duration().as_secs_f64()))
                .collect()
        },
    },
    Metric {
        name: "rescind_next_look_timestamp_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the next look is due, in seconds since 1970, unless something changes before.",
        samples: |it| {
            it.status
                .next_look
                .iter()
                .map(|at| (Vec::new(), at.as_duration().as_secs_f64()))
                .collect()
        },
    },
    Metric {
        name: "process_start_time_seconds",
        kind: Kind::Gauge,
        labels: &[],
        help: "When the process began, in seconds since 1970.",
        samples: |it| one(it.status.started_at.as_duration().as_secs_f64()),
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Kind::Gauge,
        labels: &[],
        help: "The memory that the process takes, in bytes.",
        #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
        samples: |it| it.resident_bytes.iter().map(|bytes| (Vec::new(), *bytes as f64)).collect(),
    },
];

fn one(value: f64) -> Samples {
    vec![(Vec::new(), value)]
}

fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "OpenMetrics has floats; counts stay far below 2^52"
)]
fn count(value: u64) -> f64 {
    value as f64
}

fn size(value: usize) -> f64 {
    count(value as u64)
}

fn breakers(scrape: &Scrape, value: impl Fn(&crate::status::Breaker) -> f64) -> Samples {
    let breakers = scrape.status.breakers.iter();
    breakers.map(|breaker| (vec![breaker.name.clone()], value(breaker))).collect()
}

fn windows(scrape: &Scrape, value: impl Fn(&Window) -> Option<f64>) -> Samples {
    let policies = scrape.status.policies.iter();
    let of = |policy: &Policy| {
        let value = value(policy.window.as_ref()?)?;
        Some((vec![policy.name.clone()], value))
    };
    policies.filter_map(of).collect()
}

fn budgets(scrape: &Scrape, value: impl Fn(&Budget) -> u64) -> Samples {
    let policies = scrape.status.policies.iter();
    limits(policies.map(|policy| (&policy.name, &policy.budgets)), value)
}

fn guard_budgets(scrape: &Scrape, value: impl Fn(&Budget) -> u64) -> Samples {
    let guards = scrape.status.guards.iter();
    limits(guards.map(|guard| (&guard.name, &guard.budgets)), value)
}

fn limits<'a>(
    owners: impl Iterator<Item = (&'a String, &'a Vec<Budget>)>,
    value: impl Fn(&Budget) -> u64,
) -> Samples {
    let mut all = BTreeMap::new();
    for (name, budgets) in owners {
        for budget in budgets {
            all.insert(vec![name.clone(), budget.limit.clone()], count(value(budget)));
        }
    }
    all.into_iter().collect()
}

fn calls(scrape: &Scrape, value: impl Fn(&crate::status::Calls) -> Option<f64>) -> Samples {
    let calls = scrape.status.calls.iter();
    calls.filter_map(|(name, it)| Some((vec![name.clone()], value(it)?))).collect()
}
