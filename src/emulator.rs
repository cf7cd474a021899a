//! An AWS IoT Jobs service in the process: both planes over real HTTP, seeded by a [`Fleet`].
//!
//! It is the default backend of an evaluation, the double of every test and a product of its own. It
//! knows AWS's rules (`store`, `call`) and none of the controller's opinions: it imports neither
//! policies nor plans, so that both cannot be wrong in the same way.
//!
//! From outside to inside: `connection` (TCP that can be cut) · `routes` (plane, operation, faults) ·
//! `wire` and `signature` (JSON, headers, errors) · `validate` (members, held against the table of
//! `model`, whose words are `constraint`'s) · `input` (members, read) · `control`, `data` and `quotas` (members in, JSON out) · `store` (the state machine), `registry`
//! (things, types, groups), `tags`, `search` and `paging`. `seed` fills the store and `snapshot` writes
//! it down, `faults` breaks what AWS would break, `introspection` tells what happened.
//!
//! Invariants: one lock over all state, never held across an await; each call is one critical section,
//! hooks included; what was due is done before each call; nothing depends on the time of day but
//! through the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::execution::Account;
use crate::fleet::Fleet;
use crate::fleet::shapes::FleetDocument;

mod arn;
mod call;
mod connection;
mod constraint;
mod control;
mod data;
mod devices;
mod faults;
mod input;
mod introspection;
mod model;
mod operation;
mod options;
mod paging;
mod quotas;
mod refusal;
mod registry;
mod routes;
mod search;
mod seed;
mod signature;
mod snapshot;
mod store;
mod tags;
mod time;
mod validate;
mod wire;

pub use arn::Arns;
pub use call::Call;
pub use faults::{Denial, Faults, Rate};
pub use introspection::Effect;
pub use operation::{Operation, Plane, Route};
pub use options::{CheckOrder, Options};
pub use paging::{Page, PageTokens};
pub use refusal::Refusal;
pub use registry::{Connectivity, Group, Registry, Thing, ThingType, ThingUpdate};
pub use search::Indexing;
pub use signature::Credentials;
pub use store::{
    AbortCriterion, Cancel, CancelJob, Canceled, EndBehavior, Execution, ExecutionFilter,
    FailureKind, ForThing, Job, JobConfig, JobFilter, JobUpdate, NewJob, RetryCriterion, Row,
    Scheduling, Store, Target, Update,
};
pub use tags::{TagMap, Tags};
pub use time::{BackInTime, ClockState};

use faults::FaultState;
use quotas::Applied;
use time::Time;

/// Runs before a call is applied, under the same lock. See [`Emulator::on_call`].
pub type Hook = Box<dyn FnMut(&Call, &mut Store) + Send>;

/// A handle to one emulator; clones are the same emulator.
#[derive(Clone)]
pub struct Emulator(Arc<Inner>);

struct Inner {
    time: Time,
    account: Account,
    options: Options,
    /// What it started from, for a reset.
    fleet: Arc<FleetDocument>,
    state: Mutex<State>,
}

struct State {
    store: Store,
    faults: FaultState,
    /// Quotas that the fleet says were raised.
    quotas: Applied,
    hooks: BTreeMap<Operation, Vec<Hook>>,
    effects: Vec<Effect>,
    calls: BTreeMap<Operation, u64>,
    requests: u64,
}

impl Emulator {
    /// An emulator that starts with what the fleet says. Ages in it are counted from the clock's now.
    pub fn new(fleet: &Fleet, clock: Clock, options: Options) -> Self {
        let time = Time::new(clock);
        let state = State {
            store: seed::store(fleet, options.clone(), time.now()),
            faults: FaultState::default(),
            quotas: fleet.quotas.clone(),
            hooks: BTreeMap::new(),
            effects: Vec::new(),
            calls: BTreeMap::new(),
            requests: 0,
        };
        let (account, fleet) = (fleet.account.clone(), fleet.document.clone());
        Self(Arc::new(Inner { time, account, options, fleet, state: Mutex::new(state) }))
    }

    /// Begins anew: the state of its fleet, the time of its clock, no faults, effects and counts. Hooks
    /// stay.
    pub fn reset(&self) {
        let mut state = self.lock();
        self.0.time.reset();
        let Inner { fleet, options, time, .. } = &*self.0;
        let fleet = Fleet::again(fleet);
        state.store = seed::store(&fleet, options.clone(), time.now());
        state.quotas = fleet.quotas;
        state.faults = FaultState::default();
        state.effects.clear();
        state.calls.clear();
    }

    /// A `kind: Fleet` document that starts another emulator in the same state, times absolute.
    pub fn snapshot(&self) -> Value {
        let mut state = self.lock();
        state.store.advance(self.now());
        snapshot::document(&state.store, &self.0.account, &state.quotas)
    }

    /// Lets the emulator's time go on by so much; what falls due happens.
    pub fn advance(&self, duration: SignedDuration) -> Result<(), BackInTime> {
        let mut state = self.lock();
        self.0.time.advance(duration)?;
        state.store.advance(self.now());
        Ok(())
    }

    /// Sets the emulator's time, which cannot go back.
    pub fn set_time(&self, now: Timestamp) -> Result<(), BackInTime> {
        let mut state = self.lock();
        self.0.time.set(now)?;
        state.store.advance(self.now());
        Ok(())
    }

    /// Stops the emulator's time, or lets it go on from where it stands.
    pub fn stop_time(&self, stopped: bool) {
        self.0.time.stop(stopped);
    }

    /// Serves until `shutdown` is ready; answers that have begun are finished. A connection that
    /// fails ends itself and nothing else.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let service =
            routes::router(self).into_make_service_with_connect_info::<connection::Switch>();
        axum::serve(connection::Connections(listener), service)
            .with_graceful_shutdown(shutdown)
            .await
    }

    /// Each cancel that took effect, in order.
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// How many calls of each operation came since the last reset, refused ones included.
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        self.lock().calls.clone()
    }

    /// Sets all counts to zero.
    pub fn reset_calls(&self) {
        self.lock().calls.clear();
    }

    /// The faults that are set, with the counts that are left.
    pub fn faults(&self) -> Faults {
        self.lock().faults.faults().clone()
    }

    /// Replaces all faults.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.lock();
        state.faults.set(faults);
        let remembers = state.faults.remembers();
        state.store.past.keep(remembers);
    }

    /// Gives access to the store between two calls.
    pub fn store<R>(&self, work: impl FnOnce(&mut Store) -> R) -> R {
        let mut state = self.lock();
        state.store.advance(self.now());
        work(&mut state.store)
    }

    /// Runs `hook` before each call of an operation that no fault refused, in the same critical
    /// section: what it does to the store happens between the client's last call and this one.
    /// [`Call::nth`] tells which call it is. Hooks run in the order in which they were added; they
    /// must not use the emulator's handle, whose lock is taken.
    pub fn on_call(&self, operation: Operation, hook: Hook) {
        self.lock().hooks.entry(operation).or_default().push(hook);
    }

    /// The emulator's time.
    pub fn now(&self) -> Timestamp {
        self.0.time.now()
    }

    /// The emulator's time, and whether it stands still.
    pub fn clock_state(&self) -> ClockState {
        self.0.time.state()
    }

    fn next_request_id(&self) -> String {
        let mut state = self.lock();
        state.requests += 1;
        format!("00000000-0000-4000-8000-{:012x}", state.requests)
    }

    fn delay(&self, operation: Operation) -> Option<u64> {
        self.lock().faults.faults().delay_milliseconds.get(&operation).copied()
    }

    /// Applies one call: the JSON text of its answer. None means that its answer is to be lost.
    fn call(
        &self,
        route: Route,
        query: BTreeMap<String, String>,
        body: Map<String, Value>,
        from: Origin,
    ) -> Result<Option<String>, Refusal> {
        let valid = validate::validate(&route, &query, &body);
        let mut state = self.lock();
        let State { store, faults, quotas, hooks, effects, calls, .. } = &mut *state;
        let operation = route.operation;
        let nth = calls.entry(operation).or_default();
        *nth += 1;
        // The time is read under the lock, so that times in the store never go back.
        let at = self.now();
        store.advance(at);
        let Origin { arns, request_id, host } = from;
        let call = Call { route, nth: *nth, at, request_id, query, body, host, arns };
        faults.before(operation, || call.resources(), quotas, at)?;
        for hook in hooks.get_mut(&operation).into_iter().flatten() {
            hook(&call, store);
        }
        store.past.look_back(faults.lag(operation), at);
        let answer = valid.and_then(|()| match operation.plane() {
            Plane::Control => control::answer(&call, store),
            Plane::Data => data::answer(&call, store).map(|body| (body.to_string(), None)),
            Plane::Quotas => quotas::answer(&call, quotas).map(|body| (body.to_string(), None)),
        });
        // A refusal can be lost as well as a success.
        let lost = faults.loses_reply(operation);
        let answer = answer.map(|(body, effect)| {
            if let Some(mut effect) = effect {
                effect.sequence = effects.len() as u64 + 1;
                effects.push(effect);
            }
            body
        });
        if lost { Ok(None) } else { answer.map(Some) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A hook of a test that panicked leaves a state that is still worth looking at.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a call came from.
struct Origin {
    arns: Arns,
    request_id: String,
    host: String,
}

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("account", &self.0.account).finish_non_exhaustive()
    }
}
