//! Rules that nothing of a fleet can meet: most likely misspelt, and so keep nothing.
//!
//! For `validate`, which is given a fleet to look at. Asked is what outlives a moment: names, types, groups
//! and attributes. What hangs on an execution (its age, what its device wrote, an expression) may hold
//! in the next minute, and says nothing here. What is not known may hold.

use jiff::Timestamp;

use crate::execution::ExecutionKey;
use crate::inventory::Inventory;
use crate::plan::clause::{Answer, Facts};
use crate::policy::{Clause, Rule, Test};

fn asks_thing(clause: &Clause) -> bool {
    matches!(
        clause.test,
        Test::ThingNames(_) | Test::ThingTypes(_) | Test::ThingGroups(_) | Test::ThingAttribute(_)
    )
}

fn asks_job(clause: &Clause) -> bool {
    matches!(clause.test, Test::JobNames(_))
}

/// None if a rule may hold for a thing and a job of an inventory in which everything was read. Otherwise
/// the paths of its conditions that none of them meets, of which there is none where no thing meets all.
pub fn idle<'a>(rule: &'a Rule, inventory: &Inventory, now: Timestamp) -> Option<Vec<&'a str>> {
    // Whichever it is: what is asked hangs on no execution.
    let (key, row) = inventory.executions.iter().next()?;
    let job = inventory.jobs.get(&key.job)?;
    let of_things = inventory.things.iter().map(|(name, thing)| {
        (ExecutionKey { job: key.job.clone(), thing: name.clone() }, Some(thing))
    });
    let of_jobs = inventory
        .jobs
        .keys()
        .map(|id| (ExecutionKey { job: id.clone(), thing: key.thing.clone() }, None));
    let may_hold = |clause: &Clause, key: &ExecutionKey, thing| {
        clause.test.ask(&Facts { key, job, row, thing, account: None }, now) != Answer::No
    };
    let mut paths = Vec::new();
    let mut met = true;
    for (clauses, among) in [
        (
            rule.clauses.iter().filter(|it| asks_thing(it)).collect::<Vec<_>>(),
            of_things.collect::<Vec<_>>(),
        ),
        (rule.clauses.iter().filter(|it| asks_job(it)).collect(), of_jobs.collect()),
    ] {
        let by = |clause: &Clause| among.iter().any(|(key, thing)| may_hold(clause, key, *thing));
        paths.extend(clauses.iter().filter(|it| !by(it)).map(|clause| clause.path.as_str()));
        let all = |(key, thing): &(ExecutionKey, Option<_>)| {
            clauses.iter().all(|clause| may_hold(clause, key, *thing))
        };
        met &= clauses.is_empty() || among.iter().any(all);
    }
    (!met).then_some(paths)
}
