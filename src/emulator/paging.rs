//! Pages of a list, and the tokens between them.
//!
//! By default a token holds the place of the last row given, not a row or an offset, so it stays valid
//! when that row leaves the filter: AWS does not say, and this is what clients may hope for. The two
//! other ways are what clients must survive. A token belongs to one list with one filter; with any
//! other it is invalid, as one that was made up is.

use std::cmp::Reverse;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

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

/// What a token begins with; another form of it gets another number.
const VERSION: u8 = 1;
/// How many bytes of a digest hold a token and its list together: enough against accidents.
const SEAL: usize = 8;

/// Opaque to clients: version, seal, time, number and name, in URL-safe base64.
fn token_for(list: &str, (time, name, number): &Position) -> String {
    let place = [&time.0.to_be_bytes()[..], &number.0.to_be_bytes(), name.as_bytes()].concat();
    let token = [&[VERSION][..], &seal(list, &place), &place].concat();
    URL_SAFE_NO_PAD.encode(token)
}

/// A digest of the list, its filter and the place in it.
fn seal(list: &str, place: &[u8]) -> [u8; SEAL] {
    let digest = Sha256::new().chain_update(list).chain_update([0]).chain_update(place).finalize();
    std::array::from_fn(|at| digest[at])
}

fn open(list: &str, token: &str) -> Result<Position, Refusal> {
    let read = || {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (sealed, place) = bytes.strip_prefix(&[VERSION])?.split_at_checked(SEAL)?;
        let (time, rest) = place.split_first_chunk()?;
        let (number, name) = rest.split_first_chunk()?;
        let name = std::str::from_utf8(name).ok()?;
        let (time, number) = (i64::from_be_bytes(*time), i64::from_be_bytes(*number));
        (seal(list, place) == sealed).then(|| (Reverse(time), name.into(), Reverse(number)))
    };
    read().ok_or_else(invalid)
}

fn invalid() -> Refusal {
    Refusal::InvalidRequest("Next token is invalid.".to_owned())
}
