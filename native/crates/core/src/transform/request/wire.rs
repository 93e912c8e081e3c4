//! `request` of a ROUTE, and its `REQUEST_PROGRAM`, as they cross the wire (docs/programs.md). Unknown members are refused:
//! meaning must not be dropped silently.

use crate::transform::answer::Form;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// JSON as it is written; null is a value like others.
pub(super) type Json<'w> = Option<&'w RawValue>;

fn there<'de: 'w, 'w, D: Deserializer<'de>>(from: D) -> Result<Json<'w>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestWire<'w> {
    pub(super) body: Option<BodyWire>,
    #[serde(borrow)]
    pub(super) program: ProgramWire<'w>,
    #[serde(borrow, default)]
    pub(super) path: Vec<ParameterWire<'w>>,
    #[serde(borrow, default)]
    pub(super) query: Vec<ParameterWire<'w>>,
    #[serde(borrow, default)]
    pub(super) headers: Vec<ParameterWire<'w>>,
    pub(super) query_unknown: UnknownWord,
    #[serde(borrow, default)]
    pub(super) fill: Vec<ParameterFillWire<'w>>,
    #[serde(default)]
    pub(super) untold: Vec<Box<str>>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum BodyWire {
    Json { required: bool, types: Vec<String>, root: usize },
    Pass { required: bool, types: Vec<String>, max_bytes: u64 },
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum UnknownWord {
    Refuse,
    Drop,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterWire<'w> {
    #[serde(rename = "in")]
    pub(super) name: String,
    pub(super) out: String,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) many: bool,
    pub(super) node: usize,
    #[serde(borrow, default, deserialize_with = "there")]
    pub(super) default: Json<'w>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ParameterFillWire<'w> {
    pub(super) at: FillPlace,
    pub(super) out: String,
    #[serde(borrow)]
    pub(super) value: ValueWire<'w>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum FillPlace {
    Query,
    Header,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgramWire<'w> {
    #[serde(borrow)]
    pub(super) nodes: Vec<NodeWire<'w>>,
    pub(super) depth: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NodeWire<'w> {
    #[serde(default)]
    pub(super) null: bool,
    #[serde(borrow, default)]
    pub(super) boolean: Json<'w>,
    #[serde(borrow, default)]
    pub(super) integer: Json<'w>,
    #[serde(borrow, default)]
    pub(super) number: Json<'w>,
    #[serde(borrow, default)]
    pub(super) string: Json<'w>,
    pub(super) array: Option<ArrayWire>,
    #[serde(borrow)]
    pub(super) object: Option<ObjectWire<'w>>,
    #[serde(default)]
    pub(super) any: bool,
    pub(super) one_of: Option<OneOfWire>,
}

/// A CHECK that is not just `true`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CheckWire<'w> {
    pub(super) min: Option<String>,
    pub(super) max: Option<String>,
    pub(super) above: Option<String>,
    pub(super) below: Option<String>,
    pub(super) multiple_of: Option<String>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) pattern: Option<PatternWire>,
    pub(super) format: Option<String>,
    #[serde(borrow, rename = "enum")]
    pub(super) choices: Option<Vec<&'w RawValue>>,
    #[serde(borrow)]
    pub(super) map: Option<Vec<(&'w RawValue, &'w RawValue)>>,
    pub(super) otherwise: Option<OtherwiseWord>,
    pub(super) to: Option<ToWord>,
    pub(super) date: Option<DateWire>,
}

/// One, or several that all are to be found.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum PatternWire {
    One(String),
    All(Vec<String>),
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum OtherwiseWord {
    Fail,
    Copy,
    Null,
    Omit,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum ToWord {
    String,
    Number,
    Integer,
    Boolean,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateWire {
    pub(super) from: Form,
    pub(super) to: Form,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArrayWire {
    pub(super) items: usize,
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    #[serde(default)]
    pub(super) unique: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneOfWire {
    pub(super) discriminator: Option<String>,
    pub(super) variants: Vec<VariantWire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VariantWire {
    pub(super) value: Option<String>,
    pub(super) node: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectWire<'w> {
    #[serde(borrow, default)]
    pub(super) members: Vec<MemberWire<'w>>,
    pub(super) unknown: UnknownWire,
    #[serde(borrow, default)]
    pub(super) fill: Vec<FillWire<'w>>,
    #[serde(borrow)]
    pub(super) template: Option<TemplateWire<'w>>,
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
}

/// What becomes of members without a name: a word, or the node of their values.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum UnknownWire {
    Word(UnknownWord),
    Node(usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a member of the wire")]
pub(super) struct MemberWire<'w> {
    #[serde(rename = "in")]
    pub(super) name: String,
    pub(super) node: usize,
    pub(super) out: Option<String>,
    #[serde(default)]
    pub(super) inline: bool,
    #[serde(default)]
    pub(super) scatter: bool,
    pub(super) slot: Option<usize>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(borrow, default, deserialize_with = "there")]
    pub(super) default: Json<'w>,
    #[serde(default)]
    pub(super) drop_null: bool,
    #[serde(default)]
    pub(super) wrap: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FillWire<'w> {
    pub(super) out: String,
    #[serde(borrow)]
    pub(super) value: ValueWire<'w>,
}

/// One of the three.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ValueWire<'w> {
    #[serde(borrow, default, rename = "const", deserialize_with = "there")]
    pub(super) constant: Json<'w>,
    pub(super) template: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<ToWord>,
    pub(super) generate: Option<GenerateWord>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GenerateWord {
    Uuid,
    Now,
    NowUnix,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateWire<'w> {
    /// Says something in answers only: a body is held whole anyway.
    #[allow(dead_code, reason = "one form for both directions")]
    pub(super) bytes: Option<u64>,
    #[serde(borrow)]
    pub(super) members: Vec<PartWire<'w>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartWire<'w> {
    pub(super) out: String,
    pub(super) slot: Option<usize>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(borrow, default, deserialize_with = "there")]
    pub(super) default: Json<'w>,
    #[serde(borrow)]
    pub(super) members: Option<Vec<PartWire<'w>>>,
    #[serde(default)]
    pub(super) always: bool,
    #[serde(borrow, default, rename = "const", deserialize_with = "there")]
    pub(super) constant: Json<'w>,
    #[serde(borrow)]
    pub(super) value: Option<ValueWire<'w>>,
}
