//! When a policy may act: windows, `suspendUntil`, `expiresAt`.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::Compiler;
use crate::document::diagnostic::Code;
use crate::document::finding::join;
use crate::document::words::quoted;
use crate::policy::shapes::{PolicySpec, WindowShape};
use crate::policy::window::{TimeOfDay, Window};
use crate::span::instant;

/// Whether a name of the time zone database stands for no place: each machine means another by it, or none.
fn is_local(zone: &str) -> bool {
    let names = ["localtime", "posixrules", "Factory", "Etc/Unknown"];
    names.iter().any(|it| it.eq_ignore_ascii_case(zone))
}

impl Compiler<'_> {
    pub(super) fn windows(&mut self, spec: &PolicySpec) -> Vec<Window> {
        let shapes = spec.windows.iter().enumerate();
        shapes.filter_map(|(index, shape)| self.window_of(index, shape)).collect()
    }

    fn window_of(&mut self, index: usize, shape: &WindowShape) -> Option<Window> {
        let pointer = join("/spec/windows", index);
        let from = self.time_of_day(&join(&pointer, "from"), &shape.from);
        let to = self.time_of_day(&join(&pointer, "to"), &shape.to);
        if from.is_some_and(TimeOfDay::is_end_of_day) {
            self.findings.value(
                Code::MeaningWindow,
                join(&pointer, "from"),
                "a window cannot open at 24:00",
                Some("write 00:00, and the day after"),
            );
        } else if from.is_some() && from == to {
            self.findings.value(
                Code::MeaningWindow,
                join(&pointer, "to"),
                format!("the window closes at {}, when it opens", shape.to),
                Some("for a whole day, write `from: \"00:00\"` and `to: \"24:00\"`"),
            );
        }
        let zone = TimeZone::get(&shape.time_zone).ok().filter(|_| !is_local(&shape.time_zone));
        if zone.is_none() {
            self.findings.value(
                Code::MeaningWindow,
                join(&pointer, "timeZone"),
                format!("{} is not a time zone", quoted(&shape.time_zone)),
                Some("write an IANA name, like Europe/Berlin, America/New_York or UTC"),
            );
        }
        Some(Window {
            kind: shape.kind,
            days: shape.days.clone(),
            from: from?,
            to: to?,
            zone: zone?,
        })
    }

    fn time_of_day(&mut self, pointer: &str, text: &str) -> Option<TimeOfDay> {
        let time = TimeOfDay::parse(text);
        if time.is_none() {
            let message = format!("{} is not a time of day", quoted(text));
            let help = Some("write it like \"05:30\", from 00:00 to 24:00");
            self.findings.value(Code::MeaningWindow, pointer, message, help);
        }
        time
    }

    pub(super) fn time(&mut self, pointer: &str, text: Option<&String>) -> Option<Timestamp> {
        let text = text?;
        let time = instant(text);
        if time.is_none() {
            self.findings.value(
                Code::MeaningTime,
                pointer,
                format!("{} is not a time", quoted(text)),
                Some("write it with its zone, like 2027-01-01T00:00:00Z or 2027-01-01T01:00:00+01:00"),
            );
        }
        time
    }
}
