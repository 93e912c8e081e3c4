//! An expression as it is written in a program, and as it runs.

use serde_json::Value as Json;
use std::sync::Arc;

/// Expressions in each other.
const MOST_DEPTH: usize = 40;
/// Parts of one expression.
const MOST_PARTS: usize = 512;

/// Which type a value of the input is read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    Int,
    Double,
    Text,
    Bool,
    /// A list or an object: only what is in it is read.
    Any,
}

/// What a result may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Result {
    pub(super) scalar: Scalar,
    pub(super) list: bool,
    pub(super) null: bool,
}

impl Result {
    /// As what the items of a list are read that is written.
    pub(super) fn read_as(self) -> As {
        match self.scalar {
            Scalar::Text => As::Text,
            Scalar::Integer => As::Int,
            Scalar::Number => As::Double,
            Scalar::Bool => As::Bool,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    Text,
    Integer,
    Number,
    Bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Two {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    Contains,
    StartsWith,
    EndsWith,
    Join,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum One {
    Not,
    Neg,
    Size,
    Text,
    Int,
    Double,
    Lower,
    Upper,
    Trim,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

#[derive(Debug)]
pub(super) enum Expr {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(Box<str>),
    List(Vec<Expr>),
    /// A member of the object itself, by the number of the input.
    Input(As, usize),
    HasInput(usize),
    /// The item that a macro is at.
    Item(As),
    Field(As, Box<Expr>, Box<str>),
    Has(Box<Expr>, Box<str>),
    Index(As, Box<Expr>, Box<Expr>),
    In(As, Box<Expr>, Box<Expr>),
    One(One, Box<Expr>),
    Two(Two, Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    If(Box<Expr>, Box<Expr>, Box<Expr>),
    Macro(Macro, Box<Expr>, Box<Expr>),
}

/// A computed value.
#[derive(Clone, Debug)]
pub struct Compute {
    pub(super) expr: Arc<Expr>,
    pub(super) result: Result,
}

impl Compute {
    /// Read and check an expression and what its result may be: `["add", …]`, and `string`, `integer`, `number` or `boolean`
    /// with what stands beside it. `inputs` is how many members it may read.
    pub fn compile(expr: &str, kind: &str, list: bool, null: bool, inputs: usize) -> std::result::Result<Self, String> {
        let scalar = match kind {
            "string" => Scalar::Text,
            "integer" => Scalar::Integer,
            "number" => Scalar::Number,
            "boolean" => Scalar::Bool,
            other => return Err(format!("type is string, integer, number or boolean, not {other:?}")),
        };
        let written: Json = serde_json::from_str(expr).map_err(|error| error.to_string())?;
        let mut reader = Reader { inputs, parts: 0, in_macro: false };
        let expr = reader.expr(&written, 0)?;
        Ok(Self { expr: Arc::new(expr), result: Result { scalar, list, null } })
    }
}

struct Reader {
    inputs: usize,
    parts: usize,
    in_macro: bool,
}

type Read<T> = std::result::Result<T, String>;

impl Reader {
    fn expr(&mut self, json: &Json, depth: usize) -> Read<Expr> {
        self.parts += 1;
        if depth > MOST_DEPTH || self.parts > MOST_PARTS {
            return Err(format!("an expression has at most {MOST_PARTS} parts, {MOST_DEPTH} deep in each other"));
        }
        let Some((Json::String(name), rest)) = json.as_array().and_then(|items| items.split_first()) else {
            return Err(format!("this is no expression: {json}"));
        };
        if let (Some(which), [list, body], false) = (macro_of(name), rest, self.in_macro) {
            let list = Box::new(self.expr(list, depth + 1)?);
            self.in_macro = true;
            let body = self.expr(body, depth + 1);
            self.in_macro = false;
            return Ok(Expr::Macro(which, list, Box::new(body?)));
        }
        let in_macro = self.in_macro;
        match (&**name, rest) {
            ("input", [kind, number]) => return Ok(Expr::Input(kind_of(kind)?, self.input(number)?)),
            ("has_input", [number]) => return Ok(Expr::HasInput(self.input(number)?)),
            _ => {}
        }
        let mut inner = |json: &Json| self.expr(json, depth + 1).map(Box::new);
        Ok(match (&**name, rest) {
            ("null", []) => Expr::Null,
            ("true", []) => Expr::Bool(true),
            ("false", []) => Expr::Bool(false),
            ("int", [Json::String(text)]) => Expr::Int(text.parse().map_err(|_| format!("{text} is no int"))?),
            ("double", [Json::String(text)]) => {
                let value: f64 = text.parse().map_err(|_| format!("{text} is no double"))?;
                if !value.is_finite() {
                    return Err(format!("{text} is no double"));
                }
                Expr::Double(value)
            }
            ("text", [Json::String(text)]) => Expr::Text((**text).into()),
            ("list", items) => Expr::List(items.iter().map(|item| self.expr(item, depth + 1)).collect::<Read<_>>()?),
            ("item", [kind]) if in_macro => Expr::Item(kind_of(kind)?),
            ("field", [kind, of, Json::String(name)]) => Expr::Field(kind_of(kind)?, inner(of)?, (**name).into()),
            ("has", [of, Json::String(name)]) => Expr::Has(inner(of)?, (**name).into()),
            ("index", [kind, list, index]) => Expr::Index(kind_of(kind)?, inner(list)?, inner(index)?),
            ("in", [kind, value, list]) => Expr::In(kind_of(kind)?, inner(value)?, inner(list)?),
            ("and", [one, two]) => Expr::And(inner(one)?, inner(two)?),
            ("or", [one, two]) => Expr::Or(inner(one)?, inner(two)?),
            ("if", [test, then, other]) => Expr::If(inner(test)?, inner(then)?, inner(other)?),
            (name, [of]) => Expr::One(one_of(name).ok_or_else(|| unknown(name))?, inner(of)?),
            (name, [one, two]) => Expr::Two(two_of(name).ok_or_else(|| unknown(name))?, inner(one)?, inner(two)?),
            (name, _) => return Err(unknown(name)),
        })
    }

    fn input(&self, number: &Json) -> Read<usize> {
        let number = number.as_u64().and_then(|number| usize::try_from(number).ok());
        number.filter(|&number| number < self.inputs).ok_or_else(|| "there is no such input".to_owned())
    }
}

fn unknown(name: &str) -> String {
    format!("there is no {name:?} with these parts, or not here")
}

fn kind_of(json: &Json) -> Read<As> {
    Ok(match json.as_str() {
        Some("int") => As::Int,
        Some("double") => As::Double,
        Some("string") => As::Text,
        Some("bool") => As::Bool,
        Some("any") => As::Any,
        _ => return Err(format!("{json} is no type of a value")),
    })
}

fn macro_of(name: &str) -> Option<Macro> {
    Some(match name {
        "all" => Macro::All,
        "exists" => Macro::Exists,
        "exists_one" => Macro::ExistsOne,
        "map" => Macro::Map,
        "filter" => Macro::Filter,
        _ => return None,
    })
}

fn one_of(name: &str) -> Option<One> {
    Some(match name {
        "not" => One::Not,
        "neg" => One::Neg,
        "size" => One::Size,
        "string" => One::Text,
        "to_int" => One::Int,
        "to_double" => One::Double,
        "lower" => One::Lower,
        "upper" => One::Upper,
        "trim" => One::Trim,
        _ => return None,
    })
}

fn two_of(name: &str) -> Option<Two> {
    Some(match name {
        "add" => Two::Add,
        "sub" => Two::Sub,
        "mul" => Two::Mul,
        "div" => Two::Div,
        "mod" => Two::Mod,
        "eq" => Two::Eq,
        "ne" => Two::Ne,
        "lt" => Two::Lt,
        "le" => Two::Le,
        "gt" => Two::Gt,
        "ge" => Two::Ge,
        "contains" => Two::Contains,
        "starts_with" => Two::StartsWith,
        "ends_with" => Two::EndsWith,
        "join" => Two::Join,
        _ => return None,
    })
}
