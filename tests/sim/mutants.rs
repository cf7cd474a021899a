//! The protocol broken on purpose, each way caught by a named invariant: a judge without teeth is silent.
//!
//! The ways are in `src/mutant.rs`, which is empty but for the feature `mutants`.

pub use rescind::mutant::{Mutant, is};

/// The mutant that `RESCIND_MUTANT` names, if it names one.
///
/// # Panics
///
/// If there is none of that name.
pub fn named() -> Option<Mutant> {
    let name = crate::setting::<String>("RESCIND_MUTANT")?;
    let mutant = Mutant::ALL.into_iter().find(|it| format!("{it:?}") == name);
    Some(mutant.unwrap_or_else(|| panic!("RESCIND_MUTANT={name}: one of {:?}", Mutant::ALL)))
}

/// Chooses for this thread what `RESCIND_MUTANT` names.
///
/// # Panics
///
/// If it names one, and there is none, as without the feature.
pub fn choose_named() {
    let Some(mutant) = named() else { return };
    #[cfg(feature = "mutants")]
    rescind::mutant::choose(Some(mutant));
    #[cfg(not(feature = "mutants"))]
    panic!("RESCIND_MUTANT={mutant:?}: built without the feature mutants");
}

#[cfg(feature = "mutants")]
mod caught {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rescind::mutant::{Mutant, choose};

    use crate::run::run;
    use crate::scenario::{Criterion, HOUR, Scenario};

    /// Within how many seeds a mutant is caught.
    const SEEDS: u64 = 300;

    /// How long a mutant is hunted after it was caught: the table says in how many of these.
    const TABLE: u64 = 40;

    /// What a mutant meets: the world of a seed, with what it takes to see the difference more often.
    fn world(mutant: Mutant, seed: u64) -> Scenario {
        let drawn = Scenario { in_file: false, ..Scenario::any(seed) };
        let edited = || Scenario { edits: Some(60), ..drawn.clone() };
        match mutant {
            Mutant::PoliciesOncePerPass | Mutant::NoGate => {
                Scenario { slow_sync: 60, slow: 30, moves: Some(10), ..edited() }
            }
            Mutant::GuardGoesWithFile => Scenario { moves: Some(10), ..edited() },
            Mutant::UnknownPastIsFree => Scenario { forgets: true, crashes: Some(200), ..drawn },
            Mutant::BudgetInMemory => Scenario { crashes: Some(60), moves: Some(10), ..drawn },
            Mutant::LocalClock => Scenario { skew: 50, moves: Some(10), ..drawn },
            Mutant::CancelWhilePaging => Scenario { page: 1, things: 6, ..drawn },
            Mutant::NoExpectedVersion => Scenario { races: 30, late: 25, moves: Some(10), ..drawn },
            Mutant::UnreadableIsAbsent => {
                Scenario { unavailable: 60, moves: Some(10), busy: HOUR, ..drawn }
            }
            Mutant::ThrottleFails => drawn.throttled(),
            Mutant::UnavailableIsNoEffect => Scenario { lost_reply: 30, ..drawn },
            Mutant::SwitchNotAsked => drawn.switched(),
            Mutant::NothingIsAdopted => Scenario { moves: Some(10), edits: Some(600), ..drawn },
            Mutant::HaltGoesOn => drawn.halting(),
            Mutant::BreakersStayShut => drawn.racing(),
            Mutant::NoAbortRisk => Scenario {
                abort: Some(Criterion { percent: 5, least: 12 }),
                moves: Some(10),
                lavish: true,
                ..drawn
            },
            _ => drawn,
        }
    }

    /// The invariants that a mutant breaks: another one that is violated says nothing of it.
    fn broken_by(mutant: Mutant) -> &'static [&'static str] {
        match mutant {
            Mutant::NoExpectedVersion => &["S1", "S2"],
            Mutant::NoDescribe
            | Mutant::NoGate
            | Mutant::PoliciesOncePerPass
            | Mutant::UnreadableIsAbsent
            | Mutant::NoAbortRisk
            | Mutant::NothingIsAdopted
            | Mutant::LocalClock => &["S1", "S5"],
            // The intent does not say force, and the request does.
            Mutant::ForceForQueued => &["S1", "S4"],
            Mutant::BudgetOnReply
            | Mutant::BudgetInMemory
            | Mutant::UnknownPastIsFree
            | Mutant::HaltGoesOn => &["S3"],
            Mutant::OutcomeFirst
            | Mutant::IntentLast
            | Mutant::NoSettling
            | Mutant::NoExecutionNumber
            | Mutant::UnavailableIsNoEffect => &["S4"],
            Mutant::ThrottleFails | Mutant::CancelWhilePaging => &["L1"],
            Mutant::NoFlightTime => &["S2", "S4"],
            // Sent once more when its describe, or what is in force, is another one.
            Mutant::RetryingClient => &["S1", "S2", "S4", "S5"],
            Mutant::GuardGoesWithFile => &["S1", "S3", "S5"],
            Mutant::OneLookIsEnough => &["S1"],
            Mutant::SwitchNotAsked | Mutant::BreakersStayShut => &["S5"],
        }
    }

    /// In how many of the first seeds it was caught, and where first, by which invariant.
    fn hunt(mutant: Mutant) -> (u64, Option<(u64, String)>) {
        choose(Some(mutant));
        let (mut caught, mut first) = (0, None);
        for seed in 1..=SEEDS {
            if seed > TABLE && first.is_some() {
                break;
            }
            let violation = run(&world(mutant, seed), false).violation;
            let names = |it: &String| broken_by(mutant).iter().any(|name| it.starts_with(name));
            if let Some(violation) = violation.filter(names) {
                caught += u64::from(seed <= TABLE);
                first.get_or_insert((seed, violation));
            }
        }
        choose(None);
        (caught, first)
    }

    #[test]
    fn each_mutant_is_caught_by_an_invariant() {
        let chosen = super::named().map_or_else(|| Mutant::ALL.to_vec(), |it| vec![it]);
        let next = AtomicUsize::new(0);
        let table = Mutex::new(Vec::new());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..cores {
                scope.spawn(|| {
                    while let Some(mutant) =
                        chosen.get(next.fetch_add(1, Ordering::Relaxed)).copied()
                    {
                        let hunted = hunt(mutant);
                        table.lock().unwrap().push((mutant, hunted));
                    }
                });
            }
        });
        let mut table = table.into_inner().unwrap();
        table.sort_by_key(|(mutant, _)| *mutant);
        for (mutant, (caught, first)) in &table {
            let name = format!("{mutant:?}");
            match first {
                Some((seed, why)) => {
                    println!("{name:<20} {caught:>3} of {TABLE}, seed {seed}: {why}");
                }
                None => println!("{name:<20} not within {SEEDS} seeds"),
            }
        }
        let free: Vec<_> = table.iter().filter(|(_, (_, first))| first.is_none()).collect();
        assert!(free.is_empty(), "not caught: {free:?}");
    }

    /// What catches a mutant is the mutant: the same worlds are all right without it.
    #[test]
    fn without_a_mutant_the_same_worlds_are_all_right() {
        for mutant in Mutant::ALL {
            for seed in 1..=10 {
                let went = run(&world(mutant, seed), false);
                assert_eq!(went.violation, None, "the world of {mutant:?}, seed {seed}");
            }
        }
    }
}

/// The feature has to be asked for, and the binary has what breaks the protocol only then.
#[test]
fn no_mutant_is_in_a_release() {
    let manifest = include_str!("../../Cargo.toml");
    let features = manifest.split("[features]").nth(1).expect("there are features");
    let features = features.split("\n[").next().unwrap_or_default();
    assert!(features.contains("mutants = []"), "{features}");
    assert!(!features.contains("default"), "{features}");
    let binary = std::fs::read(env!("CARGO_BIN_EXE_rescind")).unwrap();
    let mark = b"the protocol can be broken on purpose";
    let found = binary.windows(mark.len()).any(|it| it == mark);
    assert_eq!(found, cfg!(feature = "mutants"));
}
