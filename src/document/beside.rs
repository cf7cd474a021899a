//! What else is wrong with a document that its schema refuses, to be said in the same round.
//!
//! Apart from `check`, since it is a courtesy: the file is not used in any case. What the schema refuses is
//! left out until it takes what is left, and that is compiled as any other document; of what is found
//! then, only mistakes within single texts are told. All else could come of what was left out.

use serde_json::Value;

use super::check::check;
use super::code::Code;
use super::finding::{Finding, Findings};
use super::kind::Kind;
use super::tree::Tree;

/// How often something is left out: to leave out one thing may leave what it was in without what it needs.
const ROUNDS: usize = 8;

/// A document without what its schema refuses.
pub(super) struct Rest {
    pub value: Value,
    /// Whether something may be missing that expressions name.
    variables_lost: bool,
}

/// What the schema takes of a document in which it found mistakes; none if nothing is left.
pub(super) fn rest(kind: Kind, document: &Value, tree: &Tree, mistakes: &Findings) -> Option<Rest> {
    let mut rest = Rest { value: document.clone(), variables_lost: false };
    rest.leave_out(mistakes)?;
    for _ in 0..ROUNDS {
        let mut mistakes = Findings::default();
        check(kind, &rest.value, tree, &mut mistakes);
        if mistakes.is_empty() {
            return Some(rest);
        }
        rest.leave_out(&mistakes)?;
    }
    None
}

impl Rest {
    fn leave_out(&mut self, mistakes: &Findings) -> Option<()> {
        for mistake in mistakes.iter() {
            // A key that is unknown beside `variables` may have been meant to be that.
            let below_spec = mistake.pointer.strip_prefix("/spec/");
            self.variables_lost |= below_spec
                .is_some_and(|below| below.starts_with("variables") || !below.contains('/'));
            self.remove(&mistake.pointer)?;
        }
        Some(())
    }

    /// Leaves out a value with its key. What is in a list takes the list along, so that what is left stays
    /// where it was. None for the document itself.
    fn remove(&mut self, pointer: &str) -> Option<()> {
        let (container, key) = pointer.rsplit_once('/')?;
        match self.value.pointer_mut(container) {
            Some(Value::Object(map)) => {
                let key = key.replace("~1", "/").replace("~0", "~");
                map.shift_remove(&key);
                Some(())
            }
            Some(Value::Array(_)) => self.remove(container),
            // It went with something else.
            _ => Some(()),
        }
    }

    /// Of what was found in the rest, what is wrong in the document as it was written.
    pub(super) fn told(&self, found: Findings) -> impl Iterator<Item = Finding> {
        found.into_vec().into_iter().filter(|finding| {
            let text = self.value.pointer(&finding.pointer);
            let names_variables =
                text.and_then(Value::as_str).is_some_and(|text| text.contains("variables"));
            match finding.code {
                Code::MeaningExpression => !(self.variables_lost && names_variables),
                Code::MeaningDuration
                | Code::MeaningTime
                | Code::MeaningName
                | Code::MeaningPattern
                | Code::MeaningTemplate
                | Code::MeaningReserved => true,
                _ => false,
            }
        })
    }
}
