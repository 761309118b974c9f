//! `count`, `min`, `max`, `sum` and `avg`.
//!
//! `sum` and `avg` answer in the type of their argument. A sum of integers wraps around, as
//! Cassandra's does; an average does not, and is cut off to a whole number. Floats are summed with
//! compensation (Kahan). A decimal average is carried along from value to value, each step rounded
//! half even at the greatest scale seen. Without values a sum and an average are 0; the least and
//! the greatest are null.

use crate::cql::functions::decimal::{self, Rounding};
use crate::cql::functions::number::{NUMERIC, Number};
use crate::cql::functions::resolve::{Signature, choose, inferred};
use crate::cql::functions::{Accumulator, Aggregate, ArgumentBytes, Arguments, MakeAccumulator};
use crate::error::{Error, Result};
use crate::types::Type;
use crate::types::number::Decimal;
use bytes::Bytes;
use num_bigint::BigInt;
use std::cmp::Ordering;
use std::sync::Arc;

/// The aggregate function called `written` over these arguments.
pub(super) fn find(written: &str, given: &Arguments<'_>) -> Result<Aggregate> {
    let name = written.strip_prefix("system.").unwrap_or(written);
    let full_name = format!("system.{name}");
    let of = |argument: Type, returns: Type, start: MakeAccumulator| Aggregate {
        name: full_name.clone(),
        arguments: vec![argument],
        returns,
        start,
    };
    match name {
        // Anything can be counted: it is taken as its bytes.
        "count" => {
            let signature = Signature::new(&[Type::Blob], Type::BigInt);
            choose(written, &[signature], given, None)?;
            let start: MakeAccumulator = Arc::new(|| Box::new(Count(0)));
            Ok(of(Type::Blob, Type::BigInt, start))
        }
        "min" | "max" => {
            let wanted = match name {
                "min" => Ordering::Less,
                _ => Ordering::Greater,
            };
            let mut types = inferred(written, &["any"], given, None)?;
            let ty = types.pop().ok_or_else(|| Error::internal("no argument"))?;
            let of_type = ty.clone();
            let start: MakeAccumulator = Arc::new(move || Box::new(Extreme::new(&of_type, wanted)));
            Ok(of(ty.clone(), ty, start))
        }
        "sum" | "avg" => {
            let signatures =
                NUMERIC.map(|ty| Signature::new(std::slice::from_ref(&ty), ty.clone()));
            let ty = NUMERIC[choose(written, &signatures, given, None)?].clone();
            let start = if name == "sum" {
                sum_of(&ty)
            } else {
                average_of(&ty)
            };
            Ok(of(ty.clone(), ty, start))
        }
        _ => Err(Error::internal("no aggregate")),
    }
}

fn sum_of(ty: &Type) -> MakeAccumulator {
    let ty = ty.clone();
    match ty {
        Type::Float | Type::Double => Arc::new(move || {
            Box::new(FloatTotal {
                ty: ty.clone(),
                average: false,
                total: Compensated::default(),
                scaled: Compensated::default(),
                count: 0,
            })
        }),
        Type::Decimal => Arc::new(|| Box::new(DecimalSum(decimal::whole(0)))),
        ty => Arc::new(move || {
            Box::new(IntegerTotal {
                ty: ty.clone(),
                average: false,
                small: 0,
                large: BigInt::from(0),
                count: 0,
            })
        }),
    }
}

fn average_of(ty: &Type) -> MakeAccumulator {
    let ty = ty.clone();
    match ty {
        Type::Float | Type::Double => Arc::new(move || {
            Box::new(FloatTotal {
                ty: ty.clone(),
                average: true,
                total: Compensated::default(),
                scaled: Compensated::default(),
                count: 0,
            })
        }),
        Type::Decimal => Arc::new(|| {
            Box::new(DecimalAverage {
                average: decimal::whole(0),
                count: 0,
            })
        }),
        ty => Arc::new(move || {
            Box::new(IntegerTotal {
                ty: ty.clone(),
                average: true,
                small: 0,
                large: BigInt::from(0),
                count: 0,
            })
        }),
    }
}

fn argument<'a>(arguments: ArgumentBytes<'a>) -> Option<&'a [u8]> {
    arguments.first().copied().flatten()
}

fn number(ty: &Type, arguments: ArgumentBytes<'_>) -> Result<Option<Number>> {
    match argument(arguments) {
        Some(bytes) => Number::read(ty, bytes),
        None => Ok(None),
    }
}

struct Count(i64);

impl Accumulator for Count {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        self.0 += i64::from(arguments.is_empty() || argument(arguments).is_some());
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        Ok(Some(self.0.to_be_bytes().to_vec().into()))
    }
}

/// The least or the greatest value in the order of its type; of equal ones the first.
struct Extreme {
    ty: Type,
    wanted: Ordering,
    best: Option<Vec<u8>>,
}

impl Extreme {
    fn new(ty: &Type, wanted: Ordering) -> Self {
        Self {
            ty: ty.clone(),
            wanted,
            best: None,
        }
    }
}

impl Accumulator for Extreme {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        let Some(value) = argument(arguments) else {
            return Ok(());
        };
        let better = match &self.best {
            None => true,
            Some(best) => self.ty.compare(value, best) == self.wanted,
        };
        if better {
            let best = self.best.get_or_insert_default();
            best.clear();
            best.extend_from_slice(value);
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        Ok(self.best.take().map(Bytes::from))
    }
}

/// Sum or average of integers of any width.
struct IntegerTotal {
    ty: Type,
    average: bool,
    small: i128,
    large: BigInt,
    count: u64,
}

impl Accumulator for IntegerTotal {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        match number(&self.ty, arguments)? {
            None => return Ok(()),
            // 2^63 values would not fill the upper half of 128 bits.
            Some(Number::Integer(value)) => self.small += i128::from(value),
            Some(value) => self.large += value.to_varint()?,
        }
        self.count += 1;
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        let mut total = BigInt::from(self.small) + &self.large;
        if self.average && self.count > 0 {
            total /= self.count;
        }
        Ok(Some(Number::Varint(total).write(&self.ty)?.into()))
    }
}

/// A sum that carries what rounding loses.
#[derive(Default)]
struct Compensated {
    sum: f64,
    lost: f64,
    simple: f64,
}

impl Compensated {
    fn add(&mut self, value: f64) {
        self.simple += value;
        let corrected = value - self.lost;
        let next = self.sum + corrected;
        self.lost = (next - self.sum) - corrected;
        self.sum = next;
    }

    /// Infinities make the compensation NaN; then the simple sum holds.
    fn total(&self) -> f64 {
        let total = self.sum - self.lost;
        if total.is_nan() && self.simple.is_infinite() {
            self.simple
        } else {
            total
        }
    }
}

/// Sum or average of floats and doubles.
struct FloatTotal {
    ty: Type,
    average: bool,
    total: Compensated,
    /// The sum of all values by 2^64: an average stays finite where the sum does not.
    scaled: Compensated,
    count: u64,
}

const SCALE: f64 = 18_446_744_073_709_551_616.0;

impl Accumulator for FloatTotal {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        if let Some(number) = number(&self.ty, arguments)? {
            let value = number.to_f64();
            self.total.add(value);
            if self.average {
                self.scaled.add(value / SCALE);
            }
            self.count += 1;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        let mut result = self.total.total();
        if self.average && self.count > 0 {
            let count = self.count as f64;
            result = if result.is_infinite() {
                self.scaled.total() / count * SCALE
            } else {
                result / count
            };
        }
        Ok(Some(Number::Double(result).write(&self.ty)?.into()))
    }
}

struct DecimalSum(Decimal);

impl Accumulator for DecimalSum {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        if let Some(number) = number(&Type::Decimal, arguments)? {
            self.0 = decimal::add(&self.0, &number.to_decimal()?)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        Ok(Some(
            Number::Decimal(self.0.clone())
                .write(&Type::Decimal)?
                .into(),
        ))
    }
}

struct DecimalAverage {
    average: Decimal,
    count: u64,
}

impl Accumulator for DecimalAverage {
    fn add(&mut self, arguments: ArgumentBytes<'_>) -> Result<()> {
        let Some(number) = number(&Type::Decimal, arguments)? else {
            return Ok(());
        };
        self.count += 1;
        let difference = decimal::subtract(&number.to_decimal()?, &self.average)?;
        let step = decimal::divide_to_scale(
            &difference,
            &decimal::whole(self.count),
            i64::from(difference.scale),
            Rounding::HalfEven,
        )?;
        self.average = decimal::add(&self.average, &step)?;
        Ok(())
    }

    fn finish(&mut self) -> Result<Option<Bytes>> {
        Ok(Some(
            Number::Decimal(self.average.clone())
                .write(&Type::Decimal)?
                .into(),
        ))
    }
}
