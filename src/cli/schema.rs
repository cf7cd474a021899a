//! `rescind schema`: the JSON Schema of the documents.

use crate::cli::Failure;
use crate::cli::args::Schema as Args;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::document::{Kind, schema as of};

pub fn schema(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let kind = match &args.kind {
        None => None,
        Some(name) => match Kind::named(name) {
            Some(kind) => Some(kind),
            None => {
                let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
                let message = format!("{name:?} is not a kind; there are {}", kinds.join(", "));
                return Err(Failure::new(Exit::Usage, message));
            }
        },
    };
    output.json(&of(kind))?;
    Ok(Exit::Done)
}
