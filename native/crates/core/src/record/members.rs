//! The names under which a record's members leave this program (docs/wire.md, section 5).

use std::fmt::Write;

use super::{Phases, Record, Text};
use crate::fault::Fault;
use crate::ids::{Id, Kid};

/// Where a record stands.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its number within the epoch.
    pub sequence: u64,
    /// Whose life.
    pub epoch: Id,
    /// Whose folder.
    pub node: Id,
}

/// A member's value.
#[derive(Clone, Copy, Debug)]
pub enum Value<'record> {
    /// None.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(&'record str),
    /// Bytes.
    Bytes(&'record [u8]),
    /// The phase clocks: a document of their own, see [`super::Phase::all`].
    Phases(&'record Phases),
}

impl Record {
    /// Hand each member to `visit`, always the same ones in the same order; what is absent is `Null`.
    pub fn members(&self, place: &Place, visit: &mut impl FnMut(&'static str, Value<'_>)) {
        self.identity(place, visit);
        self.caller(visit);
        self.outcome(visit);
        self.amounts(visit);
    }

    fn identity(&self, place: &Place, visit: &mut impl FnMut(&'static str, Value<'_>)) {
        id(visit, "request_id", self.request_id);
        hexadecimal(visit, "trace_id", &self.trace_id.0);
        hexadecimal(visit, "span_id", &self.span_id);
        text(visit, "client_request_id", &self.client_request_id);
        visit("sequence", number(place.sequence));
        id(visit, "epoch", place.epoch);
        id(visit, "node", place.node);
        word(visit, "kind", self.kind.word());
        visit("started_at_us", Value::Integer(self.started_at.0));
        visit("finished_at_us", Value::Integer(self.finished_at.0));
        visit("phases", Value::Phases(&self.phases));
    }

    fn caller(&self, visit: &mut impl FnMut(&'static str, Value<'_>)) {
        id(visit, "partner", self.partner);
        id(visit, "application", self.application);
        kid(visit, "kid", self.kid);
        kid(visit, "claimed_kid", self.claimed_kid);
        word(visit, "secret_slot", self.secret_slot.word());
        id(visit, "route", self.route);
        id(visit, "plan", self.plan);
        visit("revision", number(self.revision));
        visit("contract_version", unless_zero(self.contract_version.into()));
        visit("price_version", unless_zero(self.price_version.into()));
        word(visit, "environment", self.environment.word());
        word(visit, "method", self.method.word());
        let address = self.client.map(|client| client.ip().to_string());
        visit("client_address", address.as_deref().map_or(Value::Null, Value::Text));
        visit("client_port", self.client.map_or(Value::Null, |client| number(client.port().into())));
        text(visit, "user_agent", &self.user_agent);
        id(visit, "personal_key", self.personal_key);
        let sealed = self.personal.as_bytes();
        visit("personal", if sealed.is_empty() { Value::Null } else { Value::Bytes(sealed) });
        hexadecimal(visit, "secret_tag", self.secret_tag.as_bytes());
    }

    fn outcome(&self, visit: &mut impl FnMut(&'static str, Value<'_>)) {
        visit("status_sent", unless_zero(self.status_sent.into()));
        visit("backend_status", unless_zero(self.backend_status.into()));
        word(visit, "fault", self.fault.map(Fault::code));
        word(visit, "delivery", self.delivery.word());
        visit("retryable", Value::Bool(self.retryable));
        visit("billable", Value::Bool(self.billable));
        word(visit, "billable_reason", self.billable_reason.word());
        visit("fields_selected", Value::Bool(self.fields_selected));
        text(visit, "violation", &self.violation);
    }

    fn amounts(&self, visit: &mut impl FnMut(&'static str, Value<'_>)) {
        visit("units", number(self.units));
        visit("bytes_in", number(self.bytes_in));
        visit("bytes_out", number(self.bytes_out));
        visit("backend_bytes_out", number(self.backend_bytes_out));
        visit("backend_bytes_in", number(self.backend_bytes_in));
        visit("attempts", number(self.attempts.into()));
        let target = self.backend_target.map(|target| target.to_string());
        visit("backend_target", target.as_deref().map_or(Value::Null, Value::Text));
        visit("count", number(self.count.into()));
    }
}

fn number(value: u64) -> Value<'static> {
    Value::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

fn unless_zero(value: u64) -> Value<'static> {
    if value == 0 { Value::Null } else { number(value) }
}

fn word(visit: &mut impl FnMut(&'static str, Value<'_>), name: &'static str, word: Option<&str>) {
    visit(name, word.map_or(Value::Null, Value::Text));
}

fn text<const N: usize>(visit: &mut impl FnMut(&'static str, Value<'_>), name: &'static str, text: &Text<N>) {
    visit(name, if text.is_empty() { Value::Null } else { Value::Text(text.as_str()) });
}

fn id(visit: &mut impl FnMut(&'static str, Value<'_>), name: &'static str, id: Id) {
    let text = id.text();
    let value = std::str::from_utf8(&text).map_or(Value::Null, Value::Text);
    visit(name, if id.is_none() { Value::Null } else { value });
}

fn kid(visit: &mut impl FnMut(&'static str, Value<'_>), name: &'static str, kid: Kid) {
    visit(name, kid.as_str().map_or(Value::Null, Value::Text));
}

/// W3C trace context writes its ids without hyphens; all zeros are none there too.
fn hexadecimal(visit: &mut impl FnMut(&'static str, Value<'_>), name: &'static str, bytes: &[u8]) {
    if bytes.iter().all(|&byte| byte == 0) {
        return visit(name, Value::Null);
    }
    let text = bytes.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // into a String: can't fail
        text
    });
    visit(name, Value::Text(&text));
}
