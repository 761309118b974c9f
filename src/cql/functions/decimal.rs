//! Arithmetic of decimals, with the scales and roundings that Cassandra's have.
//!
//! Sums and products are exact. A quotient has at least 32 significant digits and as many decimals
//! as either operand, at most 1000, is rounded half up, and loses its trailing zeros. Results whose
//! digits would not fit a number's limit are refused.

use crate::error::{Error, Result};
use crate::limits::NUMBER_BYTES_MAX;
use crate::types::number::Decimal;
use num_bigint::{BigInt, Sign};

const SIGNIFICANT_DIGITS_MIN: i64 = 32;
const SCALE_MAX: i64 = 1000;
/// The most digits that `exp`, `log` and `log10` compute.
const FUNCTION_DIGITS_MAX: i64 = 1000;

fn failed(what: &str) -> Error {
    Error::invalid(what)
}

fn too_large() -> Error {
    failed("the result has too many digits")
}

fn power_of_ten(exponent: i64) -> Result<BigInt> {
    let exponent = u32::try_from(exponent).map_err(|_| too_large())?;
    if exponent as usize > NUMBER_BYTES_MAX * 3 {
        return Err(too_large());
    }
    Ok(BigInt::from(10).pow(exponent))
}

fn is_zero(number: &BigInt) -> bool {
    number.sign() == Sign::NoSign
}

/// How a quotient is rounded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rounding {
    /// To the nearest, ties away from zero.
    HalfUp,
    /// To the nearest, ties to the even one.
    HalfEven,
}

/// An integer quotient, rounded.
fn divide_rounded(dividend: &BigInt, divisor: &BigInt, rounding: Rounding) -> BigInt {
    let quotient = dividend / divisor;
    let rest = dividend % divisor;
    let twice = rest.magnitude() * 2_u32;
    let up = match twice.cmp(divisor.magnitude()) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => rounding == Rounding::HalfUp || quotient.bit(0),
    };
    if !up {
        quotient
    } else if (dividend.sign() == Sign::Minus) == (divisor.sign() == Sign::Minus) {
        quotient + 1
    } else {
        quotient - 1
    }
}

fn new(unscaled: BigInt, scale: i64) -> Result<Decimal> {
    let scale = i32::try_from(scale).map_err(|_| failed("the scale is out of range"))?;
    Ok(Decimal { unscaled, scale })
}

/// A whole number.
pub(super) fn whole(number: impl Into<BigInt>) -> Decimal {
    Decimal {
        unscaled: number.into(),
        scale: 0,
    }
}

/// How many digits it has.
fn precision(number: &Decimal) -> i64 {
    number.unscaled.magnitude().to_string().len() as i64
}

/// Both with the greater scale of the two.
fn align(left: &Decimal, right: &Decimal) -> Result<(BigInt, BigInt, i32)> {
    let scale = left.scale.max(right.scale);
    let raise = |number: &Decimal| -> Result<BigInt> {
        if is_zero(&number.unscaled) {
            return Ok(BigInt::from(0));
        }
        Ok(&number.unscaled * power_of_ten(i64::from(scale) - i64::from(number.scale))?)
    };
    Ok((raise(left)?, raise(right)?, scale))
}

pub(super) fn add(left: &Decimal, right: &Decimal) -> Result<Decimal> {
    let (left, right, scale) = align(left, right)?;
    Ok(Decimal {
        unscaled: left + right,
        scale,
    })
}

pub(super) fn subtract(left: &Decimal, right: &Decimal) -> Result<Decimal> {
    let (left, right, scale) = align(left, right)?;
    Ok(Decimal {
        unscaled: left - right,
        scale,
    })
}

pub(super) fn multiply(left: &Decimal, right: &Decimal) -> Result<Decimal> {
    new(
        &left.unscaled * &right.unscaled,
        i64::from(left.scale) + i64::from(right.scale),
    )
}

pub(super) fn divide(left: &Decimal, right: &Decimal) -> Result<Decimal> {
    if is_zero(&right.unscaled) {
        return Err(failed("BigInteger divide by zero"));
    }
    let (left_scale, right_scale) = (i64::from(left.scale), i64::from(right.scale));
    let first_digit = (precision(left) - left_scale) - (precision(right) - right_scale);
    let scale = (SIGNIFICANT_DIGITS_MIN - first_digit)
        .max(left_scale)
        .max(right_scale)
        .clamp(SIGNIFICANT_DIGITS_MIN, SCALE_MAX);
    Ok(strip(divide_to_scale(
        left,
        right,
        scale,
        Rounding::HalfUp,
    )?))
}

/// The quotient with the given scale.
pub(super) fn divide_to_scale(
    left: &Decimal,
    right: &Decimal,
    scale: i64,
    rounding: Rounding,
) -> Result<Decimal> {
    if is_zero(&left.unscaled) {
        return new(BigInt::from(0), scale);
    }
    let shift = scale - i64::from(left.scale) + i64::from(right.scale);
    let quotient = if shift >= 0 {
        divide_rounded(
            &(&left.unscaled * power_of_ten(shift)?),
            &right.unscaled,
            rounding,
        )
    } else {
        divide_rounded(
            &left.unscaled,
            &(&right.unscaled * power_of_ten(-shift)?),
            rounding,
        )
    };
    new(quotient, scale)
}

pub(super) fn remainder(left: &Decimal, right: &Decimal) -> Result<Decimal> {
    if is_zero(&right.unscaled) {
        return Err(failed(match is_zero(&left.unscaled) {
            true => "Division undefined",
            false => "Division by zero",
        }));
    }
    // What the quotient, without its trailing zeros, does not need of the scale is not shown.
    let finer = i64::from(right.scale) - i64::from(left.scale);
    let (left, right, scale) = align(left, right)?;
    let (mut quotient, unscaled) = (&left / &right, left % right);
    let ten = BigInt::from(10);
    let mut dropped = 0;
    while dropped < finer && is_zero(&(&quotient % &ten)) {
        if is_zero(&quotient) {
            dropped = finer;
            break;
        }
        quotient /= &ten;
        dropped += 1;
    }
    new(
        unscaled / power_of_ten(dropped)?,
        i64::from(scale) - dropped,
    )
}

/// To a whole number, ties away from zero.
pub(super) fn round(number: &Decimal) -> Result<Decimal> {
    if number.scale >= 0 && i64::from(number.scale) > precision(number) {
        return Ok(whole(0));
    }
    divide_to_scale(number, &whole(1), 0, Rounding::HalfUp)
}

/// The whole part, as Java's `toBigInteger`.
pub(super) fn truncate(number: &Decimal) -> Result<BigInt> {
    if is_zero(&number.unscaled) || i64::from(number.scale) > precision(number) {
        return Ok(BigInt::from(0));
    }
    let scale = i64::from(number.scale);
    if scale <= 0 {
        Ok(&number.unscaled * power_of_ten(-scale)?)
    } else {
        Ok(&number.unscaled / power_of_ten(scale)?)
    }
}

/// Without trailing zeros.
fn strip(number: Decimal) -> Decimal {
    if is_zero(&number.unscaled) {
        return whole(0);
    }
    let digits = number.unscaled.to_string();
    let kept = digits.trim_end_matches('0');
    let zeros = (digits.len() - kept.len()) as i64;
    let scale = i32::try_from(i64::from(number.scale) - zeros);
    match (kept.parse(), scale) {
        (Ok(unscaled), Ok(scale)) => Decimal { unscaled, scale },
        _ => number,
    }
}

/// Rounded half even to `digits` significant digits.
fn round_to(number: Decimal, digits: i64) -> Result<Decimal> {
    let excess = precision(&number) - digits;
    if excess <= 0 {
        return Ok(number);
    }
    let scale = i64::from(number.scale) - excess;
    divide_to_scale(&number, &whole(1), scale, Rounding::HalfEven)
}

fn function_digits(number: &Decimal) -> i64 {
    precision(number).clamp(SIGNIFICANT_DIGITS_MIN, FUNCTION_DIGITS_MAX)
}

/// Fixed-point numbers: integers that count steps of `10^-places`.
struct Fixed {
    places: i64,
    one: BigInt,
}

impl Fixed {
    fn new(places: i64) -> Result<Self> {
        Ok(Self {
            places,
            one: power_of_ten(places)?,
        })
    }

    fn from(&self, number: &Decimal) -> Result<BigInt> {
        let fixed = divide_to_scale(number, &whole(1), self.places, Rounding::HalfEven)?;
        Ok(fixed.unscaled)
    }

    /// The inverse hyperbolic tangent of `1/n`, by its series.
    fn inverse_tanh(&self, n: u32) -> BigInt {
        let mut power = &self.one / n;
        let mut sum = power.clone();
        let mut divisor = 1_u32;
        while !is_zero(&power) {
            power /= n * n;
            divisor += 2;
            sum += &power / divisor;
        }
        sum
    }

    /// The natural logarithm of ten: three times that of 2, and that of 1.25.
    fn ln_ten(&self) -> BigInt {
        self.inverse_tanh(3) * 6 + self.inverse_tanh(9) * 2
    }

    /// `e^x` for a small `x`: the series for `x / 2^16`, squared 16 times.
    fn exp(&self, x: &BigInt) -> BigInt {
        let x = x / 65_536;
        let mut term = self.one.clone();
        let mut sum = self.one.clone();
        let mut count = 1_u32;
        while !is_zero(&term) {
            term = &term * &x / &self.one / count;
            sum += &term;
            count += 1;
        }
        for _ in 0..16 {
            sum = &sum * &sum / &self.one;
        }
        sum
    }

    /// The natural logarithm of `x` from 1 to 10: Halley's iteration from the double's.
    fn ln(&self, x: &BigInt) -> Result<BigInt> {
        let double = |text: String| text.parse::<f64>().map_err(|_| too_large());
        let start = double(
            Decimal {
                unscaled: x.clone(),
                scale: i32::try_from(self.places).map_err(|_| too_large())?,
            }
            .to_string(),
        )?;
        let start = Decimal::parse(&format!("{:.17}", start.ln())).ok_or_else(too_large)?;
        let mut y = self.from(&start)?;
        let mut right_digits = 14;
        while right_digits < self.places {
            let power = self.exp(&y);
            y += (x - &power) * 2 * &self.one / (x + &power);
            right_digits *= 3;
        }
        Ok(y)
    }
}

/// `e` to the power of a number.
pub(super) fn exp(number: &Decimal) -> Result<Decimal> {
    let digits = function_digits(number);
    let (_, magnitude) = number.digits();
    if is_zero(&number.unscaled) || magnitude < -2 * FUNCTION_DIGITS_MAX {
        return Ok(whole(1));
    }
    if magnitude > 10 {
        return Err(too_large());
    }
    let fixed = Fixed::new(digits + 40)?;
    let (x, ln_ten) = (fixed.from(number)?, fixed.ln_ten());
    let tens = &x / &ln_ten;
    let rest = fixed.exp(&(x - &tens * ln_ten));
    let tens: i64 = tens.try_into().map_err(|_| too_large())?;
    round_to(new(rest, fixed.places - tens)?, digits)
}

/// The natural logarithm of a number above zero with so many digits; zero for one.
fn logarithm(number: &Decimal, digits: i64) -> Result<Decimal> {
    let fixed = Fixed::new(digits + 40)?;
    let (_, exponent) = number.digits();
    let tens = exponent - 1;
    let mantissa = Decimal {
        unscaled: number.unscaled.clone(),
        scale: i32::try_from(i64::from(number.scale) + tens).map_err(|_| too_large())?,
    };
    let sum = fixed.ln(&fixed.from(&mantissa)?)? + fixed.ln_ten() * tens;
    // The last places carry the errors of the series.
    let kept = new(sum, fixed.places)?;
    let kept = divide_to_scale(&kept, &whole(1), fixed.places - 10, Rounding::HalfEven)?;
    match is_zero(&kept.unscaled) {
        true => Ok(whole(0)),
        false => round_to(kept, digits),
    }
}

/// The natural logarithm.
pub(super) fn ln(number: &Decimal) -> Result<Decimal> {
    if number.unscaled.sign() != Sign::Plus {
        return Err(failed("Natural log of number zero or less"));
    }
    logarithm(number, function_digits(number))
}

/// The logarithm of base ten.
pub(super) fn log10(number: &Decimal) -> Result<Decimal> {
    if number.unscaled.sign() != Sign::Plus {
        return Err(failed("Log10 of number zero or less"));
    }
    let digits = function_digits(number);
    let working_digits = digits + 2;
    let above = logarithm(number, working_digits)?;
    let below = logarithm(&whole(10), working_digits)?;
    // As in Cassandra an exact quotient has the scale that the operands leave, or as many places
    // as it needs, any other all its digits: of 100 it is 2, of 1000 it is 3.000….
    let preferred = i64::from(above.scale) - i64::from(below.scale);
    let more = digits + 20;
    let raised = &above.unscaled * power_of_ten(more)?;
    let mut quotient = new(&raised / &below.unscaled, preferred + more)?;
    if !is_zero(&(raised % &below.unscaled)) {
        return round_to(round_to(quotient, working_digits)?, digits);
    }
    let (ten, preferred) = (BigInt::from(10), above.scale - below.scale);
    while quotient.scale > preferred && is_zero(&(&quotient.unscaled % &ten)) {
        quotient.unscaled /= &ten;
        quotient.scale -= 1;
    }
    Ok(quotient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn arithmetic() {
        let (left, right) = (number("1.50"), number("0.25"));
        assert_eq!(add(&left, &right).unwrap().to_string(), "1.75");
        assert_eq!(subtract(&right, &left).unwrap().to_string(), "-1.25");
        assert_eq!(multiply(&left, &right).unwrap().to_string(), "0.3750");
        assert_eq!(divide(&left, &right).unwrap().to_string(), "6");
        assert_eq!(
            remainder(&number("-7.5"), &number("2"))
                .unwrap()
                .to_string(),
            "-1.5"
        );
        let third = divide(&number("1"), &number("3")).unwrap();
        assert_eq!(third.to_string(), format!("0.{}", "3".repeat(32)));
        assert!(divide(&left, &number("0")).is_err());
        assert!(add(&number("1e2000000000"), &number("1")).is_err());
        assert_eq!(
            add(&number("0e2000000000"), &number("1"))
                .unwrap()
                .to_string(),
            "1"
        );
    }

    #[test]
    fn rounding() {
        for (text, rounded) in [("2.5", "3"), ("-2.5", "-3"), ("2.4", "2"), ("1e-9", "0")] {
            assert_eq!(round(&number(text)).unwrap().to_string(), rounded);
        }
        assert_eq!(round(&number("1.5e3")).unwrap().to_string(), "1500");
        assert_eq!(truncate(&number("-2.9")).unwrap(), BigInt::from(-2));
        assert_eq!(truncate(&number("1e-2000000000")).unwrap(), BigInt::from(0));
    }

    #[test]
    fn transcendental() {
        let e = "2.7182818284590452353602874713527";
        assert_eq!(exp(&number("1")).unwrap().to_string(), e);
        assert_eq!(exp(&number("0")).unwrap().to_string(), "1");
        let three = log10(&number("1000")).unwrap().to_string();
        assert_eq!(three, "3.0000000000000000000000000000000");
        assert_eq!(log10(&number("100")).unwrap().to_string(), "2");
        assert_eq!(log10(&number("0.01")).unwrap().to_string(), "-2");
        assert_eq!(ln(&number("1")).unwrap().to_string(), "0");
        assert_eq!(
            ln(&number("10")).unwrap().to_string(),
            "2.3025850929940456840179914546844"
        );
        let back = exp(&ln(&number("123.456")).unwrap()).unwrap();
        let error = subtract(&back, &number("123.456")).unwrap();
        assert!(error.digits().1 < -27, "{back}");
        assert!(ln(&number("0")).is_err());
        assert!(exp(&number("1e11")).is_err());
        assert!(
            exp(&number("-1000"))
                .unwrap()
                .to_string()
                .ends_with("E-435")
        );
    }
}
