//! Names with a number in them: one entry of a fleet that stands for many.

/// Most things of a fleet.
pub const MOST_THINGS: usize = 1_000_000;
/// Most jobs of a fleet.
pub const MOST_JOBS: usize = 100_000;
/// Most executions of a fleet: so many fit into the memory of a small machine.
pub const MOST_EXECUTIONS: usize = 2_000_000;

/// A name and the numbers that it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    before: String,
    after: String,
    digits: usize,
    first: u32,
    count: Option<u32>,
}

impl Numbered {
    /// `robot-{n}` or `robot-{n:06}` with a count; any text without.
    pub fn new(text: &str, count: Option<u32>, first: Option<u32>) -> Result<Self, &'static str> {
        let Some(count) = count else {
            if first.is_some() {
                return Err("`first` needs a count");
            }
            let (before, after) = (text.to_owned(), String::new());
            return Ok(Self { before, after, digits: 0, first: 1, count: None });
        };
        let no_place =
            "with a count, a name holds the number's place: {n}, or {n:06} for six digits";
        let (before, rest) = text.split_once('{').ok_or(no_place)?;
        let (place, after) = rest.split_once('}').ok_or(no_place)?;
        let digits = match place.split_once(':') {
            None if place == "n" => 0,
            Some(("n", width)) => {
                width.parse().ok().filter(|width| *width <= 20).ok_or(no_place)?
            }
            _ => return Err(no_place),
        };
        let first = first.unwrap_or(1);
        first.checked_add(count).ok_or("the numbers go beyond 4294967295")?;
        let (before, after) = (before.to_owned(), after.to_owned());
        Ok(Self { before, after, digits, first, count: Some(count) })
    }

    /// How many names it stands for.
    pub fn count(&self) -> usize {
        self.count.unwrap_or(1) as usize
    }

    /// The names, in the order of their numbers.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let Self { before, after, digits, first, count } = self;
        let numbers = *first..first + count.unwrap_or(1);
        numbers.map(move |n| match count {
            None => before.clone(),
            Some(_) => format!("{before}{n:0digits$}{after}"),
        })
    }
}
