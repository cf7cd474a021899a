//! `rescind emulator`: the AWS IoT Jobs API on loopback.

use std::io;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::cli::args::emulator::{Assumption, Emulator as Args, PageTokens as Tokens};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::read_fleet;
use crate::cli::signals::Signals;
use crate::clock::Clock;
use crate::emulator::{
    CheckOrder, Credentials, Emulator, Faults, Operation, Options, PageTokens, Rate,
};

/// How long what is under way may take once it is told to stop: an answer takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

pub async fn emulator(args: Args, output: Output) -> anyhow::Result<Exit> {
    let signals = Signals::listen()?;
    let mut fleet = read_fleet(&args.fleet, output)?;
    if let Some(account) = &args.account {
        fleet.account.account.clone_from(account);
    }
    let emulator = Emulator::new(&fleet, Clock::system(), options(&args));
    // A large fleet is not kept twice.
    let account = fleet.account.clone();
    drop(fleet);
    if let Some(per_second) = args.throttle {
        let rate = Rate { per_second, burst: per_second.max(1.0) };
        let throttle = Operation::ALL.iter().map(|operation| (*operation, rate)).collect();
        emulator.set_faults(Faults { throttle, ..Faults::default() });
    }
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("--listen {} cannot be listened on", args.listen))?;
    let address = listener.local_addr().context("the listener has no address")?;
    output.result(&format!("http://{address}"))?;
    output.say(&format!(
        "AWS IoT Jobs for account {} in {}. Point any AWS client at it:\n  \
         export AWS_ENDPOINT_URL_IOT=http://{address} AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE=http://{address}\n  \
         export AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_REGION={}",
        account.account, account.region, account.region
    ));
    serve(emulator, listener, signals).await.context("the emulator stopped")?;
    Ok(Exit::Done)
}

/// Serves until a signal comes, and then what is under way: until the next signal or for a while, since a
/// request that is never sent to its end would be waited for for ever.
async fn serve(emulator: Emulator, listener: TcpListener, mut signals: Signals) -> io::Result<()> {
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = emulator.serve(listener, async {
        let _ = stopped.await;
    });
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return served,
        _ = signals.next() => drop(stop),
    }
    tokio::select! {
        served = serving => served,
        _ = signals.next() => Ok(()),
        () = tokio::time::sleep(PATIENCE) => Ok(()),
    }
}

fn options(args: &Args) -> Options {
    let mut options = Options {
        page_tokens: match args.page_tokens {
            Tokens::Stable => PageTokens::Stable,
            Tokens::Dying => PageTokens::DieWithTheirRow,
            Tokens::Offset => PageTokens::Offset,
        },
        ..Options::default()
    };
    if let Some((access_key_id, secret_access_key)) = args.verify_signatures.clone() {
        options.verify_signatures = Some(Credentials { access_key_id, secret_access_key });
    }
    for assumption in &args.assume {
        match assumption {
            Assumption::StatusFirst => options.check_order = CheckOrder::StatusFirst,
            Assumption::AtOnce => options.at_once = true,
            Assumption::AbortIgnoresCanceled => options.abort_ignores_canceled = true,
            Assumption::MergeDetails => options.merge_details = true,
            Assumption::RejectOnlyQueued => options.reject_only_queued = true,
            Assumption::DeletedThingsAreRemoved => options.deleted_things_are_removed = true,
            Assumption::UnknownThingsHaveNoList => options.unknown_things_have_no_list = true,
        }
    }
    options
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn each_assumption_changes_something_of_its_own() {
        let with = |assume: &[Assumption]| {
            options(&Args {
                fleet: "fleet.yaml".into(),
                listen: ([127, 0, 0, 1], 0).into(),
                throttle: None,
                page_tokens: Tokens::default(),
                assume: assume.to_vec(),
                account: None,
                verify_signatures: None,
            })
        };
        let all = Assumption::value_variants();
        assert_eq!(with(&[]), Options::default());
        for one in all {
            let others: Vec<_> = all.iter().filter(|other| *other != one).copied().collect();
            assert_ne!(with(&[*one]), Options::default(), "{one:?}");
            assert_ne!(with(&others), with(all), "{one:?}");
        }
    }
}
