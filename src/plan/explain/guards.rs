//! What one guard makes of one execution, whole: each rule with what it saw, each freeze, the scope, how
//! much all policies together may cancel.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::view::rule;
use super::{Breadth, Rule};
use crate::fact::Truth;
use crate::plan::clause::Facts;
use crate::plan::{BudgetState, Owner, Plan, veto};
use crate::policy::{Guard, OnExceed, Origin, PolicyName, Standing};

/// What one guard says.
#[derive(Clone, Debug)]
pub struct GuardView {
    /// The guard.
    pub name: PolicyName,
    /// Where it stands, or stood.
    pub origin: Origin,
    /// Whether its document is there; it is in force all the same.
    pub standing: Standing,
    /// Whether it protects the execution. What is not known protects as well.
    pub protects: Truth,
    /// Its rules: none may hold.
    pub rules: Vec<Rule>,
    /// Its freezes.
    pub freezes: Vec<FreezeView>,
    /// Where cancels may be sent; none if it does not say.
    pub scope: Option<ScopeView>,
    /// Where its limits over all policies stand.
    pub budgets: Vec<BudgetState>,
    /// Its limits of which that is not known, since it hangs on executions that were not looked at.
    pub not_counted: Vec<String>,
}

/// A time in which nothing is sent.
#[derive(Clone, Debug)]
pub struct FreezeView {
    /// Its name.
    pub name: String,
    /// From then on.
    pub from: Timestamp,
    /// Up to then, and not then.
    pub until: Timestamp,
    /// Whether it lasts now.
    pub lasts: bool,
    /// The policies that act all the same.
    pub except: BTreeSet<PolicyName>,
}

/// Where cancels may be sent.
#[derive(Clone, Debug)]
pub struct ScopeView {
    /// The accounts.
    pub accounts: BTreeSet<String>,
    /// The regions.
    pub regions: BTreeSet<String>,
    /// Whether the account and region that answered are surely in it.
    pub has: bool,
}

pub(super) fn view(guard: &Guard, facts: &Facts<'_>, plan: &Plan, breadth: Breadth) -> GuardView {
    let now = plan.now;
    let rules: Vec<_> = guard.protects.iter().map(|it| rule(it, facts, now)).collect();
    let protects = rules.iter().fold(Truth::No, |any, rule| any | rule.holds);
    let own = |state: &&BudgetState| state.owner == Owner::Guard(guard.name.clone());
    let budgets = plan.budgets.iter().filter(own).cloned();
    // How many are due decides whether it halts.
    let counted = breadth == Breadth::Fleet || guard.budget.on_exceed == OnExceed::Throttle;
    let (budgets, not_counted) = if counted {
        (budgets.collect(), Vec::new())
    } else {
        (Vec::new(), guard.budget.limits.iter().map(ToString::to_string).collect())
    };
    let freezes = guard.freezes.iter().map(|freeze| FreezeView {
        name: freeze.name.clone(),
        from: freeze.from,
        until: freeze.until,
        lasts: freeze.lasts(now),
        except: freeze.except.clone(),
    });
    GuardView {
        name: guard.name.clone(),
        origin: guard.origin.clone(),
        standing: guard.standing,
        protects,
        rules,
        freezes: freezes.collect(),
        scope: guard.scope.as_ref().map(|scope| ScopeView {
            accounts: scope.accounts.clone(),
            regions: scope.regions.clone(),
            has: facts.account.is_some_and(|place| veto::is_in(scope, place)),
        }),
        budgets,
        not_counted,
    }
}
