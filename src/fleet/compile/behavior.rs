//! What a fleet says of living devices.

use jiff::SignedDuration;

use super::{Compiler, indexed, printable};
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::fleet::Behavior;
use crate::fleet::shapes::{FleetBehavior, FleetEndings};
use crate::span::Period;

impl Compiler<'_> {
    /// `starts_online` is what the thing's connectivity says.
    pub(super) fn behavior(
        &mut self,
        at: &str,
        behavior: FleetBehavior,
        starts_online: bool,
    ) -> Behavior {
        let picks_up_after = self.whole_seconds(at, "picksUpAfter", behavior.picks_up_after);
        let takes = self.whole_seconds(at, "takes", behavior.takes);
        let reports_every = self.whole_seconds(at, "reportsEvery", behavior.reports_every);
        let online_for = self.whole_seconds(at, "onlineFor", behavior.online_for);
        let offline_for = self.whole_seconds(at, "offlineFor", behavior.offline_for);
        for (at, phase) in indexed(&join(at, "phases"), behavior.phases.clone()) {
            let message = "a phase has 1 to 1024 characters, none of them a control character";
            self.require(printable(&phase, 1024), &at, message);
        }
        let ends = behavior.ends.unwrap_or(FleetEndings { succeeds: 1, ..FleetEndings::default() });
        if ends == FleetEndings::default() {
            let message = "one of the endings needs a weight of 1 or more";
            self.refuse(Code::MeaningReference, &join(at, "ends"), message);
        }
        let hangs_in = behavior.hangs_in.and_then(|name| {
            let at = join(at, "hangsIn");
            let found = behavior.phases.iter().position(|phase| *phase == name);
            if found.is_none() {
                let message = format!("there is no phase {name:?} in this behavior");
                self.refuse(Code::MeaningReference, &at, message);
            } else if ends.hangs == 0 {
                let message = "it never hangs: give `ends` a weight for `hangs`";
                self.refuse(Code::MeaningReference, &at, message);
            }
            found
        });
        if offline_for.is_some() && online_for.is_none() && starts_online {
            let message = "it never goes offline: say after how long, with `onlineFor`";
            self.refuse(Code::MeaningReference, &join(at, "offlineFor"), message);
        }
        Behavior {
            picks_up_after: picks_up_after.unwrap_or(SignedDuration::from_mins(1)),
            takes: takes.unwrap_or(SignedDuration::from_mins(10)),
            reports_every: reports_every.unwrap_or(SignedDuration::from_mins(1)),
            phases: behavior.phases,
            ends,
            hangs_in,
            vary_percent: behavior.vary_percent,
            online_for,
            offline_for,
        }
    }

    /// A duration in whole seconds, since AWS's times have no parts of them.
    fn whole_seconds(
        &mut self,
        at: &str,
        field: &str,
        text: Option<String>,
    ) -> Option<SignedDuration> {
        let at = join(at, field);
        let duration = self.parse::<Period>(Code::MeaningDuration, &at, &text?)?.get();
        if duration < SignedDuration::from_secs(1) || duration.subsec_nanos() != 0 {
            let message = "a device's times are whole seconds: 1s, 90s, 15m";
            self.refuse(Code::MeaningDuration, &at, message);
            return None;
        }
        Some(duration)
    }
}
