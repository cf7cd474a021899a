//! What `validate` says that a policy needs is what it needs: with less it does not do its work, and
//! nothing else is ever called.

use std::collections::BTreeSet;

use rescind::emulator::{Denial, Faults, Operation};
use rescind::observe::cost::calls;
use rescind::plan::Outcome;

use super::bench::{Bench, emulator, policies, policy};
use super::truth::told;

const FLEET: &str = "things:
- {name: r1, type: robot, groups: [berlin], attributes: {site: b}, connectivity: {connected: false}}
jobs: [{id: fw, createdAt: 90d ago, tags: {stale: 'yes'}}, {id: next}]
executions:
- {job: fw, thing: r1, queuedAt: 3h ago, statusDetails: {phase: ready}}
- {job: next, thing: r1, queuedAt: 2h ago}";

/// Policies that each cancel the one execution, from the cheapest to the dearest facts.
fn roots() -> Vec<String> {
    let conditions = [
        "'stale' in job.tags",
        "thing.connectivity.connected == false",
        "execution.queuedBehind == 1",
    ];
    let matches = [
        "age: [{since: queuedAt, olderThan: 1m}]",
        "thing: {types: [robot]}",
        "thing: {groups: [berlin]}",
        "thing: {attributes: {matchLabels: {site: b}}}",
        "statusDetails: {matchExpressions: [{key: phase, operator: In, values: [ready]}]}",
    ];
    let typed = matches.iter().map(|condition| format!("match: {{{condition}}}"));
    let expressed = conditions
        .iter()
        .map(|condition| format!("conditions: [{{name: it, expression: \"{condition}\"}}]"));
    let whole = |condition: String| {
        let target = "{statuses: [QUEUED], jobs: {names: [fw]}}";
        let budget = "{max: [{count: 9, per: 1h}]}";
        let spec = format!("mode: Enforce\ntarget: {target}\n{condition}\nbudget: {budget}");
        policy("sweep", &spec)
    };
    typed.chain(expressed).map(whole).collect()
}

fn actions(text: &str) -> BTreeSet<String> {
    let set = policies(text);
    let calls = set.iter().flat_map(|policy| calls(policy).into_keys());
    calls.map(rescind::backend::Operation::action).collect()
}

/// Lets an account that may call these actions alone apply the policies.
async fn applied(text: &str, allowed: &BTreeSet<String>) -> (bool, BTreeSet<String>) {
    let bench = Bench::serving(emulator(FLEET), policies(text)).await;
    let denied = Operation::ALL.iter().filter(|it| !allowed.contains(it.action()));
    let deny = denied.map(|it| Denial { action: it.action().to_owned(), resource: "*".to_owned() });
    bench.emulator.set_faults(Faults { deny: deny.collect(), ..Faults::default() });
    let records = bench.apply().await;
    let canceled = records.iter().any(|record| told(record) == Some(Outcome::Canceled));
    let called = bench.emulator.calls().into_keys();
    (canceled, called.map(|operation| operation.action().to_owned()).collect())
}

#[tokio::test]
async fn the_actions_of_a_policy_are_enough_and_none_is_too_many() {
    for text in roots() {
        let needed = actions(&text);
        let (canceled, called) = applied(&text, &needed).await;
        assert!(canceled, "{text}");
        assert_eq!(called, needed, "{text}");
        for action in &needed {
            let mut less = needed.clone();
            less.remove(action);
            let (canceled, _) = applied(&text, &less).await;
            assert!(!canceled, "it was canceled without {action}: {text}");
        }
    }
}

#[test]
fn a_policy_that_observes_cancels_nothing_and_needs_no_leave_to() {
    for text in roots() {
        let observes = actions(&text.replace("mode: Enforce", "mode: Observe"));
        assert!(!observes.contains("iot:CancelJobExecution"));
        let described = text.contains("statusDetails");
        assert_eq!(observes.contains("iot:DescribeJobExecution"), described, "{text}");
    }
}
