//! No window of a budget ever has more effects than it allows.

use jiff::{SignedDuration, Timestamp};

use super::{Hit, Judge};
use crate::rules::{Limit, TOLERANCE};

impl Judge {
    /// No window that ends now has more effects than a limit allows that was in force when the last of
    /// them was sent: what was sent under another one after that says nothing of this one.
    pub(super) fn check_window(
        &mut self,
        owner: &str,
        forced: bool,
        limit: Limit,
        last: usize,
        now: Timestamp,
    ) {
        let from = now - SignedDuration::from_secs(limit.per) + TOLERANCE;
        let of_guard = owner.starts_with("guard ");
        let counts = |hit: &&Hit| {
            hit.at > from
                && hit.sent <= last
                && (of_guard || hit.policy == owner)
                && (hit.forced || !forced)
        };
        let within: Vec<_> = self.hits.iter().filter(counts).collect();
        let open = (self.things.len() * crate::nature::JOBS.len()) as u64;
        let spent = within.len() as u64;
        let of_owner = |hit: &&Hit| {
            let same = |(name, only, _): &&(String, bool, Limit)| name == owner && *only == forced;
            hit.limits.iter().find(same).map_or(u64::MAX, |(_, _, limit)| limit.most(open, spent))
        };
        let most = within.iter().map(of_owner).max().unwrap_or(u64::MAX);
        let spent = spent + self.unknown_past(limit, most, now);
        if spent > most {
            let why = format!("{spent} canceled under {owner}, which allows {most}");
            self.violate("S3", &why);
        }
    }

    /// What is not known of the past counts as spent, and leaves the window evenly.
    fn unknown_past(&self, limit: Limit, most: u64, now: Timestamp) -> u64 {
        let Some(forgot) = self.forgot else { return 0 };
        let known = now.duration_since(forgot) + TOLERANCE;
        let free = u128::from(most) * known.as_millis().unsigned_abs() / 1_000;
        let free = free / u128::from(limit.per.unsigned_abs());
        most.saturating_sub(u64::try_from(free).unwrap_or(u64::MAX))
    }
}
