//! An AWS IoT Jobs service in the process: both planes over real HTTP, seeded by a [`Fleet`].
//!
//! It is the default backend of an evaluation, the double of every test and a product of its own. It
//! knows AWS's rules (`store`, `call`) and none of the controller's opinions: it imports neither
//! policies nor plans, so that both cannot be wrong in the same way.
//!
//! From outside to inside: `connection` (TCP that can be cut) · `routes` (plane, operation, faults) ·
//! `wire` (JSON, headers, errors) · `call` and `constraint` (members, checked) · `control` and `data` (members in, JSON out) · `store` (the state
//! machine) and `registry` (things, groups). `seed` fills the store, `faults` breaks what AWS would
//! break, `introspection` tells what happened.
//!
//! Invariants: one lock over all state, never held across an await; each call is one critical section,
//! hooks included; nothing depends on the time of day but through the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::inventory::Account;

mod arn;
mod call;
mod connection;
mod constraint;
mod control;
mod data;
mod faults;
mod introspection;
mod operation;
mod refusal;
mod registry;
mod routes;
mod seed;
mod store;
mod wire;

pub use arn::Arns;
pub use call::Call;
pub use faults::{Denial, Faults, Rate};
pub use introspection::Effect;
pub use operation::{Operation, Plane, Route};
pub use refusal::Refusal;
pub use registry::{Registry, Thing};
pub use store::{
    Cancel, Canceled, CheckOrder, Execution, ExecutionFilter, ForThing, Job, JobFilter, NewJob,
    Page, Row, Store, Target, Update,
};

use faults::FaultState;

/// What AWS leaves open and an emulator may do one way or the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// In which order a cancel is checked.
    pub check_order: CheckOrder,
}

/// Runs before a call is applied, under the same lock. See [`Emulator::on_call`].
pub type Hook = Box<dyn FnMut(&Call, &mut Store) + Send>;

/// A handle to one emulator; clones are the same emulator.
#[derive(Clone)]
pub struct Emulator(Arc<Inner>);

struct Inner {
    clock: Clock,
    account: Account,
    state: Mutex<State>,
}

struct State {
    store: Store,
    faults: FaultState,
    hooks: BTreeMap<Operation, Vec<Hook>>,
    effects: Vec<Effect>,
    calls: BTreeMap<Operation, u64>,
    requests: u64,
}

impl Emulator {
    /// An emulator that starts with what the fleet says. Ages in it are counted from the clock's now.
    pub fn new(fleet: &Fleet, clock: Clock, options: Options) -> Self {
        let state = State {
            store: seed::store(fleet, options.check_order, clock.now()),
            faults: FaultState::default(),
            hooks: BTreeMap::new(),
            effects: Vec::new(),
            calls: BTreeMap::new(),
            requests: 0,
        };
        let account = fleet.account.clone();
        Self(Arc::new(Inner { clock, account, state: Mutex::new(state) }))
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
        self.lock().faults.set(faults);
    }

    /// Gives access to the store between two calls.
    pub fn store<R>(&self, work: impl FnOnce(&mut Store) -> R) -> R {
        work(&mut self.lock().store)
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
        self.0.clock.now()
    }

    fn next_request_id(&self) -> String {
        let mut state = self.lock();
        state.requests += 1;
        format!("00000000-0000-4000-8000-{:012x}", state.requests)
    }

    fn delay(&self, operation: Operation) -> Option<u64> {
        self.lock().faults.faults().delay_milliseconds.get(&operation).copied()
    }

    /// Applies one call. None means that its answer is to be lost.
    fn call(
        &self,
        route: Route,
        query: BTreeMap<String, String>,
        body: Map<String, Value>,
        arns: Arns,
        request_id: String,
    ) -> Result<Option<Value>, Refusal> {
        let mut state = self.lock();
        let State { store, faults, hooks, effects, calls, .. } = &mut *state;
        let operation = route.operation;
        let nth = calls.entry(operation).or_default();
        *nth += 1;
        // The time is read under the lock, so that times in the store never go back.
        let at = self.now();
        let call = Call { route, nth: *nth, at, request_id, query, body, arns };
        faults.before(operation, || call.resources(), at)?;
        for hook in hooks.get_mut(&operation).into_iter().flatten() {
            hook(&call, store);
        }
        let answer = match operation.plane() {
            Plane::Control => control::answer(&call, store),
            Plane::Data => data::answer(&call, store).map(|body| (body, None)),
        };
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

impl fmt::Debug for Emulator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Emulator").field("account", &self.0.account).finish_non_exhaustive()
    }
}
