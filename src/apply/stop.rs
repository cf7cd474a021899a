//! The word to come to an end.
//!
//! Apart from tokio's channels because all who wait hear it in the order in which they began to: a run of the
//! simulator can be repeated to the line.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Shared {
    is_on: AtomicBool,
    heard: Notify,
}

/// Tells an executor to send nothing new and to come to an end.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Shared>);

/// What switches a [`Stop`] on, for good.
#[derive(Clone, Debug)]
pub struct Switch(Arc<Shared>);

impl Stop {
    /// A switch, and what it is connected to.
    pub fn new() -> (Switch, Self) {
        let shared = Arc::new(Shared::default());
        (Switch(Arc::clone(&shared)), Self(shared))
    }

    /// Whether it was switched.
    pub fn is_on(&self) -> bool {
        self.0.is_on.load(Ordering::SeqCst)
    }

    /// Waits until it is switched.
    pub async fn on(&self) {
        // Who waits from here on hears it, also if it is switched before the next line.
        let heard = self.0.heard.notified();
        if !self.is_on() {
            heard.await;
        }
    }
}

impl Switch {
    /// Switches it on.
    pub fn stop(&self) {
        self.0.is_on.store(true, Ordering::SeqCst);
        self.0.heard.notify_waiters();
    }
}
