//! Bare words and numbers that YAML readers take for different values.
//!
//! They are refused rather than interpreted: the author knows what was meant, and quotes it.

use super::diagnostic::Code;
use super::words::quoted;

/// What is wrong with a scalar that was written without quotes.
pub(super) fn trap(text: &str) -> Option<(Code, String, String)> {
    let shown = quoted(text);
    let lower = text.to_ascii_lowercase();
    let boolean = match lower.as_str() {
        "yes" | "on" => Some(true),
        "no" | "off" => Some(false),
        _ => None,
    };
    if let Some(boolean) = boolean {
        return Some((
            Code::SyntaxBoolean,
            format!("{shown} is text here, and {boolean} for older YAML readers"),
            format!("write `{boolean}` if you mean it, or quote the text: \"{text}\""),
        ));
    }
    let unsigned = lower.strip_prefix(['+', '-']).unwrap_or(&lower);
    if matches!(unsigned, ".nan" | ".inf") {
        return Some((
            Code::SyntaxNotFinite,
            format!("{shown} is not a number that can be used"),
            format!("write a number, or quote the text: \"{text}\""),
        ));
    }
    let quote = |instead: Option<String>| match instead {
        Some(number) => {
            format!("write `{number}` if you mean the number, or quote the text: \"{text}\"")
        }
        None => format!("quote the text: \"{text}\""),
    };
    let number = |why: &str, instead: Option<String>| {
        Some((Code::SyntaxNumber, format!("{shown} {why}"), quote(instead)))
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let forms = [("0x", 16, "a hexadecimal"), ("0o", 8, "an octal"), ("0b", 2, "a binary")];
    for (prefix, radix, name) in forms {
        if let Some(rest) = unsigned.strip_prefix(prefix)
            && let Ok(value) = u64::from_str_radix(rest, radix)
        {
            let why = format!("looks like {name} number, which not every YAML reader knows");
            return number(&why, Some(value.to_string()));
        }
    }
    if digits(unsigned) && unsigned.len() > 1 && unsigned.starts_with('0') {
        let plain = unsigned.trim_start_matches('0');
        let plain = if plain.is_empty() { "0" } else { plain };
        return number(
            "looks like an octal number: readers disagree on it",
            Some(plain.to_owned()),
        );
    }
    if unsigned.contains('_')
        && unsigned.starts_with(|c: char| c.is_ascii_digit())
        && digits(&unsigned.replace('_', ""))
    {
        return number(
            "is text here, and a number for older YAML readers",
            Some(unsigned.replace('_', "")),
        );
    }
    if digits(unsigned) && text.parse::<i64>().is_err() && text.parse::<u64>().is_err() {
        return number("is too large a number", None);
    }
    if !digits(unsigned)
        && unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && let Ok(value) = unsigned.parse::<f64>()
    {
        if !value.is_finite() {
            return number("is too large a number", None);
        }
        // A whole number in this form is a number with a fraction for some readers, and not for others.
        if value.fract() == 0.0 && value < 1e15 {
            return number("looks like a number with a fraction", Some(format!("{value}")));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_words_that_readers_disagree_on_are_refused() {
        for (text, code) in [
            ("yes", Code::SyntaxBoolean),
            ("Off", Code::SyntaxBoolean),
            (".NaN", Code::SyntaxNotFinite),
            ("-.inf", Code::SyntaxNotFinite),
            ("0755", Code::SyntaxNumber),
            ("0o17", Code::SyntaxNumber),
            ("0x1F", Code::SyntaxNumber),
            ("1_000", Code::SyntaxNumber),
            ("5.0", Code::SyntaxNumber),
            ("1e3", Code::SyntaxNumber),
            ("99999999999999999999", Code::SyntaxNumber),
            ("1e999", Code::SyntaxNumber),
        ] {
            assert_eq!(trap(text).map(|found| found.0), Some(code), "{text}");
        }
    }

    #[test]
    fn what_all_readers_agree_on_passes() {
        for text in ["true", "null", "~", "", "6h", "0", "-7", "4.2", "4.2.0", "fw-*", "0.5", "-"] {
            assert_eq!(trap(text), None, "{text}");
        }
    }
}
