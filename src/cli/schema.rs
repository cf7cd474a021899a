//! `rescind schema`: the JSON Schema of the documents that are read, and of those that are written.

use crate::cli::Failure;
use crate::cli::args::Schema as Args;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::output::forms::Form;
use crate::document::{Kind, schema as of};

pub fn schema(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let schema = match args.kind.as_deref() {
        None => of(None),
        Some(name) => {
            let form = || Form::named(name).map(Form::schema);
            let schema = Kind::named(name).map(|kind| of(Some(kind))).or_else(form);
            schema.ok_or_else(|| {
                let message = format!(
                    "{name:?} is not a kind; there are {}; and the formats of JSON output {}",
                    Kind::names(),
                    Form::names()
                );
                Failure::new(Exit::Usage, message)
            })?
        }
    };
    output.json(&schema)?;
    Ok(Exit::Done)
}
