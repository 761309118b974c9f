//! Floats as Java 17 writes them.
//!
//! Plain from 0.001 up to 10,000,000, else with an exponent; always with a digit behind the point.
//! The digits are the fewest that read back as the same number, with two exceptions: whole numbers
//! show all that is in them (up to what their 24 or 53 bits are worth), and a number with an
//! exponent has two digits at least, also where one would do (`4.9E-324`).

/// A float's text.
pub fn float_text(value: f32) -> String {
    let shortest = format!("{value:e}");
    written(f64::from(value), &shortest, 24, || format!("{value:.1e}"))
}

/// A double's text.
pub fn double_text(value: f64) -> String {
    let shortest = format!("{value:e}");
    written(value, &shortest, 53, || format!("{value:.1e}"))
}

fn written(value: f64, shortest: &str, bits: i32, two_digits: impl Fn() -> String) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    if value.is_infinite() {
        return format!("{sign}Infinity");
    }
    let size = value.abs();
    let with_exponent = size != 0.0 && !(1e-3..1e7).contains(&size);
    let (digits, exponent) = match whole_digits(size, bits) {
        Some(found) => found,
        None => match parts(shortest) {
            (digits, _) if with_exponent && digits.len() == 1 => parts(&two_digits()),
            found => found,
        },
    };
    format!("{sign}{}", placed(&digits, exponent, with_exponent))
}

/// The digits of `1.25e7`, and its exponent.
fn parts(text: &str) -> (String, i32) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let kept = digits.trim_end_matches('0');
    let digits = if kept.is_empty() { "0" } else { kept };
    (digits.to_owned(), exponent.parse().unwrap_or(0))
}

/// The digits of a whole number below 2^63, and its exponent; those that its bits don't reach are
/// rounded away.
fn whole_digits(size: f64, bits: i32) -> Option<(String, i32)> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if !(1.0..LIMIT).contains(&size) || size.fract() != 0.0 {
        return None;
    }
    let mut whole = size as u64;
    let beyond = (63 - whole.leading_zeros() as i32) - bits - 1;
    // As many decimal digits as 2^beyond has behind its first.
    let dropped = match beyond {
        ..=1 => 0,
        beyond => (f64::from(beyond) * std::f64::consts::LOG10_2) as u32,
    };
    let unit = 10_u64.pow(dropped);
    let rest = whole % unit;
    whole /= unit;
    if dropped > 0 && rest >= unit / 2 {
        whole += 1;
    }
    let digits = whole.to_string();
    let exponent = digits.len() as i32 - 1 + dropped as i32;
    Some((digits.trim_end_matches('0').to_owned(), exponent))
}

fn placed(digits: &str, exponent: i32, with_exponent: bool) -> String {
    if with_exponent {
        let (first, rest) = digits.split_at(1.min(digits.len()));
        let rest = if rest.is_empty() { "0" } else { rest };
        return format!("{first}.{rest}E{exponent}");
    }
    if exponent < 0 {
        let zeros = "0".repeat(exponent.unsigned_abs() as usize - 1);
        return format!("0.{zeros}{digits}");
    }
    let whole = exponent as usize + 1;
    let padded = format!("{digits:0<width$}", width = whole + 1);
    let (whole, fraction) = padded.split_at(whole);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.001, "0.001"),
            (0.000_15, "1.5E-4"),
            (12_345_678.5, "1.23456785E7"),
            (1e7, "1.0E7"),
            (4.9e-324, "4.9E-324"),
            (1e23, "1.0E23"),
            (9_007_199_254_740_993.0, "9.007199254740992E15"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(double_text(value), text);
        }
    }

    #[test]
    fn floats() {
        for (value, text) in [
            (123_456_789.0_f32, "1.23456792E8"),
            (1.4e-45, "1.4E-45"),
            (3.402_823_5e38, "3.4028235E38"),
            (100.0, "100.0"),
            (0.1, "0.1"),
        ] {
            assert_eq!(float_text(value), text);
        }
    }
}
