//! What files may say: the corpus of broken ones with their exact diagnostics, what good ones mean,
//! and the schema files.
//!
//! Run with `RESCIND_UPDATE=1` to write the expected texts and the schema files anew, and read the
//! difference before it is committed.

mod mangled;
mod many;
mod shadowed;
mod spaces;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rescind::document::{
    Code, Diagnostic, Documents, Kind, Limits, Severity, SourceFile, read, render, report, schema,
};
use rescind::fleet::inventory;
use rescind::plan::idle::idle;
use rescind::plan::{Decision, Reason};
use rescind::policy::expression::Field;
use rescind::policy::window::WindowKind;
use rescind::policy::{
    AgeBound, LimitSize, Mode, OnExceed, OnExisting, Operator, Origin, Policy, PolicySet, Test,
};

fn directory(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn updating() -> bool {
    #[expect(clippy::disallowed_methods, reason = "a switch of the tests, not of the product")]
    let update = std::env::var_os("RESCIND_UPDATE");
    update.is_some_and(|value| value == "1")
}

/// Compares a file with what it should be, or writes it.
fn golden(path: &Path, text: &str, differences: &mut Vec<String>) {
    let before = std::fs::read_to_string(path).unwrap_or_default();
    if before == text {
        return;
    }
    if updating() {
        std::fs::write(path, text).expect("the file can be written");
    } else {
        let expected = if before.is_empty() { "(no such file)\n" } else { &before };
        differences.push(format!("{}\n--- expected\n{expected}--- found\n{text}", path.display()));
    }
}

fn settle(differences: &[String]) {
    assert!(
        differences.is_empty(),
        "{}\nRESCIND_UPDATE=1 writes these files anew: read the difference before committing it",
        differences.join("\n")
    );
}

/// A generated file of the repository is what it should be.
pub fn compare(name: &str, text: &str) {
    let mut differences = Vec::new();
    golden(&directory(name), text, &mut differences);
    settle(&differences);
}

fn one(text: impl Into<Vec<u8>>) -> Documents {
    read(&[SourceFile { path: "a.yaml".to_owned(), text: text.into() }], &Limits::policies())
}

/// The texts of the corpus, by name. A name with a slash is a folder whose files are read together.
fn corpus() -> BTreeMap<String, Vec<SourceFile>> {
    let mut cases: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
    let root = directory("tests/integration/bad");
    let mut open = vec![root.clone()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).expect("the corpus is there") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            if path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            let text = std::fs::read(&path).expect("the file can be read");
            let case = if folder == root { path.with_extension("") } else { folder.clone() };
            let case = case.file_name().expect("a name").to_string_lossy().into_owned();
            let path = path.strip_prefix(&root).expect("below the root").to_string_lossy().into();
            cases.entry(case).or_default().push(SourceFile { path, text });
        }
    }
    for (name, text) in made() {
        cases.insert(name.to_owned(), vec![SourceFile { path: format!("{name}.yaml"), text }]);
    }
    cases
}

/// What would not survive an editor, a checkout or a reviewer as a file.
fn made() -> Vec<(&'static str, Vec<u8>)> {
    let policy = String::from_utf8_lossy(include_bytes!("good/smallest.yaml")).into_owned();
    let with = |from: &str, to: &str| {
        assert!(policy.contains(from), "{from:?} is in the smallest policy");
        policy.replacen(from, to, 1).into_bytes()
    };
    let utf16: Vec<u8> = policy.encode_utf16().flat_map(u16::to_le_bytes).collect();
    vec![
        ("too-large", vec![b'#'; Limits::policies().bytes + 1]),
        ("utf16", [&[0xFF, 0xFE][..], &utf16].concat()),
        ("utf16-without-mark", utf16),
        ("not-utf8", [&b"# Gr\xFC\xDFe\n"[..], policy.as_bytes()].concat()),
        ("bom", with("apiVersion", "\u{FEFF}apiVersion")),
        ("nul", with("kind: CancelPolicy", "kind: Cancel\0Policy")),
        ("escape-sequence", with("kind: CancelPolicy", "kind: \u{1b}[31mCancelPolicy")),
        ("carriage-return", with("spec:\n", "spec: # nothing\r  mode: Enforce\n")),
        ("line-separator", with("spec:\n", "spec: # see below\u{2028}  mode: Enforce\n")),
        ("next-line", with("spec:\n", "spec: # see below\u{85}  mode: Enforce\n")),
        ("bidi", with("spec:\n", "spec: # \u{202e}evresbO :edom\n")),
        ("tab", with("  target:", "\ttarget:")),
        ("too-deep", [policy.as_bytes(), b"  description: ", &[b'['; 200]].concat()),
        ("too-deep-block", format!("{policy}  exclude:\n    {}\n", "- ".repeat(200)).into()),
        ("too-many-values", format!("{policy}  description: [{}1]\n", "1, ".repeat(60_000)).into()),
        ("too-many-documents", "---\na: 1\n".repeat(501).into_bytes()),
        ("text-too-long", format!("{policy}  description: {}\n", "x".repeat(70_000)).into()),
        ("too-many-windows", {
            let window = "    - {kind: Allow, from: \"01:00\", to: \"05:00\", timeZone: UTC}\n";
            format!("{policy}  windows:\n{}", window.repeat(33)).into()
        }),
        ("too-many-patterns", {
            let patterns = (0..3000).map(|it| format!("'{it}{}'", "?".repeat(200)));
            let patterns = patterns.collect::<Vec<_>>().join(", ");
            with("  target:\n", &format!("  target:\n    things: {{names: [{patterns}]}}\n"))
        }),
        ("empty", Vec::new()),
    ]
}

/// All that is wrong with files at one time, what their tests, targets and rules name in vain included.
/// Tests name a fleet of the same folder.
fn wrong_with(files: &[SourceFile]) -> Vec<Diagnostic> {
    let now = "2026-11-24T00:00:00Z".parse().expect("a time");
    let mut documents = read(files, &Limits::policies());
    for (origin, fleet) in documents.fleets.clone() {
        documents.look_for_jobs(&fleet, &origin.path);
        let seen = inventory(&fleet, now);
        documents.look_for_rules(&origin.path, |rule| idle(rule, &seen, now));
    }
    documents.look_at_times(now);
    let set = PolicySet::new(documents.policies);
    let mut diagnostics = documents.diagnostics;
    for test in &documents.tests {
        let folder = Path::new(&*test.case.origin.path).parent().expect("a folder");
        let path = folder.join(&test.case.fleet);
        let of_path = |origin: &Origin| Path::new(&*origin.path) == path;
        let (_, fleet) =
            documents.fleets.iter().find(|(origin, _)| of_path(origin)).expect("the fleet");
        diagnostics.extend(test.references(fleet, &test.case.fleet, &set));
    }
    diagnostics
}

/// What each of the broken files is told.
pub fn every_diagnostic() -> Vec<Diagnostic> {
    corpus().values().flat_map(|files| wrong_with(files)).collect()
}

#[test]
fn every_broken_file_is_told_exactly() {
    let mut differences = Vec::new();
    for (name, files) in corpus() {
        let diagnostics = wrong_with(&files);
        assert!(!diagnostics.is_empty(), "{name}: nothing is wrong with it");
        let text = render::text(&diagnostics, false);
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{name}: raw control characters"
        );
        let expected = directory("tests/integration/bad").join(format!("{name}.txt"));
        golden(&expected, &text, &mut differences);
    }
    settle(&differences);
}

#[test]
fn every_code_has_a_broken_file() {
    let seen: BTreeSet<_> = corpus()
        .values()
        .flat_map(|files| wrong_with(files))
        .map(|diagnostic| diagnostic.code)
        .collect();
    let unseen: Vec<_> = Code::ALL.iter().filter(|code| !seen.contains(code)).collect();
    assert!(unseen.is_empty(), "no file in tests/integration/bad shows {unseen:?}");
}

#[test]
fn every_warning_says_what_to_do() {
    let warnings: Vec<_> = corpus()
        .values()
        .flat_map(|files| wrong_with(files))
        .filter(|diagnostic| diagnostic.code.severity() == Severity::Warning)
        .collect();
    let told: BTreeSet<_> = warnings.iter().map(|diagnostic| diagnostic.code).collect();
    let all = Code::ALL.iter().copied().filter(|code| code.severity() == Severity::Warning);
    assert_eq!(told, all.collect());
    for warning in warnings {
        assert!(warning.help.is_some(), "{}: {}", warning.code, warning.message);
    }
}

#[test]
fn a_broken_file_gives_nothing_and_one_with_warnings_does() {
    for (name, files) in corpus() {
        let documents = read(&files, &Limits::policies());
        let errors = documents.diagnostics.iter().any(rescind::document::Diagnostic::is_error);
        assert_eq!(errors, !documents.broken.is_empty(), "{name}");
        for policy in &documents.policies {
            assert!(!documents.broken.contains(&*policy.origin.path), "{name}");
        }
        if !errors {
            let is_used = !documents.policies.is_empty() || !documents.guards.is_empty();
            assert!(is_used, "{name}");
        }
    }
}

#[test]
fn the_schema_files_are_those_of_the_types() {
    let mut differences = Vec::new();
    for (name, text) in schema::files() {
        golden(&directory("schema").join(name), &text, &mut differences);
    }
    settle(&differences);
}

#[test]
fn the_schema_of_all_kinds_agrees_with_that_of_each() {
    let whole = jsonschema::validator_for(&schema(None)).expect("a schema");
    let value: serde_json::Value =
        serde_yaml::from_str(include_str!("good/everything.yaml")).expect("YAML");
    assert!(whole.is_valid(&value));
    for kind in Kind::ALL {
        let of_kind = jsonschema::validator_for(&schema(Some(kind))).expect("a schema");
        assert_eq!(of_kind.is_valid(&value), kind == Kind::CancelPolicy);
        let none = serde_json::json!({"apiVersion": "rescind/v1alpha1", "kind": kind.as_str()});
        assert!(!whole.is_valid(&none), "{kind:?} without a spec");
    }
}

#[test]
fn every_key_of_the_schema_is_described() {
    fn undescribed(path: &str, schema: &serde_json::Value, found: &mut Vec<String>) {
        let Some(map) = schema.as_object() else { return };
        for (key, value) in map {
            let path = format!("{path}/{key}");
            if path.ends_with("/properties") {
                for (name, property) in value.as_object().into_iter().flatten() {
                    if property.get("description").is_none() {
                        found.push(format!("{path}/{name}"));
                    }
                }
            }
            undescribed(&path, value, found);
        }
    }
    for kind in Kind::ALL {
        let mut found = Vec::new();
        undescribed("", &schema(Some(kind)), &mut found);
        assert!(found.is_empty(), "{kind:?}: {found:?}");
    }
}

#[test]
fn the_reference_lists_what_expressions_can_name() {
    let schema = schema(Some(Kind::CancelPolicy)).to_string();
    for field in Field::ALL {
        let (_, name) = field.path().split_once('.').expect("a root and a name");
        let is_listed = schema.contains(&format!("`.{name}`"))
            || schema.contains(&format!("`{}`", field.path()));
        assert!(is_listed, "{}", field.path());
    }
}

#[test]
fn colors_change_nothing_but_colors() {
    for (name, files) in corpus() {
        let diagnostics = wrong_with(&files);
        let colored = render::text(&diagnostics, true);
        assert!(colored.contains('\u{1b}'), "{name}");
        let plain = anstream::adapter::strip_str(&colored).to_string();
        assert_eq!(plain, render::text(&diagnostics, false), "{name}");
    }
}

fn good(text: &str) -> Policy {
    let mut documents = one(text);
    let text = render::text(&documents.diagnostics, false);
    assert!(documents.diagnostics.is_empty(), "{text}");
    documents.policies.pop().expect("a policy")
}

#[test]
fn the_smallest_policy_has_all_defaults() {
    let policy = good(include_str!("good/smallest.yaml"));
    assert_eq!(policy.mode, Mode::Observe);
    assert_eq!(policy.priority, 0);
    assert_eq!(policy.target.jobs.names.patterns(), ["*"]);
    assert_eq!(policy.target.things.patterns(), ["*"]);
    let statuses: Vec<_> = policy.target.jobs.statuses.iter().map(ToString::to_string).collect();
    assert_eq!(statuses, ["IN_PROGRESS", "CANCELED", "SCHEDULED"]);
    assert_eq!(policy.target.jobs.target_selection.len(), 2);
    assert!(policy.target.jobs.namespaces.is_empty());
    assert!(!policy.cancel.force && policy.cancel.set.is_empty());
    assert_eq!(policy.cancel.on_existing, OnExisting::Merge);
    assert_eq!((&policy.suspended, policy.suspended_until), (&None, None));
    assert!(policy.windows.is_empty());
    assert_eq!(policy.expires_at, None);
    assert!(!policy.held);
    let limits: Vec<_> = policy.budget.iter().map(|l| (l.size, l.per.to_string())).collect();
    let percent = LimitSize::Percent { value: 10, min_population: 20 };
    assert_eq!(limits, [(LimitSize::Count(50), "1h".into()), (percent, "1d".into())]);
}

#[test]
fn a_policy_with_everything_is_read_as_written() {
    let policy = good(include_str!("good/everything.yaml"));
    assert_eq!(policy.name.as_str(), "stuck-in-progress");
    assert_eq!(policy.mode, Mode::Enforce);
    assert_eq!(policy.suspended.as_deref(), Some("change freeze"));
    assert_eq!((policy.on_exceed, policy.cancel.allow_job_abort), (OnExceed::Halt, true));
    let until = policy.suspended_until.map(|time| time.to_string());
    assert_eq!(until.as_deref(), Some("2026-12-24T17:00:00Z"));
    let windows: Vec<_> = policy
        .windows
        .iter()
        .map(|it| (it.kind, it.days.len(), it.from.minutes(), it.to.minutes(), it.zone.iana_name()))
        .collect();
    assert_eq!(
        windows,
        [
            (WindowKind::Allow, 4, 22 * 60, 5 * 60, Some("Europe/Berlin")),
            (WindowKind::Deny, 7, 12 * 60, 24 * 60, Some("UTC")),
        ]
    );
    assert_eq!(policy.expires_at.map(|t| t.to_string()).as_deref(), Some("2027-01-01T00:00:00Z"));
    let paths: Vec<_> = policy.clauses.iter().map(|clause| clause.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "match.age[0]",
            "match.age[1]",
            "match.thing.types",
            "match.thing.groups",
            "match.thing.attributes.matchLabels.fleet",
            "match.thing.attributes.matchExpressions[0]",
            "match.statusDetails.matchExpressions[0]",
            "match.retryAttempt.atLeast",
        ]
    );
    let Test::Age { bound: AgeBound::OlderThan(period), .. } = policy.clauses[0].test else {
        panic!("an age: {:?}", policy.clauses[0])
    };
    assert_eq!(period.to_string(), "6h");
    let Test::ThingAttribute(fleet) = &policy.clauses[4].test else { panic!("an attribute") };
    assert_eq!(fleet.operator, Operator::In(["delivery-robots".to_owned()].into()));
    let rules: Vec<_> = policy.excludes.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(rules, ["owner-asked-to-keep", "lab"]);
    assert_eq!(policy.excludes[1].clauses[0].path, "exclude[lab].jobs.names");
    let keys: Vec<_> = policy.cancel.set.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["reason", "by", "about"], "in the order in which they were written");
    assert_eq!(policy.budget.len(), 1, "only what is written holds");
}

#[test]
fn the_digest_is_of_the_meaning() {
    let text = include_str!("good/smallest.yaml");
    let digest = good(text).digest;
    let commented = text.replace("spec:\n", "spec: # why\n\n");
    assert_eq!(good(&commented).digest, digest, "a comment");
    let ordered = "kind: CancelPolicy\nspec:\n  match: {age: [{olderThan: 6h, since: queuedAt}]}\n  \
                   target: {\"statuses\": ['QUEUED']}\nmetadata: {name: smallest}\napiVersion: rescind/v1alpha1\n";
    assert_eq!(good(ordered).digest, digest, "the order of keys and the layout");
    let defaults = text.replace("spec:\n", "spec:\n  mode: Observe\n  priority: 0\n");
    assert_eq!(good(&defaults).digest, digest, "defaults that are written");
    let other = text.replace("6h", "7h");
    assert_ne!(good(&other).digest, digest, "another meaning");
}

#[test]
fn line_ends_of_windows_and_a_missing_last_one_do_not_matter() {
    let text = include_str!("good/everything.yaml");
    let digest = good(text).digest;
    assert_eq!(good(&text.replace('\n', "\r\n")).digest, digest);
    assert_eq!(good(text.trim_end()).digest, digest);
}

#[test]
fn a_fleet_may_be_larger_than_a_policy() {
    let (policies, fleet) = (Limits::policies(), Limits::fleet());
    let things = "  - {name: t}\n".repeat(30_000);
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {{name: f}}\nspec:\n  groups: []\n# {}\n  jobs:\n{}",
        "x".repeat(policies.bytes),
        things.replace("name: t", "id: j"),
    );
    let files = [SourceFile { path: "a.yaml".to_owned(), text: text.into() }];
    let codes = |limits| read(&files, limits).diagnostics.iter().map(|d| d.code).next();
    assert_eq!(codes(&policies), Some(Code::SyntaxTooLarge));
    assert_eq!(codes(&fleet), Some(Code::MeaningDuplicate));
}

#[test]
fn documents_of_one_file_are_read_apart() {
    let text = include_str!("good/smallest.yaml");
    let both = format!("# two\n---\n{text}...\n---\n{}", text.replace("smallest", "other"));
    let documents = one(both);
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
    let origins: Vec<_> = documents.policies.iter().map(|p| p.origin.to_string()).collect();
    assert_eq!(origins, ["a.yaml:15", "a.yaml:3"]);
}

#[test]
fn a_fleet_is_read() {
    let text = "apiVersion: rescind/v1alpha1\nkind: Fleet\nmetadata: {name: f}\nspec:\n  things: [{name: t}]\n";
    let documents = one(text);
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
    assert_eq!(documents.fleets[0].1.things.len(), 1);
}

#[test]
fn a_test_is_read_as_written() {
    let text = "apiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {name: t}\nspec:\n  \
                now: \"2026-11-24T12:00:00Z\"\n  fleet: f.yaml\n  expect:\n    \
                - {job: a, thing: t, decision: Cancel, policy: p, force: true}\n    \
                - {job: b, thing: t, decision: Defer, reason: BudgetExhausted}\n";
    let documents = one(text);
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
    let [test] = &documents.tests[..] else { panic!("one test: {documents:?}") };
    assert_eq!(test.case.name.as_str(), "t");
    assert_eq!(test.case.now.to_string(), "2026-11-24T12:00:00Z");
    assert_eq!((&*test.case.root, &*test.case.fleet), (".", "f.yaml"));
    assert!(test.case.forbid_unlisted, "unless it is allowed in writing");
    let [cancel, defer] = &test.case.expect[..] else { panic!("two: {documents:?}") };
    assert_eq!(
        (cancel.decision, cancel.reason, cancel.force),
        (Decision::Cancel, None, Some(true))
    );
    assert_eq!((defer.decision, defer.reason), (Decision::Defer, Some(Reason::BudgetExhausted)));
    assert_eq!((test.expectation(0).line, test.expectation(1).line), (8, 9));
}

#[test]
fn a_policy_and_a_test_may_have_one_name() {
    let policy = include_str!("good/smallest.yaml");
    let test = "---\napiVersion: rescind/v1alpha1\nkind: CancelTest\nmetadata: {name: smallest}\n\
                spec: {now: \"2026-11-24T12:00:00Z\", fleet: f, expect: [{job: a, thing: t, decision: Keep}]}\n";
    let documents = one(format!("{policy}{test}"));
    assert!(documents.diagnostics.is_empty(), "{}", render::text(&documents.diagnostics, false));
}

#[test]
fn the_report_is_json() {
    let documents = one("apiVersion: rescind/v1alpha1\nkind: CancelPolicies\n");
    let entries: Vec<_> = documents.diagnostics.iter().map(report::Entry::from).collect();
    let json = serde_json::to_string_pretty(&entries).expect("JSON");
    insta::assert_snapshot!(json);
}

#[test]
fn the_order_of_files_does_not_matter() {
    let corpus: Vec<SourceFile> = corpus().into_values().flatten().collect();
    let mut reversed = corpus.clone();
    reversed.reverse();
    let forwards = read(&corpus, &Limits::policies());
    let backwards = read(&reversed, &Limits::policies());
    assert_eq!(forwards.diagnostics, backwards.diagnostics);
    assert_eq!(forwards.broken, backwards.broken);
}
