//! How much may go wrong before nothing is canceled any more: what guards write, and what holds.
//!
//! Apart from `guard`, since unlike everything else there it holds without any guard. What opens and
//! closes a breaker is `plan::breaker`'s business.

use jiff::SignedDuration;

/// What one guard writes; none is what it leaves to the others, and to [`Thresholds::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breakers {
    /// Percent of decisions for which a fact could not be read.
    pub unknown_percent: Option<u8>,
    /// Percent of cancels that AWS refused because the execution had moved.
    pub version_conflict_percent: Option<u8>,
    /// Percent of cancels that failed or got lost.
    pub error_percent: Option<u8>,
    /// Seconds between the machine's clock and AWS's.
    pub clock_skew_seconds: Option<u32>,
}

/// What holds: up to these, and not above, everything goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Percent of decisions for which a fact could not be read.
    pub unknown_percent: u8,
    /// Percent of cancels that AWS refused because the execution had moved.
    pub version_conflict_percent: u8,
    /// Percent of cancels that failed or got lost.
    pub error_percent: u8,
    /// The difference between the machine's clock and AWS's.
    pub clock_skew: SignedDuration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            unknown_percent: 20,
            version_conflict_percent: 30,
            error_percent: 20,
            clock_skew: SignedDuration::from_secs(60),
        }
    }
}

impl Breakers {
    /// Of what two guards write, the strictest.
    #[must_use]
    pub fn strictest(self, other: Self) -> Self {
        fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
            [one, other].into_iter().flatten().min()
        }
        Self {
            unknown_percent: least(self.unknown_percent, other.unknown_percent),
            version_conflict_percent: least(
                self.version_conflict_percent,
                other.version_conflict_percent,
            ),
            error_percent: least(self.error_percent, other.error_percent),
            clock_skew_seconds: least(self.clock_skew_seconds, other.clock_skew_seconds),
        }
    }

    /// What holds if this is the strictest that any guard writes.
    pub fn thresholds(self) -> Thresholds {
        let default = Thresholds::default();
        let seconds = self.clock_skew_seconds.map(|it| SignedDuration::from_secs(it.into()));
        Thresholds {
            unknown_percent: self.unknown_percent.unwrap_or(default.unknown_percent),
            version_conflict_percent: self
                .version_conflict_percent
                .unwrap_or(default.version_conflict_percent),
            error_percent: self.error_percent.unwrap_or(default.error_percent),
            clock_skew: seconds.unwrap_or(default.clock_skew),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_of_each_key_counts_and_what_nobody_writes_has_its_default() {
        let one =
            Breakers { error_percent: Some(50), unknown_percent: Some(0), ..Breakers::default() };
        let other = Breakers {
            error_percent: Some(40),
            clock_skew_seconds: Some(3600),
            ..Breakers::default()
        };
        for both in [one.strictest(other), other.strictest(one)] {
            assert_eq!(
                both.thresholds(),
                Thresholds {
                    unknown_percent: 0,
                    version_conflict_percent: 30,
                    error_percent: 40,
                    clock_skew: SignedDuration::from_hours(1),
                }
            );
        }
        assert_eq!(Breakers::default().thresholds(), Thresholds::default());
    }
}
