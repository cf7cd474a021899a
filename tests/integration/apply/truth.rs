//! What must be true after each apply, whatever the test: effects, records and ledger agree.

use std::collections::{BTreeMap, BTreeSet};

use rescind::apply::{Ending, Record};
use rescind::emulator::Effect;
use rescind::execution::{ExecutionKey, ExecutionStatus};
use rescind::plan::{Intent, Outcome};
use rescind::policy::template::MARKER;
use rescind::state::State as _;

use super::bench::Bench;

impl Bench {
    /// Effects, records and ledger, line by line; `latest` are the records of the last apply, before
    /// which there were `before` effects.
    pub async fn check(&self, latest: &[Record], before: usize) {
        self.check_effects();
        let records = self.records.lock().unwrap().clone();
        let effects = self.effects();
        for record in latest {
            let hit = effects[before..].iter().filter(|effect| is_of(effect, record)).count();
            match told(record) {
                Some(Outcome::Canceled) if self.hit_another(record) => {}
                Some(Outcome::Canceled) => {
                    assert_eq!(hit, 1, "{record:?}");
                    assert!(effects.iter().any(|it| is_of(it, record) && it.force == record.force));
                }
                Some(Outcome::Unresolved | Outcome::CanceledUnattributed) => {
                    assert!(hit <= 1, "{record:?}");
                }
                _ => {
                    // What stayed unresolved in an earlier apply may have landed since.
                    let unresolved = records
                        .iter()
                        .any(|it| it.key == record.key && told(it) == Some(Outcome::Unresolved));
                    assert!(hit == 0 || unresolved, "{record:?}: {effects:?}");
                }
            }
        }
        for effect in &effects {
            let is_told = records.iter().any(|record| is_of(effect, record));
            assert!(is_told || self.is_blind(effect), "untold: {effect:?}");
            assert!(!self.is_blind(effect) || self.recreates, "{effect:?}");
        }
        // The journal says what the records say, and gives back nothing that took effect.
        let settled = self.ledger.settled.lock().unwrap().clone();
        let intents: BTreeMap<_, _> = self
            .ledger
            .begun
            .lock()
            .unwrap()
            .iter()
            .map(|it| (it.id.clone(), it.clone()))
            .collect();
        let mut kept: BTreeMap<_, usize> = BTreeMap::new();
        for (id, settlement) in &settled {
            let intent = &intents[id];
            let agrees = |record: &&Record| {
                record.key == intent.key
                    && told(record) == Some(settlement.outcome)
                    && record.note == settlement.note
                    && record.request_id == settlement.request_id
            };
            assert!(records.iter().find(agrees).is_some(), "{intent:?} {settlement:?}");
            let spends = matches!(
                settlement.outcome,
                Outcome::Canceled
                    | Outcome::CanceledUnattributed
                    | Outcome::Withdrawn
                    | Outcome::Unresolved
            );
            assert!(!(spends && settlement.no_effect), "{settlement:?}");
            *kept.entry(intent.policy.clone()).or_default() += usize::from(!settlement.no_effect);
        }
        for open in self.ledger.open().await.unwrap() {
            *kept.entry(open.intent.policy).or_default() += 1;
        }
        let mut spent = BTreeMap::new();
        for unit in self.memory_now().await.spent {
            *spent.entry(unit.policy).or_default() += 1;
        }
        kept.retain(|_, units| *units > 0);
        assert_eq!(kept, spent);
    }

    /// Whether an effect hit an execution that was queued anew after the describe, at the version of
    /// the one before it: AWS gives no way to prevent that.
    fn is_blind(&self, effect: &Effect) -> bool {
        let begun = self.ledger.begun.lock().unwrap();
        let of = |intent: &&Intent| {
            is_about(&intent.key, effect) && intent.details.send == *effect.status_details_after
        };
        !begun.iter().filter(of).any(|intent| intent.number.0 == effect.execution_number)
    }

    fn hit_another(&self, record: &Record) -> bool {
        let blind = |effect: &Effect| is_about(&record.key, effect) && self.is_blind(effect);
        self.effects().iter().any(blind)
    }

    /// What holds of each effect at any time, also after a crash.
    pub fn check_effects(&self) {
        let begun = self.ledger.begun.lock().unwrap();
        let mut hit = BTreeSet::new();
        for effect in self.effects() {
            // A number may be used again once the execution that had it was deleted.
            let execution = (
                effect.job_id.clone(),
                effect.thing_name.clone(),
                effect.execution_number,
                effect.queued_at,
            );
            assert!(hit.insert(execution), "twice: {effect:?}");
            assert_eq!(effect.expected_version, Some(effect.version_before), "{effect:?}");
            assert!(
                !effect.force || effect.status_before == ExecutionStatus::InProgress,
                "{effect:?}"
            );
            let intent = begun.iter().find(|intent| {
                intent.details.send == *effect.status_details_after
                    && is_about(&intent.key, &effect)
                    && intent.version.get() == effect.version_before
                    && intent.force == effect.force
            });
            assert!(intent.is_some(), "without an intent: {effect:?}");
            match effect.status_details_after.get(MARKER) {
                Some(marker) => assert!(marker.contains(&*intent.unwrap().id.0), "{effect:?}"),
                None => assert_eq!(effect.status_details_after.len(), 10, "{effect:?}"),
            }
        }
    }
}

pub fn told(record: &Record) -> Option<Outcome> {
    match record.ending {
        Ending::Outcome(outcome) => Some(outcome),
        _ => None,
    }
}

fn is_about(key: &ExecutionKey, effect: &Effect) -> bool {
    key.job.as_str() == effect.job_id && key.thing.as_str() == effect.thing_name
}

fn is_of(effect: &Effect, record: &Record) -> bool {
    is_about(&record.key, effect) && record.number.0 == effect.execution_number
}
