//! The pages of `docs/reference/` are made from the program's own lists: schema, codes, reasons, fields,
//! functions, flags. `RESCIND_UPDATE=1` writes them anew.

pub mod about;
mod blocks;
pub mod forms;
mod json;
mod meanings;
mod shapes;

use std::fmt::Write as _;

use clap::CommandFactory as _;
use rescind::cli::args::Args;
use rescind::cli::exit::Exit;
use rescind::document::{Code, Kind, Severity, render};
use rescind::plan::Reason;
use rescind::plan::clause::Tier;
use rescind::policy::expression::{
    Field, MAX_BRACKETS, MAX_BYTES, MAX_DEPTH, functions::FUNCTIONS,
};

use crate::documents::{compare, every_diagnostic};
use meanings::meanings;

fn page(name: &str, title: &str, intro: &str, body: &str) {
    let text = format!(
        "# {title}\n\n{intro}\n\nThis page is made from the program; a test compares the two.\n\n{}\n",
        body.trim()
    );
    compare(&format!("docs/reference/{name}.md"), &text);
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('\n', " ").replace('|', "\\|")
}

#[test]
fn the_pages_of_the_kinds_are_made_from_the_schema() {
    for kind in Kind::ALL {
        let name = kind.as_str();
        let intro = format!(
            "The keys of `kind: {name}`. What is not marked *required* may be left out. `[]` stands for each \
             entry of a list, `.KEY` for any key of a map."
        );
        page(&name.to_lowercase(), name, &intro, &shapes::table(kind));
    }
}

#[test]
fn the_page_of_diagnostics_has_every_code_with_an_example() {
    let mut examples = every_diagnostic();
    // The shortest of those that say what to do.
    examples
        .sort_by_key(|it| (it.help.is_none(), render::text(std::slice::from_ref(it), false).len()));
    let mut body = String::new();
    for (severity, title) in [(Severity::Error, "Errors"), (Severity::Warning, "Warnings")] {
        writeln!(body, "## {title}\n").unwrap();
        for code in Code::ALL.iter().copied().filter(|code| code.severity() == severity) {
            let example = examples.iter().find(|it| it.code == code);
            let example = example.unwrap_or_else(|| panic!("{code} has an example"));
            let text = render::text(std::slice::from_ref(example), false);
            writeln!(
                body,
                "### {code}\n\n{}\n\n```text\n{}\n```\n",
                code.explain(),
                text.trim_end()
            )
            .unwrap();
        }
    }
    let intro = "What `rescind validate` can say. Of a file with an error nothing is used; one with warnings is \
                 used as it is written, and its author should look. Codes are stable. Each is shown with an \
                 example, which ends with what to do.";
    page("diagnostics", "Diagnostics", intro, &body);
}

#[test]
fn the_page_of_decisions_has_every_decision_and_reason() {
    let reasons = meanings("src/plan/reason.rs", "Reason");
    assert_eq!(reasons.len(), Reason::ALL.len());
    let mut body = String::from("| decision | what becomes of the execution |\n|---|---|\n");
    for (name, says) in meanings("src/plan/reason.rs", "Decision") {
        writeln!(body, "| {name} | {} |", cell(&says)).unwrap();
    }
    body.push_str(
        "\n## Reasons\n\nOrdered: where several policies look at an execution, it has the reason that stands \
         furthest down.\n\n| reason | decision | why |\n|---|---|---|\n",
    );
    for (reason, (name, says)) in Reason::ALL.iter().zip(reasons) {
        assert_eq!(format!("{reason:?}"), name);
        writeln!(body, "| {name} | {:?} | {} |", reason.decision(), cell(&says)).unwrap();
    }
    body.push_str(
        "\n## What must have matched for a while\n\nWith `stableFor: 10m` a policy cancels what has matched for ten \
         minutes, in every look and unmoved; until then the reason is NotStableYet, with since when and until \
         when. A look is that of `run`, at each interval, or of an `apply`, of which one is wanted at least every \
         fifteen minutes. Both keep what they saw in their state; `plan` reads it and writes nothing. An emulated \
         fleet without `--state-dir` has no state beyond the process. The time begins anew\n\n\
         - when a look finds that it does not match, or that this is not known;\n\
         - when the execution has moved: another number, `lastUpdatedAt` or version;\n\
         - when nobody has looked for three intervals;\n\
         - when the policy is written otherwise, or was suspended.\n\n\
         What only a describe says is described in each look of such a policy. In the moment of acting the \
         execution is described once more, and must still be the one that was seen. `rescind test` and `rescind \
         diff` take what matches to have done so for long enough; `matchedFor` of a CancelTest says otherwise.\n\n\
         ## What follows\n\nA plan with exact decisions also says what its cancels bring about, `follows` in JSON:\n\n\
         - `completes`: SNAPSHOT jobs in progress of which all that is open would be canceled. One that still \
         rolls out may queue more. `mayComplete`: neither the lists nor `jobProcessDetails` say how many are open.\n\
         - `starts`: things that are freed, with the job that is next there. `certain` if all that waits on the \
         thing was read and what it has in progress is canceled; otherwise it is the next of what was listed. \
         `mayStart`: things that are freed, of which it was not read what waits there.\n\n\
         No call is made for it, and nothing is decided by it.\n",
    );
    let intro = "Each execution in scope gets one decision, with one reason. In a plan in JSON both begin with a \
                 lower-case letter.";
    page("decisions", "Decisions and reasons", intro, &body);
}

#[test]
fn the_page_of_expressions_has_every_field_and_function() {
    let mut body = format!(
        "An expression has at most {MAX_BYTES} bytes, {MAX_BRACKETS} brackets and {MAX_DEPTH} operations inside \
         each other. It is run only when every fact that it touches was read. What fails in it (a key or a fact \
         that is not there, a division by zero, a text that is no number) makes the whole of it not known, and \
         what is not known cancels nothing; what is not reached does not fail.\n\n\
         ## Facts\n\n| name | type | read by |\n|---|---|---|\n"
    );
    let tiers = meanings("src/plan/clause.rs", "Tier");
    for field in Field::ALL {
        let tier = Tier::ALL.iter().position(|tier| *tier == Tier::of(*field)).unwrap();
        writeln!(body, "| `{}` | {} | {} |", field.path(), field.ty(), cell(&tiers[tier].1))
            .unwrap();
    }
    body.push_str(
        "\nBeside them: `now`, a time; `variables.NAME`; `policy.name` and `policy.labels`, in policies; `source.path`; \
         in policies `source.revision`, the git commit of the file, with `-dirty` behind it where the files differ from it, \
         and absent where they are in no git repository: `source.?revision.orValue('none')`. What reads nothing more is asked first, and the dearer facts only of what that leaves.\n\n\
         ## Operators\n\n`&&`, `||`, `!`, `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `+`, `-`, `*`, `/`, `%`, `? :`, \
         `map['key']`, `map.key`, `map[?'key']`, `map.?key`. Both sides have one type; text has no order.\n\n\
         ## Functions\n\n| function | in use | gives |\n|---|---|---|\n",
    );
    for function in FUNCTIONS {
        let (name, example) = (function.name, cell(function.example));
        writeln!(body, "| {name} | `{example}` | {} |", cell(function.says)).unwrap();
    }
    let intro = "The subset of CEL that `conditions`, `variables`, the `expression` of a rule and `${…}` in \
                 statusDetails are written in. There is nothing else.";
    page("expressions", "Expressions", intro, &body);
}

#[test]
fn the_page_of_the_command_line_is_its_help() {
    let mut command = Args::command().term_width(100).color(clap::ColorChoice::Never);
    command.build();
    let mut body = format!("```text\n{}\n```\n", command.render_long_help().to_string().trim_end());
    let verbs: Vec<_> = command.get_subcommands().cloned().collect();
    for verb in verbs.into_iter().filter(|it| it.get_name() != "help") {
        let below: Vec<_> = verb.get_subcommands().cloned().collect();
        for mut verb in std::iter::once(verb.clone()).chain(below) {
            let name = verb.get_bin_name().unwrap().to_owned();
            let help = verb.render_long_help().to_string();
            if !name.ends_with(" help") {
                writeln!(body, "\n## {name}\n\n```text\n{}\n```", help.trim_end()).unwrap();
            }
        }
    }
    body.push_str("\n## Exit codes\n\n| code | when |\n|---|---|\n");
    let endings = meanings("src/cli/exit.rs", "Exit");
    assert_eq!(endings.len(), Exit::ALL.len());
    for (exit, (_, says)) in Exit::ALL.iter().zip(endings) {
        writeln!(body, "| {} | {} |", exit.code(), cell(&says)).unwrap();
    }
    let lines: Vec<_> = body.lines().map(str::trim_end).collect();
    page("cli", "The command line", "What `--help` says of each verb.", &lines.join("\n"));
}

#[test]
fn what_is_called_for_each_thing_or_execution_is_what_its_tier_says() {
    for field in Field::ALL {
        let operation = match Tier::of(*field) {
            Tier::Listed | Tier::Tags => None,
            Tier::Thing => Some("DescribeThing"),
            Tier::Connectivity => Some("GetThingConnectivityData"),
            Tier::Groups => Some("ListThingGroupsForThing"),
            Tier::Queue => Some("ListJobExecutionsForThing"),
            Tier::Described => Some("DescribeJobExecution"),
        };
        assert_eq!(field.called_for_each(), operation, "{}", field.path());
    }
}

#[test]
fn a_reason_has_one_label_wherever_it_is_written() {
    for reason in rescind::plan::Reason::ALL {
        assert_eq!(serde_json::to_value(reason).unwrap(), reason.label());
    }
}
