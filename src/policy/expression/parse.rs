//! Text becomes a tree, through the parser of the `cel` crate, within bounds.
//!
//! The parser recurses, and so do the visit and the drop of what it makes. Size and brackets are
//! bounded before it sees the text, it works on a stack that the worst text within those bounds does
//! not fill, and a tree that is too deep is measured without recursion and dropped on that same stack:
//! what leaves here can be walked anywhere.

use std::thread;

use cel::common::ast::{EntryExpr, Expr, IdedExpr};
use cel::{Env, ParseErrors, Program};

use super::scan::{Scan, scan};
use super::{MAX_DEPTH, Problem};

/// Enough for the parser with the worst text within the bounds: in an unoptimised build that took
/// between 2 and 4 MiB.
const STACK: usize = 16 * 1024 * 1024;

/// A tree within all bounds.
pub(super) struct Parsed {
    /// As it is written: macros are left as the calls that they are written as.
    pub(super) program: Program,
    /// Where its brackets are.
    pub(super) scan: Scan,
}

/// Reads an expression.
pub(super) fn parse(source: &str) -> Result<Parsed, Problem> {
    let scan = scan(source)?;
    let program = on_large_stack(source, false)?;
    Ok(Parsed { program, scan })
}

/// Reads an expression that [`parse`] accepted, with its macros expanded, so that the crate can run it.
pub(super) fn runnable(source: &str) -> Option<Program> {
    on_large_stack(source, true).ok()
}

fn on_large_stack(source: &str, expanded: bool) -> Result<Program, Problem> {
    let unreadable =
        || Problem::new(0..source.len(), "the expression cannot be read", "write it more plainly");
    thread::scope(|scope| {
        thread::Builder::new()
            .stack_size(STACK)
            .spawn_scoped(scope, || bounded(source, expanded))
            .map_err(|_| unreadable())?
            .join()
            .map_err(|_| unreadable())?
    })
}

fn bounded(source: &str, expanded: bool) -> Result<Program, Problem> {
    if expanded {
        return Env::stdlib().compile(source).map_err(|errors| problem(source, &errors));
    }
    let program = Env::default().compile(source).map_err(|errors| problem(source, &errors))?;
    if is_deeper(program.expression(), MAX_DEPTH) {
        let message = format!("more than {MAX_DEPTH} operations inside each other");
        let help = "a chain like `a + b + c` counts each of its signs; split it with `variables`";
        return Err(Problem::new(0..source.len(), message, help));
    }
    Ok(program)
}

/// Whether a tree has more than `most` levels. Does not recurse.
fn is_deeper(root: &IdedExpr, most: usize) -> bool {
    let mut open = vec![(root, 1)];
    while let Some((node, depth)) = open.pop() {
        if depth > most {
            return true;
        }
        open.extend(children(node).into_iter().map(|child| (child, depth + 1)));
    }
    false
}

/// The parts of a tree's node.
pub(super) fn children(node: &IdedExpr) -> Vec<&IdedExpr> {
    match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&*select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Comprehension(loops) => vec![
            &loops.iter_range,
            &loops.accu_init,
            &loops.loop_cond,
            &loops.loop_step,
            &loops.result,
        ],
        Expr::Map(map) => map.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| of_entry(&entry.expr)).collect(),
    }
}

fn of_entry(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

/// The first thing that the parser did not understand, in our words.
fn problem(source: &str, errors: &ParseErrors) -> Problem {
    let (line, column) = errors.errors.first().map_or((1, 1), |error| error.pos);
    let line = usize::try_from(line).unwrap_or(1).saturating_sub(1);
    let column = usize::try_from(column).unwrap_or(1).saturating_sub(1);
    let start: usize = source.split_inclusive('\n').take(line).map(str::len).sum();
    let rest = &source[start..];
    let at = start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i);
    let found = &source[at..];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let end = match found.chars().next() {
        None => {
            let last = source.trim_end().len();
            let help = "something is missing behind the last sign";
            let from = source[..last].char_indices().next_back().map_or(0, |(i, _)| i);
            return Problem::new(from..last, "the expression ends too early", help);
        }
        Some(c) if is_word(c) => found.find(|c| !is_word(c)).unwrap_or(found.len()),
        Some('"' | '\'') => found.len(),
        Some(c) => c.len_utf8(),
    };
    let message =
        format!("{} is not understood here", crate::document::words::quoted(&found[..end]));
    let help = "write CEL, like `execution.status == 'QUEUED' && execution.retryAttempt >= 3`";
    Problem::new(at..at + end, message, help)
}
