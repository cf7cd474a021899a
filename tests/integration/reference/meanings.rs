//! What the doc comments of an enum say of each variant. They are what the reference says of it, so that
//! the meaning of a reason is written once.

use syn::{Expr, ExprLit, Item, Lit, Meta};

/// Each variant of an enum with its doc comment, in order.
pub fn meanings(path: &str, name: &str) -> Vec<(String, String)> {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let file = syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap();
    let found = file.items.into_iter().find_map(|item| match item {
        Item::Enum(found) if found.ident == name => Some(found),
        _ => None,
    });
    let variants = found.unwrap_or_else(|| panic!("{path} has no enum {name}")).variants;
    let meaning = |variant: &syn::Variant| {
        let lines = variant.attrs.iter().filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        lines.map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(" ")
    };
    let all: Vec<_> =
        variants.iter().map(|variant| (variant.ident.to_string(), meaning(variant))).collect();
    for (variant, says) in &all {
        assert!(!says.is_empty(), "{name}::{variant} is not described");
    }
    all
}
