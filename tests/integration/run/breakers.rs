//! What holds everything back from outside, in a controller that looks once an hour: a breaker that its own
//! calls opened, and the stop switch. Once either is gone, what waited goes at once.

use rescind::emulator::{Faults, Operation};

use crate::process::fleet::{World, guard, policy, policy_with};
use crate::process::{Beside, get, ran, rescind, until};

fn metric(address: &str, name: &str) -> Option<f64> {
    let (code, text) = get(address, "/metrics");
    assert_eq!(code, 200);
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

fn controller(world: &World) -> Beside {
    let mut run = world.guarded(&["run", "root", "--interval", "1h", "--rate", "1000"]);
    run.args(["--account", crate::process::fleet::ACCOUNT, "--region"]);
    run.args([crate::process::fleet::REGION, "--listen", "127.0.0.1:0"]);
    Beside::start(run)
}

#[test]
fn cancels_that_fail_open_the_breaker_and_what_waits_goes_at_once_when_it_is_closed() {
    let world = World::new(60);
    world.write("a.yaml", &policy("a", "*"));
    world.write("g.yaml", &guard("g", "breakers: {errorPercent: 30}"));
    let fails = [(Operation::CancelJobExecution, 1000)].into();
    world.emulator.set_faults(Faults { internal_failure: fails, ..Faults::default() });
    let mut controller = controller(&world);
    let at = controller.address();
    controller.log.wait("a breaker opened: nothing is sent until it is closed");
    // Told everywhere, and no reason to restart anything.
    until("the metric says so", || {
        let open = metric(&at, "rescind_breaker_open{breaker=\"error\"}")?;
        (open > 0.5).then_some(())
    });
    assert!(metric(&at, "rescind_breaker_bad_cases{breaker=\"error\"}").unwrap() >= 20.0);
    assert_eq!(metric(&at, "rescind_breaker_limit{breaker=\"error\"}"), Some(30.0));
    assert_eq!(get(&at, "/readyz"), (200, "ok\n".to_owned()));
    let told = until("the status says so", || {
        let status = rescind(&["status", "--at", &at]);
        assert_eq!(status.code, 0, "{}", status.stderr);
        status.stdout.contains("Breaker error is open: nothing is sent").then_some(status.stdout)
    });
    assert!(told.contains("cancels of the last hour failed or got lost"), "{told}");
    let then = "; once that is put right, `rescind resume --breaker error` closes it\n";
    assert!(told.contains(then), "{told}");
    let sent = world.calls(Operation::CancelJobExecution);
    assert!((20..60).contains(&sent), "{sent}");
    assert!(world.emulator.effects().is_empty());
    // Somebody mends it, and says so.
    world.emulator.set_faults(Faults::default());
    let resumed = ran(world.command(&["resume", "--breaker", "error"]));
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    controller.log.wait("a breaker was closed on request");
    // Those whose answer was lost have their flight time to wait.
    let left = 60 - usize::try_from(sent).unwrap();
    until("what waited is canceled", || (world.canceled("fw").len() >= left).then_some(()));
    assert_eq!(metric(&at, "rescind_breaker_open{breaker=\"error\"}"), Some(0.0));
    controller.signal("TERM");
    assert_eq!(controller.end(), 0);
}

#[test]
fn what_waited_for_the_stop_switch_goes_at_once_when_it_is_off() {
    let world = World::new(2);
    let windows = "mode: Enforce\n  windows: [{kind: Allow, days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], \
                   from: \"00:00\", to: \"24:00\", timeZone: UTC}]";
    world.write("a.yaml", &policy_with("a", "*", windows));
    world.write("g.yaml", &guard("g", "breakers: {errorPercent: 30}"));
    std::fs::create_dir(world.path("state")).unwrap();
    assert_eq!(ran(world.command(&["pause", "--reason", "the plant is on fire"])).code, 0);
    let controller = controller(&world);
    let at = controller.address();
    controller.log.wait(" pass ");
    until("the metric says so", || (metric(&at, "rescind_paused")? > 0.5).then_some(()));
    let status = rescind(&["status", "--at", &at]).stdout;
    let said = "Paused: nothing is sent: the plant is on fire";
    assert!(status.contains(said), "{status}");
    // Each reason is in the log, also of who paused what was paused already.
    assert_eq!(ran(world.command(&["pause", "--reason", "and the bench too"])).code, 0);
    controller.log.wait("paused: nothing is sent why=\"the plant is on fire (");
    controller.log.wait("paused: nothing is sent why=\"and the bench too (");
    assert!(status.contains("active, window open"), "{status}");
    assert_eq!(metric(&at, "rescind_window_open{policy=\"a\"}"), Some(1.0));
    assert_eq!(metric(&at, "rescind_guards{standing=\"written\"}"), Some(1.0));
    assert!(world.emulator.effects().is_empty());
    assert_eq!(ran(world.command(&["resume"])).code, 0);
    controller.log.wait("resumed: what is due is sent again");
    world.until_canceled(&["r001", "r002"]);
    until("the metric says so", || (metric(&at, "rescind_paused")? < 0.5).then_some(()));
    // What the pass itself has spent is told at its end, and not a look later.
    let left = "rescind_budget_left{policy=\"a\",limit=\"10000 per 1h\"}";
    until("the budget is told", || (metric(&at, left)? < 9_998.5).then_some(()));
}
