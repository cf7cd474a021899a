//! Spaces that are none of the keyboard's: AWS takes them, and so may a document.

use rescind::document::{Limits, SourceFile, read};

#[test]
fn spaces_of_all_kinds_may_stand_in_status_details() {
    for space in ["\u{a0}", "\u{3000}", "\u{2009}", "\u{202f}"] {
        let text = format!(
            "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: p}}\nspec:\n  \
             target: {{statuses: [QUEUED]}}\n  match:\n    statusDetails:\n      matchExpressions:\n        \
             - {{key: phase, operator: In, values: [\"50{space}%\"]}}\n  cancel:\n    statusDetails:\n      \
             set: {{reason: \"at 50{space}%\"}}\n"
        );
        let file = SourceFile { path: "a.yaml".to_owned(), text: text.into() };
        let documents = read(&[file], &Limits::policies());
        assert!(documents.broken.is_empty(), "{space:?}: {:?}", documents.diagnostics);
    }
}
