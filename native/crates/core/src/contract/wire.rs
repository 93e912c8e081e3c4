//! Contracts as they cross the wire (docs/programs.md). Unknown members are refused: what a program does not say does not pass.

use super::Rate;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ContractBody<'b> {
    pub(crate) api: String,
    pub(crate) contract: String,
    pub(crate) version: String,
    /// By which records name it; 0: it has none.
    #[serde(default)]
    pub(crate) number: u32,
    pub(crate) deprecated_at_us: Option<i64>,
    pub(crate) sunset_at_us: Option<i64>,
    pub(crate) link: Option<String>,
    #[serde(borrow)]
    pub(crate) routes: BTreeMap<String, &'b RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DocumentBody {
    /// All of it, as control planes wrote it before there were parts.
    pub(crate) document: Option<String>,
    pub(crate) parts: Option<PartsBody>,
}

/// A document in pieces of JSON that are joined as they are. A member is `"name":value`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartsBody {
    /// What stands before the paths, whatever operations there are; without the last comma.
    pub(crate) before: String,
    pub(crate) paths: Vec<PathBody>,
    pub(crate) components: Vec<SectionBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PathBody {
    /// With its quotes.
    pub(crate) name: String,
    pub(crate) operations: Vec<OperationBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationBody {
    pub(crate) route: String,
    pub(crate) member: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SectionBody {
    /// With its quotes.
    pub(crate) name: String,
    pub(crate) members: Vec<ComponentBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ComponentBody {
    pub(crate) member: String,
    /// The operations that lead to it, counted through all paths; absent: it is always there.
    pub(crate) operations: Option<Vec<u32>>,
}

/// ROUTE.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteBody<'b> {
    #[serde(borrow)]
    pub(super) request: &'b RawValue,
    pub(super) answers: Vec<AnswerBody>,
    #[serde(borrow)]
    pub(super) program: &'b RawValue,
    pub(super) fields: Option<FieldsBody>,
    pub(super) sampling: Option<Rate>,
    pub(super) compress: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FieldsBody {
    pub(super) at: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AnswerBody {
    pub(super) status: String,
    pub(super) send: Option<u16>,
    pub(super) body: BodyBody,
    #[serde(default)]
    pub(super) headers: Vec<HeaderBody>,
    #[serde(default)]
    pub(super) content_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub(super) enum BodyBody {
    Json { root: u32, hold: HoldBody },
    Pass { types: Vec<String>, max_bytes: u64 },
    Empty {},
    Problem { detail: Option<String>, errors: Option<ErrorsBody> },
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum HoldBody {
    Bytes(u64),
    Word(String),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ErrorsBody {
    Drf,
    Fastapi,
    Rfc9457,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HeaderBody {
    #[serde(rename = "in")]
    pub(super) inward: String,
    #[serde(rename = "out")]
    pub(super) outward: String,
    pub(super) url: bool,
}

/// What of a `request` names headers; the rewriter reads all of it.
#[derive(Deserialize)]
pub(super) struct NamedBody {
    #[serde(default)]
    pub(super) headers: Vec<NamedHeader>,
    #[serde(default)]
    pub(super) fill: Vec<NamedFill>,
}

#[derive(Deserialize)]
pub(super) struct NamedHeader {
    #[serde(rename = "in")]
    pub(super) inward: String,
    #[serde(rename = "out")]
    pub(super) outward: String,
}

#[derive(Deserialize)]
pub(super) struct NamedFill {
    pub(super) at: String,
    #[serde(rename = "out")]
    pub(super) outward: String,
}
