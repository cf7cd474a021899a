//! A comparison of two policy sets: text, JSON, Markdown.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::output::markdown::{MOST, folded};
use crate::cli::output::plan::{Summary, not_observed, problem, round};
use crate::cli::output::{Output, Tone, columns, plural};
use crate::execution::ExecutionKey;
use crate::inventory::{Inventory, Problem};
use crate::plan::Plan;
use crate::plan::blind::undecided as left_open;
use crate::plan::difference::{Change, Edit, How, Kind, Waiting, edits, waiting};
use crate::policy::{PolicyName, Standing};

/// Everything that a comparison shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The plan by the old policies.
    pub old: &'a Plan,
    /// The plan by the new ones.
    pub new: &'a Plan,
    /// How the old and the new policies were named.
    pub names: [&'a str; 2],
    /// Where they differ.
    pub changes: &'a [Change],
    /// What was observed for both.
    pub inventory: &'a Inventory,
    /// Why the new policies decide so, of those that they have in scope.
    pub because: &'a BTreeMap<ExecutionKey, String>,
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::NewlyCanceled => "Newly canceled",
        Kind::NoLongerCanceled => "No longer canceled",
        Kind::CanceledOtherwise => "Canceled by another policy, or with another force",
    }
}

fn how(how: Option<&How>) -> String {
    match how {
        None => "kept".to_owned(),
        Some(How { policy, force: true }) => format!("{policy}, force"),
        Some(How { policy, force: false }) => policy.to_string(),
    }
}

fn row(change: &Change, shown: Shown<'_>) -> Vec<String> {
    let because = shown.because.get(&change.key).cloned();
    vec![
        change.key.job.to_string(),
        change.key.thing.to_string(),
        how(change.old.as_ref()),
        how(change.new.as_ref()),
        because.unwrap_or_else(|| "no policy has it in scope".to_owned()),
    ]
}

/// What of the acting policies of either side is not decided.
pub fn undecided(shown: Shown<'_>) -> Option<String> {
    let of = |plan: &Plan| left_open(plan, shown.inventory);
    of(shown.old).or_else(|| of(shown.new))
}

const HEADING: [&str; 5] = ["JOB", "THING", "OLD", "NEW", "WHY"];

fn of_kind(kind: Kind, shown: Shown<'_>) -> Vec<Vec<String>> {
    let changes = shown.changes.iter().filter(|change| change.kind() == kind);
    changes.map(|change| row(change, shown)).collect()
}

fn sum(shown: Shown<'_>) -> String {
    let count = |kind: Kind| shown.changes.iter().filter(|it| it.kind() == kind).count();
    format!(
        "{} canceled by the old policies, {} by the new: {} newly, {} no longer, {} otherwise.",
        plural(Summary::of(shown.old).cancel, "execution"),
        Summary::of(shown.new).cancel,
        count(Kind::NewlyCanceled),
        count(Kind::NoLongerCanceled),
        count(Kind::CanceledOtherwise),
    ) + &waits(shown)
}

/// What comes due beyond what a budget lets go at once.
fn waits(shown: Shown<'_>) -> String {
    let Waiting { newly, no_longer } = waiting(shown.old, shown.new);
    let mut text = String::new();
    if newly > 0 {
        let verb = if newly == 1 { "comes due and waits" } else { "come due and wait" };
        text.push_str(&format!(" {newly} more {verb} for a budget."));
    }
    if no_longer > 0 {
        let verb = if no_longer == 1 { "is" } else { "are" };
        text.push_str(&format!(" {no_longer} that waited for a budget {verb} no longer due."));
    }
    text
}

/// The policies and guards that differ, a line each.
fn documents(shown: Shown<'_>) -> Vec<String> {
    let edits = edits(&shown.old.policies, &shown.new.policies).into_iter();
    let words = |Edit { kind, name, how, what }: Edit| {
        let what = if what.is_empty() { String::new() } else { format!(": {}", what.join(", ")) };
        let stays = if (kind, how) == ("guard", "removed") {
            format!(
                "; where it was adopted it stays in force, until `retired` is in its document or by \
                 `rescind guard forget {name}`"
            )
        } else {
            String::new()
        };
        format!("{}{} {name} {how}{what}{stays}", kind[..1].to_uppercase(), &kind[1..])
    };
    edits.map(words).collect()
}

/// The guards that are in force without a file of the new policies.
fn adopted(plan: &Plan) -> impl Iterator<Item = &PolicyName> {
    let gone = plan.policies.guards().filter(|guard| guard.standing == Standing::Missing);
    gone.map(|guard| &guard.name)
}

fn adopted_words(guard: &PolicyName) -> String {
    format!("Guard {guard} was adopted and is not in the new policies: it stays in force.")
}

/// The comparison as text.
pub fn text(shown: Shown<'_>, output: Output) -> String {
    let Shown { old, new, .. } = shown;
    let [old_name, new_name] = shown.names;
    let mut text = format!(
        "Policies {old_name} ({}) and {new_name} ({}) at {}\n",
        old.policies.digest().short(),
        new.policies.digest().short(),
        round(new.now)
    );
    for guard in adopted(new) {
        text.push_str(&format!("{}\n", adopted_words(guard)));
    }
    for document in documents(shown) {
        text.push_str(&format!("{document}\n"));
    }
    for kind in Kind::ALL {
        let rows = of_kind(kind, shown);
        if rows.is_empty() {
            continue;
        }
        text.push_str(&format!("\n{}:\n", title(kind)));
        let heading = HEADING.map(|title| (Tone::Faint, title.to_owned())).to_vec();
        let plain = |row: Vec<String>| row.into_iter().map(|cell| (Tone::Plain, cell)).collect();
        let rows: Vec<_> = std::iter::once(heading).chain(rows.into_iter().map(plain)).collect();
        text.push_str(&columns(output, &rows));
    }
    text.push_str(&not_observed(shown.inventory, output));
    text.push_str(&format!("\n{}", sum(shown)));
    if !shown.inventory.problems.is_empty() {
        text.push_str(" Not everything could be observed.");
    }
    text.push('\n');
    text
}

/// The comparison for a pull request. Its first line finds the comment again.
pub fn markdown(shown: Shown<'_>) -> String {
    let mut text = String::from("<!-- rescind diff -->\n### rescind: what this change cancels\n\n");
    text.push_str(&format!("{}\n", sum(shown)));
    for guard in adopted(shown.new) {
        text.push_str(&format!("\n{}\n", adopted_words(guard)));
    }
    let list = |text: &mut String, title: &str, rows: Vec<String>| {
        let rows: Vec<_> = rows.into_iter().map(|row| vec![row]).collect();
        let title = format!("{title} ({})", rows.len());
        let most = MOST.saturating_sub(text.len()) / 2;
        text.push_str(&folded(&title, &["What"], &rows, most));
    };
    list(&mut text, "Policies and guards that differ", documents(shown));
    list(&mut text, "Not observed", shown.inventory.problems.iter().map(problem).collect());
    for kind in Kind::ALL {
        let rows = of_kind(kind, shown);
        let title = format!("{} ({})", title(kind), rows.len());
        text.push_str(&folded(&title, &HEADING, &rows, MOST.saturating_sub(text.len()) / 2));
    }
    text
}

/// What the document is, and its version.
pub const FORMAT: &str = "rescind/diff/v1";

/// A comparison.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Comparison")]
pub struct Json<'a> {
    /// What the document is, and its version.
    format: &'static str,
    /// The time for which was decided.
    #[schemars(extend("format" = "date-time"))]
    now: String,
    /// The old policies.
    old: JsonSide<'a>,
    /// The new policies.
    new: JsonSide<'a>,
    /// The guards that are in force although the new policies have no file of them.
    adopted_guards: Vec<&'a PolicyName>,
    /// The policies and guards that differ.
    documents: Vec<Edit>,
    /// The executions that the two cancel differently, by job and thing.
    changes: Vec<JsonChange<'a>>,
    /// What a budget keeps waiting.
    waiting: Waiting,
    /// What could not be read.
    problems: Vec<&'a Problem>,
    /// What of acting policies is not decided, since something could not be read, in words; null if all is.
    /// With `--detailed-exitcode` and no change the exit code is 1 then.
    undecided: Option<String>,
}

/// The policies of one side.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonSide<'a> {
    /// How they were named: a directory, or a revision and a path.
    root: &'a str,
    /// What they mean together, 64 hex digits.
    policies_digest: &'a str,
    /// How many executions they cancel.
    cancel: usize,
}

/// An execution that is canceled differently.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonChange<'a> {
    /// In which way.
    kind: Kind,
    /// The job's id.
    job: &'a str,
    /// The thing's name.
    thing: &'a str,
    /// How the old policies cancel it; null if they do not.
    old: Option<JsonHow<'a>>,
    /// How the new policies cancel it; null if they do not.
    new: Option<JsonHow<'a>>,
    /// Why the new policies decide so, for people; null if none has it in scope.
    explanation: Option<&'a str>,
}

/// How an execution is canceled.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct JsonHow<'a> {
    /// The policy.
    policy: &'a PolicyName,
    /// Whether force is sent.
    force: bool,
}

/// The comparison as JSON.
pub fn json(shown: Shown<'_>) -> Json<'_> {
    fn side<'a>(plan: &'a Plan, root: &'a str) -> JsonSide<'a> {
        JsonSide {
            root,
            policies_digest: plan.policies.digest().as_str(),
            cancel: Summary::of(plan).cancel,
        }
    }
    fn how(how: &How) -> JsonHow<'_> {
        JsonHow { policy: &how.policy, force: how.force }
    }
    Json {
        format: FORMAT,
        now: shown.new.now.to_string(),
        old: side(shown.old, shown.names[0]),
        new: side(shown.new, shown.names[1]),
        adopted_guards: adopted(shown.new).collect(),
        documents: edits(&shown.old.policies, &shown.new.policies),
        waiting: waiting(shown.old, shown.new),
        problems: shown.inventory.problems.iter().collect(),
        undecided: undecided(shown),
        changes: shown
            .changes
            .iter()
            .map(|change| JsonChange {
                kind: change.kind(),
                job: change.key.job.as_str(),
                thing: change.key.thing.as_str(),
                old: change.old.as_ref().map(how),
                new: change.new.as_ref().map(how),
                explanation: shown.because.get(&change.key).map(String::as_str),
            })
            .collect(),
    }
}
