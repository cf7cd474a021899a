//! `rescind status`: how a running controller stands.

use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::args::{Format, Status as Args};
use crate::cli::exit::Exit;
use crate::cli::output::{Output, status as show};
use crate::cli::signals::Signals;
use crate::document::words::json_text;
use crate::server::client;
use crate::status::Status;

/// How long an answer is waited for: it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn status(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let token = match &args.token_file {
        None => None,
        Some(file) => {
            let token = std::fs::read_to_string(file)
                .with_context(|| format!("--token-file {}", file.display()))?;
            Some(token.trim().to_owned())
        }
    };
    loop {
        let asked = tokio::select! {
            biased;
            exit = signals.next() => return Ok(exit),
            asked = ask(&args, token.as_deref()) => asked,
        };
        let exit = match asked {
            Ok(status) => {
                let text = match args.form.output {
                    Format::Text => show::text(&status, output),
                    Format::Json => json_text(&status)?,
                };
                if !output.next(&text)? {
                    return Ok(Exit::Done);
                }
                if status.unready.is_empty() { Exit::Done } else { Exit::Error }
            }
            Err(error) if args.watch.is_some() => {
                // Whoever watches sees it come back.
                output.error(&format!("{error:#}"));
                Exit::Error
            }
            Err(error) => return Err(error),
        };
        let Some(pause) = args.watch else { return Ok(exit) };
        tokio::select! {
            biased;
            exit = signals.next() => return Ok(exit),
            () = tokio::time::sleep(pause) => {
                if !output.next("")? {
                    return Ok(Exit::Done);
                }
            }
        }
    }
}

async fn ask(args: &Args, token: Option<&str>) -> anyhow::Result<Status> {
    let at = args.at;
    let asked = client::get(at, "/api/v1/status", token);
    let answer = tokio::time::timeout(PATIENCE, asked).await.unwrap_or(Err(client::Error::Slow));
    let (code, body) =
        answer.with_context(|| format!("--at {at}: does `rescind run` listen there?"))?;
    match (code, &args.token_file) {
        (200, _) => serde_json::from_slice(&body)
            .with_context(|| format!("--at {at}: what answers there is not rescind")),
        (401, Some(file)) => bail!(
            "--token-file {}: the token in it is not that of `run --listen-token-file` at {at}",
            file.display()
        ),
        (401, None) => bail!(
            "--at {at}: it asks for the token of `run --listen-token-file`: give --token-file"
        ),
        (code, _) => bail!("--at {at}: answered {code}: {}", String::from_utf8_lossy(&body).trim()),
    }
}
