//! Policies and guards as the judge knows them: drawn, written as YAML for the controller, and judged by
//! a few lines of their own that share nothing with the product.

use std::fmt::Write as _;

use jiff::{SignedDuration, Timestamp};
use rescind::execution::OpenStatus;

use crate::random::Random;

/// By how much the controller's idea of AWS's time may differ from it: the whole second of a `Date`
/// header, and the longest way of an answer.
pub const TOLERANCE: SignedDuration = SignedDuration::from_secs(6);

/// How many executions a percentage needs to be one.
const LEAST_POPULATION: u64 = 1;

/// How many in a sliding window of so many seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub size: Size,
    pub per: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Count(u64),
    /// Of what the policy's target lists.
    Percent(u64),
}

/// What a policy asks of what no list tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    Nothing,
    Describe,
    Tags,
    Connectivity,
    Queue,
}

/// A policy.
#[derive(Clone, Debug)]
pub struct Rule {
    pub status: OpenStatus,
    /// Seconds since lastUpdatedAt.
    pub older_than: i64,
    pub enforce: bool,
    pub priority: u64,
    pub force: bool,
    pub suspended: Option<Timestamp>,
    pub expires_at: Option<Timestamp>,
    /// An Allow window, in minutes of the day in UTC.
    pub window: Option<(i64, i64)>,
    /// Only things of the group.
    pub grouped: bool,
    /// Seconds for which it must have matched.
    pub stable_for: Option<i64>,
    /// A clause that always holds, and what is read to know that.
    pub asks: Asks,
    pub limit: Limit,
    /// Whether nothing goes while more is due than the limit allows.
    pub halts: bool,
    /// Whether its cancels may make AWS abort a job.
    pub aborts: bool,
}

/// A guard. It protects what is medical.
#[derive(Clone, Debug)]
pub struct Shield {
    pub freeze: Option<(Timestamp, Timestamp)>,
    pub max: Option<Limit>,
    pub max_forced: Option<Limit>,
    pub halts: bool,
    /// Whether it is for another account than this one.
    pub elsewhere: bool,
    /// Percent of cancels that may fail, or be refused, for a breaker to open sooner than by itself.
    pub errors: Option<u64>,
    pub retired: bool,
}

/// Why something must not be sent: the invariant, and why.
pub type Forbidden = (&'static str, String);

impl Rule {
    /// `aborts` tells whether there is a job that AWS may abort.
    pub fn draw(random: &mut Random, aborts: bool, now: Timestamp) -> Self {
        let in_progress = random.chance(50);
        let soon = |random: &mut Random| now + SignedDuration::from_secs(random.seconds(30, 900));
        let minute = now.as_second().rem_euclid(86_400) / 60;
        let opens = minute + random.seconds(0, 20) - 10;
        Self {
            status: if in_progress { OpenStatus::InProgress } else { OpenStatus::Queued },
            older_than: random.seconds(30, 300),
            enforce: random.chance(85),
            priority: random.below(3),
            force: in_progress && random.chance(90),
            suspended: random.chance(8).then(|| soon(random)),
            expires_at: random.chance(8).then(|| soon(random)),
            window: random.chance(12).then(|| (opens, opens + random.seconds(2, 15))),
            grouped: random.chance(60),
            stable_for: random.chance(25).then(|| random.seconds(20, 300)),
            asks: match random.below(20) {
                0..=3 => Asks::Describe,
                4 => Asks::Tags,
                5 => Asks::Connectivity,
                // Only what is QUEUED is behind anything.
                6 if !in_progress => Asks::Queue,
                _ => Asks::Nothing,
            },
            limit: Limit::draw(random),
            halts: random.chance(15),
            aborts: aborts && random.chance(25),
        }
    }

    /// The same with nothing in its way.
    pub fn freed(&self, limit: Limit) -> Self {
        Self {
            enforce: true,
            force: self.status == OpenStatus::InProgress,
            suspended: None,
            expires_at: None,
            window: None,
            limit,
            ..self.clone()
        }
    }

    pub fn write(&self, name: &str, revision: u64) -> String {
        let mut text = format!(
            "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: {name}}}\nspec:\n  \
             mode: {}\n  priority: {}\n  target: {{statuses: [{}]}}\n  match:\n    \
             age: [{{since: lastUpdatedAt, olderThan: {}s}}]\n",
            if self.enforce { "Enforce" } else { "Observe" },
            self.priority,
            self.status,
            self.older_than,
        );
        if self.grouped {
            text.push_str("    thing: {groups: [berlin]}\n");
        }
        if self.asks == Asks::Describe {
            text.push_str(
                "    statusDetails: {matchExpressions: [{key: nobody-writes-this, operator: DoesNotExist}]}\n",
            );
        }
        if let Some(condition) = match self.asks {
            Asks::Tags => Some("!('nobody-sets-this' in job.tags)"),
            Asks::Connectivity => Some("!thing.connectivity.connected"),
            Asks::Queue => Some("execution.queuedBehind >= 0"),
            Asks::Nothing | Asks::Describe => None,
        } {
            let _ = writeln!(text, "  conditions: [{{name: always, expression: \"{condition}\"}}]");
        }
        let _ = write!(
            text,
            "  exclude: [{{name: rev-{revision}, thing: {{attributes: {{matchLabels: {{hold: \"yes\"}}}}}}}}]\n  \
             cancel: {{force: {}{}}}\n  budget: {{{}{}}}\n",
            self.force,
            if self.aborts { ", allowJobAbort: true" } else { "" },
            self.limit.write("max"),
            halts(self.halts),
        );
        if let Some(seconds) = self.stable_for {
            let _ = writeln!(text, "  stableFor: {seconds}s");
        }
        if let Some(until) = self.suspended {
            let _ = write!(
                text,
                "  suspend: true\n  suspendReason: a test\n  suspendUntil: \"{until}\"\n"
            );
        }
        if let Some(at) = self.expires_at {
            let _ = writeln!(text, "  expiresAt: \"{at}\"");
        }
        if let Some((from, to)) = self.window {
            let time = |minute: i64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
            let _ = writeln!(
                text,
                "  windows: [{{kind: Allow, days: [Mon, Tue, Wed, Thu, Fri, Sat, Sun], from: \"{}\", \
                 to: \"{}\", timeZone: Etc/UTC}}]",
                time(from),
                time(to)
            );
        }
        text
    }

    /// Whether this policy cancels an execution of a status that was last updated then, as far as it
    /// hangs on no thing.
    pub fn allows(
        &self,
        status: Option<OpenStatus>,
        last_updated_at: i64,
        now: Timestamp,
    ) -> Result<(), Forbidden> {
        let no = |invariant, why: &str| Err((invariant, why.to_owned()));
        if !self.enforce {
            return no("S5", "the policy only observes");
        }
        if self.suspended.is_some_and(|until| now + TOLERANCE < until) {
            return no("S5", "the policy is suspended");
        }
        if self.expires_at.is_some_and(|at| at <= now - TOLERANCE) {
            return no("S5", "the policy has expired");
        }
        if let Some((from, to)) = self.window {
            let second = now.as_second().rem_euclid(86_400);
            let slack = TOLERANCE.as_secs();
            if second + slack < from * 60 || second - slack >= to * 60 {
                return no("S5", "the policy's window is closed");
            }
        }
        if status != Some(self.status) {
            return no("S1", "the policy is for another status");
        }
        if self.status == OpenStatus::InProgress && !self.force {
            return no("S1", "the policy has no force");
        }
        if now.as_second() - last_updated_at + TOLERANCE.as_secs() < self.older_than {
            return no("S1", "it is not old enough for the policy");
        }
        Ok(())
    }

    /// Whether an execution can have matched this policy for as long as it asks, which could be seen
    /// since a time at the earliest. It cannot have matched before it was old enough.
    pub fn is_stable(&self, last_updated_at: i64, seen: Timestamp, now: Timestamp) -> bool {
        let Some(stable_for) = self.stable_for else { return true };
        let since = seen.as_second().max(last_updated_at + self.older_than);
        now.as_second() - since + TOLERANCE.as_secs() >= stable_for
    }
}

fn halts(halts: bool) -> &'static str {
    if halts { ", onExceed: Halt" } else { "" }
}

impl Limit {
    fn draw(random: &mut Random) -> Self {
        let per = random.seconds(1, 30) * 60;
        let size = if random.chance(10) {
            Size::Percent(random.between(5, 60))
        } else {
            // Now and then so many that something else is what stops.
            let most = if random.chance(15) { 60 } else { 5 };
            Size::Count(random.between(0, most))
        };
        Self { size, per }
    }

    /// How many it allows, if so many are open and so many were spent: what was spent was open once.
    pub fn most(self, open: u64, spent: u64) -> u64 {
        match self.size {
            Size::Count(count) => count,
            Size::Percent(value) => (open + spent) * value / 100,
        }
    }

    fn write(self, key: &str) -> String {
        let per = self.per;
        match self.size {
            Size::Count(count) => format!("{key}: [{{count: {count}, per: {per}s}}]"),
            Size::Percent(value) => format!(
                "{key}Percent: {{value: {value}, per: {per}s, minPopulation: {LEAST_POPULATION}}}"
            ),
        }
    }
}

impl Shield {
    pub fn draw(random: &mut Random, now: Timestamp) -> Self {
        let from = now + SignedDuration::from_secs(random.seconds(0, 300));
        let until = from + SignedDuration::from_secs(random.seconds(60, 600));
        let mut limit = |percent| {
            let per = random.seconds(1, 30) * 60;
            let size = Size::Count(random.between(1, 6));
            random.chance(percent).then_some(Limit { size, per })
        };
        let (max, max_forced) = (limit(40), limit(40));
        Self {
            freeze: random.chance(25).then_some((from, until)),
            max,
            max_forced,
            halts: random.chance(10),
            elsewhere: random.chance(4),
            errors: random.chance(30).then(|| random.between(1, 20)),
            retired: false,
        }
    }

    /// The same with nothing in the way of what is not medical.
    pub fn freed(&self) -> Self {
        Self { freeze: None, max: None, max_forced: None, elsewhere: false, ..self.clone() }
    }

    pub fn write(&self, name: &str, revision: u64) -> String {
        let mut text = format!(
            "apiVersion: rescind/v1alpha1\nkind: CancelGuard\nmetadata: {{name: {name}}}\nspec:\n  \
             protect: [{{name: rev-{revision}, thing: {{attributes: {{matchLabels: {{criticality: medical}}}}}}}}]\n"
        );
        if let Some((from, until)) = self.freeze {
            let _ = writeln!(
                text,
                "  freezes: [{{name: still, from: \"{from}\", until: \"{until}\"}}]"
            );
        }
        let limits = [("max", self.max), ("maxForced", self.max_forced)];
        let written: Vec<_> =
            limits.iter().filter_map(|(key, limit)| Some((*limit)?.write(key))).collect();
        if !written.is_empty() {
            let _ = writeln!(text, "  budget: {{{}{}}}", written.join(", "), halts(self.halts));
        }
        if self.elsewhere {
            text.push_str("  scope: {accounts: [\"210987654321\"], regions: [eu-west-1]}\n");
        }
        if let Some(percent) = self.errors {
            let _ = writeln!(
                text,
                "  breakers: {{errorPercent: {percent}, versionConflictPercent: {percent}}}"
            );
        }
        if self.retired {
            text.push_str("  retired: {reason: a test}\n");
        }
        text
    }

    pub fn allows(&self, medical: bool, now: Timestamp) -> Result<(), Forbidden> {
        if self.retired {
            return Ok(());
        }
        if self.elsewhere {
            return Err(("S1", "a guard is for another account".to_owned()));
        }
        if medical {
            return Err(("S1", "a guard protects what is medical".to_owned()));
        }
        match self.freeze {
            Some((from, until)) if from <= now - TOLERANCE && now + TOLERANCE < until => {
                Err(("S5", "a guard's freeze lasts".to_owned()))
            }
            _ => Ok(()),
        }
    }
}

/// The revision in the name of a rule, if it has one.
pub fn revision(name: &str) -> Option<u64> {
    name.strip_prefix("rev-")?.parse().ok()
}
