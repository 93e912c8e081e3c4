//! Templates: constants, and values of partner, application and key (docs/wire.md, section 2).

use super::CredentialPolicy;
use crate::authenticate::Identity;
use crate::authorize::Caller;
use crate::snapshot::{Known, Plan, Snapshot};
use serde_json::Value;

/// Where templates read.
pub trait Source {
    /// A value of the caller. None where metadata has no such member, or where there is no list of scopes since neither key
    /// nor plan narrows them: an empty claim would say the opposite.
    fn value(&self, path: &Path) -> Option<Value>;
}

/// A caller, for templates to read.
pub struct Values<'v> {
    /// Partner and application.
    pub caller: &'v Caller<'v>,
    /// The key.
    pub identity: &'v Identity<'v>,
    /// The plan of the application, whose scopes a key without scopes of its own has.
    pub plan: Option<&'v Plan>,
}

/// A caller, for fills of requests to read: beside its values, the claims of the token that the backend gets.
pub struct RequestValues<'v> {
    /// Partner, application and key.
    pub values: Values<'v>,
    /// How calls to the backend are credentialed.
    pub credential: &'v CredentialPolicy,
    /// The issuer.
    pub snapshot: &'v Snapshot,
}

/// Claims that say something of a token and nothing of a caller.
const OF_ONE_TOKEN: [&str; 4] = ["iat", "nbf", "exp", "jti"];

/// A value of the caller.
#[derive(Clone)]
pub enum Path {
    /// `partner.id`.
    PartnerId,
    /// `partner.name`.
    PartnerName,
    /// `partner.metadata.…`.
    PartnerMetadata(String),
    /// `application.id`.
    ApplicationId,
    /// `application.name`.
    ApplicationName,
    /// `application.environment`.
    ApplicationEnvironment,
    /// `application.metadata.…`.
    ApplicationMetadata(String),
    /// `key.kid`.
    KeyKid,
    /// `key.name`.
    KeyName,
    /// `key.scopes`.
    KeyScopes,
    /// `claims.…`: of the token that calls to the backend carry; for fills of requests.
    Claim(String),
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
        if let Some(name) = member("claims.") {
            // A request is written before its token is found, and one token serves many calls.
            if OF_ONE_TOKEN.contains(&name.as_str()) {
                return Err(format!("{{{text}}} is another in each token: a request can't have it"));
            }
            return Ok(Self::Claim(name));
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
            _ => Err(format!("{{{text}}} is none of the values that a template may use")),
        }
    }

    pub(super) fn reads_key(&self) -> bool {
        matches!(self, Self::KeyKid | Self::KeyName | Self::KeyScopes)
    }

    /// As it stands in a template.
    pub(crate) fn text(&self) -> String {
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
            Self::Claim(name) => format!("claims.{name}"),
        }
    }
}

/// What a text with `{values}` in it comes to.
#[derive(Clone)]
pub(crate) enum Template {
    Constant(Value),
    Whole(Path),
    Text(Vec<TextPiece>),
}

#[derive(Clone)]
pub(crate) enum TextPiece {
    Literal(String),
    Value(Path),
}

impl Source for Values<'_> {
    fn value(&self, path: &Path) -> Option<Value> {
        let Values { caller, identity, plan } = self;
        let (partner, application, key) = (caller.partner, caller.application, identity.key);
        Some(match path {
            Path::PartnerId => partner.id.to_string().into(),
            Path::PartnerName => partner.name.clone().into(),
            Path::PartnerMetadata(name) => partner.metadata.get(name)?.clone(),
            Path::ApplicationId => application.id.to_string().into(),
            Path::ApplicationName => application.name.clone().into(),
            Path::ApplicationEnvironment => application.environment.as_str().into(),
            Path::ApplicationMetadata(name) => application.metadata.get(name)?.clone(),
            Path::KeyKid => key.kid.as_str()?.into(),
            Path::KeyName => (*key.name).into(),
            Path::KeyScopes => key.scopes().or(plan.as_ref()?.scopes.as_deref())?.into(),
            // What a claim is made of knows no claims.
            Path::Claim(_) => return None,
        })
    }
}

impl Source for RequestValues<'_> {
    fn value(&self, path: &Path) -> Option<Value> {
        match path {
            Path::Claim(name) => self.claim(name),
            _ => self.values.value(path),
        }
    }
}

impl RequestValues<'_> {
    /// As the token says it. None: calls to this backend carry no token of ours, or it does not say it.
    fn claim(&self, name: &str) -> Option<Value> {
        let policy = match self.credential {
            CredentialPolicy::None => return None,
            CredentialPolicy::Mint(policy) => policy,
            CredentialPolicy::Login(policy) => policy.subject()?,
        };
        match name {
            "iss" => match self.snapshot.issuer(policy.issuer)? {
                Known::Yes(issuer) => Some(issuer.url.as_str().into()),
                Known::Outdated => None,
            },
            "aud" => Some(policy.audience.as_str().into()),
            "sub" if !policy.claims.says(name) => self.values.value(&Path::ApplicationId),
            _ => policy.claims.value(name, &self.values),
        }
    }
}

/// A document of the same shape: `{"partner": {"id", "name", "metadata": {…}}, "application": {…}, "key": {…}}`.
impl Source for Value {
    fn value(&self, path: &Path) -> Option<Value> {
        if let Path::Claim(name) = path {
            return self.get("claims")?.get(name).cloned();
        }
        // A name of metadata may have dots of its own.
        path.text().splitn(3, '.').try_fold(self, |value, name| value.get(name)).cloned()
    }
}

/// These values of a caller, as a document that is a source of the same.
pub(crate) fn apart(paths: &[Path], source: &dyn Source) -> Value {
    let mut document = Value::Object(serde_json::Map::new());
    for path in paths {
        let Some(found) = source.value(path) else { continue };
        let place = path.text();
        // Where a document is read, a claim is one name, whatever dots it has.
        let names = if matches!(path, Path::Claim(_)) { 2 } else { 3 };
        place.splitn(names, '.').fold(&mut document, |around, name| &mut around[name]).clone_from(&found);
    }
    document
}

impl Template {
    /// Compile. The error says what is wrong.
    pub(crate) fn compile(value: &Value) -> Result<Self, String> {
        let Value::String(text) = value else {
            return Ok(Self::Constant(value.clone()));
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
            return Ok(Self::Constant(value.clone()));
        }
        if !rest.is_empty() {
            pieces.push(TextPiece::Literal(rest.to_owned()));
        }
        match pieces.pop() {
            Some(TextPiece::Value(path)) if pieces.is_empty() => Ok(Self::Whole(path)),
            last => {
                pieces.extend(last);
                Ok(Self::Text(pieces))
            }
        }
    }

    /// What it reads.
    pub(crate) fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Whole(path) => vec![path],
            Self::Text(pieces) => {
                let paths = pieces.iter().filter_map(|piece| match piece {
                    TextPiece::Value(path) => Some(path),
                    TextPiece::Literal(_) => None,
                });
                paths.collect()
            }
        }
    }

    pub(super) fn reads_key(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Whole(path) => path.reads_key(),
            Self::Text(pieces) => {
                pieces.iter().any(|piece| matches!(piece, TextPiece::Value(path) if path.reads_key()))
            }
        }
    }

    /// Whether it reads the claims of a token, of which it can't be one itself.
    pub(crate) fn reads_claims(&self) -> bool {
        match self {
            Self::Constant(_) => false,
            Self::Whole(path) => matches!(path, Path::Claim(_)),
            Self::Text(pieces) => pieces.iter().any(|piece| matches!(piece, TextPiece::Value(Path::Claim(_)))),
        }
    }

    /// The error is the path that has no value.
    pub(crate) fn fill(&self, source: &dyn Source) -> Result<Value, &Path> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Whole(path) => source.value(path).ok_or(path),
            Self::Text(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        TextPiece::Literal(literal) => text.push_str(literal),
                        TextPiece::Value(path) => match source.value(path).ok_or(path)? {
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
