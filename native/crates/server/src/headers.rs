//! Which headers pass, both ways. A list of what may, never of what may not.

use http::header::{self, HeaderMap, HeaderName};
use std::cell::RefCell;

/// From partner to backend. Authorization, Host, forwarding and tracing headers are set by us.
const TO_BACKEND: [HeaderName; 13] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::IF_UNMODIFIED_SINCE,
    header::RANGE,
    header::USER_AGENT,
    HeaderName::from_static("idempotency-key"),
];

/// From backend to partner. Nothing that describes the inside; no address of the backend (Location, Link).
const TO_PARTNER: [HeaderName; 14] = [
    header::ACCEPT_RANGES,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_LENGTH,
    header::CONTENT_RANGE,
    header::CONTENT_TYPE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::RETRY_AFTER,
    header::VARY,
    header::ALLOW,
];

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
    pick(received, &TO_BACKEND, extra, into)
}

/// The answer headers that reach the partner.
pub(crate) fn to_partner(received: &HeaderMap, extra: &[String], into: HeaderMap) -> HeaderMap {
    pick(received, &TO_PARTNER, extra, into)
}

fn pick(received: &HeaderMap, list: &[HeaderName], extra: &[String], mut into: HeaderMap) -> HeaderMap {
    for (name, value) in received {
        let listed = list.contains(name)
            || extra.iter().any(|wanted| wanted == name.as_str() && !NEVER.contains(&wanted.as_str()));
        if listed {
            into.append(name.clone(), value.clone());
        }
    }
    into
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

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
