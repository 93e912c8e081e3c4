//! Which headers pass, both ways. A list of what may, never of what may not.

use http::header::{self, HeaderMap, HeaderName};

/// From partner to backend. Authorization, Host, forwarding and tracing headers are set by us.
const TO_BACKEND: [HeaderName; 14] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::CACHE_CONTROL,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::IF_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    // Without it a client that asks for the rest of what has changed would get a mixture.
    header::IF_RANGE,
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

/// The request headers that reach the backend.
pub(crate) fn to_backend(received: &HeaderMap, extra: &[String]) -> HeaderMap {
    pick(received, &TO_BACKEND, extra)
}

/// The answer headers that reach the partner.
pub(crate) fn to_partner(received: &HeaderMap, extra: &[String]) -> HeaderMap {
    pick(received, &TO_PARTNER, extra)
}

fn pick(received: &HeaderMap, list: &[HeaderName], extra: &[String]) -> HeaderMap {
    let mut picked = HeaderMap::with_capacity(16);
    for (name, value) in received {
        let listed = list.contains(name)
            || extra.iter().any(|wanted| wanted == name.as_str() && !NEVER.contains(&wanted.as_str()));
        if listed {
            picked.append(name.clone(), value.clone());
        }
    }
    picked
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
        let mut names: Vec<String> = to_backend(&received, &extra).keys().map(ToString::to_string).collect();
        names.sort();
        assert_eq!(names, ["accept", "x-partner-note"]);
    }
}
