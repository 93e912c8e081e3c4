//! Evaluation, under bounds.

use super::functions;
use super::program::{As, Compute, Expr, Macro, One, Two};
use super::value::Value;
use crate::transform::json::{Document, Kind, ROOT, read};
use std::borrow::Cow;

/// Arrays and objects in each other, of an input.
const MOST_DEPTH: usize = 64;
/// Bytes of all inputs together.
pub(super) const MOST_INPUT: usize = 65_536;
/// Bytes of a result, and of each text on the way to it.
pub(super) const MOST_OUTPUT: usize = 16_384;
/// Steps of one value: one for each part that is evaluated and each item that is looked at, and what stands below. They are
/// weighed so that a step of any kind takes about as long as another.
const MOST_STEPS: usize = 100_000;
/// Steps of all computed values of an answer, of which there may be one for each item of a list.
const MOST_STEPS_OF_ANSWER: usize = 250_000;
/// What is done for a value beside its expression, and for each of its inputs.
const STEPS_OF_A_VALUE: usize = 8;
/// For each name and each value of the input.
const STEPS_OF_A_TOKEN: usize = 2;
/// Bytes that are read, compared or made in a step. What is made is bounded by it, too.
const BYTES: usize = 8;
/// What it takes to make a text, beside its bytes.
const STEPS_OF_A_TEXT: usize = 4;
/// What it takes to make a double of a number and to see whether it is the same, or a text of a double.
const STEPS_OF_A_DOUBLE: usize = 16;

/// Why there is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The input is not JSON.
    Json,
    /// An object of the input repeats a name.
    Duplicate,
    /// Arrays and objects of the input lie too deep in each other.
    Depth,
    /// A type that does not stand in the backend's schema, or in the declared one.
    Type,
    /// It is absent or null, too large for a number, divided by zero, or not to be converted.
    Value,
    /// Too much came, would be written, or would be done.
    Size,
}

pub(super) type Got<T> = Result<T, Failed>;

impl Compute {
    /// Compute the value and write it; nothing is written where there is none. `inputs`: the members that it reads, as they were
    /// received; None: it did not come. `steps`: what all values of an answer have taken so far; this one's are added.
    pub fn write(&self, inputs: &[Option<&[u8]>], steps: &mut usize, out: &mut Vec<u8>) -> Result<(), Failed> {
        let bytes: usize = inputs.iter().flatten().map(|input| input.len()).sum();
        if bytes > MOST_INPUT {
            return Err(Failed::Size);
        }
        let most = MOST_STEPS.min(MOST_STEPS_OF_ANSWER.saturating_sub(*steps));
        let mut work = Work { steps: 0, most };
        let began = out.len();
        let written = self.evaluate(inputs, bytes, &mut work, out);
        *steps = steps.saturating_add(work.steps);
        if written.is_err() {
            out.truncate(began);
        }
        written
    }

    fn evaluate(&self, inputs: &[Option<&[u8]>], bytes: usize, work: &mut Work, out: &mut Vec<u8>) -> Got<()> {
        let values = 1 + inputs.iter().flatten().count();
        work.spend(STEPS_OF_A_VALUE * values + bytes / BYTES)?;
        let documents = inputs.iter().map(|input| input.map(document).transpose()).collect::<Got<Vec<_>>>()?;
        work.spend(STEPS_OF_A_TOKEN * documents.iter().flatten().map(Document::tokens).sum::<usize>())?;
        let mut evaluation = Evaluation { inputs: &documents, item: None, work };
        let value = evaluation.value(&self.expr)?;
        let (began, most) = (out.len(), out.len() + MOST_OUTPUT);
        value.write(self.result, most, out)?;
        if out.len() > most { Err(Failed::Size) } else { work.spend((out.len() - began) / BYTES) }
    }
}

/// What was done, and what may be.
struct Work {
    steps: usize,
    most: usize,
}

impl Work {
    fn spend(&mut self, steps: usize) -> Got<()> {
        self.steps += steps;
        if self.steps > self.most { Err(Failed::Size) } else { Ok(()) }
    }
}

fn document(bytes: &[u8]) -> Got<Document<'_>> {
    use crate::transform::json::Why;
    read(bytes, MOST_DEPTH).map_err(|error| match error.why {
        Why::Duplicate => Failed::Duplicate,
        Why::Depth => Failed::Depth,
        Why::Size => Failed::Size,
        Why::Json | Why::Truncated | Why::Trailing => Failed::Json,
    })
}

struct Evaluation<'v, 'w> {
    inputs: &'v [Option<Document<'v>>],
    item: Option<Value<'v>>,
    work: &'w mut Work,
}

impl<'v> Evaluation<'v, '_> {
    fn spend(&mut self, steps: usize) -> Got<()> {
        self.work.spend(steps)
    }

    fn value(&mut self, expr: &'v Expr) -> Got<Value<'v>> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Null => Value::Null,
            Expr::Bool(value) => Value::Bool(*value),
            Expr::Int(value) => Value::Int(*value),
            Expr::Double(value) => Value::Double(*value),
            Expr::Text(text) => Value::Text(Cow::Borrowed(text)),
            Expr::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect::<Got<_>>()?),
            Expr::Input(kind, number) => {
                let document = self.inputs.get(*number).and_then(Option::as_ref).ok_or(Failed::Value)?;
                Value::read(document, ROOT, *kind)?
            }
            Expr::HasInput(number) => Value::Bool(self.inputs.get(*number).is_some_and(Option::is_some)),
            Expr::Item(kind) => {
                let item = self.item.as_ref().ok_or(Failed::Value)?;
                self.work.spend(steps_of_a_copy(item))?;
                read_item(item.clone(), *kind)?
            }
            Expr::Field(kind, of, name) => {
                let (document, at) = self.member(of, name)?;
                Value::read(document, at.ok_or(Failed::Value)?, *kind)?
            }
            Expr::Has(of, name) => Value::Bool(self.member(of, name)?.1.is_some()),
            Expr::Index(kind, list, index) => self.index(*kind, list, index)?,
            Expr::In(kind, value, list) => self.is_in(*kind, value, list)?,
            Expr::One(one, of) => self.one(*one, of)?,
            Expr::Two(two, left, right) => self.two(*two, left, right)?,
            Expr::And(left, right) => Value::Bool(self.either(left, right, false)?),
            Expr::Or(left, right) => Value::Bool(self.either(left, right, true)?),
            Expr::If(test, then, other) => {
                let next = if self.truth(test)? { then } else { other };
                self.value(next)?
            }
            Expr::Macro(which, list, body) => self.over(*which, list, body)?,
        })
    }

    fn own(&mut self, expr: &'v Expr) -> Got<Value<'v>> {
        let value = self.value(expr)?;
        self.owned(value)
    }

    /// The value itself, of what was received.
    fn owned(&mut self, value: Value<'v>) -> Got<Value<'v>> {
        match value {
            Value::Raw(document, at, As::Double) => {
                self.spend(STEPS_OF_A_DOUBLE + document.verbatim(at).len() / BYTES)?;
            }
            Value::Raw(document, at, As::Int) => self.spend(1 + document.verbatim(at).len() / BYTES)?,
            _ => {}
        }
        let value = value.own()?;
        if let Value::Text(text) = &value {
            self.spend(text.len() / BYTES)?;
        }
        Ok(value)
    }

    /// A text that was made.
    fn made(&mut self, value: Value<'v>) -> Got<Value<'v>> {
        self.spend(steps_of_a_copy(&value))?;
        Ok(value)
    }

    fn truth(&mut self, expr: &'v Expr) -> Got<bool> {
        match self.own(expr)? {
            Value::Bool(value) => Ok(value),
            Value::Null => Err(Failed::Value),
            _ => Err(Failed::Type),
        }
    }

    /// `&&` and `||`: what decides alone, decides, whichever side it stands on and whatever is wrong with the other.
    fn either(&mut self, left: &'v Expr, right: &'v Expr, decides: bool) -> Got<bool> {
        let first = self.truth(left);
        if first == Ok(decides) {
            return Ok(decides);
        }
        let second = self.truth(right);
        match (first, second) {
            // Bounds are no values.
            (Err(Failed::Size), _) | (_, Err(Failed::Size)) => Err(Failed::Size),
            (_, Ok(value)) if value == decides => Ok(decides),
            (Err(failed), _) | (_, Err(failed)) => Err(failed),
            _ => Ok(!decides),
        }
    }

    fn member(&mut self, of: &'v Expr, name: &str) -> Got<(&'v Document<'v>, Option<crate::transform::json::At>)> {
        match self.value(of)? {
            Value::Raw(document, at, As::Any) if document.kind(at) == Kind::Object => {
                self.spend(document.count(at))?;
                Ok((document, document.member(at, name.as_bytes())))
            }
            Value::Null => Err(Failed::Value),
            _ => Err(Failed::Type),
        }
    }

    /// The items of a list, as they are.
    fn items(&mut self, list: &'v Expr) -> Got<Vec<Value<'v>>> {
        let items = match self.value(list)? {
            Value::List(items) => items,
            Value::Raw(document, at, As::Any) if document.kind(at) == Kind::Array => {
                self.spend(document.count(at))?;
                document.items(at).map(|item| Value::Raw(document, item, As::Any)).collect()
            }
            Value::Null => return Err(Failed::Value),
            _ => return Err(Failed::Type),
        };
        self.spend(items.len())?;
        Ok(items)
    }

    fn index(&mut self, kind: As, list: &'v Expr, index: &'v Expr) -> Got<Value<'v>> {
        let items = self.items(list)?;
        let Value::Int(index) = self.own(index)? else { return Err(Failed::Value) };
        let item = usize::try_from(index).ok().and_then(|index| items.into_iter().nth(index));
        read_item(item.ok_or(Failed::Value)?, kind)
    }

    fn is_in(&mut self, kind: As, value: &'v Expr, list: &'v Expr) -> Got<Value<'v>> {
        let wanted = self.own(value)?;
        for item in self.items(list)? {
            let item = read_item(item, kind)?;
            let item = self.owned(item)?;
            if functions::same(&wanted, &item)? {
                return Ok(Value::Bool(true));
            }
        }
        Ok(Value::Bool(false))
    }

    fn one(&mut self, one: One, of: &'v Expr) -> Got<Value<'v>> {
        if one == One::Size {
            return self.size(of);
        }
        let value = self.own(of)?;
        if matches!((one, &value), (One::Text, Value::Double(_)) | (One::Double, Value::Text(_))) {
            self.spend(STEPS_OF_A_DOUBLE)?;
        }
        let value = functions::one(one, value)?;
        self.made(value)
    }

    fn size(&mut self, of: &'v Expr) -> Got<Value<'v>> {
        Ok(Value::Int(match self.own(of)? {
            Value::Text(text) => text.chars().count(),
            Value::List(items) => items.len(),
            Value::Raw(document, at, As::Any) => document.count(at),
            Value::Null => return Err(Failed::Value),
            _ => return Err(Failed::Type),
        } as i64))
    }

    fn two(&mut self, two: Two, left: &'v Expr, right: &'v Expr) -> Got<Value<'v>> {
        if two == Two::Join {
            return self.join(left, right);
        }
        let left = self.own(left)?;
        let right = self.own(right)?;
        if let (Two::Contains, Value::Text(one), Value::Text(other)) = (two, &left, &right) {
            // Linear in both, since the standard library's search is.
            self.spend((one.len() + other.len()) / BYTES)?;
        }
        let value = functions::two(two, left, right)?;
        self.made(value)
    }

    fn join(&mut self, list: &'v Expr, separator: &'v Expr) -> Got<Value<'v>> {
        let items = self.items(list)?;
        let Value::Text(separator) = self.own(separator)? else { return Err(Failed::Value) };
        let mut text = String::new();
        for (index, item) in items.into_iter().enumerate() {
            let item = read_item(item, As::Text)?;
            let Value::Text(part) = self.owned(item)? else { return Err(Failed::Value) };
            if index > 0 {
                text.push_str(&separator);
            }
            text.push_str(&part);
            if text.len() > MOST_OUTPUT {
                return Err(Failed::Size);
            }
        }
        self.made(Value::Text(text.into()))
    }

    fn over(&mut self, which: Macro, list: &'v Expr, body: &'v Expr) -> Got<Value<'v>> {
        let items = self.items(list)?;
        let (mut kept, mut count, mut failed) = (Vec::new(), 0_usize, None);
        for item in items {
            self.spend(steps_of_a_copy(&item))?;
            self.item = Some(item.clone());
            if which == Macro::Map {
                let value = self.value(body)?;
                kept.push(value);
                continue;
            }
            match (which, self.truth(body)) {
                (_, Err(Failed::Size)) => return Err(Failed::Size),
                // One item that decides is enough, whatever is wrong with others.
                (Macro::All, Ok(false)) => return Ok(Value::Bool(false)),
                (Macro::Exists, Ok(true)) => return Ok(Value::Bool(true)),
                (Macro::All | Macro::Exists, Err(why)) => failed = failed.or(Some(why)),
                (_, Err(why)) => return Err(why),
                (Macro::Filter, Ok(true)) => kept.push(item),
                (_, Ok(holds)) => count += usize::from(holds),
            }
        }
        self.item = None;
        match (which, failed) {
            (_, Some(why)) => Err(why),
            (Macro::Map | Macro::Filter, _) => Ok(Value::List(kept)),
            (Macro::ExistsOne, _) => Ok(Value::Bool(count == 1)),
            (Macro::All, _) => Ok(Value::Bool(true)),
            (Macro::Exists, _) => Ok(Value::Bool(false)),
        }
    }
}

/// What it takes to make or copy a value that is no part of the input or of the expression.
fn steps_of_a_copy(value: &Value<'_>) -> usize {
    match value {
        Value::Text(Cow::Owned(text)) => STEPS_OF_A_TEXT + text.len() / BYTES,
        Value::List(items) => items.iter().map(|item| 1 + steps_of_a_copy(item)).sum(),
        _ => 0,
    }
}

/// An item of a list, of the type that the schema has.
fn read_item(item: Value<'_>, kind: As) -> Got<Value<'_>> {
    match item {
        Value::Raw(document, at, _) => Value::read(document, at, kind),
        value => Ok(value),
    }
}
