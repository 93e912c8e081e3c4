//! Headers that pass without being named by a contract: when an answer is good, when to come back, in which language it is.
//!
//! They could hold any text, above all where the backend is. So each says what it is there for, or is left out.

use http::{HeaderMap, HeaderName, HeaderValue, header};

static PASSING: [HeaderName; 4] =
    [header::CACHE_CONTROL, header::CONTENT_LANGUAGE, header::EXPIRES, header::RETRY_AFTER];
/// Of `Cache-Control` (RFC 9111, section 5.2.2; RFC 5861; RFC 8246).
const DIRECTIVES: [&str; 13] = [
    "immutable",
    "max-age",
    "must-revalidate",
    "must-understand",
    "no-cache",
    "no-store",
    "no-transform",
    "private",
    "proxy-revalidate",
    "public",
    "s-maxage",
    "stale-if-error",
    "stale-while-revalidate",
];
/// What can't be read keeps an answer out of caches.
const NOT_STORED: HeaderValue = HeaderValue::from_static("no-store");
const LONG_AGO: HeaderValue = HeaderValue::from_static("0");

/// Whether it is one of them.
pub(super) fn is_passing(name: &HeaderName) -> bool {
    PASSING.contains(name)
}

/// Add them to the headers of an answer.
pub(super) fn pass(from: &HeaderMap, into: &mut HeaderMap) {
    for name in &PASSING {
        for value in from.get_all(name) {
            if let Some(value) = plain(name, value) {
                into.append(name.clone(), value);
            }
        }
    }
}

/// What a header's value may say. None: nothing.
fn plain(name: &HeaderName, value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok();
    if *name == header::CACHE_CONTROL {
        return text.map_or(Some(NOT_STORED), |text| directives(text, value));
    }
    let is_said = text.is_some_and(if *name == header::CONTENT_LANGUAGE { are_languages } else { is_time });
    if is_said { Some(value.clone()) } else { (*name == header::EXPIRES).then_some(LONG_AGO) }
}

/// The directives that caches know, without names of headers behind them: so they are stricter.
fn directives(text: &str, value: &HeaderValue) -> Option<HeaderValue> {
    if text.split(',').all(is_directive) {
        return Some(value.clone());
    }
    let told = text.split(',').filter_map(|directive| {
        let (name, argument) = halves(directive);
        let name = DIRECTIVES.iter().find(|known| known.eq_ignore_ascii_case(name))?;
        let argument = argument.map(|argument| argument.trim_matches('"')).filter(|argument| is_count(argument));
        Some(argument.map_or_else(|| (*name).to_owned(), |argument| format!("{name}={argument}")))
    });
    HeaderValue::try_from(told.collect::<Vec<_>>().join(", ")).ok().filter(|value| !value.is_empty())
}

fn is_directive(text: &str) -> bool {
    let (name, argument) = halves(text);
    argument.is_none_or(is_count) && DIRECTIVES.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn halves(directive: &str) -> (&str, Option<&str>) {
    let directive = directive.trim();
    directive.split_once('=').map_or((directive, None), |(name, argument)| (name, Some(argument)))
}

fn is_count(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A list of language tags: two or three letters, and parts of up to eight letters and digits (RFC 5646, section 2.1).
fn are_languages(text: &str) -> bool {
    text.split(',').all(|tag| {
        let mut parts = tag.trim().split('-');
        let language = parts.next().unwrap_or_default();
        let is_part =
            |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (2..=3).contains(&language.len())
            && language.bytes().all(|byte| byte.is_ascii_alphabetic())
            && parts.all(is_part)
    })
}

/// A date, or seconds.
fn is_time(text: &str) -> bool {
    text.parse::<i32>().is_ok() || httpdate::parse_http_date(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &HeaderName, text: &str) -> Option<String> {
        plain(name, &HeaderValue::try_from(text).unwrap()).map(|value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn of_directives_those_pass_that_caches_know() {
        for (text, told) in [
            ("max-age=60, private", Some("max-age=60, private")),
            ("No-Cache,max-age=0", Some("No-Cache,max-age=0")),
            ("max-age=5, upstream=\"http://10.0.0.5/\"", Some("max-age=5")),
            ("max-age=5, upstream=orders", Some("max-age=5")),
            ("Private=\"X-Inside, X-Other\", no-cache=\"Set-Cookie\"", Some("private, no-cache")),
            ("max-age=\"60\", no-store", Some("max-age=60, no-store")),
            ("max-age=orders, no-store", Some("max-age, no-store")),
            ("host=10.0.0.5", None),
            ("orders", None),
        ] {
            assert_eq!(said(&header::CACHE_CONTROL, text).as_deref(), told, "{text}");
        }
        let unread = plain(&header::CACHE_CONTROL, &HeaderValue::from_bytes(b"max-age=5, \xff").unwrap());
        assert_eq!(unread, Some(NOT_STORED));
    }

    #[test]
    fn the_others_say_when_or_in_which_language_and_nothing_else() {
        for same in ["Sun, 06 Nov 1994 08:49:37 GMT", "0", "120", "-1"] {
            assert_eq!(said(&header::EXPIRES, same).as_deref(), Some(same));
            assert_eq!(said(&header::RETRY_AFTER, same).as_deref(), Some(same));
        }
        for same in ["es-MX, en", "zh-Hant-TW", "de-1996"] {
            assert_eq!(said(&header::CONTENT_LANGUAGE, same).as_deref(), Some(same));
        }
        for address in ["http://backend:8000/", "10.0.0.5", "backend:8000", "[::1]", "backend", "orders-7", ""] {
            for name in [&header::RETRY_AFTER, &header::CONTENT_LANGUAGE] {
                assert_eq!(said(name, address), None, "{name} {address}");
            }
            assert_eq!(said(&header::EXPIRES, address).as_deref(), Some("0"));
        }
    }
}
