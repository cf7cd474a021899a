//! How many decisions lacked a fact that could not be read: the cases of the breaker `unknown`, and what
//! keeps a plan without a cancel from meaning that there is nothing to do.
//!
//! Apart from `breaker`, which only counts. A fact that is absent is none of them, although it is not
//! known to a clause: that nobody wrote an attribute is the policy's matter, and no policy shall stop the
//! others by asking for it. Nor are those of policies in Observe, which stop nobody.

use jiff::Timestamp;

use crate::fact::Fact;
use crate::inventory::Inventory;
use crate::plan::breaker::Cases;
use crate::plan::clause::{Answer, Facts, Tier};
use crate::plan::words::facts_of;
use crate::plan::{At, FactName, Line, Plan, Reason, planner};
use crate::policy::template::Part;
use crate::policy::{Clause, Mode, PolicySet, Rule, Test};

/// What of the policies that may act is not decided in an exact plan, since it could not be read, in words:
/// `3 executions`, `job fw`. None if all that they would cancel is in the plan.
pub fn undecided(plan: &Plan, inventory: &Inventory) -> Option<String> {
    match plan.undecided {
        0 => {
            let mut acting = plan.policies.iter().filter(|policy| policy.mode == Mode::Enforce);
            acting.find_map(|policy| planner::incomplete(policy, inventory))
        }
        1 => Some("1 execution".to_owned()),
        many => Some(format!("{many} executions")),
    }
}

/// The decisions that needed a read, and those of them that lacked it.
pub(super) fn cases<'a>(
    lines: impl IntoIterator<Item = &'a Line>,
    set: &PolicySet,
    inventory: &Inventory,
    now: Timestamp,
) -> Cases {
    let mut sum = Cases::default();
    for line in lines.into_iter().filter(|line| line.policy.mode == Mode::Enforce) {
        if needed_no_read(line) {
            continue;
        }
        let facts = facts_of(&line.key, inventory);
        sum.all += 1;
        sum.bad += u64::from(facts.is_some_and(|facts| is_blind(line, set, &facts, now)));
    }
    sum
}

/// Whether what is listed was enough to say no.
fn needed_no_read(line: &Line) -> bool {
    match (line.verdict.reason, line.verdict.at) {
        (Reason::NoMatch, At::Clause(index)) => {
            line.policy.clauses[index].test.tier() == Tier::Listed
        }
        (Reason::NoMatch | Reason::StatusUnknown | Reason::Terminal, _) => true,
        _ => false,
    }
}

/// Whether the verdict is what it is since a fact could not be read.
fn is_blind(line: &Line, set: &PolicySet, facts: &Facts<'_>, now: Timestamp) -> bool {
    let policy = &line.policy;
    let missing = |fact| is_unreadable(facts.standing(&fact));
    match (line.verdict.reason, line.verdict.at) {
        (Reason::FactUnknown, At::Clause(index)) => of_test(&policy.clauses[index].test, facts),
        (Reason::FactUnknown, At::Number) => missing(FactName::ExecutionNumber),
        (Reason::FactUnknown, At::Version) => missing(FactName::Version),
        (Reason::FactUnknown, At::StatusDetails) => missing(FactName::StatusDetails),
        (Reason::FactUnknown, At::Template(set, part)) => {
            match policy.cancel.set[set].1.parts.get(part) {
                Some(Part::Expression(it)) => {
                    it.fields().iter().any(|field| missing(FactName::of(*field)))
                }
                _ => false,
            }
        }
        (Reason::Excluded, At::RuleClause(rule, clause)) => {
            of_test(&policy.excludes[rule].clauses[clause].test, facts)
        }
        (Reason::Protected, At::Protect(guard, rule)) => {
            of_rule(&set.vetoes()[guard].protects[rule], facts, now)
        }
        _ => false,
    }
}

/// Whether a rule may hold for all that could be read.
fn of_rule(rule: &Rule, facts: &Facts<'_>, now: Timestamp) -> bool {
    let blind = |clause: &Clause| {
        clause.test.ask(facts, now) == Answer::Unknown && of_test(&clause.test, facts)
    };
    let holds = |clause: &Clause| clause.test.ask(facts, now) == Answer::Yes;
    !rule.clauses.iter().all(holds) && rule.clauses.iter().any(blind)
}

fn of_test(test: &Test, facts: &Facts<'_>) -> bool {
    match test {
        Test::Expression(on) => {
            let fields = on.expression.fields().iter();
            fields.map(|field| facts.standing(&FactName::of(*field))).any(is_unreadable)
        }
        other => other.fact().is_some_and(|fact| is_unreadable(facts.standing(&fact))),
    }
}

fn is_unreadable(fact: Fact<()>) -> bool {
    matches!(fact, Fact::Unreadable(_))
}
