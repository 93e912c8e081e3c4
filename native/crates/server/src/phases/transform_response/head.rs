//! Headers of an answer under a contract: what says nothing of the backend, and what the contract names.

use super::passing::{is_passing, pass};
use crate::coding::{Coding, Decoder};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use portazgo_core::contract::{Answer, HeaderRule, View};
use portazgo_core::fault::Fault;
use portazgo_core::transform::answer::AnswerProgram;

/// The answer depends on who asks: another caller may be served by another version.
pub(super) const VARY: HeaderValue = HeaderValue::from_static("authorization, x-api-key");
const VARY_WITH_LANGUAGE: HeaderValue = HeaderValue::from_static("authorization, x-api-key, accept-language");
/// The same, where answers may be compressed.
const VARY_CODED: HeaderValue = HeaderValue::from_static("authorization, x-api-key, accept-encoding");
const VARY_CODED_WITH_LANGUAGE: HeaderValue =
    HeaderValue::from_static("authorization, x-api-key, accept-encoding, accept-language");
const NEVER_THE_SAME: HeaderValue = HeaderValue::from_static("*");

/// The head of a backend's answer, with what one look at its headers finds: most have few that matter here.
pub(super) struct Received<'h> {
    pub(super) status: StatusCode,
    pub(super) headers: &'h HeaderMap,
    /// Of what type the body is; None: it is not said, or more than once.
    pub(super) content_type: Option<&'h HeaderValue>,
    is_coded: bool,
    passes: bool,
    varies: bool,
}

impl<'h> Received<'h> {
    pub(super) fn of(head: &'h Parts) -> Self {
        let (mut types, mut content_type) = (0, None);
        let (mut is_coded, mut passes, mut varies) = (false, false, false);
        for (name, value) in &head.headers {
            if *name == header::CONTENT_TYPE {
                types += 1;
                content_type = Some(value);
            }
            is_coded |= *name == header::CONTENT_ENCODING;
            varies |= *name == header::VARY;
            passes |= is_passing(name);
        }
        let content_type = content_type.filter(|_| types == 1);
        Self { status: head.status, headers: &head.headers, content_type, is_coded, passes, varies }
    }

    /// For a body that is coded.
    pub(super) fn decoder(&self) -> Result<Option<Decoder>, Fault> {
        if self.is_coded { Decoder::new(Coding::of(self.headers)?) } else { Ok(None) }
    }
}

/// Add the headers of an answer to an empty map; its type and length are its body's affair.
pub(super) fn headers(
    received: &Received<'_>,
    agreed: Option<&Answer>,
    view: &View,
    base: &str,
    may_compress: bool,
    mut headers: HeaderMap,
) -> HeaderMap {
    if received.passes {
        pass(received.headers, &mut headers);
    }
    let usual = if may_compress { VARY_CODED } else { VARY };
    headers.insert(header::VARY, if received.varies { vary(received.headers, may_compress) } else { usual });
    for rule in agreed.map_or(&[][..], |agreed| &agreed.headers) {
        // The contract's word counts for what passes without it, too.
        if is_passing(&rule.outward) {
            headers.remove(&rule.outward);
        }
        for value in received.headers.get_all(&rule.inward) {
            if !rule.url {
                headers.append(rule.outward.clone(), value.clone());
            } else if let Some(value) = url(rule, value, view, base) {
                headers.append(rule.outward.clone(), value);
            }
        }
    }
    for (name, value) in &view.edition.notices {
        headers.append(name.clone(), value.clone());
    }
    headers
}

fn vary(received: &HeaderMap, may_compress: bool) -> HeaderValue {
    let mut on_language = false;
    for line in received.get_all(header::VARY) {
        for name in line.to_str().unwrap_or("*").split(',').map(str::trim) {
            if name == "*" {
                return NEVER_THE_SAME;
            }
            on_language |= name.eq_ignore_ascii_case("accept-language");
        }
    }
    match (may_compress, on_language) {
        (false, false) => VARY,
        (false, true) => VARY_WITH_LANGUAGE,
        (true, false) => VARY_CODED,
        (true, true) => VARY_CODED_WITH_LANGUAGE,
    }
}

/// A URL of the backend's as the partner calls it. None: it is none of the partner's.
fn url(rule: &HeaderRule, value: &HeaderValue, view: &View, base: &str) -> Option<HeaderValue> {
    let is_list = rule.inward == header::LINK || rule.outward == header::LINK;
    HeaderValue::try_from(rewritten_header(&view.program, is_list, value.to_str().ok()?, base)?).ok()
}

/// A header's address, or its list of links (RFC 8288), as the partner calls them; `base` is where the call came to. None:
/// nothing in it leads to a route of the partner's.
pub fn rewritten_header(program: &AnswerProgram, is_list: bool, text: &str, base: &str) -> Option<String> {
    let rewrite = |url: &str| program.rewrite_url(0, url, base);
    if is_list { links(text, rewrite) } else { rewrite(text.trim()) }
}

/// The links of RFC 8288 that lead to routes of the partner's, each with its relation and nothing else.
fn links(text: &str, rewrite: impl Fn(&str) -> Option<String>) -> Option<String> {
    let mut written = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let Some(end) = rest[start..].find('>') else { break };
        let target = &rest[start + 1..start + end];
        let (parameters, left) = parameters(&rest[start + end + 1..]);
        rest = left;
        let Some(target) = rewrite(target) else { continue };
        let relation = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let value = value.trim().trim_matches('"');
            // Without dots: hosts have them, registered relations don't.
            let is_plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"- ".contains(&byte));
            (name.trim().eq_ignore_ascii_case("rel") && is_plain).then_some(value)
        });
        if let Some(relation) = relation {
            let comma = if written.is_empty() { "" } else { ", " };
            written = format!("{written}{comma}<{target}>; rel=\"{relation}\"");
        }
    }
    (!written.is_empty()).then_some(written)
}

/// What stands between a target and the comma before the next one, and what follows that comma.
fn parameters(text: &str) -> (&str, &str) {
    let mut quoted = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b',' if !quoted => return (&text[..index], &text[index + 1..]),
            _ => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_elsewhere_are_dropped_and_so_is_whatever_else_they_say() {
        let rewrite = |url: &str| url.strip_prefix("http://backend/api").map(|path| format!("https://gate/v1{path}"));
        let text = "<http://backend/api/x?page=2>; rel=\"next\"; title=\"a, b <http://backend/>\", \
                    <http://backend/admin>; rel=prev, <http://backend/api/x>; rel=first; anchor=\"http://backend/\"";
        assert_eq!(
            links(text, rewrite).as_deref(),
            Some("<https://gate/v1/x?page=2>; rel=\"next\", <https://gate/v1/x>; rel=\"first\"")
        );
        let relation = |text: &str| links(&format!("<http://backend/api/x>; rel={text}"), rewrite).is_some();
        assert!(
            relation("next") && relation("\"next last\"") && !relation("\"backend.inside\"") && !relation("http://b/")
        );
        for nothing in ["", "<http://elsewhere/>; rel=next", "<http://backend/api/x>", "<http://backend/api/x"] {
            assert_eq!(links(nothing, rewrite), None, "{nothing}");
        }
    }
}
