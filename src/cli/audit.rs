//! `rescind audit`: the journal, read beside whoever writes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

mod verify;

use crate::cli::args::AuditForm;
use crate::cli::args::state::{Audit as Args, Witness};
use crate::cli::exit::Exit;
use crate::cli::guard::words;
use crate::cli::output::{Output, audit as shown, verify as verdict};
use crate::cli::pause::used;
use crate::cli::session::state_directory;
use crate::cli::{Failure, blocking};
use crate::clock::Clock;
use crate::state::directory::{Directory, Error, Place, place_of};
use crate::state::journal::{Entry, Event, Filter};
use crate::state::pauses;
use crate::state::sqlite::{read_events, read_journal};

pub fn audit(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let directory = state_directory(&args.directory)?;
    let now = Clock::system().now();
    let filter = Filter {
        since: args.since.map(|since| since.resolve(now)),
        until: args.until.map(|until| until.resolve(now)),
        policy: args.policy.clone(),
        thing: args.thing.clone(),
        job: args.job.clone(),
        outcomes: args.outcome.iter().map(|it| it.0).collect(),
    };
    if let (Some(since), Some(until)) = (filter.since, filter.until)
        && since >= until
    {
        let message = format!("--since is {since} and --until {until}: nothing is between them");
        return Err(Failure::new(Exit::Usage, message).into());
    }
    used(&directory)?;
    let files = chosen(args, &directory)?;
    if let Some(witness) = args.verify {
        return verified(&files, &filter, witness, args.form.output, output);
    }
    let mut entries = Vec::new();
    for file in &files {
        entries.extend(read(file, &filter)?);
    }
    // They are of no policy, thing, job or outcome.
    let of_all = Filter { since: None, until: None, ..filter.clone() } == Filter::default();
    let mut events = Vec::new();
    let tells_events = of_all && matches!(args.form.output, AuditForm::Text | AuditForm::Json);
    let changes = if tells_events { pauses::changes(&directory) } else { Ok(Vec::new()) };
    let changes = changes.unwrap_or_else(|error| {
        output.say(&format!("Warning: who paused and resumed is not known: {error}"));
        Vec::new()
    });
    for file in files.iter().filter(|_| tells_events) {
        let read = read_events(file, filter.since, filter.until);
        events.extend(read.map_err(|error| Failure::new(Exit::Error, error.to_string()))?);
        events
            .extend(place_of(file).into_iter().flat_map(|place| paused(&changes, &place, &filter)));
    }
    // Those of one state stay together, each in the order in which they happened.
    events.sort_by(|a, b| (&a.account, &a.region, a.at).cmp(&(&b.account, &b.region, b.at)));
    match args.form.output {
        AuditForm::Text => output.result(&shown::text(&entries, &events, output))?,
        AuditForm::Json => output.json(&shown::json(&entries, &events))?,
        AuditForm::Csv => output.result(&shown::csv(&entries))?,
        AuditForm::Targets => {
            let canceled =
                |entry: &&Entry| entry.outcome.is_some_and(crate::plan::Outcome::is_cancel);
            let targets: BTreeSet<_> = entries.iter().filter(canceled).map(shown::target).collect();
            let lines: Vec<_> = targets.into_iter().collect();
            if !lines.is_empty() {
                output.result(&lines.join("\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The state files that are meant: that of the account and region that are named, or all.
fn chosen(args: &Args, directory: &Directory) -> anyhow::Result<Vec<PathBuf>> {
    let failed = |error: Error| Failure::new(Exit::Error, error.to_string());
    let path = directory.path().display();
    if let (Some(account), Some(region)) = (&args.account, &args.region) {
        let place = Place { account: account.clone(), region: region.clone() };
        let places = directory.places().map_err(failed)?;
        if places.contains(&place) {
            return Ok(vec![directory.file(&place)]);
        }
        let message =
            format!("{path} has no state of {}; it has {}", place.words(), words(&places));
        return Err(Failure::new(Exit::Error, message).into());
    }
    let files = directory.files().map_err(failed)?;
    if files.is_empty() {
        let message = format!("{path} has no journal: nothing was canceled with this --state-dir");
        return Err(Failure::new(Exit::Error, message).into());
    }
    Ok(files)
}

/// When sending was switched off and on, which holds for each state of the directory.
fn paused(changes: &[pauses::Change], place: &Place, filter: &Filter) -> Vec<Event> {
    let is_asked = |change: &&pauses::Change| {
        filter.since.is_none_or(|since| change.at >= since)
            && filter.until.is_none_or(|until| change.at < until)
    };
    let event = |change: &pauses::Change| Event {
        at: change.at,
        account: place.account.clone(),
        region: place.region.clone(),
        what: if change.paused { "paused" } else { "resumed" }.to_owned(),
        name: "sending".to_owned(),
        why: change.why.clone(),
    };
    changes.iter().filter(is_asked).map(event).collect()
}

fn read(file: &Path, filter: &Filter) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    read_journal(file, filter, |entry| entries.push(entry))
        .map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    Ok(entries)
}

/// Whether the journals are true.
fn verified(
    files: &[PathBuf],
    filter: &Filter,
    witness: Witness,
    form: AuditForm,
    output: Output,
) -> anyhow::Result<Exit> {
    if witness != Witness::Aws && *filter != Filter::default() {
        let message = "--verify with an emulator takes the whole journal: leave the filters away";
        return Err(Failure::new(Exit::Usage, message).into());
    }
    if matches!(form, AuditForm::Csv | AuditForm::Targets) {
        return Err(Failure::new(Exit::Usage, "--verify has the forms text and json").into());
    }
    let mut journals = Vec::new();
    for file in files {
        let (whole, asked) = (read(file, &Filter::default())?, read(file, filter)?);
        journals.push(verify::Journal { whole, asked });
    }
    if journals.iter().any(|it| !it.asked.is_empty()) {
        journals.retain(|it| !it.asked.is_empty());
    }
    // A witness knows one account in one region.
    let places: Vec<_> = journals.iter().filter_map(verify::Journal::place).collect();
    if places.len() > 1 {
        let message = format!(
            "--verify takes one state at a time: pass --account and --region of {}",
            words(&places)
        );
        return Err(Failure::new(Exit::Usage, message).into());
    }
    let report = blocking(verify::verify(&journals, witness, output))?;
    match form {
        AuditForm::Json => output.json(&verdict::json(&report))?,
        _ => output.result(&verdict::text(&report, witness, output))?,
    }
    Ok(if report.holds() { Exit::Done } else { Exit::Error })
}
