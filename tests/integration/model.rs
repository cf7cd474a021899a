//! The protocol as a model: intents, sends, effects, answers and crashes in every order that there is.
//!
//! Small on purpose, and apart from the product's code: it says why the protocol is as it is. One controller,
//! and two that share a journal and a ledger and hand a lease with an epoch to and fro. Each part of the
//! protocol can be left out; then one of the properties must fall, or the part would be for nothing.

use std::collections::BTreeSet;

use stateright::{Checker as _, HasDiscoveries, Model, Property};

/// Executions that a policy wants canceled; a budget has room for one of them.
const EXECUTIONS: usize = 2;
const BUDGET: usize = 1;

const S1: &str = "S1 nothing unwanted is sent or hit";
const S2: &str = "S2 one effect an execution";
const S3: &str = "S3 the budget";
const S4: &str = "S4 the journal is true";

/// What happens in some order: a model in which nothing is ever canceled would hold everything.
const SEEN: [&str; 2] = ["something is canceled", "after a crash it is found to be canceled"];

/// The protocol, whole or with a part left out.
#[derive(Clone, Debug)]
struct Protocol {
    controllers: usize,
    /// A cancel says at which version it was judged.
    expected_version: bool,
    /// What is spent is in one ledger, which outlives a crash.
    shared_ledger: bool,
    /// At the last moment it is asked whether the policies in force still say so.
    gate: bool,
    /// What seems to have had no effect is only believed once no request can be on its way.
    flight_time: bool,
    /// The intent is durable before the request goes out.
    intent_first: bool,
}

const WHOLE: Protocol = Protocol {
    controllers: 1,
    expected_version: true,
    shared_ledger: true,
    gate: true,
    flight_time: true,
    intent_first: true,
};

const TWO: Protocol = Protocol { controllers: 2, ..WHOLE };

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    /// It was described at this version, and judged.
    Judged {
        execution: usize,
        version: u8,
    },
    /// Its intent is durable, and its unit taken.
    Intended {
        intent: usize,
    },
    /// Its request is on its way, or an answer.
    Waiting {
        intent: usize,
    },
}

/// How an intent stands, as the journal has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Outcome {
    Open,
    Canceled,
    NoEffect,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Intent {
    execution: usize,
    version: u8,
    outcome: Outcome,
    durable: bool,
    took_effect: bool,
    /// Its request is on its way to AWS.
    flying: bool,
    /// AWS has answered, and the answer is on its way: whether it took effect.
    answer: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Controller {
    phase: Phase,
    /// Whether the policies that it has loaded want the cancels.
    wants: bool,
    /// What it believes to be the lease's epoch.
    epoch: u8,
    /// What it has spent, if ledgers are not shared. It is lost in a crash.
    spent: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// The version of each execution, and whether it is CANCELED.
    executions: [(u8, bool); EXECUTIONS],
    controllers: Vec<Controller>,
    journal: Vec<Intent>,
    spent: usize,
    epoch: u8,
    /// Whether the policy was taken back at its source.
    revoked: bool,
    crashes: u8,
    /// A request went out that the policies in force did not want, or hit what was not judged.
    unwanted: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Moves(usize),
    Revoke,
    Adopt(usize),
    TakeLease(usize),
    Describe(usize, usize),
    Save(usize),
    Send(usize),
    Lands { intent: usize, answer_is_lost: bool },
    Expires(usize),
    Answer(usize),
    Crash(usize),
    LookAt(usize, usize),
}

impl Protocol {
    /// Whether an open intent is nobody's present work, as far as a controller can know.
    fn is_left(world: &World, intent: usize) -> bool {
        let busy = |it: &Controller| match it.phase {
            Phase::Intended { intent: of } | Phase::Waiting { intent: of } => of == intent,
            Phase::Idle | Phase::Judged { .. } => false,
        };
        !world.controllers.iter().any(busy)
    }

    fn intend(&self, world: &mut World, controller: usize, durable: bool) -> Option<usize> {
        let Phase::Judged { execution, version } = world.controllers[controller].phase else {
            return None;
        };
        let spent =
            if self.shared_ledger { world.spent } else { world.controllers[controller].spent };
        let is_open =
            |it: &Intent| it.durable && it.execution == execution && it.outcome == Outcome::Open;
        if world.controllers[controller].epoch != world.epoch
            || spent >= BUDGET
            || world.journal.iter().any(is_open)
        {
            return None;
        }
        world.spent += 1;
        world.controllers[controller].spent += 1;
        world.journal.push(Intent {
            execution,
            version,
            outcome: Outcome::Open,
            durable,
            took_effect: false,
            flying: false,
            answer: None,
        });
        Some(world.journal.len() - 1)
    }

    /// Ends an intent; its unit comes back on proof only.
    fn settle(world: &mut World, intent: usize, outcome: Outcome, proved: bool) {
        world.journal[intent].outcome = outcome;
        world.journal[intent].durable = true;
        if proved && outcome == Outcome::NoEffect {
            world.spent -= 1;
        }
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        let controller = Controller { phase: Phase::Idle, wants: true, epoch: 0, spent: 0 };
        vec![World {
            executions: [(1, false); EXECUTIONS],
            controllers: vec![controller; self.controllers],
            journal: Vec::new(),
            spent: 0,
            epoch: 0,
            revoked: false,
            crashes: 0,
            unwanted: false,
        }]
    }

    fn actions(&self, world: &World, steps: &mut Vec<Step>) {
        // One move an execution, one crash, one hand-over: enough for each order of two things.
        steps.extend(
            (0..EXECUTIONS).filter(|it| world.executions[*it] == (1, false)).map(Step::Moves),
        );
        if !world.revoked {
            steps.push(Step::Revoke);
        }
        for (controller, it) in world.controllers.iter().enumerate() {
            if it.wants && world.revoked {
                steps.push(Step::Adopt(controller));
            }
            if it.epoch != world.epoch || (self.controllers > 1 && world.epoch == 0) {
                steps.push(Step::TakeLease(controller));
            }
            if world.crashes == 0 && it.phase != Phase::Idle {
                steps.push(Step::Crash(controller));
            }
            match it.phase {
                Phase::Idle if it.wants && world.journal.len() < 3 => {
                    let open = (0..EXECUTIONS).filter(|of| !world.executions[*of].1);
                    steps.extend(open.map(|of| Step::Describe(controller, of)));
                }
                Phase::Idle | Phase::Waiting { .. } => {}
                Phase::Judged { .. } if self.intent_first => steps.push(Step::Save(controller)),
                Phase::Judged { .. } | Phase::Intended { .. } => steps.push(Step::Send(controller)),
            }
            for (intent, of) in world.journal.iter().enumerate() {
                let left = of.durable && of.outcome == Outcome::Open;
                if left && it.phase == Phase::Idle && Self::is_left(world, intent) {
                    steps.push(Step::LookAt(controller, intent));
                }
            }
        }
        for (intent, of) in world.journal.iter().enumerate() {
            if of.flying {
                steps.push(Step::Lands { intent, answer_is_lost: false });
                steps.push(Step::Lands { intent, answer_is_lost: true });
                steps.push(Step::Expires(intent));
            }
            if of.answer.is_some() {
                steps.push(Step::Answer(intent));
            }
        }
    }

    fn next_state(&self, before: &World, step: Step) -> Option<World> {
        let mut world = before.clone();
        match step {
            Step::Moves(execution) => world.executions[execution].0 += 1,
            Step::Revoke => world.revoked = true,
            Step::Adopt(controller) => world.controllers[controller].wants = false,
            Step::TakeLease(controller) => {
                if world.controllers[controller].epoch == world.epoch {
                    world.epoch += 1;
                }
                world.controllers[controller].epoch = world.epoch;
            }
            Step::Describe(controller, execution) => {
                let version = world.executions[execution].0;
                world.controllers[controller].phase = Phase::Judged { execution, version };
            }
            Step::Save(controller) => {
                let intent = self.intend(&mut world, controller, true);
                world.controllers[controller].phase =
                    intent.map_or(Phase::Idle, |intent| Phase::Intended { intent });
            }
            Step::Send(controller) => {
                let intent = match world.controllers[controller].phase {
                    Phase::Intended { intent } => Some(intent),
                    _ => self.intend(&mut world, controller, false),
                };
                let Some(intent) = intent else {
                    world.controllers[controller].phase = Phase::Idle;
                    return Some(world);
                };
                let it = &mut world.controllers[controller];
                let may = it.wants && it.epoch == world.epoch;
                if self.gate && !may {
                    it.phase = Phase::Idle;
                    // Withdrawn: the unit stays spent.
                    Self::settle(&mut world, intent, Outcome::NoEffect, false);
                    return Some(world);
                }
                it.phase = Phase::Waiting { intent };
                world.unwanted |= !it.wants;
                world.journal[intent].flying = true;
            }
            Step::Lands { intent, answer_is_lost } => {
                let of = &mut world.journal[intent];
                of.flying = false;
                let (version, canceled) = &mut world.executions[of.execution];
                let takes = !*canceled && (!self.expected_version || *version == of.version);
                if takes {
                    world.unwanted |= *version != of.version;
                    (*version, *canceled, of.took_effect) = (*version + 1, true, true);
                }
                if answer_is_lost {
                    return Some(Self::lost(world, intent));
                }
                of.answer = Some(takes);
            }
            Step::Expires(intent) => {
                world.journal[intent].flying = false;
                world = Self::lost(world, intent);
            }
            Step::Answer(intent) => {
                let took = world.journal[intent].answer.take()?;
                for it in &mut world.controllers {
                    if it.phase == (Phase::Waiting { intent }) {
                        it.phase = Phase::Idle;
                        let outcome = if took { Outcome::Canceled } else { Outcome::NoEffect };
                        Self::settle(&mut world, intent, outcome, !took);
                        break;
                    }
                }
            }
            Step::Crash(controller) => {
                world.crashes += 1;
                let it = &mut world.controllers[controller];
                (it.phase, it.spent) = (Phase::Idle, 0);
            }
            Step::LookAt(_, intent) => {
                let of = world.journal[intent];
                let (version, canceled) = world.executions[of.execution];
                let unmoved = !canceled && version == of.version;
                if unmoved && self.flight_time && of.flying {
                    return None;
                }
                // Whose cancel it was, its mark says.
                let outcome =
                    if canceled && of.took_effect { Outcome::Canceled } else { Outcome::NoEffect };
                Self::settle(&mut world, intent, outcome, false);
            }
        }
        Some(world)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(S1, |_, world: &World| !world.unwanted),
            Property::always(S2, |_, world: &World| {
                let of = |execution| {
                    let it = world.journal.iter();
                    it.filter(|it| it.took_effect && it.execution == execution).count()
                };
                (0..EXECUTIONS).all(|execution| of(execution) <= 1)
            }),
            Property::always(S3, |_, world: &World| {
                world.journal.iter().filter(|it| it.took_effect).count() <= BUDGET
            }),
            Property::always(S4, |_, world: &World| {
                world.journal.iter().all(|it| match it.outcome {
                    Outcome::Canceled => it.took_effect,
                    Outcome::NoEffect => !it.took_effect,
                    Outcome::Open => it.durable || !it.took_effect,
                })
            }),
            Property::sometimes(SEEN[0], |_, world: &World| {
                world.journal.iter().any(|it| it.outcome == Outcome::Canceled)
            }),
            Property::sometimes(SEEN[1], |_, world: &World| {
                world.crashes > 0 && world.journal.iter().any(|it| it.outcome == Outcome::Canceled)
            }),
        ]
    }
}

impl Protocol {
    /// No answer will come: whoever waits looks at it later.
    fn lost(mut world: World, intent: usize) -> World {
        for it in &mut world.controllers {
            if it.phase == (Phase::Waiting { intent }) {
                it.phase = Phase::Idle;
            }
        }
        world
    }

    /// The safety properties that fall in all orders that there are.
    fn fallen(self) -> Vec<&'static str> {
        let checker = self.checker().spawn_bfs().join();
        assert!(checker.is_done(), "all orders are gone through");
        for seen in SEEN {
            assert!(checker.discovery(seen).is_some(), "never: {seen}");
        }
        let mut fallen: Vec<_> =
            checker.discoveries().into_keys().filter(|it| it.starts_with('S')).collect();
        fallen.sort_unstable();
        fallen
    }

    /// Goes through orders until a property falls; false if none lets it fall.
    fn lets_fall(self, property: &'static str) -> bool {
        let until = HasDiscoveries::AllOf(BTreeSet::from([property]));
        let checker = self.checker().finish_when(until).spawn_bfs().join();
        checker.discovery(property).is_some()
    }
}

#[test]
fn with_one_controller_the_protocol_holds_in_every_order() {
    assert_eq!(WHOLE.fallen(), [""; 0]);
}

#[test]
fn with_two_controllers_the_protocol_holds_in_every_order() {
    assert_eq!(TWO.fallen(), [""; 0]);
}

#[test]
fn each_part_of_the_protocol_is_needed() {
    let without = [
        ("expectedVersion", Protocol { expected_version: false, ..WHOLE }, S1),
        ("the gate", Protocol { gate: false, ..WHOLE }, S1),
        ("a ledger that outlives a crash", Protocol { shared_ledger: false, ..WHOLE }, S3),
        ("a ledger that both share", Protocol { shared_ledger: false, ..TWO }, S3),
        ("the flight time", Protocol { flight_time: false, ..WHOLE }, S4),
        ("the intent before the request", Protocol { intent_first: false, ..WHOLE }, S4),
    ];
    for (part, protocol, property) in without {
        assert!(protocol.lets_fall(property), "{part} is for nothing: {property} holds without");
    }
}
