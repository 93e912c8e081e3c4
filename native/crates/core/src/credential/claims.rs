//! Claim templates: constants, and values of partner, application and key (docs/wire.md, section 2).

use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::snapshot::Plan;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Claims that only we set. `sub` may be chosen by the template.
const OURS: [&str; 6] = ["iss", "aud", "iat", "nbf", "exp", "jti"];

/// What templates read from.
pub(super) struct Values<'v> {
    pub(super) caller: &'v Caller<'v>,
    pub(super) identity: &'v Identity<'v>,
    /// The plan of the application, whose scopes a key without scopes of its own has.
    pub(super) plan: Option<&'v Arc<Plan>>,
}

/// The claims of a backend's tokens: constants, and values of partner, application and key.
#[derive(Clone)]
pub struct ClaimsTemplate {
    claims: Vec<(String, ClaimValue)>,
    /// Whether anything of the key is read; then each key has tokens of its own.
    pub reads_key: bool,
}

#[derive(Clone)]
enum ClaimValue {
    Constant(Value),
    Whole(Path),
    Text(Vec<TextPiece>),
}

#[derive(Clone)]
enum TextPiece {
    Literal(String),
    Value(Path),
}

/// A value of the caller.
#[derive(Clone)]
pub(super) enum Path {
    PartnerId,
    PartnerName,
    PartnerMetadata(String),
    ApplicationId,
    ApplicationName,
    ApplicationEnvironment,
    ApplicationMetadata(String),
    KeyKid,
    KeyName,
    KeyScopes,
}

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let member = |prefix| text.strip_prefix(prefix).filter(|name: &&str| !name.is_empty()).map(str::to_owned);
        if let Some(name) = member("partner.metadata.") {
            return Ok(Self::PartnerMetadata(name));
        }
        if let Some(name) = member("application.metadata.") {
            return Ok(Self::ApplicationMetadata(name));
        }
        match text {
            "partner.id" => Ok(Self::PartnerId),
            "partner.name" => Ok(Self::PartnerName),
            "application.id" => Ok(Self::ApplicationId),
            "application.name" => Ok(Self::ApplicationName),
            "application.environment" => Ok(Self::ApplicationEnvironment),
            "key.kid" => Ok(Self::KeyKid),
            "key.name" => Ok(Self::KeyName),
            "key.scopes" => Ok(Self::KeyScopes),
            _ => Err(format!("{{{text}}} is none of the values that a claim may use")),
        }
    }

    fn reads_key(&self) -> bool {
        matches!(self, Self::KeyKid | Self::KeyName | Self::KeyScopes)
    }

    /// As it stands in a template.
    fn text(&self) -> String {
        match self {
            Self::PartnerId => "partner.id".to_owned(),
            Self::PartnerName => "partner.name".to_owned(),
            Self::PartnerMetadata(name) => format!("partner.metadata.{name}"),
            Self::ApplicationId => "application.id".to_owned(),
            Self::ApplicationName => "application.name".to_owned(),
            Self::ApplicationEnvironment => "application.environment".to_owned(),
            Self::ApplicationMetadata(name) => format!("application.metadata.{name}"),
            Self::KeyKid => "key.kid".to_owned(),
            Self::KeyName => "key.name".to_owned(),
            Self::KeyScopes => "key.scopes".to_owned(),
        }
    }

    /// The value for this caller. None where metadata has no such member, or where there is no list of scopes since neither
    /// key nor plan narrows them: an empty claim would say the opposite.
    pub(super) fn value(&self, values: &Values<'_>) -> Option<Value> {
        let Values { caller, identity, plan } = values;
        let (partner, application, key) = (caller.partner, caller.application, identity.key);
        Some(match self {
            Self::PartnerId => partner.id.to_string().into(),
            Self::PartnerName => partner.name.clone().into(),
            Self::PartnerMetadata(name) => partner.metadata.get(name)?.clone(),
            Self::ApplicationId => application.id.to_string().into(),
            Self::ApplicationName => application.name.clone().into(),
            Self::ApplicationEnvironment => application.environment.as_str().into(),
            Self::ApplicationMetadata(name) => application.metadata.get(name)?.clone(),
            Self::KeyKid => key.kid.as_str()?.into(),
            Self::KeyName => (*key.name).into(),
            Self::KeyScopes => key.scopes().or(plan.as_ref()?.scopes.as_deref())?.into(),
        })
    }
}

impl ClaimsTemplate {
    /// Compile. The error names the claim and what is wrong with it.
    pub fn compile(template: &Map<String, Value>) -> Result<Self, String> {
        let mut claims = Vec::with_capacity(template.len());
        let mut reads_key = false;
        for (name, value) in template {
            if OURS.contains(&name.as_str()) {
                return Err(format!("the claim {name} is set by the gateway"));
            }
            let compiled = compile_claim(value).map_err(|why| format!("the claim {name}: {why}"))?;
            reads_key |= compiled.reads_key();
            claims.push((name.clone(), compiled));
        }
        Ok(Self { claims, reads_key })
    }

    /// Put the claims in. The error names the claim and the value that is missing.
    pub(super) fn fill(&self, values: &Values<'_>, into: &mut Map<String, Value>) -> Result<(), String> {
        for (name, claim) in &self.claims {
            let value = claim
                .fill(values)
                .map_err(|path| format!("the claim {name} reads {{{}}}, which has no value here", path.text()))?;
            into.insert(name.clone(), value);
        }
        Ok(())
    }
}

fn compile_claim(value: &Value) -> Result<ClaimValue, String> {
    let Value::String(text) = value else {
        return Ok(ClaimValue::Constant(value.clone()));
    };
    let mut pieces = Vec::new();
    let mut rest = text.as_str();
    while let Some(open) = rest.find('{') {
        let close = rest[open..].find('}').ok_or("a '{' without its '}'")? + open;
        if open > 0 {
            pieces.push(TextPiece::Literal(rest[..open].to_owned()));
        }
        pieces.push(TextPiece::Value(Path::parse(&rest[open + 1..close])?));
        rest = &rest[close + 1..];
    }
    if pieces.is_empty() {
        return Ok(ClaimValue::Constant(value.clone()));
    }
    if !rest.is_empty() {
        pieces.push(TextPiece::Literal(rest.to_owned()));
    }
    match pieces.pop() {
        Some(TextPiece::Value(path)) if pieces.is_empty() => Ok(ClaimValue::Whole(path)),
        last => {
            pieces.extend(last);
            Ok(ClaimValue::Text(pieces))
        }
    }
}

impl ClaimValue {
    fn reads_key(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Whole(path) => path.reads_key(),
            Self::Text(pieces) => {
                pieces.iter().any(|piece| matches!(piece, TextPiece::Value(path) if path.reads_key()))
            }
        }
    }

    /// The error is the path that has no value.
    fn fill(&self, values: &Values<'_>) -> Result<Value, &Path> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Whole(path) => path.value(values).ok_or(path),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        TextPiece::Literal(literal) => text.push_str(literal),
                        TextPiece::Value(path) => match path.value(values).ok_or(path)? {
                            Value::String(value) => text.push_str(&value),
                            value => text.push_str(&value.to_string()),
                        },
                    }
                }
                Ok(Value::String(text))
            }
        }
    }
}
