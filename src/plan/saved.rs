//! A plan on file: made now, applied later, exactly.
//!
//! A saved plan narrows and never authorises. It names executions with the versions that were seen;
//! whether they are canceled is decided anew, by the policies of the root, when it is applied. What is
//! checked here is only whether it is worth asking: [`SavedPlan::stale`].

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::execution::{
    Account, ExecutionKey, ExecutionNumber, ExecutionVersion, JobId, OpenStatus, ThingName,
};
use crate::inventory::Inventory;
use crate::plan::{Act, Details, Evidence, Line, Plan, words};
use crate::policy::{Digest, PolicyName};

/// How long a saved plan may be applied: a working day for the review, and no longer, since the
/// reviewer looked at the executions as they were.
pub const VALID_FOR: SignedDuration = SignedDuration::from_hours(24);

/// The file's `format`.
pub const FORMAT: &str = "rescind/saved-plan/v1";

/// A plan on file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    /// What the document is, and its version.
    format: String,
    /// When it was made.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: Timestamp,
    /// From when on it is refused.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub expires_at: Timestamp,
    /// Where it was made; null if no job was seen, of which it could be learnt.
    pub account: Option<Account>,
    /// What the policies and guards mean together, 64 hex digits.
    pub policies: Digest,
    /// The executions to cancel, in the order of acting.
    pub lines: Vec<SavedLine>,
    /// Over everything above: a file that was changed is refused.
    checksum: String,
}

/// One execution to cancel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedLine {
    /// The job.
    pub job: JobId,
    /// The thing.
    pub thing: ThingName,
    /// Which execution.
    pub execution_number: ExecutionNumber,
    /// At which version.
    pub version_number: ExecutionVersion,
    /// In which status.
    pub status: OpenStatus,
    /// When it was queued; null if AWS did not say.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub queued_at: Option<Timestamp>,
    /// When it last changed; null if AWS did not say.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_updated_at: Option<Timestamp>,
    /// When it was described.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub described_at: Timestamp,
    /// Whether force is sent.
    pub force: bool,
    /// What is sent, but for the attempt's id.
    pub status_details: Details,
    /// The cause.
    pub policy: PolicyName,
    /// What agreed.
    pub evidence: Vec<Evidence>,
}

/// Why a saved plan is not applied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stale {
    /// Its checksum does not hold.
    #[error("its checksum does not hold: the file was changed after it was made")]
    Changed,
    /// It is too old.
    #[error("it expired at {0}")]
    Expired(Timestamp),
    /// It is for another account or region.
    #[error("it was made for {made}, and this is {here}")]
    Elsewhere {
        /// Where it was made.
        made: String,
        /// Where it is applied.
        here: String,
    },
    /// The policies mean something else by now.
    #[error("the policies have changed since: they were {made} and are {now}")]
    Policies {
        /// What they meant, in short.
        made: String,
        /// What they mean now, in short.
        now: String,
    },
}

/// A file that is no saved plan.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not the JSON that `plan --out` writes.
    #[error("it is not a plan that `rescind plan --out` wrote")]
    NotAPlan(#[from] serde_json::Error),
    /// It is one of another version of rescind.
    #[error("its format is {0:?}, and this version reads {FORMAT:?}: make the plan again")]
    Format(String),
}

impl SavedPlan {
    /// Keeps the lines of an exact plan, to be applied with policies of a digest.
    pub fn new(plan: &Plan, inventory: &Inventory, policies: &Digest) -> Self {
        let lines =
            plan.acts().filter_map(|line| save(line, line.act.as_deref()?, inventory, plan.now));
        let mut saved = Self {
            format: FORMAT.to_owned(),
            created_at: plan.now,
            expires_at: plan.now.checked_add(VALID_FOR).unwrap_or(Timestamp::MAX),
            account: plan.account.clone(),
            policies: policies.clone(),
            lines: lines.collect(),
            checksum: String::new(),
        };
        saved.checksum = saved.sum();
        saved
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("its maps have text for keys");
        text.push('\n');
        text
    }

    /// Reads the file's text. The checksum is looked at by [`SavedPlan::stale`].
    pub fn from_json(text: &[u8]) -> Result<Self, Error> {
        let saved: Self = serde_json::from_slice(text)?;
        if saved.format == FORMAT { Ok(saved) } else { Err(Error::Format(saved.format)) }
    }

    /// Why it must not be applied at `now`, in the account that answered. It may have been made for any of
    /// `policies`: what is in force, and what the files alone say.
    pub fn stale(
        &self,
        now: Timestamp,
        policies: [&Digest; 2],
        here: Option<&Account>,
    ) -> Option<Stale> {
        if self.sum() != self.checksum {
            return Some(Stale::Changed);
        }
        if now >= self.expires_at {
            return Some(Stale::Expired(self.expires_at));
        }
        if let (Some(made), Some(here)) = (&self.account, here)
            && made != here
        {
            return Some(Stale::Elsewhere { made: made.to_string(), here: here.to_string() });
        }
        (!policies.contains(&&self.policies)).then(|| Stale::Policies {
            made: self.policies.short().to_owned(),
            now: policies[0].short().to_owned(),
        })
    }

    /// The executions that it names.
    pub fn keys(&self) -> BTreeSet<ExecutionKey> {
        self.lines.iter().map(SavedLine::key).collect()
    }

    fn sum(&self) -> String {
        let unsigned = Self { checksum: String::new(), ..self.clone() };
        let text = serde_json::to_vec(&unsigned).expect("its maps have text for keys");
        Digest::of(&text).to_string()
    }
}

impl SavedLine {
    /// Which execution it names.
    pub fn key(&self) -> ExecutionKey {
        ExecutionKey { job: self.job.clone(), thing: self.thing.clone() }
    }
}

fn save(line: &Line, act: &Act, inventory: &Inventory, now: Timestamp) -> Option<SavedLine> {
    let pins = act.pins.clone()?;
    let times = inventory.executions.get(&line.key)?.times.get();
    Some(SavedLine {
        job: line.key.job.clone(),
        thing: line.key.thing.clone(),
        execution_number: act.number,
        version_number: pins.version,
        status: act.status,
        queued_at: times.queued_at.known().copied(),
        last_updated_at: times.last_updated_at.known().copied(),
        described_at: pins.described_at,
        force: act.force,
        status_details: pins.details,
        policy: line.policy.name.clone(),
        evidence: words::evidence(line, inventory, now),
    })
}
