//! A plan against what a test of policies expects of it.
//!
//! Only the comparison: the plan is made by the planner like any other. A surprise is a failure, above
//! all a cancel that nobody expects.

use crate::execution::ExecutionKey;
use crate::plan::{Decision, Line, Plan, Reason};
use crate::policy::{Expectation, PolicyName, TestCase};

/// What was decided about one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// Its reason.
    pub reason: Reason,
    /// Whose it is.
    pub policy: PolicyName,
    /// Whether force is sent.
    pub force: bool,
}

/// A difference between what was expected and what was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Surprise {
    /// An expectation is not met.
    Unmet {
        /// Its index among the expectations of the test.
        index: usize,
        /// What was decided instead; none if no policy has the execution in scope.
        decided: Option<Decided>,
    },
    /// An execution would be canceled that no expectation names.
    Unlisted {
        /// Which one.
        key: ExecutionKey,
        /// What was decided about it.
        decided: Decided,
    },
}

/// All differences: unmet expectations in their order, then unexpected cancels by job and thing.
pub fn surprises(test: &TestCase, plan: &Plan) -> Vec<Surprise> {
    let line_of = |key: &ExecutionKey| plan.lines.iter().find(|line| line.key == *key);
    let mut surprises = Vec::new();
    for (index, expected) in test.expect.iter().enumerate() {
        let decided = line_of(&expected.key).map(Decided::of);
        if !is_met(expected, decided.as_ref()) {
            surprises.push(Surprise::Unmet { index, decided });
        }
    }
    if test.forbid_unlisted {
        let cancels = plan.lines.iter().filter(|line| line.decision() == Decision::Cancel);
        let unlisted = cancels.filter(|line| test.expect.iter().all(|it| it.key != line.key));
        surprises.extend(
            unlisted.map(|it| Surprise::Unlisted { key: it.key.clone(), decided: Decided::of(it) }),
        );
    }
    surprises
}

/// An execution that no policy has in scope stays, and that has neither a reason nor a policy.
fn is_met(expected: &Expectation, decided: Option<&Decided>) -> bool {
    let Some(decided) = decided else {
        let bare = expected.reason.is_none() && expected.policy.is_none();
        return expected.decision == Decision::Keep && bare;
    };
    expected.decision == decided.decision
        && expected.reason.is_none_or(|reason| reason == decided.reason)
        && expected.policy.as_ref().is_none_or(|policy| *policy == decided.policy)
        && expected.force.is_none_or(|force| force == decided.force)
}

impl Decided {
    fn of(line: &Line) -> Self {
        Self {
            decision: line.decision(),
            reason: line.verdict.reason,
            policy: line.policy.name.clone(),
            force: line.act.as_ref().is_some_and(|act| act.force),
        }
    }
}
