//! Guards as the decision uses them: what no policy may touch, when, and where.
//!
//! They stand apart from policies because they only ever say no. A guard is in force for every policy
//! of the root, and once adopted stays so until its document says `retired`, whatever becomes of its
//! file. What a guard means for an execution is decided in `plan::veto`.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;

use super::{
    Breakers, Clause, Digest, OnExceed, Operator, Origin, PolicyName, Requirement, Rule, Test,
};
use crate::span::Period;

/// One CancelGuard, or the built-in rules.
#[derive(Clone, Debug)]
pub struct Guard {
    /// Its name, unique among the guards of the root.
    pub name: PolicyName,
    /// Where it was written.
    pub origin: Origin,
    /// What it means, in 64 digits.
    pub digest: Digest,
    /// Outside of it nothing is sent.
    pub scope: Option<Scope>,
    /// Any that holds, or is not known, keeps the execution.
    pub protects: Vec<Rule>,
    /// While one lasts, nothing is sent but by the policies that it excepts.
    pub freezes: Vec<Freeze>,
    /// How many all policies together may cancel.
    pub budget: Budget,
    /// How much may go wrong before nothing is canceled any more.
    pub breakers: Breakers,
    /// The built-in rules that it switches off.
    pub disables: BTreeSet<Builtin>,
    /// Set once it is to be in force no more; the reason.
    pub retired: Option<String>,
    /// Whether its document is there.
    pub standing: Standing,
    /// The document as JSON with its defaults filled in: what is kept of an adopted guard.
    pub document: Arc<str>,
}

/// Whether a guard's document is there. A guard that was adopted is in force all the same.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It has none: it is part of the program.
    BuiltIn,
    /// It is in the root.
    Written,
    /// Its file has an error.
    Broken,
    /// No file of the root has it.
    Missing,
}

impl Standing {
    /// The label in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::BuiltIn => "builtIn",
            Self::Written => "written",
            Self::Broken => "broken",
            Self::Missing => "missing",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BuiltIn => "built in",
            Self::Written => "written",
            Self::Broken => "its file has an error",
            Self::Missing => "no file has it",
        })
    }
}

/// Where cancels may be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Twelve digits each. Never empty.
    pub accounts: BTreeSet<String>,
    /// Like `eu-central-1`. Never empty.
    pub regions: BTreeSet<String>,
}

/// Whether a text has the form of an AWS region: words, and a number at the end.
pub fn is_region(text: &str) -> bool {
    let all = |it: &str, fits: fn(&u8) -> bool| !it.is_empty() && it.bytes().all(|b| fits(&b));
    let words = |text: &str| text.split('-').all(|it| all(it, u8::is_ascii_lowercase));
    text.len() <= 32
        && text.rsplit_once('-').is_some_and(|(before, number)| {
            before.contains('-') && words(before) && all(number, u8::is_ascii_digit)
        })
}

/// A time in which nothing is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its name, unique in the guard.
    pub name: String,
    /// From then on.
    pub from: Timestamp,
    /// Up to then, and not then.
    pub until: Timestamp,
    /// The policies that act all the same.
    pub except: BTreeSet<PolicyName>,
}

impl Freeze {
    /// Whether it lasts at `now`.
    pub fn lasts(&self, now: Timestamp) -> bool {
        self.from <= now && now < self.until
    }
}

/// How many all policies together may cancel: any number without a limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// All of them hold.
    pub limits: Vec<Limit>,
    /// What happens when more is due than one allows.
    pub on_exceed: OnExceed,
}

/// One limit over all policies: a sliding window of the length `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whether only cancels with force count.
    pub forced: bool,
    /// At most this many.
    pub count: u64,
    /// The length of the window.
    pub per: Period,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forced = if self.forced { " forced" } else { "" };
        write!(f, "{}{forced} per {}", self.count, self.per)
    }
}

/// A rule that holds without being written.
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
#[serde(rename_all = "kebab-case")]
pub enum Builtin {
    #[serde(rename = "freertos-self-test")]
    #[allow(missing_docs)]
    // doc comments on single variants turn the schema's enum into a oneOf
    FreertosSelfTest,
}

impl Builtin {
    /// Every variant.
    pub const ALL: [Self; 1] = [Self::FreertosSelfTest];

    /// The rule.
    fn rule(self) -> Rule {
        match self {
            // The FreeRTOS OTA agent writes this while the device boots the image that it has just
            // installed: a cancel then makes some devices crash, or roll back a good image.
            Self::FreertosSelfTest => Rule {
                name: "freertos-self-test".to_owned(),
                reason: Some("the device is testing its new firmware".to_owned()),
                clauses: vec![Clause {
                    path: "statusDetails.self_test".to_owned(),
                    test: Test::StatusDetail(Requirement {
                        key: "self_test".to_owned(),
                        operator: Operator::In(["ready", "active"].map(str::to_owned).into()),
                    }),
                }],
            },
        }
    }
}

impl Guard {
    /// The name of the guard that has the built-in rules; nobody else can have it.
    pub const BUILT_IN: &'static str = "built-in";

    /// The built-in rules but for those that are switched off.
    pub(super) fn built_in(disabled: &BTreeSet<Builtin>) -> Option<Arc<Self>> {
        static ALL: LazyLock<Arc<Guard>> = LazyLock::new(|| Arc::new(built_in(&BTreeSet::new())));
        if disabled.is_empty() {
            return Some(Arc::clone(&ALL));
        }
        let guard = built_in(disabled);
        (!guard.protects.is_empty()).then(|| Arc::new(guard))
    }

    /// Whether it has the built-in rules.
    pub fn is_built_in(&self) -> bool {
        self.standing == Standing::BuiltIn
    }
}

fn built_in(disabled: &BTreeSet<Builtin>) -> Guard {
    let protects: Vec<_> = Builtin::ALL
        .into_iter()
        .filter(|builtin| !disabled.contains(builtin))
        .map(Builtin::rule)
        .collect();
    Guard {
        name: PolicyName::new(Guard::BUILT_IN).expect("it is a DNS label"),
        origin: Origin { path: Guard::BUILT_IN.into(), line: 0 },
        digest: Digest::of(format!("{protects:?}").as_bytes()),
        scope: None,
        protects,
        freezes: Vec::new(),
        budget: Budget::default(),
        breakers: Breakers::default(),
        disables: BTreeSet::new(),
        retired: None,
        standing: Standing::BuiltIn,
        document: "{}".into(),
    }
}
