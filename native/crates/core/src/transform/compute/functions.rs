//! Operators and functions on values: nothing wraps around, nothing is rounded to fit.

use super::evaluate::{Failed, Got, MOST_OUTPUT};
use super::program::{One, Two};
use super::value::{Value, exact, shortest, whole};
use std::borrow::Cow;
use std::cmp::Ordering;

/// The integers that every double beside them can tell apart.
const EXACT: u64 = 1 << 53;
const EXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

pub(super) fn one(one: One, value: Value<'_>) -> Got<Value<'_>> {
    use Value::{Bool, Double, Int, Null, Text};
    Ok(match (one, value) {
        (One::Not, Bool(value)) => Bool(!value),
        (One::Neg, Int(value)) => Int(value.checked_neg().ok_or(Failed::Value)?),
        (One::Neg, Double(value)) => Double(-value),
        (One::Text, Text(text)) => Text(text),
        (One::Text, Int(value)) => text(value.to_string())?,
        (One::Text, Bool(value)) => text(value.to_string())?,
        (One::Text, Double(value)) => text(shortest(finite(value)?))?,
        (One::Int, Int(value)) => Int(value),
        (One::Int, Double(value)) => {
            let cut = value.trunc();
            // Beyond these a double stands for many integers.
            if cut.abs() > EXACT_DOUBLE || cut.is_nan() {
                return Err(Failed::Value);
            }
            Int(cut as i64)
        }
        (One::Int, Text(text)) if is_number(&text) && !text.contains(['.', 'e', 'E']) => {
            Int(whole(&text).ok_or(Failed::Value)?)
        }
        (One::Double, Double(value)) => Double(value),
        (One::Double, Int(value)) => Double(as_double(value)?),
        (One::Double, Text(text)) if is_number(&text) => Double(exact(&text).ok_or(Failed::Value)?),
        (One::Lower, Text(text_)) => text(text_.to_ascii_lowercase())?,
        (One::Upper, Text(text_)) => text(text_.to_ascii_uppercase())?,
        (One::Trim, Text(text_)) => text(text_.trim().to_owned())?,
        // A text that is no number, or null.
        (One::Int | One::Double, Text(_)) | (_, Null) => return Err(Failed::Value),
        _ => return Err(Failed::Type),
    })
}

pub(super) fn two<'v>(two: Two, left: Value<'v>, right: Value<'v>) -> Got<Value<'v>> {
    use Value::{Bool, Double, Int, Null, Text};
    match two {
        Two::Eq => return Ok(Bool(same(&left, &right)?)),
        Two::Ne => return Ok(Bool(!same(&left, &right)?)),
        _ if matches!(left, Null) || matches!(right, Null) => return Err(Failed::Value),
        Two::Lt => return ordered(&left, &right).map(|order| Bool(order == Some(Ordering::Less))),
        Two::Gt => return ordered(&left, &right).map(|order| Bool(order == Some(Ordering::Greater))),
        Two::Le => return ordered(&left, &right).map(|order| Bool(order.is_some_and(Ordering::is_le))),
        Two::Ge => return ordered(&left, &right).map(|order| Bool(order.is_some_and(Ordering::is_ge))),
        _ => {}
    }
    Ok(match (left, right) {
        (Int(one), Int(other)) => Int(match two {
            Two::Add => one.checked_add(other),
            Two::Sub => one.checked_sub(other),
            Two::Mul => one.checked_mul(other),
            Two::Div => one.checked_div(other),
            Two::Mod => one.checked_rem(other),
            _ => return Err(Failed::Type),
        }
        .ok_or(Failed::Value)?),
        (Double(one), Double(other)) => Double(finite(match two {
            Two::Add => one + other,
            Two::Sub => one - other,
            Two::Mul => one * other,
            Two::Div => one / other,
            _ => return Err(Failed::Type),
        })?),
        (Text(one), Text(other)) => match two {
            Two::Contains => Bool(one.contains(&*other)),
            Two::StartsWith => Bool(one.starts_with(&*other)),
            Two::EndsWith => Bool(one.ends_with(&*other)),
            Two::Add if one.len() + other.len() <= MOST_OUTPUT => Text(Cow::Owned([&*one, &*other].concat())),
            Two::Add => return Err(Failed::Size),
            _ => return Err(Failed::Type),
        },
        _ => return Err(Failed::Type),
    })
}

/// Whether two are the same; null is the same as null only.
pub(super) fn same(left: &Value<'_>, right: &Value<'_>) -> Got<bool> {
    Ok(match (left, right) {
        (Value::Null, Value::Null) => true,
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        _ => ordered(left, right)? == Some(Ordering::Equal),
    })
}

fn ordered(left: &Value<'_>, right: &Value<'_>) -> Got<Option<Ordering>> {
    use Value::{Double, Int, Text};
    Ok(match (left, right) {
        (Int(one), Int(other)) => Some(one.cmp(other)),
        (Double(one), Double(other)) => one.partial_cmp(other),
        (Int(one), Double(other)) => as_double(*one)?.partial_cmp(other),
        (Double(one), Int(other)) => one.partial_cmp(&as_double(*other)?),
        // By code points, which is the order of UTF-8 too.
        (Text(one), Text(other)) => Some(one.cmp(other)),
        _ => return Err(Failed::Type),
    })
}

fn text<'v>(text: String) -> Got<Value<'v>> {
    if text.len() > MOST_OUTPUT { Err(Failed::Size) } else { Ok(Value::Text(text.into())) }
}

fn finite(value: f64) -> Got<f64> {
    if value.is_finite() { Ok(value) } else { Err(Failed::Value) }
}

#[allow(clippy::cast_precision_loss, reason = "what would lose any is refused")]
fn as_double(value: i64) -> Got<f64> {
    if value.unsigned_abs() <= EXACT { Ok(value as f64) } else { Err(Failed::Value) }
}

fn is_number(text: &str) -> bool {
    crate::transform::json::Lexeme::whole(text).is_some()
}
