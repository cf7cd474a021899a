//! The code blocks of README and `docs/` that are YAML are documents: each is read, and has no problem,
//! unless a mark `<!-- wrong -->` stands before it.

use std::path::{Path, PathBuf};

use rescind::document::{Limits, SourceFile, read, render};

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md")];
    let mut open = vec![root.join("docs")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    pages
}

/// The bodies of YAML blocks, and whether each is meant to be wrong.
fn blocks(text: &str) -> Vec<(String, bool)> {
    let mut blocks = Vec::new();
    let (mut open, mut wrong): (Option<String>, bool) = (None, false);
    for line in text.lines() {
        match &mut open {
            Some(body) if line == "```" => {
                blocks.push((std::mem::take(body), wrong));
                (open, wrong) = (None, false);
            }
            Some(body) => {
                body.push_str(line);
                body.push('\n');
            }
            None if line == "```yaml" => open = Some(String::new()),
            None if line == "<!-- wrong -->" => wrong = true,
            None => {}
        }
    }
    assert!(open.is_none(), "a block that does not end");
    blocks
}

#[test]
fn every_document_that_is_shown_is_one() {
    let mut shown = 0;
    for page in pages() {
        for (text, wrong) in blocks(&std::fs::read_to_string(&page).unwrap()) {
            let file = SourceFile { path: page.to_string_lossy().into(), text: text.into() };
            let documents = read(&[file], &Limits::policies());
            let said = render::text(&documents.diagnostics, false);
            assert_eq!(wrong, !documents.diagnostics.is_empty(), "{}:\n{said}", page.display());
            shown += 1;
        }
    }
    assert!(shown >= 2, "README shows a policy and a wrong one");
}
