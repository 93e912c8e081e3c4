//! Which headers pass, both ways. A list of what may, never of what may not.

use http::{HeaderMap, HeaderName, HeaderValue};
use std::cell::RefCell;

/// From partner to backend. Authorization, Host, forwarding and tracing headers are set by us.
fn passes_to_backend(name: &str) -> bool {
    // A `match` over literals: lengths first, then one comparison. A list would be searched for every header of every call.
    matches!(
        name,
        "accept"
            | "accept-language"
            | "cache-control"
            | "content-encoding"
            | "content-language"
            | "content-type"
            | "if-match"
            | "if-modified-since"
            | "if-none-match"
            // Without it a client that asks for the rest of what has changed would get a mixture.
            | "if-range"
            | "if-unmodified-since"
            | "range"
            | "user-agent"
            | "idempotency-key"
    )
}

/// From backend to partner. Nothing that describes the inside; no address of the backend (Location, Link).
fn passes_to_partner(name: &str) -> bool {
    matches!(
        name,
        "accept-ranges"
            | "cache-control"
            | "content-disposition"
            | "content-encoding"
            | "content-language"
            | "content-length"
            | "content-range"
            | "content-type"
            | "etag"
            | "expires"
            | "last-modified"
            | "retry-after"
            | "vary"
            | "allow"
    )
}

/// Never by any list: hop-by-hop (RFC 9110, section 7.6.1), and what we set ourselves.
const NEVER: [&str; 16] = [
    "authorization",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-api-key",
    "x-forwarded-for",
    "x-request-id",
];

/// Let a header pass as it is.
pub(crate) fn pass(received: &HeaderMap, name: &HeaderName, into: &mut HeaderMap) {
    for value in received.get_all(name) {
        into.append(name.clone(), value.clone());
    }
}

/// The value of a header that came once. None: it did not come, or came again.
pub(crate) fn only(received: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut lines = received.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// Empty header maps that were in use before, so that a call allocates none: what hyper gives for a request comes back to it
/// with an answer.
#[derive(Default)]
pub(crate) struct SpareMaps(RefCell<Vec<HeaderMap>>);

/// Maps that are kept. More are not in use at once on one thread but for moments.
const MOST_SPARE: usize = 256;

impl SpareMaps {
    pub(crate) fn take(&self) -> HeaderMap {
        self.0.borrow_mut().pop().unwrap_or_else(|| HeaderMap::with_capacity(16))
    }

    pub(crate) fn give(&self, mut map: HeaderMap) {
        let mut spare = self.0.borrow_mut();
        if spare.len() < MOST_SPARE {
            map.clear();
            spare.push(map);
        }
    }
}

/// The request headers that reach the backend.
pub(crate) fn to_backend(received: &HeaderMap, extra: &[String], into: HeaderMap) -> HeaderMap {
    pick(received, passes_to_backend, extra, into)
}

/// The answer headers that reach the partner.
pub(crate) fn to_partner(received: &HeaderMap, extra: &[String], into: HeaderMap) -> HeaderMap {
    pick(received, passes_to_partner, extra, into)
}

fn pick(received: &HeaderMap, passes: impl Fn(&str) -> bool, extra: &[String], mut into: HeaderMap) -> HeaderMap {
    for (name, value) in received {
        let text = name.as_str();
        if passes(text) || extra.iter().any(|wanted| wanted == text && !NEVER.contains(&text)) {
            into.append(name.clone(), value.clone());
        }
    }
    into
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue, header};

    #[test]
    fn only_what_is_listed_passes_and_some_never_do() {
        let mut received = HeaderMap::new();
        for name in
            ["accept", "cookie", "x-api-key", "authorization", "x-forwarded-for", "connection", "x-partner-note"]
        {
            received.insert(HeaderName::from_static(name), HeaderValue::from_static("v"));
        }
        let extra = vec![
            "x-partner-note".to_owned(),
            "authorization".to_owned(),
            "x-forwarded-for".to_owned(),
            "connection".to_owned(),
        ];
        let mut names: Vec<String> =
            to_backend(&received, &extra, HeaderMap::new()).keys().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names, ["accept", "x-partner-note"]);
    }

    #[test]
    fn a_map_that_is_used_again_holds_nothing_of_its_last_call() {
        let maps = SpareMaps::default();
        let mut used = maps.take();
        used.insert(header::AUTHORIZATION, HeaderValue::from_static("of somebody else"));
        used.append(header::VARY, HeaderValue::from_static("a"));
        used.append(header::VARY, HeaderValue::from_static("b"));
        maps.give(used);
        assert_eq!(maps.take(), HeaderMap::new());
    }
}
