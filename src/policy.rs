//! Policies as the decision uses them: valid by construction.
//!
//! `policy/shapes` is what people write, `policy/compile` turns it into what stands here and says all
//! that is wrong with it. After that nobody checks shapes again. Everything here is plain data; what
//! it means for an execution is decided in `plan::evaluate`, and nowhere else.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::execution::{JobStatus, OpenStatus, TargetSelection};
use crate::span::Period;

pub mod breakers;
pub mod compile;
pub mod expression;
pub mod globs;
pub mod guard;
mod identity;
pub mod overlap;
pub mod set;
pub mod shapes;
pub mod template;
pub mod test_case;
pub mod window;

pub use breakers::{Breakers, Thresholds};
pub use expression::Expression;
pub use globs::Globs;
pub use guard::{Guard, Standing};
pub use identity::{Digest, Origin, PolicyName};
pub use set::{Demands, PolicySet};
use shapes::BudgetShape;
pub use template::Template;
pub use test_case::{Expectation, TestCase};
pub use window::Window;

/// Whether a policy acts.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum Mode {
    #[default]
    #[allow(missing_docs)]
    // doc comments on single variants turn the schema's enum into a oneOf
    Observe,
    #[allow(missing_docs)]
    Enforce,
}

/// One CancelPolicy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Its name, unique in the root.
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// What it means, in 64 digits.
    pub digest: Digest,
    /// Whether it acts.
    pub mode: Mode,
    /// Which policy is the cause when several may act; the higher.
    pub priority: i32,
    /// Set while the policy is suspended; its reason, possibly empty.
    pub suspended: Option<String>,
    /// Until when it is suspended, if it is; none for until it is changed.
    pub suspended_until: Option<Timestamp>,
    /// From when on it acts no more.
    pub expires_at: Option<Timestamp>,
    /// What is listed.
    pub target: Target,
    /// Those of `match`, then the conditions. All must hold. Never empty.
    pub clauses: Vec<Clause>,
    /// Any that holds, or is not known, keeps the execution.
    pub excludes: Vec<Rule>,
    /// For how long an execution must have matched in every look; none if one look is enough.
    pub stable_for: Option<Period>,
    /// What is sent.
    pub cancel: Cancel,
    /// How much, and how fast. Never empty.
    pub budget: Vec<Limit>,
    /// What happens when more is due than a limit allows.
    pub on_exceed: OnExceed,
    /// When it may act; any time if there are none.
    pub windows: Vec<Window>,
    /// The git revision of its file: `COMMIT`, or `COMMIT-dirty`; none if that is not known. No part of what
    /// it means.
    pub revision: Option<Arc<str>>,
    /// Whether an expression of it names the revision, so that another one may mean another decision.
    pub uses_revision: bool,
    /// Set while the policy's file has an error; the policy is the last one that was adopted, and
    /// waits.
    pub held: bool,
    /// The document as JSON with its defaults filled in: what a change of it is told by.
    pub document: Arc<str>,
}

impl Policy {
    /// Whether it is suspended at `now`.
    pub fn is_suspended(&self, now: Timestamp) -> bool {
        self.suspended.is_some() && self.suspended_until.is_none_or(|until| now < until)
    }

    /// Whether its budget is the one that a policy has which writes none.
    pub fn has_default_budget(&self) -> bool {
        let BudgetShape { max, max_percent, on_exceed } = BudgetShape::default();
        let limit = |size: LimitSize, per: &str| Some(Limit { size, per: per.parse().ok()? });
        let counts = max.iter().map(|it| limit(LimitSize::Count(it.count), &it.per));
        let shares = max_percent.iter().map(|it| {
            let (value, min_population) = (it.value, it.min_population);
            limit(LimitSize::Percent { value, min_population }, &it.per)
        });
        self.on_exceed == on_exceed
            && self.budget.iter().copied().map(Some).eq(counts.chain(shares))
    }
}

/// What a policy has listed.
#[derive(Clone, Debug)]
pub struct Target {
    /// QUEUED, IN_PROGRESS or both.
    pub statuses: BTreeSet<OpenStatus>,
    /// Which jobs.
    pub jobs: JobTarget,
    /// Which things, by name.
    pub things: Globs,
}

/// Which jobs a policy has in scope.
#[derive(Clone, Debug)]
pub struct JobTarget {
    /// By id.
    pub names: Globs,
    /// By status. Never `Unknown`.
    pub statuses: BTreeSet<JobStatus>,
    /// By target selection. Never `Unknown`.
    pub target_selection: BTreeSet<TargetSelection>,
    /// Namespaces beside that of jobs without one.
    pub namespaces: BTreeSet<String>,
}

/// A named rule of `exclude` or `protect`: it holds when all its clauses do. Never empty.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, unique in its list.
    pub name: String,
    /// Why there is this rule.
    pub reason: Option<String>,
    /// All must hold.
    pub clauses: Vec<Clause>,
}

/// One typed condition, with the key under which it was written, for people: `match.age[0]`.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Where it stands in the policy: `match.thing.attributes.matchLabels.fleet`.
    pub path: String,
    /// What it asks.
    pub test: Test,
}

/// What a clause asks.
#[derive(Clone, Debug)]
pub enum Test {
    /// The clock has been running for at least, or less than, a period.
    Age {
        /// Since when.
        since: AgeClock,
        /// For how long.
        bound: AgeBound,
    },
    /// The thing's type is one of these.
    ThingTypes(BTreeSet<String>),
    /// The thing is directly in one of these groups.
    ThingGroups(BTreeSet<String>),
    /// About one of the thing's attributes.
    ThingAttribute(Requirement),
    /// About one pair of the execution's statusDetails.
    StatusDetail(Requirement),
    /// At least this many retries are completed.
    RetryAttemptAtLeast(i64),
    /// The job's id matches.
    JobNames(Globs),
    /// The thing's name matches.
    ThingNames(Globs),
    /// A condition in CEL. It says yes only where every fact that it touches was read.
    Expression(Condition),
}

/// A condition in CEL.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its name among the policy's conditions; none in a rule, which has one itself.
    pub name: Option<String>,
    /// Gives a bool.
    pub expression: Arc<Expression>,
}

/// A clock of the current execution number.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum AgeClock {
    #[allow(missing_docs)] // doc comments on single variants turn the schema's enum into a oneOf
    QueuedAt,
    #[allow(missing_docs)]
    StartedAt,
    #[allow(missing_docs)]
    LastUpdatedAt,
}

impl AgeClock {
    /// Every variant.
    pub const ALL: [Self; 3] = [Self::QueuedAt, Self::StartedAt, Self::LastUpdatedAt];
}

/// A side of an age. Intervals are half-open: at exactly the period, `OlderThan` holds and
/// `YoungerThan` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgeBound {
    /// At least this old.
    OlderThan(Period),
    /// Less than this old.
    YoungerThan(Period),
}

/// A condition on one key of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The key.
    pub key: String,
    /// What is asked of it.
    pub operator: Operator,
}

/// What is asked of a key. `matchLabels` is `In` with one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operator {
    /// Its value is one of these.
    In(BTreeSet<String>),
    /// It is there, and its value is none of these. An absent key is not known to be different.
    NotIn(BTreeSet<String>),
    /// It is there.
    Exists,
    /// It is not there.
    DoesNotExist,
}

/// What a policy sends.
#[derive(Clone, Debug)]
pub struct Cancel {
    /// AWS's flag: needed to cancel IN_PROGRESS, sent for nothing else.
    pub force: bool,
    /// What becomes of the statusDetails that are there.
    pub on_existing: OnExisting,
    /// The pairs to set, in the order in which they were written. At most 9.
    pub set: Vec<(String, Template)>,
    /// Whether what could make AWS abort the whole job is canceled all the same.
    pub allow_job_abort: bool,
}

/// What becomes of the statusDetails that the device wrote.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum OnExisting {
    #[default]
    #[allow(missing_docs)]
    // doc comments on single variants turn the schema's enum into a oneOf
    Merge,
    #[allow(missing_docs)]
    Replace,
}

/// What happens when more is due than a limit allows.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub enum OnExceed {
    #[default]
    #[allow(missing_docs)]
    // doc comments on single variants turn the schema's enum into a oneOf
    Throttle,
    #[allow(missing_docs)]
    Halt,
}

/// One limit of a budget: a sliding window of the length `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How much.
    pub size: LimitSize,
    /// The length of the window.
    pub per: Period,
}

/// How much a limit allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitSize {
    /// This many.
    Count(u64),
    /// A share of the population, rounded down.
    Percent {
        /// 0 to 100.
        value: u8,
        /// The limit does not apply to a smaller population.
        min_population: u64,
    },
}
