//! `rescind schema`: the JSON Schema of the documents.

use crate::cli::Failure;
use crate::cli::args::Schema as Args;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::document::{Kind, schema as of};

pub fn schema(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let kind = args.kind.as_deref().map(|name| Kind::named(name).ok_or(name));
    let kind = kind.transpose().map_err(|name| {
        let kinds = Kind::names();
        Failure::new(Exit::Usage, format!("{name:?} is not a kind; there are {kinds}"))
    })?;
    output.json(&of(kind))?;
    Ok(Exit::Done)
}
