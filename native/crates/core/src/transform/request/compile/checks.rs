//! The rules of single values.

use super::{Compiled, ProgramError, constant, to};
use crate::transform::json::{self, Decimal, Document, Kind, Lexeme, Multiple, ROOT};
use crate::transform::request::rules::{
    Action, BooleanRule, Bound, Format, MapAction, NumberRule, Otherwise, Patterns, TextRule,
};
use crate::transform::request::wire::{CheckWire, Json, OtherwiseWord, PatternWire};
use serde_json::value::RawValue;

/// A longer bound is nobody's, and each comparison would walk through it.
const LONGEST_BOUND: usize = 400;
/// An exponent of more digits can't be told from another.
const LONGEST_EXPONENT: usize = 9;

/// `true` is a check without rules.
fn check(raw: &RawValue) -> Compiled<CheckWire<'_>> {
    match raw.get() {
        "true" => Ok(CheckWire::default()),
        text => serde_json::from_str(text).map_err(|error| ProgramError::new(error.to_string())),
    }
}

pub(super) fn boolean(raw: Json<'_>) -> Compiled<Option<BooleanRule>> {
    let Some(raw) = raw else { return Ok(None) };
    let wire = check(raw)?;
    if has_number_rules(&wire) || has_text_rules(&wire) {
        return Err(ProgramError::new("true and false have no such rules"));
    }
    let only = match &wire.choices {
        None => None,
        Some(choices) => match choices.iter().map(|choice| choice.get()).collect::<Vec<_>>()[..] {
            ["true"] => Some(true),
            ["false"] => Some(false),
            ["true", "false"] | ["false", "true"] => None,
            _ => return Err(ProgramError::new("this enum holds true or false").within("enum")),
        },
    };
    Ok(Some(BooleanRule { only, action: action(&wire)? }))
}

pub(super) fn number(raw: Json<'_>) -> Compiled<Option<NumberRule>> {
    let Some(raw) = raw else { return Ok(None) };
    let wire = check(raw)?;
    // `int32` and the like are told by min and max.
    if wire.min_length.is_some() || wire.max_length.is_some() || wire.pattern.is_some() {
        return Err(ProgramError::new("numbers have no such rules"));
    }
    let multiple_of =
        wire.multiple_of.as_deref().map(multiple).transpose().map_err(|error| error.within("multiple_of"))?;
    let choices = wire.choices.as_ref().map(|choices| {
        let identity =
            |choice: &&RawValue| bound(choice.get()).map(|_| Decimal::of(choice.get()).identity_bytes().into());
        let mut identities = choices.iter().map(identity).collect::<Compiled<Vec<Box<[u8]>>>>()?;
        identities.sort_unstable();
        Ok(identities)
    });
    Ok(Some(NumberRule {
        is_free: !has_number_rules(&wire) && wire.choices.is_none(),
        min: named_bound("min", wire.min.as_deref())?,
        max: named_bound("max", wire.max.as_deref())?,
        above: named_bound("above", wire.above.as_deref())?,
        below: named_bound("below", wire.below.as_deref())?,
        multiple_of,
        choices: choices.transpose().map_err(|error: ProgramError| error.within("enum"))?,
        action: action(&wire)?,
    }))
}

pub(super) fn text(raw: Json<'_>, patterns: &mut Patterns) -> Compiled<Option<TextRule>> {
    let Some(raw) = raw else { return Ok(None) };
    let wire = check(raw)?;
    if has_number_rules(&wire) {
        return Err(ProgramError::new("strings have no such rules"));
    }
    let texts = match &wire.pattern {
        None => &[],
        Some(PatternWire::One(text)) => std::slice::from_ref(text),
        Some(PatternWire::All(texts)) => &texts[..],
    };
    let found = texts.iter().map(|text| patterns.get(text)).collect::<Result<Vec<_>, _>>();
    let choices = wire.choices.as_ref().map(|choices| {
        let mut texts = choices.iter().map(|choice| content(choice)).collect::<Compiled<Vec<_>>>()?;
        texts.sort_unstable();
        Ok(texts)
    });
    let mut rule = TextRule {
        least: wire.min_length.unwrap_or(0),
        most: wire.max_length,
        patterns: found.map_err(|why| ProgramError::new(why).within("pattern"))?,
        format: wire.format.as_deref().and_then(Format::of),
        choices: choices.transpose().map_err(|error: ProgramError| error.within("enum"))?,
        action: action(&wire)?,
        is_free: false,
    };
    let is_checked = !rule.patterns.is_empty() || rule.format.is_some() || rule.choices.is_some();
    rule.is_free = !is_checked && rule.least == 0 && rule.most.is_none();
    Ok(Some(rule))
}

fn has_number_rules(wire: &CheckWire<'_>) -> bool {
    [&wire.min, &wire.max, &wire.above, &wire.below, &wire.multiple_of].into_iter().any(Option::is_some)
}

fn has_text_rules(wire: &CheckWire<'_>) -> bool {
    wire.min_length.is_some() || wire.max_length.is_some() || wire.pattern.is_some() || wire.format.is_some()
}

fn named_bound(name: &str, text: Option<&str>) -> Compiled<Option<Bound>> {
    text.map(bound).transpose().map_err(|error| error.within(name))
}

fn bound(text: &str) -> Compiled<Bound> {
    let exponent = text.split_once(['e', 'E']).map_or(0, |(_, digits)| digits.trim_start_matches(['+', '-']).len());
    if Lexeme::whole(text).is_none() || text.len() > LONGEST_BOUND || exponent > LONGEST_EXPONENT {
        return Err(ProgramError::new("this is no number, or one that is spelt too long"));
    }
    Ok(Bound::of(text))
}

fn multiple(text: &str) -> Compiled<(Box<str>, Multiple)> {
    bound(text)?;
    match Multiple::of(text) {
        Some(multiple) => Ok((text.into(), multiple)),
        None => Err(ProgramError::new("multiples are of a number above zero with at most 18 digits")),
    }
}

/// A constant of a program, read.
fn scalar(raw: &RawValue) -> Compiled<Document<'_>> {
    json::read(raw.get().as_bytes(), 1).map_err(|_| ProgramError::new("this is no single value"))
}

fn content(raw: &RawValue) -> Compiled<Box<[u8]>> {
    let document = scalar(raw)?;
    match document.kind(ROOT) {
        Kind::Text | Kind::Escaped => Ok(document.content(ROOT).into()),
        _ => Err(ProgramError::new("this enum holds strings")),
    }
}

fn action(wire: &CheckWire<'_>) -> Compiled<Action> {
    match (&wire.map, wire.to, wire.date) {
        (None, None, None) if wire.otherwise.is_none() => Ok(Action::None),
        (Some(pairs), None, None) => map(pairs, wire.otherwise).map(Action::Map).map_err(|error| error.within("map")),
        (None, Some(word), None) if wire.otherwise.is_none() => Ok(Action::To(to(word))),
        (None, None, Some(date)) if wire.otherwise.is_none() => Ok(Action::Date { from: date.from, to: date.to }),
        _ => Err(ProgramError::new("an action is one of `map` (with its `otherwise`), `to` and `date`")),
    }
}

fn map(pairs: &[(&RawValue, &RawValue)], otherwise: Option<OtherwiseWord>) -> Compiled<MapAction> {
    let otherwise = match otherwise {
        None | Some(OtherwiseWord::Fail) => Otherwise::Fail,
        Some(OtherwiseWord::Copy) => Otherwise::Copy,
        Some(OtherwiseWord::Null) => Otherwise::Null,
        Some(OtherwiseWord::Omit) => Otherwise::Omit,
    };
    let mut map = MapAction { booleans: [None, None], numbers: Vec::new(), texts: Vec::new(), otherwise };
    for (index, (from, into)) in pairs.iter().enumerate() {
        add_pair(&mut map, from, constant(into)?).map_err(|error| error.within(index))?;
    }
    map.texts.sort_unstable();
    if map.texts.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(ProgramError::new("a value stands twice in it"));
    }
    Ok(map)
}

fn add_pair(map: &mut MapAction, from: &RawValue, json: Box<[u8]>) -> Compiled<()> {
    let document = scalar(from)?;
    match document.kind(ROOT) {
        Kind::True | Kind::False => {
            map.booleans[usize::from(document.kind(ROOT) == Kind::True)] = Some(json);
        }
        Kind::Integer | Kind::Number => map.numbers.push((bound(document.verbatim(ROOT))?, json)),
        Kind::Text | Kind::Escaped => map.texts.push((document.content(ROOT).into(), json)),
        Kind::Null | Kind::Array | Kind::Object => {
            return Err(ProgramError::new("a map is from single values but null"));
        }
    }
    Ok(())
}
