//! A figure beside its bound, as a row of the table. It tells rows as they are measured, and what fell
//! short at the end.

/// What a figure is held to.
#[derive(Clone, Copy, Debug)]
pub enum Bound {
    /// It is at most so much.
    AtMost(f64),
    /// It is at least so much.
    AtLeast(f64),
}

/// The rows so far.
#[derive(Debug, Default)]
pub struct Figures {
    short: Vec<String>,
    missing: Vec<String>,
}

impl Figures {
    /// The head of the table.
    pub fn begin() -> Self {
        println!("{:<66} {:>11} {:>13} {:>7}", "WHAT", "MEASURED", "BOUND", "RATIO");
        Self::default()
    }

    /// A figure that is held to something.
    pub fn held(&mut self, what: &str, figure: f64, bound: Bound) {
        let (sign, limit, met) = match bound {
            Bound::AtMost(limit) => ("<=", limit, figure <= limit),
            Bound::AtLeast(limit) => (">=", limit, figure >= limit),
        };
        let bound = format!("{sign} {}", number(limit));
        let word = if met { "met" } else { "NOT MET" };
        let ratio = figure / limit;
        println!("{what:<66} {:>11} {bound:>13} {ratio:>7.3}  {word}", number(figure));
        if !met {
            self.short.push(what.to_owned());
        }
    }

    /// A figure that explains another one.
    #[expect(clippy::unused_self, reason = "it is a row like the others")]
    pub fn told(&mut self, what: &str, figure: f64) {
        println!("{what:<66} {:>11}", number(figure));
    }

    /// What could not be measured, why, and how it could be.
    pub fn missing(&mut self, what: &str, why: &str) {
        println!("{what:<66} not measured: {why}");
        self.missing.push(what.to_owned());
    }

    /// What it comes to.
    pub fn end(self) {
        let list = |head: &str, of: &[String]| {
            if !of.is_empty() {
                println!("{head}: {}", of.join("; "));
            }
        };
        list("NOT MET", &self.short);
        list("NOT MEASURED", &self.missing);
        if self.short.is_empty() && self.missing.is_empty() {
            println!("All bounds are met.");
        }
    }
}

/// As precise as somebody who compares it needs it.
fn number(figure: f64) -> String {
    match figure.abs() {
        small if small < 10.0 && figure.fract() != 0.0 => format!("{figure:.3}"),
        middle if middle < 1000.0 && figure.fract() != 0.0 => format!("{figure:.1}"),
        _ => format!("{figure:.0}"),
    }
}
