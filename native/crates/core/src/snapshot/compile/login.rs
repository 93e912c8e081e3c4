//! How tokens are fetched, and the service credentials that it takes.

use super::backend::mint;
use super::{ServiceDraft, body_of, parse_id};
use crate::credential::login::{Attach, Draft, LoginPolicy};
use crate::snapshot::update::Refused;
use crate::snapshot::wire::{LoginBody, ResourceLine, ServiceBody, SubjectBody};
use crate::snapshot::{Environment, Timeouts};
use serde_json::Value;

pub(super) fn policy(body: &LoginBody, environment: Environment, timeouts: Timeouts) -> Result<LoginPolicy, String> {
    let subject = body.subject.as_ref().map(|subject| {
        let SubjectBody { issuer, audience, algorithm, life_seconds, claims } = subject;
        mint(issuer, audience, algorithm, *life_seconds, claims)
    });
    LoginPolicy::compile(Draft {
        environment,
        per: body.per,
        service: body.service,
        reads: body.reads.clone(),
        attach: Attach::compile(&body.attach.header, &body.attach.value)?,
        subject: subject.transpose()?,
        login: Value::Object(body.login.clone()).to_string(),
        connect_ms: timeouts.connect_ms,
        first_byte_ms: timeouts.first_byte_ms,
    })
}

/// A service credential's place, and its wrapped secret. What it names may be gone: then nobody looks for it.
pub(super) fn service(line: &ResourceLine<'_>) -> Result<(ServiceDraft, String), Refused> {
    let body: ServiceBody = body_of(line)?;
    let partner = body.partner.as_deref().map(|partner| parse_id(partner, line, "partner")).transpose()?;
    let place = (parse_id(&body.backend, line, "backend")?, body.environment, partner);
    Ok((ServiceDraft { place }, body.wrapped))
}
