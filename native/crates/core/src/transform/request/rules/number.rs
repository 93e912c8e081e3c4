//! Rules for numbers and for true and false: decimals as they are spelt, never floats.

use super::Scalar;
use super::action::{Action, Replaced};
use crate::transform::json::{Decimal, Kind, Multiple};
use crate::transform::request::effort::Effort;
use crate::transform::request::problems::{Broken, Code};
use std::cmp::Ordering;

/// A bound as the program spells it.
pub(in super::super) struct Bound {
    pub(in super::super) text: Box<str>,
    /// Most bounds are.
    small: Option<Small>,
}

/// A value, ready to be compared.
#[derive(Clone, Copy)]
pub(super) struct Value<'v> {
    lexeme: &'v str,
    small: Option<Small>,
}

/// A number of few digits: `units` × 10^-`places`.
#[derive(Clone, Copy)]
struct Small {
    units: i64,
    places: u32,
}

/// Whether a value that compares so is within a bound.
struct Holds(fn(Ordering) -> bool);

/// As many as a number of few digits may have places.
const POWERS_OF_TEN: [i64; Small::LONGEST] = {
    let mut powers = [1; Small::LONGEST];
    let mut place = 1;
    while place < powers.len() {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

impl Small {
    /// So many characters are at most 18 digits, and both sides of a comparison fit into 128 bits.
    const LONGEST: usize = 18;

    /// None: it is longer, or has an exponent.
    #[inline]
    fn of(lexeme: &str) -> Option<Self> {
        let (is_negative, digits) = lexeme.strip_prefix('-').map_or((false, lexeme), |digits| (true, digits));
        if digits.len() > Self::LONGEST {
            return None;
        }
        let (mut units, mut point) = (0_i64, None);
        for (index, byte) in digits.bytes().enumerate() {
            match byte {
                b'0'..=b'9' => units = units * 10 + i64::from(byte - b'0'),
                b'.' => point = Some(index),
                _ => return None,
            }
        }
        let places = point.map_or(0, |index| digits.len() - index - 1) as u32;
        Some(Self { units: if is_negative { -units } else { units }, places })
    }

    #[inline]
    fn compare(self, other: Self) -> Ordering {
        if self.places == other.places {
            return self.units.cmp(&other.units);
        }
        let scaled = |units: i64, places: u32| i128::from(units) * i128::from(POWERS_OF_TEN[places as usize]);
        scaled(self.units, other.places).cmp(&scaled(other.units, self.places))
    }
}

impl<'v> Value<'v> {
    #[inline]
    pub(super) fn of(lexeme: &'v str) -> Self {
        Self { lexeme, small: Small::of(lexeme) }
    }

    fn decimal(&self) -> Decimal<'v> {
        Decimal::of(self.lexeme)
    }
}

impl Bound {
    pub(in super::super) fn of(text: &str) -> Self {
        Self { text: text.into(), small: Small::of(text) }
    }

    /// How a value compares with it.
    pub(super) fn compare(&self, value: &Value<'_>) -> Ordering {
        match (value.small, self.small) {
            (Some(value), Some(bound)) => value.compare(bound),
            _ => value.decimal().compare(&Decimal::of(&self.text)),
        }
    }
}

#[derive(Default)]
pub(in super::super) struct NumberRule {
    pub(in super::super) min: Option<Bound>,
    pub(in super::super) max: Option<Bound>,
    pub(in super::super) above: Option<Bound>,
    pub(in super::super) below: Option<Bound>,
    pub(in super::super) multiple_of: Option<(Box<str>, Multiple)>,
    /// Sorted identities.
    pub(in super::super) choices: Option<Vec<Box<[u8]>>>,
    pub(in super::super) action: Action,
    /// Whether any number will do.
    pub(in super::super) is_free: bool,
}

impl NumberRule {
    /// Hold a number against the rule.
    #[inline]
    pub(in super::super) fn hold(&self, lexeme: &str, kind: Kind, effort: &Effort) -> Result<Replaced<'_>, Broken> {
        // Digits are compared one by one, and those of a map value by value.
        effort.spend((lexeme.len() / 8 + self.action.values()) as u64);
        if !self.is_free {
            self.check(&Value::of(lexeme))?;
        }
        self.action.apply(Scalar::Number(lexeme, kind))
    }

    fn check(&self, value: &Value<'_>) -> Result<(), Broken> {
        if let Some(choices) = &self.choices {
            let identity = value.decimal().identity_bytes();
            if choices.binary_search_by(|choice| (**choice).cmp(&identity)).is_err() {
                return Err(Broken::new(Code::Enum, "Must be one of the values that are listed for it."));
            }
        }
        self.in_range(value)?;
        match &self.multiple_of {
            Some((spelt, multiple)) if !multiple.divides(&value.decimal()) => {
                Err(Broken::new(Code::Range, format!("Must be a multiple of {spelt}.")))
            }
            _ => Ok(()),
        }
    }

    fn in_range(&self, value: &Value<'_>) -> Result<(), Broken> {
        let bounds = [
            (&self.min, Holds(Ordering::is_ge), "at least"),
            (&self.max, Holds(Ordering::is_le), "at most"),
            (&self.above, Holds(Ordering::is_gt), "above"),
            (&self.below, Holds(Ordering::is_lt), "below"),
        ];
        for (bound, Holds(holds), words) in bounds {
            if let Some(bound) = bound
                && !holds(bound.compare(value))
            {
                return Err(Broken::new(Code::Range, format!("Must be {words} {}.", bound.text)));
            }
        }
        Ok(())
    }
}

#[derive(Default)]
pub(in super::super) struct BooleanRule {
    /// The only one of the two that may come.
    pub(in super::super) only: Option<bool>,
    pub(in super::super) action: Action,
}

impl BooleanRule {
    /// Hold true or false against the rule.
    pub(in super::super) fn hold(&self, value: bool) -> Result<Replaced<'_>, Broken> {
        match self.only {
            Some(only) if only != value => Err(Broken::new(Code::Enum, format!("Must be {only}."))),
            _ => self.action.apply(Scalar::Boolean(value)),
        }
    }
}
