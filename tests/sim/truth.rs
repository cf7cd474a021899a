//! What is true of a thing, whatever anybody has read of it, and since when.

use std::time::Duration;

use tokio::time::Instant;

/// How old what a version does not cover may be, and a second for the way.
pub const FACTS_FOR: Duration = Duration::from_secs(61);

/// What is true of a thing, and since when; none if it always was.
#[derive(Clone, Copy, Default)]
pub struct Since {
    pub value: bool,
    pub at: Option<Instant>,
    /// For how long the opposite was so before that; none if always.
    lasted: Option<Duration>,
}

impl Since {
    pub fn set(&mut self, value: bool) {
        if self.value != value {
            let lasted = self.at.map(|at| at.elapsed());
            *self = Self { value, at: Some(Instant::now()), lasted };
        }
    }

    pub fn always(value: bool) -> Self {
        Self { value, ..Self::default() }
    }

    /// Since when it is so, if the opposite was so for long enough to be noticed.
    pub fn since(self, value: bool, long: Duration) -> Option<Instant> {
        let noticed = self.lasted.is_none_or(|lasted| lasted > long);
        self.at.filter(|_| self.value == value && noticed)
    }

    /// Whether it is so, and has been for so long.
    pub fn lasts(self, value: bool, long: Duration) -> bool {
        self.value == value && self.at.is_none_or(|at| at.elapsed() > long)
    }

    /// Whether it is so, and has been for as long as anybody may go by an older look.
    pub fn surely(self, value: bool) -> bool {
        self.lasts(value, FACTS_FOR)
    }
}

#[derive(Clone, Copy, Default)]
pub struct Truth {
    pub grouped: Since,
    pub medical: Since,
    pub held: Since,
}
