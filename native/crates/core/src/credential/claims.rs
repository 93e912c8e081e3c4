//! Claim templates: the claims of a backend's tokens (docs/wire.md, section 2).

use super::template::{Source, Template};
use serde_json::{Map, Value};

/// Claims that only we set. `sub` may be chosen by the template.
const OURS: [&str; 6] = ["iss", "aud", "iat", "nbf", "exp", "jti"];

/// The claims of a backend's tokens: constants, and values of partner, application and key.
#[derive(Clone)]
pub struct ClaimsTemplate {
    claims: Vec<(String, Template)>,
    /// Whether anything of the key is read; then each key has tokens of its own.
    pub reads_key: bool,
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
            let compiled = Template::compile(value).map_err(|why| format!("the claim {name}: {why}"))?;
            if compiled.reads_claims() {
                return Err(format!("the claim {name}: a claim can't be made of claims"));
            }
            reads_key |= compiled.reads_key();
            claims.push((name.clone(), compiled));
        }
        Ok(Self { claims, reads_key })
    }

    /// Whether this claim is one of them.
    pub(super) fn says(&self, name: &str) -> bool {
        self.claims.iter().any(|(known, _)| known == name)
    }

    /// The value of one claim; None: it is none of them, or has no value.
    pub(super) fn value(&self, name: &str, source: &dyn Source) -> Option<Value> {
        let (_, claim) = self.claims.iter().find(|(known, _)| known == name)?;
        claim.fill(source).ok()
    }

    /// Put the claims in. The error names the claim and the value that is missing.
    pub(super) fn fill(&self, source: &dyn Source, into: &mut Map<String, Value>) -> Result<(), String> {
        for (name, claim) in &self.claims {
            let value = claim
                .fill(source)
                .map_err(|path| format!("the claim {name} reads {{{}}}, which has no value here", path.text()))?;
            into.insert(name.clone(), value);
        }
        Ok(())
    }
}
