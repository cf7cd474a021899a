//! What people are told: what would have to change, reason by reason, why something stays, and what of a
//! policy is another.

use jiff::SignedDuration;
use rescind::fact::{Fact, Unreadable};
use rescind::inventory::{
    AbortCriterion, FailureType, Inventory, JobDescription, Listing, ProcessDetails,
};
use rescind::plan::breaker::{Breaker, Open};
use rescind::plan::difference::edits;
use rescind::plan::explain::{Breadth, Explanation, Standing, explain, standing};
use rescind::plan::{Depth, Memory, Reason, Spent, plan};
use rescind::policy::{Demands, PolicySet};

use super::support::{fleet, guard, key, name, now, policy};

struct Case {
    spec: String,
    guards: Vec<&'static str>,
    demands: Demands,
    blind: bool,
    inventory: Inventory,
    memory: Memory,
}

/// A policy that would cancel an execution of two days.
fn good() -> Case {
    let fleet = fleet(
        "jobs: [{id: fw}]\nthings: [{name: a}]\n\
         executions: [{job: fw, thing: a, queuedAt: 2d ago}]",
    );
    Case {
        spec: spec("1d", "max: [{count: 9, per: 1h}]"),
        guards: Vec::new(),
        demands: Demands::default(),
        blind: false,
        inventory: rescind::fleet::inventory(&fleet, now()),
        memory: Memory::default(),
    }
}

fn spec(age: &str, budget: &str) -> String {
    format!(
        "mode: Enforce\ntarget: {{statuses: [QUEUED, IN_PROGRESS]}}\n\
         match: {{age: [{{since: queuedAt, olderThan: {age}}}]}}\nbudget: {{{budget}}}\n"
    )
}

impl Case {
    fn explained(&self, breadth: Breadth) -> Explanation {
        let guards = self.guards.iter().map(|spec| guard("g", spec));
        let set = PolicySet::guarded([policy("p", &self.spec)], guards, self.demands);
        let set = if self.blind { set.blind() } else { set }.into();
        let (inventory, memory) = (&self.inventory, &self.memory);
        let plan = plan(&set, inventory, memory, now(), Depth::Exact);
        explain(&key("fw", "a"), &plan, inventory, memory, breadth).expect("it is there")
    }

    fn advised(&self) -> (Reason, Vec<String>) {
        let decided = self.explained(Breadth::Fleet).decided.expect("it is in scope");
        (decided.reason, decided.to_change)
    }

    fn described(&mut self) -> &mut JobDescription {
        let job = self.inventory.jobs.values_mut().next().expect("a job");
        let Fact::Known(description) = &mut job.description else { panic!("described") };
        description
    }

    /// Lets AWS abort the job once one more is canceled.
    fn fragile(&mut self, process: Fact<ProcessDetails>) {
        let description = self.described();
        description.process = process;
        description.abort = vec![AbortCriterion {
            failure_type: FailureType::All,
            threshold_percentage: 50.0,
            min_number_of_executed_things: 2,
        }];
    }
}

type Change = fn(&mut Case);

const ADVICE: &[(Reason, &str, Change)] = &[
    (
        Reason::NoMatch,
        "match.age[0] asks that queuedAt is at least 3d ago: that is so in 1d",
        |it| {
            it.spec = spec("3d", "max: [{count: 9, per: 1h}]");
        },
    ),
    (Reason::NoMatch, "conditions[0] asks that execution.retryAttempt > 2 is true", |it| {
        it.spec.push_str("conditions: [{name: c, expression: execution.retryAttempt > 2}]\n");
    }),
    (Reason::ForceRequired, "write cancel: {force: true} in the policy", |it| {
        let row = it.inventory.executions.get_mut(&key("fw", "a")).expect("a row");
        row.status = "IN_PROGRESS".into();
    }),
    (Reason::Expired, "write a later expiresAt in the policy", |it| {
        it.spec.push_str("expiresAt: 2026-11-01T00:00:00Z\n");
    }),
    (Reason::SourceBroken, "mend the file that has, or may have, a guard", |it| it.blind = true),
    (Reason::OutOfScope, "write a CancelGuard with a scope", |it| {
        it.demands = Demands { guard: true, scope: false };
    }),
    (Reason::OutOfScope, "write a CancelGuard with a scope", |it| {
        it.guards.push("protect: [{name: r, jobs: {names: [x]}}]");
        it.demands = Demands { guard: true, scope: true };
    }),
    (Reason::OutOfScope, "write the account and region in the guard's scope", |it| {
        it.guards.push("scope: {accounts: [\"000000000001\"], regions: [eu-west-3]}");
    }),
    (Reason::BreakerOpen, "put right what opened the breaker, then rescind resume", |it| {
        let zero = SignedDuration::ZERO;
        let open = Open { since: now(), why: String::new(), calm: zero, looked: now() };
        it.memory.breakers.open.insert(Breaker::Error, open);
    }),
    (Reason::Paused, "find out why it is paused; then rescind resume", |it| {
        it.memory.paused = Some("".into());
    }),
    (Reason::InventoryIncomplete, "what could not be read must be readable", |it| {
        it.spec = spec("1d", "max: [{count: 9, per: 1h}], maxPercent: {value: 9, per: 24h}");
        let lists = it.inventory.lists.iter_mut();
        let other = lists.filter(|((_, status), _)| status.as_str() == "IN_PROGRESS");
        other.for_each(|(_, list)| *list = Listing::Failed(Unreadable::Failed));
    }),
    (Reason::JobAbortRisk, "write cancel: {allowJobAbort: true} in the policy", |it| {
        it.fragile(Fact::Known(ProcessDetails { failed: 1, ..ProcessDetails::default() }));
    }),
    (Reason::FactUnknown, "how many executions of its job have ended must be known", |it| {
        it.fragile(Fact::Unreadable(Unreadable::Invalid));
    }),
    (Reason::BudgetExhausted, "wait until the budget refills, or raise it in the policy", |it| {
        it.spec = spec("1d", "max: [{count: 1, per: 1h}]");
        it.memory.spent = vec![Spent { policy: name("p"), forced: false, settled: None }];
    }),
    (Reason::BudgetHalted, "find out why so many are due; raise the budget in the policy", |it| {
        it.spec = spec("1d", "max: [{count: 1, per: 1h}], onExceed: Halt");
        it.memory.spent = vec![Spent { policy: name("p"), forced: false, settled: None }];
    }),
    (Reason::BudgetExhausted, "wait until the budget refills, or raise it in the guard", |it| {
        it.guards.push("budget: {max: [{count: 1, per: 1h}]}");
        it.memory.spent = vec![Spent { policy: name("p"), forced: false, settled: None }];
    }),
];

#[test]
fn for_each_reason_it_is_said_what_would_have_to_change() {
    assert_eq!(good().advised(), (Reason::Matched, Vec::new()));
    let mut missed = Vec::new();
    for (reason, words, change) in ADVICE {
        let mut case = good();
        change(&mut case);
        let (found, advised) = case.advised();
        if found != *reason || !matches!(&advised[..], [one] if one.starts_with(words)) {
            missed.push(format!("{reason:?}: {words}: {found:?} {advised:?}"));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn an_age_that_time_alone_does_not_bring_is_not_foretold() {
    let mut case = good();
    let row = case.inventory.executions.get_mut(&key("fw", "a")).expect("a row");
    row.times.change(|it| it.queued_at = Fact::Absent);
    let (reason, advised) = case.advised();
    assert_eq!(reason, Reason::NoMatch);
    assert_eq!(advised, ["match.age[0] asks that queuedAt is at least 1d ago"]);
}

#[test]
fn a_view_of_one_execution_says_which_limits_it_cannot_count() {
    let limits = |spec: &str, breadth| {
        let mut case = good();
        spec.clone_into(&mut case.spec);
        let view = case.explained(breadth).policies.remove(0);
        (view.budgets.len(), view.not_counted.len())
    };
    let both = "max: [{count: 9, per: 1h}], maxPercent: {value: 100, per: 24h, minPopulation: 1}";
    assert_eq!(limits(&spec("1d", both), Breadth::Fleet), (2, 0));
    assert_eq!(limits(&spec("1d", both), Breadth::One), (1, 1));
    let halts = format!("{both}, onExceed: Halt");
    assert_eq!(limits(&spec("1d", &halts), Breadth::One), (0, 2));
    let observes = spec("1d", both).replace("Enforce", "Observe");
    assert_eq!(limits(&observes, Breadth::One).1, 0, "it has nothing to spend");
}

#[test]
fn what_a_describe_shows_to_be_protected_is_so_for_each_policy() {
    let protects = "protect: [{name: r, statusDetails: {matchExpressions: [{key: k, operator: DoesNotExist}]}}]";
    let mut case = good();
    let verdict = |case: &Case| case.explained(Breadth::Fleet).policies[0].verdict;
    assert_eq!(verdict(&case), Some(Reason::Due));
    case.guards.push(protects);
    assert_eq!(verdict(&case), Some(Reason::Protected));
    // What keeps it before that comes first.
    case.spec = spec("3d", "max: [{count: 9, per: 1h}]");
    assert_eq!(verdict(&case), Some(Reason::NoMatch));
}

#[test]
fn a_policy_that_canceled_stands_as_its_digest_says() {
    let canceled = policy("p", &spec("1d", "max: [{count: 9, per: 1h}]"));
    let digest = canceled.digest.short().to_owned();
    let set = PolicySet::new([canceled]);
    assert_eq!(standing("p", &digest, &set), Standing::Unchanged);
    assert_eq!(standing("p", "0123456789ab", &set), Standing::Changed(digest.clone()));
    assert_eq!(standing("q", &digest, &set), Standing::Missing);
}

/// Why the execution stays, in words.
fn because(change: impl Fn(&mut Case)) -> String {
    let mut case = good();
    change(&mut case);
    case.explained(Breadth::Fleet).decided.expect("it is in scope").because
}

#[test]
fn of_two_things_that_it_waits_for_the_later_is_told() {
    let waits = |failed: i64| {
        because(|it| {
            let until = |hours| now() + SignedDuration::from_hours(hours);
            it.memory.denied.insert((name("p"), key("fw", "a").job), until(2));
            it.memory.backing_off.insert(key("fw", "a"), until(failed));
        })
    };
    assert!(waits(1).contains("AWS denied a call for its job"), "{}", waits(1));
    assert!(waits(3).contains("a call for it failed"), "{}", waits(3));
}

#[test]
fn a_limit_says_whether_it_refills_and_what_of_it_is_not_known() {
    let limit = |budget: &str, spent: usize, ledger: Option<i64>| {
        because(|it| {
            it.spec = spec("1d", budget);
            it.memory.spent =
                vec![Spent { policy: name("p"), forced: false, settled: None }; spent];
            it.memory.ledger_began =
                ledger.map(|minutes| now() - SignedDuration::from_mins(minutes));
        })
    };
    let refills = "; it refills as those leave the period";
    let nothing = limit("max: [{count: 0, per: 1h}]", 0, None);
    assert!(nothing.contains("allows 0, 0 spent") && !nothing.contains(refills), "{nothing}");
    let open = limit("max: [{count: 1, per: 1h}]", 1, None);
    assert!(open.contains(refills) && !open.contains("ledger"), "{open}");
    let words = "because what was canceled before the ledger began is not known";
    let all = limit("max: [{count: 2, per: 1h}]", 0, Some(0));
    assert!(all.contains(&format!("2 spent {words}")), "{all}");
    let some = limit("max: [{count: 2, per: 1h}]", 1, Some(30));
    assert!(some.contains(&format!("2 spent (1 of them {words})")), "{some}");
}

#[test]
fn what_an_expression_saw_is_told_with_its_side_of_now_and_what_is_empty_as_none() {
    let saw = |hours: i64, groups: &[&str]| {
        let mut case = good();
        let row = case.inventory.executions.get_mut(&key("fw", "a")).expect("a row");
        let queued = now() - SignedDuration::from_hours(hours);
        row.times.change(|it| it.queued_at = Fact::Known(queued));
        let groups: std::collections::BTreeSet<_> =
            groups.iter().map(|it| (*it).to_owned()).collect();
        let things = case.inventory.things.values_mut();
        things.for_each(|it| it.groups = Fact::Known(groups.clone()));
        case.spec.push_str(
            "conditions: [{name: c, expression: \"execution.queuedAt < now && 'x' in thing.groups\"}]\n\
             exclude: [{name: r, thing: {groups: [x]}}]\n",
        );
        let view = case.explained(Breadth::Fleet).policies.remove(0);
        [&view.clauses[0], &view.clauses[1], &view.rules[0].clauses[0]].map(|it| it.saw.clone())
    };
    for (hours, told) in [(3, "3h ago"), (0, "0s ago"), (-3, "3h ahead of now")] {
        let [age, condition, rule] = saw(hours, &[]);
        assert!(age.contains(told), "{age}");
        assert!(condition.contains(told) && condition.contains("none"), "{condition}");
        assert!(rule.contains("none"), "{rule}");
    }
    let [_, condition, rule] = saw(3, &["lab", "old"]);
    assert!(condition.contains("lab, old") && rule.contains("lab, old"), "{condition} {rule}");
}

#[test]
fn an_execution_of_a_job_that_was_not_listed_says_whether_the_list_was_read() {
    let why = |list: Option<Listing>| {
        let mut case = good();
        case.inventory.jobs.clear();
        if let Some(failed) = list {
            case.inventory.job_lists.values_mut().for_each(|list| *list = failed);
        }
        case.explained(Breadth::One).policies.remove(0).out_of_scope.expect("it is in none")
    };
    assert_eq!(
        why(None),
        "target.jobs.statuses is IN_PROGRESS, CANCELED, SCHEDULED, and its job is in none"
    );
    let failed = Some(Listing::Failed(Unreadable::Denied));
    assert_eq!(why(failed), "the list of jobs in status IN_PROGRESS could not be read");
}

#[test]
fn a_policy_that_differs_says_up_to_eight_differences_and_one_that_does_not_is_not_told() {
    let sends = |count: usize, what: &str| {
        let pairs: Vec<_> = (0..count).map(|index| format!("k{index}: {what}")).collect();
        let sends = format!("cancel: {{statusDetails: {{set: {{{}}}}}}}\n", pairs.join(", "));
        let spec = spec("1d", "max: [{count: 9, per: 1h}]");
        PolicySet::new([policy("p", &format!("{spec}{sends}"))])
    };
    let told = |count| edits(&sends(count, "old"), &sends(count, "new")).remove(0).what;
    assert_eq!(edits(&sends(1, "old"), &sends(1, "old")).len(), 0);
    assert_eq!(told(8).len(), 8);
    assert!(!told(8)[7].contains("more"), "{:?}", told(8));
    assert_eq!((told(9).len(), &*told(9)[8]), (9, "and 1 more"));
}
