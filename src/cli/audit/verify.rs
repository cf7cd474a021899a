//! `rescind audit --verify`: the journal, held against a witness of what happened. It changes nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;

use crate::backend::{ErrorKind, JobsReader};
use crate::cli::Failure;
use crate::cli::args::Target;
use crate::cli::args::state::Witness;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::progress::Progress;
use crate::cli::session::Session;
use crate::execution::{Account, JobStatus};
use crate::observe::Progress as _;
use crate::server::client;
use crate::state::directory::Place;
use crate::state::journal::Entry;
use crate::state::verify::{Effect, Report, alone, described, witnessed};

/// How long an emulator's answer is waited for: a million effects take seconds.
const PATIENCE: Duration = Duration::from_secs(60);

/// The journal of one state file: all of it, and what was asked for.
pub struct Journal {
    pub whole: Vec<Entry>,
    pub asked: Vec<Entry>,
}

impl Journal {
    /// Whose it is, if anything is in it that was asked for.
    pub fn place(&self) -> Option<Place> {
        let Entry { account, region, .. } = self.asked.first()?;
        Some(Place { account: account.clone(), region: region.clone() })
    }
}

/// Holds journals against themselves and a witness.
pub async fn verify(
    journals: &[Journal],
    witness: Witness,
    output: Output,
) -> anyhow::Result<Report> {
    let mut report = Report::default();
    for journal in journals {
        report.findings.extend(alone(&journal.whole));
    }
    match witness {
        Witness::Aws => {
            for journal in journals {
                report.intents += journal.asked.len();
                if let Some(place) = journal.place() {
                    ask(&place, &journal.asked, &mut report, output).await?;
                }
            }
        }
        Witness::Emulator(at) => {
            let entries: Vec<_> = journals.iter().flat_map(|it| it.whole.clone()).collect();
            report.intents = entries.len();
            witnessed(&entries, &effects(at).await?, &mut report);
        }
    }
    Ok(report)
}

/// Asks AWS what became of each execution.
async fn ask(
    place: &Place,
    entries: &[Entry],
    report: &mut Report,
    output: Output,
) -> anyhow::Result<()> {
    let target = Target {
        fleet: None,
        account: Some(place.account.clone()),
        region: Some(place.region.clone()),
        profile: None,
        rate: None,
    };
    let session = Session::open(&target, output).await?;
    let reader = session.reader();
    let Some(answered) = account(&*reader).await? else {
        let message = format!(
            "{} has no job at all, so that it cannot tell who it is: nothing was verified",
            place.words()
        );
        return Err(Failure::new(Exit::Error, message).into());
    };
    if (session.elsewhere())(&answered).is_some() {
        let message = format!(
            "{answered} answered, and the journal is of {}: nothing was verified. Other credentials are \
             needed, or --account and --region of another state",
            place.words()
        );
        return Err(Failure::new(Exit::Stopped, message).into());
    }
    let progress = Progress::default();
    for (done, entry) in entries.iter().enumerate() {
        progress.update("executions described", done, Some(entries.len()));
        let number = entry.execution_number;
        let found = match reader.describe_execution(&entry.key(), Some(number)).await {
            Ok(found) => Some(found),
            Err(error) if error.kind == ErrorKind::NotFound => None,
            // What was found so far is told; the reader has tried again whatever may pass.
            Err(error) => {
                report.unasked += entries.len() - done;
                progress.clear();
                output.error(&format!("asking AWS ended early: {error}"));
                return Ok(());
            }
        };
        report.take(described(entry, found.as_ref()));
    }
    progress.clear();
    Ok(())
}

/// Who answers, as the ARN of some job says.
async fn account(reader: &dyn JobsReader) -> anyhow::Result<Option<Account>> {
    let statuses =
        [JobStatus::InProgress, JobStatus::Completed, JobStatus::Canceled, JobStatus::Scheduled];
    for status in statuses {
        let page = reader.list_jobs(&status, None).await?;
        if let Some(account) = page.items.into_iter().find_map(|job| job.account) {
            return Ok(Some(account));
        }
    }
    Ok(None)
}

#[derive(Deserialize)]
struct Effects {
    effects: Vec<Effect>,
}

/// What an emulator has written down.
async fn effects(at: SocketAddr) -> anyhow::Result<Vec<Effect>> {
    let asked = client::get(at, "/_emulator/effects", None);
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(client::Error::Slow));
    let (code, body) =
        answer.with_context(|| format!("--verify {at}: does `rescind emulator` listen there?"))?;
    if code != 200 {
        bail!("--verify {at}: answered {code}: {}", String::from_utf8_lossy(&body).trim());
    }
    let read: Effects = serde_json::from_slice(&body)
        .with_context(|| format!("--verify {at}: what answers there is no emulator"))?;
    Ok(read.effects)
}
