//! When lists are read again.

use super::*;

fn with_retries() -> Arc<PolicySet> {
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {retryAttempt: {atLeast: 1}}\nbudget: {max: [{count: 1, per: 1h}]}";
    set([policy("p", spec)])
}

#[test]
fn an_empty_job_that_gets_no_executions_any_more_is_listed_hourly_after_two_empty_lists() {
    let mut world = World { canceled: true, ..World::default() };
    world.live(&[(now(), with_retries())], now() + minutes(190));
    let times = lists(&world, "j-0", OpenStatus::Queued);
    assert!(times.len() == 5 && times[1] <= 5, "{times:?}");
    assert!(times.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= 60), "{times:?}");
}

#[test]
fn an_empty_job_that_goes_on_is_listed_as_any_other() {
    let mut world = World::default();
    world.live(&[(now(), with_retries())], now() + minutes(190));
    let times = lists(&world, "j-0", OpenStatus::Queued);
    assert!(times.len() > 190 / 5, "{times:?}");
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= 5), "{times:?}");
}

#[test]
fn a_list_waits_for_the_least_age_and_six_hours_at_the_most() {
    let mut world = World { anchored: true, ..queued(0) };
    world.live(&[(now(), older_than(4))], now() + minutes(60 * 13));
    assert_eq!(lists(&world, "j-0", OpenStatus::Queued), [0, 240, 480, 720]);
    assert_eq!(lists(&world, "j-0", OpenStatus::InProgress), [0_i64; 0]);
    let mut world = World { anchored: true, ..queued(0) };
    world.live(&[(now(), older_than(72))], now() + minutes(60 * 13));
    assert_eq!(lists(&world, "j-0", OpenStatus::Queued), [0, 360, 720]);
}

#[test]
fn a_list_that_fails_is_tried_again_less_and_less_often_and_holds_up_no_other() {
    let mut world = queued(0);
    world.failing.insert(("j-1".to_owned(), OpenStatus::Queued));
    world.anchored = true;
    let spec = "mode: Enforce\ntarget: {statuses: [QUEUED]}\nmatch: {retryAttempt: {atLeast: 1}}\nbudget: {max: [{count: 1, per: 1h}]}";
    world.live(&[(now(), set([policy("p", spec)]))], now() + minutes(60 * 6));
    let (good, bad) =
        (lists(&world, "j-0", OpenStatus::Queued), lists(&world, "j-1", OpenStatus::Queued));
    assert!(good.len() > 70, "{good:?}");
    assert!((8..=11).contains(&bad.len()), "{bad:?}");
    let gaps: Vec<_> = bad.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| *gap <= 65), "{gaps:?}");
}

#[test]
fn a_new_policy_that_could_match_what_came_meanwhile_has_its_lists_read_at_once() {
    let mut world = World { anchored: true, ..queued(0) };
    let sets = [(now(), older_than(72)), (now() + minutes(61), older_than(2))];
    world.live(&sets, now() + minutes(100));
    assert_eq!(lists(&world, "j-0", OpenStatus::Queued), [0], "nothing can be two hours old yet");
    let mut world = World { anchored: true, ..queued(0) };
    let sets = [(now(), older_than(72)), (now() + minutes(181), older_than(2))];
    world.live(&sets, now() + minutes(200));
    let times = lists(&world, "j-0", OpenStatus::Queued);
    assert!(times.len() == 2 && (181..=186).contains(&times[1]), "{times:?}");
}
