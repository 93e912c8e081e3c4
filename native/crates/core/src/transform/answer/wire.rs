//! An answer's program as it is written (docs/programs.md). Unknown members are refused: meaning must not be dropped
//! silently.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProgramBody<'p> {
    /// Each is read by itself, so that an error can name it.
    #[serde(borrow)]
    pub(super) nodes: Vec<&'p RawValue>,
    pub(super) depth: u32,
    #[serde(default)]
    pub(super) urls: Vec<UrlsBody>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlsBody {
    pub(super) prefixes: Vec<String>,
    pub(super) routes: Vec<UrlRoute>,
    #[serde(default)]
    pub(super) query: Vec<QueryBody>,
    pub(super) otherwise: Otherwise,
}

/// The backend's name and the partner's; and what its values are to the partner, where they are others.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum QueryBody {
    Same(String, String),
    Other(String, String, QueryValues),
}

/// The backend's values and the partner's. `copy`: one that is not listed is the same for both.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryValues {
    pub(super) map: Vec<(String, String)>,
    pub(super) copy: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UrlRoute {
    pub(super) from: String,
    pub(super) to: String,
}

/// What becomes of a value that an action does not know.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Otherwise {
    Fail,
    Copy,
    Null,
    Omit,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct NodeBody<'p> {
    pub(super) null: Yes,
    pub(super) any: Yes,
    #[serde(borrow)]
    pub(super) boolean: Option<ActionBody<'p>>,
    #[serde(borrow)]
    pub(super) integer: Option<ActionBody<'p>>,
    #[serde(borrow)]
    pub(super) number: Option<ActionBody<'p>>,
    #[serde(borrow)]
    pub(super) string: Option<ActionBody<'p>>,
    pub(super) array: Option<u32>,
    #[serde(borrow)]
    pub(super) object: Option<ObjectBody<'p>>,
}

/// A member that may only be `true`, or absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Yes(pub(super) bool);

impl<'de> Deserialize<'de> for Yes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if bool::deserialize(deserializer)? {
            Ok(Self(true))
        } else {
            Err(D::Error::custom("this is true, or it is left out"))
        }
    }
}

/// A member that is there, be it null.
fn present<'de: 'p, 'p, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'p RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// `true`, or one action.
pub(super) enum ActionBody<'p> {
    Copy,
    Action(Box<ActionMembers<'p>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ActionMembers<'p> {
    #[serde(borrow)]
    pub(super) map: Option<Vec<(&'p RawValue, &'p RawValue)>>,
    pub(super) otherwise: Option<Otherwise>,
    pub(super) to: Option<To>,
    pub(super) date: Option<DateBody>,
    pub(super) url: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum To {
    String,
    Number,
    Integer,
    Boolean,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DateBody {
    pub(super) from: Form,
    pub(super) to: Form,
}

/// How a moment is written.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(in crate::transform) enum Form {
    Date,
    DateTime,
    Unix,
    UnixMs,
}

impl<'de: 'p, 'p> Deserialize<'de> for ActionBody<'p> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = ActionBody<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("true or an action")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                if value { Ok(ActionBody::Copy) } else { Err(E::custom("this is true, an action, or left out")) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let members = ActionMembers::deserialize(MapAccessDeserializer::new(map))?;
                Ok(ActionBody::Action(Box::new(members)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ObjectBody<'p> {
    #[serde(borrow)]
    pub(super) members: Vec<MemberBody<'p>>,
    #[serde(default)]
    pub(super) others: Option<u32>,
    #[serde(borrow, default)]
    pub(super) consts: Vec<(String, &'p RawValue)>,
    #[serde(borrow, default)]
    pub(super) hold: Option<TemplateBody<'p>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MemberBody<'p> {
    #[serde(rename = "in")]
    pub(super) name: String,
    /// Absent beside `drop` only.
    #[serde(default)]
    pub(super) node: Option<u32>,
    #[serde(default)]
    pub(super) drop: Yes,
    #[serde(default)]
    pub(super) out: Option<String>,
    #[serde(default)]
    pub(super) inline: Yes,
    #[serde(default)]
    pub(super) slot: Option<u32>,
    #[serde(default)]
    pub(super) scatter: Yes,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) default: Option<&'p RawValue>,
    #[serde(default)]
    pub(super) drop_null: bool,
    #[serde(default)]
    pub(super) wrap: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateBody<'p> {
    pub(super) bytes: usize,
    #[serde(borrow)]
    pub(super) members: Vec<PartBody<'p>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartBody<'p> {
    pub(super) out: String,
    #[serde(default)]
    pub(super) slot: Option<u32>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) default: Option<&'p RawValue>,
    #[serde(default)]
    pub(super) drop_null: Yes,
    #[serde(borrow, default)]
    pub(super) members: Option<Vec<PartBody<'p>>>,
    #[serde(default)]
    pub(super) always: bool,
    #[serde(borrow, default, rename = "const", deserialize_with = "present")]
    pub(super) constant: Option<&'p RawValue>,
    #[serde(borrow, default)]
    pub(super) compute: Option<ComputeBody<'p>>,
}

/// A value that is computed from members that are kept.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ComputeBody<'p> {
    #[serde(borrow)]
    pub(super) expr: &'p RawValue,
    /// The slots of what it reads.
    pub(super) inputs: Vec<u32>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) list: Yes,
    #[serde(default)]
    pub(super) null: Yes,
}
