//! What is kept, and a clock that was wrong when it was read.

use super::*;

#[test]
fn what_was_read_while_the_clock_was_ahead_is_read_again_once_it_is_right() {
    for after in [older_than(4), older_than(5)] {
        let mut world = World { anchored: true, ..queued(0) };
        world.failing.insert(("j-1".to_owned(), OpenStatus::Queued));
        let (mut schedule, mut kept) = (Schedule::new(INTERVAL), Inventory::default());
        let month = 30 * 24 * 60;
        let steps = [(month, older_than(4)), (0, Arc::clone(&after)), (10, after)];
        for (at, policies) in steps {
            let at = now() + minutes(at);
            assert_eq!(schedule.begin(&mut kept, &policies, at, 0), Extent::Whole);
            for job in kept.jobs.values_mut().filter(|_| at == now()) {
                assert_eq!((job.status_at, job.described_at, job.tags_at), (at, None, None));
                assert!(job.description.is_not_read() && job.tags.is_not_read());
            }
            world.answer(&mut kept, &policies, at);
            schedule.observed(&mut kept);
            for job in kept.jobs.values_mut() {
                job.take_in(Fact::Known(JobDescription::default()), at);
                (job.tags, job.tags_at) = (Fact::Known(BTreeMap::new()), Some(at));
            }
            schedule.looked(&policies, &kept, &Memory::default(), None);
            assert!(schedule.next() <= at + INTERVAL);
        }
        assert_eq!(lists(&world, "j-0", OpenStatus::Queued), [month, 0]);
        assert_eq!(lists(&world, "j-1", OpenStatus::Queued), [month, 0, 10]);
    }
}
