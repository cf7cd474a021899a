//! So many files that they are read side by side.

use rescind::document::{Limits, SourceFile, read};

/// Every seventh has an error.
fn file(number: usize) -> SourceFile {
    let age = if number.is_multiple_of(7) { "soon".to_owned() } else { format!("{number}h") };
    let text = format!(
        "apiVersion: rescind/v1alpha1\nkind: CancelPolicy\nmetadata: {{name: p-{number:03}}}\nspec:\n  mode: Observe\n  \
         target: {{statuses: [QUEUED]}}\n  match: {{age: [{{since: queuedAt, olderThan: {age}}}]}}\n"
    );
    SourceFile { path: format!("{number:03}.yaml"), text: text.into() }
}

#[test]
fn many_files_say_what_each_says_alone_in_the_order_of_their_paths() {
    let mut files: Vec<_> = (1..=500).map(file).collect();
    let limits = Limits::policies();
    let mut alone = (Vec::new(), Vec::new());
    for file in &files {
        let documents = read(std::slice::from_ref(file), &limits);
        alone.0.extend(documents.policies.into_iter().map(|it| (it.name, it.digest)));
        alone.1.extend(documents.diagnostics);
    }
    files.reverse();
    let documents = read(&files, &limits);
    let policies: Vec<_> = documents.policies.into_iter().map(|it| (it.name, it.digest)).collect();
    assert_eq!((policies.len(), documents.broken.len()), (429, 71));
    assert_eq!((policies, documents.diagnostics), alone);
}
