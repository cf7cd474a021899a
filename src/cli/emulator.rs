//! `rescind emulator`: the AWS IoT Jobs API on loopback.

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::cli::args::{Emulator as Args, PageTokens as Tokens};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::session::read_fleet;
use crate::cli::signals::Signals;
use crate::clock::Clock;
use crate::emulator::{Emulator, Faults, Operation, Options, PageTokens, Rate};

pub async fn emulator(args: Args, output: Output) -> anyhow::Result<Exit> {
    let mut signals = Signals::listen()?;
    let fleet = read_fleet(&args.fleet, output)?;
    let page_tokens = match args.page_tokens {
        Tokens::Stable => PageTokens::Stable,
        Tokens::Dying => PageTokens::DieWithTheirRow,
        Tokens::Offset => PageTokens::Offset,
    };
    let options = Options { page_tokens, ..Options::default() };
    let emulator = Emulator::new(&fleet, Clock::system(), options);
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
    let shutdown = async move {
        signals.next().await;
    };
    emulator.serve(listener, shutdown).await.context("the emulator stopped")?;
    Ok(Exit::Done)
}
