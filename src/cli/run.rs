//! `rescind run`: the controller.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::apply::{Ids, Stop};
use crate::cli::args::Run as Args;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::Session;
use crate::cli::signals::Signals;
use crate::cli::{Failure, no_root};
use crate::controller::{
    Controller, Error,
    follow::{Adopted, Unfinished, adopt, interpret, look, report, tell, unfinished},
    guards,
};
use crate::document::Limits;
use crate::policy::PolicySet;
use crate::server::{self, Server};
use crate::source;
use crate::source::root::Root;
use crate::status::report::Reporter;

pub async fn run(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    // Two looks that agree, at the start as well: a checkout may be under way.
    let mut source = Root::new(args.root.clone(), Limits::policies().bytes as u64);
    let none = Unfinished::new();
    let tree = tokio::select! {
        biased;
        _ = signals.next() => return Ok(Exit::Done),
        tree = look(&mut source, &none) => tree.map_err(|error| match error {
            source::Error::Restless | source::Error::Hangs(_) => {
                anyhow::anyhow!("the policy root {} cannot be read: {error}", args.root.display())
            }
            error => no_root(error),
        })?,
    };
    let (digest, unfinished) = (tree.digest.clone(), unfinished(&tree));
    // Said as it will be when the files change: one line each, in the form of the log.
    let reading = interpret(tree);
    report(&reading);
    for broken in &reading.broken {
        tracing::error!(file = broken, "has an error: its policies wait");
    }
    let demands = Session::demands(&args.target, args.no_guards);
    let written = PolicySet::guarded([], reading.guards.clone(), demands);
    let target = Session::target(&args.target, &written, "run")?;
    let mut session = Session::open(&target, output).await?;
    let state = session.state(&args.state).await?;
    let before =
        PolicySet::guarded([], guards::adopted(&*state, session.clock.now()).await?, demands);
    let broken: Vec<_> = reading.broken.iter().cloned().collect();
    let revision = reading.revision.clone();
    let set = adopt(&before, reading.said());
    // What is broken may be the very guard, and is waited for.
    if broken.is_empty() {
        Session::require(&set, "run")?;
    }
    tell(&set, None);
    let first = Adopted { set: Arc::new(set), tree: Some(digest), unfinished };
    let listener = listen(&args).await?;
    let ids = Ids::new().context("the system gives no random numbers")?;
    tracing::info!(
        root = %args.root.display(),
        policies = first.set.len(),
        digest = first.set.digest().short(),
        interval = ?args.interval,
        "running"
    );
    let path = args.root.display().to_string();
    let (reporter, snapshot) = Reporter::new(session.clock.now(), path);
    reporter.root(&first.set, None, broken, revision.as_deref());
    let server = Server {
        snapshot,
        clock: session.clock.clone(),
        pacer: session.pacer.clone(),
        token_file: args.listen_token_file.clone(),
    };
    // It only reads, so that nothing is lost when it ends with the process.
    let server = tokio::spawn(server.serve(listener));
    let controller = Controller {
        interval: args.interval,
        collector: session.collector(),
        executor: Box::new(session.executor(Arc::clone(&state), ids)),
        settler: session.settler(Arc::clone(&state)),
        state,
        clock: session.clock.clone(),
        elsewhere: Box::new(session.elsewhere()),
        reporter,
    };
    let (switch, stop) = Stop::new();
    let running = controller.run(Box::new(source), first, stop);
    tokio::pin!(running);
    let result = tokio::select! {
        biased;
        _ = signals.next() => {
            tracing::info!("stopping: calls in flight are finished and recorded");
            switch.stop();
            tokio::select! {
                biased;
                exit = signals.next() => return Ok(exit),
                result = running => result,
            }
        }
        result = &mut running => result,
        () = session.lost() => {
            let message = "the embedded emulator ended: there is nothing to work against";
            return Err(Failure::new(Exit::Error, message).into());
        }
    };
    server.abort();
    match result {
        Ok(()) => Ok(Exit::Done),
        Err(error @ (Error::Elsewhere { .. } | Error::OutOfScope { .. })) => {
            Err(Failure::new(Exit::Stopped, error.to_string()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The address of status and metrics. Another than a loopback one is not opened without a token.
async fn listen(args: &Args) -> anyhow::Result<TcpListener> {
    let usage = |message: String| anyhow::Error::from(Failure::new(Exit::Usage, message));
    match &args.listen_token_file {
        None if server::needs_token(args.listen) => {
            return Err(usage(format!(
                "--listen {}: others can reach this address, so --listen-token-file is needed with it",
                args.listen
            )));
        }
        None => {}
        Some(file) => {
            let token = std::fs::read_to_string(file)
                .with_context(|| format!("--listen-token-file {}", file.display()))?;
            if token.trim().len() < server::TOKEN_LENGTH {
                return Err(usage(format!(
                    "--listen-token-file {}: a token has {} characters at least",
                    file.display(),
                    server::TOKEN_LENGTH
                )));
            }
        }
    }
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!(
            "--listen {}: cannot be listened on; --listen 127.0.0.1:0 takes a free port",
            args.listen
        )
    })?;
    let address = listener.local_addr().context("the listener has no address")?;
    tracing::info!(%address, "status and metrics are here");
    Ok(listener)
}
