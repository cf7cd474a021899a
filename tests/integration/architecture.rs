//! The map of modules in `src/lib.rs`, held: who may use whom, and the one home of each foreign crate.
//!
//! It reads every path, not only those in `use`: in types, expressions, attributes and the arguments
//! of macros. Tests inside a file are excepted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// Which of our modules each module may use, besides itself.
const MAY_USE: &[(&str, &[&str])] = &[
    // words
    ("fact", &[]),
    ("mutant", &[]),
    ("span", &[]),
    ("execution", &["fact"]),
    ("inventory", &["execution", "fact"]),
    // files
    (
        "fleet",
        &["document::finding", "document::diagnostic", "execution", "fact", "inventory", "span"],
    ),
    ("document", &["execution", "fleet", "policy"]),
    (
        "policy",
        &[
            "document::finding",
            "document::diagnostic",
            "document::words",
            "execution",
            "fact",
            "plan::Decision",
            "plan::Details",
            "plan::Reason",
            "span",
        ],
    ),
    // decide
    ("plan", &["execution", "fact", "inventory", "mutant", "policy", "span"]),
    // ports and adapters
    ("clock", &["mutant"]),
    ("source", &["document::SourceFile", "policy::Digest"]),
    ("backend", &["clock", "execution", "fact", "inventory"]),
    ("state", &["clock", "execution", "fact", "mutant", "plan", "policy", "span"]),
    // do
    (
        "observe",
        &["backend", "clock", "execution", "fact", "inventory", "mutant", "plan", "policy"],
    ),
    (
        "apply",
        &[
            "backend",
            "clock",
            "execution",
            "fact",
            "inventory",
            "mutant",
            "observe",
            "plan",
            "policy",
            "state",
        ],
    ),
    (
        "controller",
        &[
            "apply",
            "backend",
            "clock",
            "document",
            "execution",
            "inventory",
            "mutant",
            "observe",
            "plan",
            "policy",
            "source",
            "state",
            "status::Failure",
            "status::NEW_LEDGER",
            "status::report",
        ],
    ),
    // surfaces
    ("status", &["inventory", "observe::Progress", "plan", "policy"]),
    ("server", &["backend", "clock", "document::words", "plan::Reason", "status"]),
    // the world
    ("emulator", &["clock", "execution", "fleet", "span"]),
];

/// The home of each foreign crate: files below `src`, with the folders of their names. A crate that is not here may be used
/// everywhere but in the core.
const HOMES: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["document.rs"]),
    ("anstream", &["cli/output.rs"]),
    ("anyhow", &["cli.rs", "main.rs"]),
    ("aws_config", &["backend/aws.rs"]),
    ("aws_sdk_iot", &["backend/aws.rs"]),
    ("aws_sdk_servicequotas", &["backend/aws.rs"]),
    ("aws_types", &["backend/aws.rs"]),
    ("aws_smithy_http_client", &["backend/aws.rs"]),
    ("aws_smithy_runtime_api", &["backend/aws.rs"]),
    ("aws_smithy_types", &["backend/aws.rs"]),
    ("axum", &["emulator.rs"]),
    ("base64", &["emulator/paging.rs"]),
    ("cel", &["policy/expression.rs"]),
    ("clap", &["cli/args.rs", "main.rs"]),
    ("clap_complete", &["cli/args.rs"]),
    ("clap_mangen", &["cli/args.rs"]),
    ("getrandom", &["apply.rs"]),
    ("globset", &["policy/globs.rs"]),
    ("granit_parser", &["document.rs"]),
    ("hmac", &["emulator/signature.rs"]),
    ("http_body_util", &["server.rs"]),
    ("hyper", &["server.rs"]),
    ("hyper_util", &["backend/aws.rs", "server.rs"]),
    ("indicatif", &["cli/output.rs"]),
    ("jsonschema", &["document.rs"]),
    ("notify", &["source.rs"]),
    ("notify_debouncer_full", &["source.rs"]),
    ("percent_encoding", &["emulator.rs"]),
    ("quick_junit", &["cli/output.rs"]),
    ("prometheus_client", &["server/metrics.rs"]),
    ("regex", &["policy/expression.rs"]),
    ("rusqlite", &["state/sqlite.rs"]),
    ("serde_yaml", &["document.rs"]),
    (
        "sha2",
        &[
            "policy.rs",
            "emulator/devices.rs",
            "emulator/paging.rs",
            "emulator/registry.rs",
            "emulator/signature.rs",
        ],
    ),
    ("sha1", &["source/revision.rs"]),
    ("strsim", &["document.rs"]),
    ("tempfile", &["cli/out.rs", "state/whole.rs"]),
    ("tracing_subscriber", &["cli/output.rs"]),
];

/// What the core (words, policy, plan) must not know.
const NOT_IN_CORE: &[&str] = &[
    "async_trait",
    "futures_util",
    "tokio",
    "tracing",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
];

const CORE: &[&str] = &["execution", "fact", "inventory", "plan", "policy", "span"];

/// Every path of a file, as segments.
#[derive(Default)]
struct Paths(BTreeSet<Vec<String>>);

impl Paths {
    fn add(&mut self, path: &syn::Path) {
        self.0.insert(path.segments.iter().map(|it| it.ident.to_string()).collect());
    }

    fn tree(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&path.tree, &with(&path.ident)),
            syn::UseTree::Name(name) => drop(self.0.insert(with(&name.ident))),
            syn::UseTree::Rename(name) => drop(self.0.insert(with(&name.ident))),
            syn::UseTree::Glob(_) => drop(self.0.insert(before.to_vec())),
            syn::UseTree::Group(group) => {
                for item in &group.items {
                    self.tree(item, before);
                }
            }
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        let mut path = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.end(&mut path);
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.end(&mut path);
                    colons = 0;
                    self.tokens(group.stream());
                }
                _ => {
                    self.end(&mut path);
                    colons = 0;
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        if path.len() > 1 {
            self.0.insert(path.clone());
        }
        path.clear();
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) => {
            list.path.is_ident("cfg") && list.tokens.to_string().contains("test")
        }
        _ => false,
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.add(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}

struct SourceFile {
    /// Below `src`: `plan/needs.rs`.
    name: String,
    /// `plan`, `needs`.
    module: Vec<String>,
    paths: BTreeSet<Vec<String>>,
}

fn files_below(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
}

/// Our files, with paths from the crate's root.
fn sources() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    files_below(&root, &mut files);
    let tests_only = |path: &Path| path.file_name().is_some_and(|it| it == "tests.rs");
    files.retain(|path| !tests_only(path));
    let module_of = |path: &Path| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
        let module: Vec<String> =
            name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        (name, if module == ["lib"] || module == ["main"] { Vec::new() } else { module })
    };
    let modules: BTreeSet<_> = files.iter().map(|path| module_of(path).1).collect();
    let read = |path: PathBuf| {
        let (name, module) = module_of(&path);
        let mut paths = Paths::default();
        paths.visit_file(&syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap());
        let absolute = |path: Vec<String>| match path.first().map(String::as_str) {
            Some("crate" | "rescind") => path[1..].to_vec(),
            Some("self") => [&module[..], &path[1..]].concat(),
            Some("super") => {
                let up = path.iter().take_while(|it| *it == "super").count();
                [&module[..module.len().saturating_sub(up)], &path[up..]].concat()
            }
            // A child of this module, named without `self`.
            Some(first) if modules.contains(&[&module[..], &[first.to_owned()]].concat()) => {
                [&module[..], &path[..]].concat()
            }
            _ => path,
        };
        let paths = paths.0.into_iter().map(absolute).filter(|it| !it.is_empty()).collect();
        SourceFile { name, module, paths }
    };
    files.into_iter().map(read).collect()
}

#[test]
fn modules_use_only_what_the_map_allows() {
    let allowed: BTreeMap<_, _> = MAY_USE.iter().copied().collect();
    let files = sources();
    let modules: BTreeSet<_> = files.iter().filter_map(|it| it.module.first()).collect();
    for module in &modules {
        let known = allowed.contains_key(module.as_str()) || *module == "cli";
        assert!(known, "{module} is not on the map: add it to src/lib.rs and here");
    }
    let mut seen = BTreeSet::new();
    let mut broken = Vec::new();
    for file in &files {
        let Some(own) = file.module.first() else { continue };
        let Some(may) = allowed.get(own.as_str()) else { continue };
        for path in &file.paths {
            let used = &path[0];
            if !modules.contains(used) || used == own || path.len() < 2 {
                continue;
            }
            let path = path.join("::");
            let fits = |it: &&&str| path == **it || path.starts_with(&format!("{it}::"));
            match may.iter().find(fits) {
                Some(rule) => drop(seen.insert((own.clone(), *rule))),
                None => broken.push(format!("{} uses {path}", file.name)),
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    let unused: Vec<_> = MAY_USE
        .iter()
        .flat_map(|(own, may)| may.iter().map(move |rule| ((*own).to_owned(), *rule)))
        .filter(|rule| !seen.contains(rule))
        .collect();
    assert_eq!(unused, [], "rules that nothing needs any more");
}

#[test]
fn each_foreign_crate_is_used_at_home_only() {
    let mut at_home = BTreeSet::new();
    let mut broken = Vec::new();
    for file in sources() {
        for path in &file.paths {
            for (name, homes) in HOMES {
                if path[0] != *name {
                    continue;
                }
                let lives = |home: &str| {
                    let folder = home.trim_end_matches(".rs");
                    file.name == *home || file.name.starts_with(&format!("{folder}/"))
                };
                if homes.iter().any(|home| lives(home)) {
                    at_home.insert(*name);
                } else {
                    broken.push(format!("{} uses {name}", file.name));
                }
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
    let empty: Vec<_> = HOMES.iter().map(|it| it.0).filter(|it| !at_home.contains(it)).collect();
    assert_eq!(empty, Vec::<&str>::new(), "homes in which nobody lives");
}

#[test]
fn the_core_waits_for_nothing_and_reads_nothing() {
    let mut broken = Vec::new();
    for file in sources() {
        let core = file.module.first().is_some_and(|it| CORE.contains(&it.as_str()));
        for path in file.paths.iter().filter(|_| core) {
            let path = path.join("::");
            let banned = |it: &&&str| path == **it || path.starts_with(&format!("{it}::"));
            if NOT_IN_CORE.iter().find(banned).is_some() {
                broken.push(format!("{} uses {path}", file.name));
            }
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}

#[test]
fn what_is_printed_is_printed_by_the_surfaces() {
    let mut broken = Vec::new();
    for file in sources() {
        let surface = file.name.starts_with("cli/output") || file.name == "main.rs";
        let prints = |path: &Vec<String>| {
            path.len() == 1
                && ["print", "println", "eprint", "eprintln", "dbg"].contains(&path[0].as_str())
        };
        if !surface && file.paths.iter().any(prints) {
            broken.push(file.name);
        }
    }
    assert_eq!(broken, Vec::<String>::new());
}
