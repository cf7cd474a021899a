//! `rescind guard forget`: takes a guard out of the state whose document is gone for good.
//!
//! Where nobody writes, it takes the lock and does it; a running writer is asked by a file.

use crate::cli::Failure;
use crate::cli::args::state::{Forget as Args, who};
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::pause::used;
use crate::cli::session::state_directory;
use crate::clock::Clock;
use crate::state::State as _;
use crate::state::directory::{Directory, Error, Place};
use crate::state::request::{Asked, Forget, Request};
use crate::state::sqlite::{OpenError, SqliteState, Writing, read_guards};

pub async fn forget(args: Args, output: Output) -> anyhow::Result<Exit> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Error, error.to_string());
    let directory = state_directory(&args.directory)?;
    let place = place(args.account.as_deref(), args.region.as_deref(), &directory)?;
    let kept = read_guards(&directory, &place).map_err(|error| failed(&error))?;
    let name = &args.name;
    let of = format!("the state of account {} in {}", place.account, place.region);
    if kept.iter().all(|guard| guard.name != *name) {
        let names: Vec<_> = kept.iter().map(|guard| guard.name.as_str()).collect();
        let has = if names.is_empty() { "no guard".to_owned() } else { names.join(", ") };
        let message = format!("{of} has no guard {name}; it has {has}");
        return Err(Failure::new(Exit::Error, message).into());
    }
    let request =
        Forget::ask(&directory, &place, name.clone(), &who()).map_err(|error| failed(&error))?;
    let clock = Some(Clock::system());
    let writing = Writing { who: who(), clock, fresh_ledger: false };
    match SqliteState::open(&directory, &place, writing) {
        Ok(state) => {
            let forgotten = state.forget_asked(Clock::system().now()).await;
            forgotten.map_err(|error| taken_back(&request, &error))?;
            output.result(&format!("Forgotten: guard {name} is no longer in {of}."))?;
        }
        Err(OpenError::Directory(Error::Held { holder, .. })) => output.result(&format!(
            "Asked {holder} to forget guard {name}. `run` does so within 10 seconds; if that is an \
             `apply`, ask again once it has ended. A guard that a file still has stays in force."
        ))?,
        Err(error) => return Err(taken_back(&request, &error).into()),
    }
    Ok(Exit::Done)
}

/// Why something could not be done that was asked for. The request is taken back: it must not be granted later,
/// when nobody thinks of it.
pub fn taken_back<T: Asked>(request: &Request<T>, error: &dyn std::error::Error) -> Failure {
    let message = match request.remove() {
        Ok(()) => error.to_string(),
        Err(left) => format!("{error}; and it is still asked for, since {left}"),
    };
    Failure::new(Exit::Error, message)
}

/// Whose state is meant: the one that is named, or the only one.
pub fn place(
    account: Option<&str>,
    region: Option<&str>,
    directory: &Directory,
) -> anyhow::Result<Place> {
    used(directory)?;
    if let (Some(account), Some(region)) = (account, region) {
        return Ok(Place { account: account.to_owned(), region: region.to_owned() });
    }
    let places = directory.places();
    let places = places.map_err(|error| Failure::new(Exit::Error, error.to_string()))?;
    let path = directory.path().display();
    match &places[..] {
        [place] => Ok(place.clone()),
        [] => Err(Failure::new(Exit::Error, format!("there is no state in {path}")).into()),
        many => {
            let many = words(many);
            let message =
                format!("{path} has more than one state ({many}): pass --account and --region");
            Err(Failure::new(Exit::Usage, message).into())
        }
    }
}

/// Several of them, in words.
pub fn words(places: &[Place]) -> String {
    let places: Vec<_> =
        places.iter().map(|it| format!("{} in {}", it.account, it.region)).collect();
    places.join(", ")
}
