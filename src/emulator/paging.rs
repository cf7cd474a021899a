//! Pages of a list, and the tokens between them.
//!
//! By default a token holds the place of the last row given, not a row or an offset, so it stays valid
//! when that row leaves the filter: AWS does not say, and this is what clients may hope for. The two
//! other ways are what clients must survive. A token belongs to one list with one filter; with any
//! other it is invalid, as one that was made up is.

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::sync::Arc;

use super::refusal::Refusal;

/// Where a row stands in a list: most recently updated first, then by name, then the newest number
/// first.
pub type Position = (Reverse<i64>, Arc<str>, Reverse<i64>);

/// What becomes of a page token when the list changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageTokens {
    /// It goes on after the place of the last row, whether that is still there or not.
    #[default]
    Stable,
    /// It is invalid once the last row has left the list (observed of another emulator).
    DieWithTheirRow,
    /// It is a count of rows: what moves up is skipped, what moves down is given twice.
    Offset,
}

/// Part of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// Where to go on; none on the last page.
    pub next: Option<String>,
}

/// The place of something that is listed by its name alone.
pub fn by_name(name: &Arc<str>) -> Position {
    (Reverse(0), name.clone(), Reverse(0))
}

/// The page of `list` that a token asks for. `rows` gives the list from a place on, in order.
pub fn page<T, I: Iterator<Item = (Position, T)>>(
    tokens: PageTokens,
    list: &str,
    token: Option<&str>,
    max: usize,
    rows: impl FnOnce(Bound<Position>) -> I,
) -> Result<Page<T>, Refusal> {
    let after = token.map(|token| open(list, token)).transpose()?;
    let mut offset = 0;
    let mut given: Vec<(Position, T)> = match (tokens, after) {
        (_, None) => rows(Unbounded).take(max + 1).collect(),
        (PageTokens::Stable, Some(after)) => rows(Excluded(after)).take(max + 1).collect(),
        (PageTokens::DieWithTheirRow, Some(after)) => {
            let mut rows = rows(Included(after.clone()));
            if rows.next().is_none_or(|(first, _)| first != after) {
                return Err(invalid());
            }
            rows.take(max + 1).collect()
        }
        (PageTokens::Offset, Some((.., Reverse(count)))) => {
            offset = usize::try_from(count).map_err(|_| invalid())?;
            rows(Unbounded).skip(offset).take(max + 1).collect()
        }
    };
    // The row too many tells that there is a next page.
    let more = given.len() > max;
    given.truncate(max);
    let next = given.last().filter(|_| more).map(|((time, name, number), _)| match tokens {
        PageTokens::Offset => {
            let count = i64::try_from(offset + given.len()).unwrap_or(i64::MAX);
            token_for(list, &(*time, name.clone(), Reverse(count)))
        }
        _ => token_for(list, &(*time, name.clone(), *number)),
    });
    Ok(Page { rows: given.into_iter().map(|(_, row)| row).collect(), next })
}

/// Opaque to clients: hexadecimal.
fn token_for(list: &str, (time, name, number): &Position) -> String {
    let text = format!("{list}\n{}\n{name}\n{}", time.0, number.0);
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String does not fail");
        hex
    })
}

fn open(list: &str, token: &str) -> Result<Position, Refusal> {
    let read = || {
        let digits: Option<Vec<u32>> = token.chars().map(|c| c.to_digit(16)).collect();
        let digits = digits.filter(|digits| digits.len().is_multiple_of(2))?;
        let bytes: Option<Vec<u8>> =
            digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect();
        let text = String::from_utf8(bytes?).ok()?;
        let mut parts = text.strip_prefix(list)?.strip_prefix('\n')?.split('\n');
        let (time, name, number) = (parts.next()?, parts.next()?, parts.next()?);
        let place = (Reverse(time.parse().ok()?), name.into(), Reverse(number.parse().ok()?));
        parts.next().is_none().then_some(place)
    };
    read().ok_or_else(invalid)
}

fn invalid() -> Refusal {
    Refusal::InvalidRequest("Next token is invalid.".to_owned())
}
