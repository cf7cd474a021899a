//! What a file with an error may have: a guard that protects something, and that nobody could read.
//!
//! Apart from reading, since a file that cannot be read as YAML has to be asked too: here lines are looked
//! at, and nothing is parsed. What is not surely something else may be a guard.

use super::kind::Kind;

/// Whether a file with an error has a guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarded {
    /// Each of its documents says that it is something else.
    No,
    /// Not all of its documents say what they are.
    Unknown,
    /// One of them says so, or is of a kind that is not known.
    Likely,
}

/// Asks the text of a file.
pub(super) fn asked(text: &[u8]) -> Guarded {
    let text = String::from_utf8_lossy(text);
    if text.contains(Kind::CancelGuard.as_str()) {
        return Guarded::Likely;
    }
    let mut guarded = Guarded::No;
    for document in documents(&text) {
        match kind_in(&document) {
            None => guarded = Guarded::Unknown,
            Some(name) => {
                if !Kind::ALL.iter().any(|kind| kind.as_str() == name) {
                    return Guarded::Likely;
                }
            }
        }
    }
    guarded
}

/// The lines of each document. What stands before the first marker is one only if it is more than comments
/// and directives.
fn documents(text: &str) -> Vec<Vec<&str>> {
    let mut all = vec![Vec::new()];
    for line in text.lines() {
        if line.starts_with("---") {
            all.push(Vec::new());
        } else if let Some(document) = all.last_mut() {
            document.push(line);
        }
    }
    let says = |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', '%']);
    if all.len() > 1 && !all[0].iter().any(says) {
        all.remove(0);
    }
    all
}

/// What a document says behind its key `kind`.
fn kind_in<'a>(lines: &[&'a str]) -> Option<&'a str> {
    let mut kinds = lines.iter().filter_map(|line| line.strip_prefix("kind:"));
    let kind = kinds.next()?;
    let kind = kind.split(" #").next().unwrap_or(kind).trim().trim_matches(['"', '\'']);
    (kinds.next().is_none() && !kind.is_empty()).then_some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_surely_something_else_may_be_a_guard() {
        let policy = "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nspec:\n\tmode: Enforce\n";
        let two = format!("# first\n---\n{policy}---\n{}", policy.replace("Policy", "Test # a"));
        for text in [policy, &two, &policy.replace("CancelPolicy", "'Fleet'")] {
            assert_eq!(asked(text.as_bytes()), Guarded::No, "{text}");
        }
        let cut = &policy[..policy.len() / 4];
        let utf16: Vec<u8> = policy.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let last = format!("{policy}---\n");
        let flow = "{apiVersion: rescind/v1alpha1, kind: CancelPolicy, spec: [}";
        for text in [b"".as_slice(), cut.as_bytes(), &utf16, last.as_bytes(), flow.as_bytes()] {
            assert_eq!(asked(text), Guarded::Unknown, "{}", String::from_utf8_lossy(text));
        }
        for kind in ["CancelGuard", "CancelGuar", "CancelGaurd", "Guard", "cancelpolicy"] {
            let text = two.replacen("CancelPolicy", kind, 1);
            assert_eq!(asked(text.as_bytes()), Guarded::Likely, "{text}");
        }
        let mentioned = format!("{policy}# beside a CancelGuard\n");
        assert_eq!(asked(mentioned.as_bytes()), Guarded::Likely);
    }
}
