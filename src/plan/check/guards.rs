//! The guards, asked a second time.
//!
//! As plain as the module above: each rule of each guard must surely not hold, no freeze may last but for
//! a policy that it excepts, and the place must be in every scope.

use jiff::Timestamp;

use super::Seen;
use super::expressions::asks_described;
use crate::execution::{Account, ExecutionStatus, OpenStatus};
use crate::plan::Act;
use crate::policy::{OnExceed, Policy, PolicySet, Rule};

fn asks_details(rule: &Rule) -> bool {
    rule.clauses.iter().any(|clause| asks_described(&clause.test))
}

/// Whether a describe may show that a guard protects what is to be acted on. The built-in rules are not
/// expected of what its device has not begun.
pub(super) fn ask_details(act: &Act, policies: &PolicySet) -> bool {
    policies.vetoes().iter().any(|guard| {
        let expected = act.status == OpenStatus::InProgress || !guard.is_built_in();
        expected && guard.protects.iter().any(asks_details)
    })
}

/// Whether a guard keeps all that a policy would do from being done now.
pub(super) fn freeze(policies: &PolicySet, policy: &Policy, now: Timestamp) -> bool {
    let of_guards = policies.vetoes().iter().flat_map(|guard| &guard.freezes);
    let mut lasting = of_guards.filter(|freeze| !(now < freeze.from || now >= freeze.until));
    lasting.any(|freeze| freeze.except.iter().all(|excepted| *excepted != policy.name))
}

/// Whether a budget that halts counts what the policy has due, so that all of it was described before.
pub(super) fn halts(policies: &PolicySet, policy: &Policy) -> bool {
    let mut budgets = policies.vetoes().iter().map(|guard| guard.budget.on_exceed);
    policy.on_exceed == OnExceed::Halt || budgets.any(|on_exceed| on_exceed == OnExceed::Halt)
}

/// Holds a line against all guards.
pub(super) fn check(
    seen: &Seen<'_>,
    policies: &PolicySet,
    account: Option<&Account>,
    broken: &mut impl FnMut(String),
) {
    let halts = halts(policies, &seen.line.policy);
    for guard in policies.vetoes() {
        let unexpected = guard.is_built_in() && seen.row.status == ExecutionStatus::Queued;
        for rule in &guard.protects {
            let left_to_the_act = seen.is_undescribed() && (!halts || unexpected);
            let later = left_to_the_act && asks_details(rule);
            if !later && !seen.surely_not(rule) {
                broken(format!("guard {} protects it by rule {}", guard.name, rule.name));
            }
        }
        if let Some(scope) = &guard.scope {
            let has = account.is_some_and(|it| {
                scope.accounts.iter().any(|account| *account == it.account)
                    && scope.regions.iter().any(|region| *region == it.region)
            });
            if !has {
                broken(format!("it is not in the scope of guard {}", guard.name));
            }
        }
    }
    if freeze(policies, &seen.line.policy, seen.now) {
        broken("a freeze lasts".to_owned());
    }
    if policies.is_blind() {
        broken("there is a guard that nobody could read yet".to_owned());
    }
    let demands = policies.demands();
    if demands.guard && policies.guards().count() == 0 {
        broken("there must be a guard, and there is none".to_owned());
    }
    if demands.scope && !policies.guards().any(|guard| guard.scope.is_some()) {
        broken("a guard must have a scope, and none has".to_owned());
    }
}
