//! What one clause says of one execution: the table of truth, fact by fact.
//!
//! Apart from `evaluate`, which walks a whole policy. Here stands what a present, an absent and an
//! unreadable fact mean to each operator; a mistake in it cancels the wrong execution.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::execution::{Account, ExecutionKey};
use crate::fact::{Fact, Truth};
use crate::inventory::{Job, ObservedExecution, Thing};
use crate::plan::asked::{self, Asked};
use crate::plan::{Depth, FactName};
use crate::policy::expression::{Field, Outcome, Value};
use crate::policy::{AgeBound, AgeClock, Operator, Requirement, Test};

/// What is known about one execution.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Which execution.
    pub key: &'a ExecutionKey,
    /// Its job.
    pub job: &'a Job,
    /// What was listed, and described.
    pub row: &'a ObservedExecution,
    /// Its thing, if that was read.
    pub thing: Option<&'a Thing>,
    /// Where it is, once somebody has answered.
    pub account: Option<&'a Account>,
}

/// What a fact costs to read, cheapest first. What is read once for a job or a thing serves all its
/// executions; among those, `DescribeThing` has the largest quota by far.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Tier {
    /// In the list already, or in the `DescribeJob` that each job in scope is asked for anyway.
    Listed,
    /// `ListTagsForResource`, once a job.
    Tags,
    /// `DescribeThing`, once a thing.
    Thing,
    /// `GetThingConnectivityData`, once a thing.
    Connectivity,
    /// `ListThingGroupsForThing`, once a thing.
    Groups,
    /// `ListJobExecutionsForThing`, once a thing.
    Queue,
    /// One `DescribeJobExecution` an execution.
    Described,
}

impl Tier {
    /// Every variant, cheapest first.
    pub const ALL: [Self; 7] = [
        Self::Listed,
        Self::Tags,
        Self::Thing,
        Self::Connectivity,
        Self::Groups,
        Self::Queue,
        Self::Described,
    ];

    /// Those that are read before a plan of this depth is made.
    pub fn within(depth: Depth) -> &'static [Self] {
        match depth {
            Depth::Listed => &Self::ALL[..6],
            Depth::Exact => &Self::ALL,
        }
    }

    /// The same in the order of asking: all that a describe is not needed for comes before what it is.
    pub(super) fn steps(depth: Depth) -> &'static [&'static [Self]] {
        const STEPS: [&[Tier]; 2] = [Tier::ALL.split_at(6).0, Tier::ALL.split_at(6).1];
        match depth {
            Depth::Listed => &STEPS[..1],
            Depth::Exact => &STEPS,
        }
    }
}

/// What a clause says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It holds.
    Yes,
    /// It does not.
    No,
    /// Its fact was not read yet.
    NotRead,
    /// Its fact was read and does not settle it.
    Unknown,
}

impl Answer {
    /// The same, for combining.
    pub fn truth(self) -> Truth {
        match self {
            Self::Yes => Truth::Yes,
            Self::No => Truth::No,
            Self::NotRead | Self::Unknown => Truth::Unknown,
        }
    }

    /// For a question about a value that is there: an absent one is a no.
    fn positive<T>(fact: Fact<T>, holds: impl FnOnce(T) -> bool) -> Self {
        match fact {
            Fact::NotRead => Self::NotRead,
            Fact::Known(value) => known(holds(value)),
            Fact::Absent => Self::No,
            Fact::Unreadable(_) => Self::Unknown,
        }
    }
}

impl Test {
    /// The fact that it asks for; of several the first.
    pub fn fact(&self) -> Option<FactName> {
        Some(match self {
            Self::Expression(on) => FactName::of(*on.expression.fields().first()?),
            Self::Age { since: AgeClock::QueuedAt, .. } => FactName::QueuedAt,
            Self::Age { since: AgeClock::StartedAt, .. } => FactName::StartedAt,
            Self::Age { since: AgeClock::LastUpdatedAt, .. } => FactName::LastUpdatedAt,
            Self::ThingTypes(_) => FactName::ThingType,
            Self::ThingGroups(_) => FactName::ThingGroups,
            Self::ThingAttribute(on) => FactName::ThingAttribute(on.key.clone()),
            Self::StatusDetail(on) => FactName::StatusDetail(on.key.clone()),
            Self::RetryAttemptAtLeast(_) => FactName::RetryAttempt,
            Self::JobNames(_) | Self::ThingNames(_) => return None,
        })
    }

    /// Whether it asks for the retries, which no describe says.
    pub fn asks_retry_attempt(&self) -> bool {
        match self {
            Self::Expression(on) => on.expression.fields().contains(&Field::RetryAttempt),
            other => matches!(other, Self::RetryAttemptAtLeast(_)),
        }
    }

    /// What that fact costs; of several the dearest.
    pub fn tier(&self) -> Tier {
        match self {
            Self::Expression(on) => asked::tier(&on.expression),
            // Said for the kinds of facts, not by way of `fact`: it is asked for each pair of a policy and an
            // execution, and to name a fact takes its key.
            Self::JobNames(_)
            | Self::ThingNames(_)
            | Self::Age { .. }
            | Self::RetryAttemptAtLeast(_) => Tier::Listed,
            Self::ThingTypes(_) | Self::ThingAttribute(_) => Tier::Thing,
            Self::ThingGroups(_) => Tier::Groups,
            Self::StatusDetail(_) => Tier::Described,
        }
    }

    /// All that its facts cost.
    pub fn tiers(&self) -> Vec<Tier> {
        match self {
            Self::Expression(on) => on.expression.fields().iter().map(|it| Tier::of(*it)).collect(),
            other => vec![other.tier()],
        }
    }

    /// The cheapest of its facts that was not read yet and is worth it.
    pub fn unread(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Tier> {
        match self {
            Self::Expression(on) => asked::unread(&on.expression, facts, now),
            other => (other.ask(facts, now) == Answer::NotRead).then(|| other.tier()),
        }
    }

    /// What it says of an execution at `now`.
    pub fn ask(&self, facts: &Facts<'_>, now: Timestamp) -> Answer {
        match self {
            Self::Age { since, bound } => Answer::positive(facts.clock(*since), |time| {
                let age = now.duration_since(time);
                match bound {
                    AgeBound::OlderThan(period) => age >= period.get(),
                    AgeBound::YoungerThan(period) => age < period.get(),
                }
            }),
            Self::ThingTypes(types) => {
                Answer::positive(facts.thing_type(), |found| types.contains(found))
            }
            Self::ThingGroups(groups) => {
                Answer::positive(facts.groups(), |found| !groups.is_disjoint(found))
            }
            Self::ThingAttribute(on) => on.ask(facts.attributes()),
            Self::StatusDetail(on) => on.ask(facts.status_details()),
            Self::RetryAttemptAtLeast(least) => {
                Answer::positive(facts.retry_attempt(), |found| found >= *least)
            }
            Self::Expression(on) => match on.expression.run(&Asked { facts: *facts, now }) {
                Outcome::Is(Value::Bool(value)) => known(value),
                Outcome::NotRead(_) => Answer::NotRead,
                Outcome::Is(_) | Outcome::Unreadable(..) | Outcome::Failed(_) => Answer::Unknown,
            },
            Self::JobNames(globs) => known(globs.is_match(facts.key.job.as_str())),
            Self::ThingNames(globs) => known(globs.is_match(facts.key.thing.as_str())),
        }
    }
}

fn known(holds: bool) -> Answer {
    if holds { Answer::Yes } else { Answer::No }
}

impl Requirement {
    /// What it says of a map. A missing key is a no for `In` and `Exists`, a yes for `DoesNotExist`,
    /// and not known for `NotIn`: that nobody wrote the attribute must not cancel anything.
    fn ask(&self, map: Fact<&BTreeMap<String, String>>) -> Answer {
        let value = map.and_then(|pairs| Fact::read(pairs.get(&self.key)));
        match (&self.operator, value) {
            (_, Fact::NotRead) => Answer::NotRead,
            (_, Fact::Unreadable(_)) | (Operator::NotIn(_), Fact::Absent) => Answer::Unknown,
            (Operator::In(values), Fact::Known(found)) => known(values.contains(found)),
            (Operator::NotIn(values), Fact::Known(found)) => known(!values.contains(found)),
            (Operator::Exists, Fact::Known(_)) | (Operator::DoesNotExist, Fact::Absent) => {
                Answer::Yes
            }
            (Operator::In(_) | Operator::Exists, Fact::Absent)
            | (Operator::DoesNotExist, Fact::Known(_)) => Answer::No,
        }
    }
}

/// How long a clock has been running; none if that is not known.
pub fn age(facts: &Facts<'_>, since: AgeClock, now: Timestamp) -> Option<SignedDuration> {
    facts.clock(since).known().map(|time| now.duration_since(*time))
}
