//! Windows as people write them. The rules of the module above hold here too.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::policy::window::{Day, WindowKind};

/// A time of the week at which the policy may act, or may not. It is open while the civil time in its
/// zone is at least `from` and before `to`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WindowShape {
    /// What it does. Allow: the policy acts while one of these is open. Deny: it does not act while one
    /// is.
    pub kind: WindowKind,
    /// The days on which the window opens: Mon, Tue, Wed, Thu, Fri, Sat, Sun. Unless written: every
    /// day.
    #[serde(default = "every_day")]
    #[schemars(length(min = 1), example = &["Mon", "Tue"])]
    pub days: BTreeSet<Day>,
    /// When it opens: `HH:MM`.
    #[schemars(example = &"22:00")]
    pub from: String,
    /// When it closes: `HH:MM`, 24:00 at most. If that is not later than `from`, it closes on the next
    /// day.
    #[schemars(example = &"05:00")]
    pub to: String,
    /// Whose civil time that is: an IANA time zone. Where clocks are put forward, a time that is skipped
    /// does not occur; where they are put back, a time that occurs twice counts twice.
    #[schemars(example = &"Europe/Berlin")]
    pub time_zone: String,
}

fn every_day() -> BTreeSet<Day> {
    Day::ALL.into()
}
