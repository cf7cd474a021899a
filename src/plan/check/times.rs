//! When a policy may act, stated a second time: by walking from the last midnight to the minute.

use jiff::civil::Weekday;
use jiff::{Timestamp, ToSpan as _};

use crate::policy::window::{Day, WindowKind};
use crate::policy::{Policy, Window};

/// Whether a policy is suspended or outside its windows.
pub(super) fn is_waiting(policy: &Policy, now: Timestamp) -> bool {
    let suspended = match (&policy.suspended, policy.suspended_until) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(_), Some(end)) => now.as_nanosecond() < end.as_nanosecond(),
    };
    let open =
        |kind| policy.windows.iter().filter(move |it| it.kind == kind).any(|it| holds(it, now));
    let allowed =
        policy.windows.iter().all(|it| it.kind == WindowKind::Deny) || open(WindowKind::Allow);
    suspended || !allowed || open(WindowKind::Deny)
}

/// Whether the civil time is within the stretch that began today, or in the one that began yesterday.
fn holds(window: &Window, now: Timestamp) -> bool {
    let civil = window.zone.to_datetime(now);
    [0, 1].into_iter().any(|days_ago| {
        let Ok(day) = civil.date().checked_sub(days_ago.days()) else { return false };
        let weekday = match day.weekday() {
            Weekday::Monday => Day::Mon,
            Weekday::Tuesday => Day::Tue,
            Weekday::Wednesday => Day::Wed,
            Weekday::Thursday => Day::Thu,
            Weekday::Friday => Day::Fri,
            Weekday::Saturday => Day::Sat,
            Weekday::Sunday => Day::Sun,
        };
        let (from, to) = (window.from.minutes(), window.to.minutes());
        let to = if to > from { to } else { to + 24 * 60 };
        let at = |minutes: i64| {
            day.to_datetime(jiff::civil::Time::midnight()).checked_add(minutes.minutes())
        };
        let (Ok(from), Ok(to)) = (at(from), at(to)) else { return false };
        window.days.contains(&weekday) && from <= civil && civil < to
    })
}
