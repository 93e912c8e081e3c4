//! Addresses of the backend's turned to the partner's: `next` and `previous` of lists, Location, Link.

use super::wire::{Otherwise, QueryBody, UrlsBody};
use crate::framing::is_plain_target;
use crate::route::{Match, PathBuilder, RouteIndex, Router, Template};
use crate::transform::percent::{decoded, encoded};
use hashbrown::HashMap;

/// Which addresses are known, and what they are to partners.
#[derive(Debug)]
pub(super) struct Urls {
    /// Hosts with their ports, as `authority` writes them.
    authorities: Vec<String>,
    router: Router,
    builders: Vec<PathBuilder>,
    query: Vec<Parameter>,
    pub(super) otherwise: Otherwise,
}

/// A parameter of the query that partners know.
#[derive(Debug)]
struct Parameter {
    /// The backend's name, decoded.
    name: Vec<u8>,
    /// The partner's, encoded.
    written: String,
    /// The backend's values, decoded, and the partner's, encoded; None: they are the same.
    values: Option<HashMap<Vec<u8>, String>>,
    /// Whether a value that is not among those is the same for both.
    copies: bool,
}

impl Parameter {
    fn of(body: &QueryBody) -> Self {
        let (QueryBody::Same(name, partner) | QueryBody::Other(name, partner, _)) = body;
        let (name, written) = (name.clone().into_bytes(), encoded(partner));
        let QueryBody::Other(.., told) = body else { return Self { name, written, values: None, copies: true } };
        let value = |(backend, partner): &(String, String)| (backend.clone().into_bytes(), encoded(partner));
        Self { name, written, values: Some(told.map.iter().map(value).collect()), copies: told.copy }
    }

    /// What the partner calls a value. None: nothing.
    fn value<'v>(&'v self, value: &'v str) -> Option<&'v str> {
        let Some(values) = &self.values else { return Some(value) };
        let known = values.get(&*decoded(value, true)).map(String::as_str);
        known.or_else(|| self.copies.then_some(value))
    }
}

impl Urls {
    /// The error says what is wrong with which part.
    pub(super) fn compile(body: &UrlsBody) -> Result<Self, String> {
        let mut authorities = Vec::new();
        // An empty one stands for addresses without a host, which are known anyway.
        for prefix in body.prefixes.iter().filter(|prefix| !prefix.is_empty()) {
            match split_origin(prefix) {
                Some((Some(scheme), host, "" | "/")) if is_of_web(scheme) => authorities.push(authority(host)),
                _ => return Err(format!("the prefix {prefix:?} is no scheme, host and port")),
            }
        }
        let mut router = Router::default();
        let mut builders = Vec::with_capacity(body.routes.len());
        for route in &body.routes {
            let (from, to) = (Template::parse(&route.from)?, Template::parse(&route.to)?);
            let index = RouteIndex(builders.len() as u32);
            if router.insert(None, METHOD, &from, index).is_err() {
                return Err(format!("two routes are from {:?}", route.from));
            }
            builders.push(PathBuilder::new(&from, &to)?);
        }
        let query = body.query.iter().map(Parameter::of).collect();
        Ok(Self { authorities, router, builders, query, otherwise: body.otherwise })
    }

    /// The partner's address, absolute. None: it is no address of a route of theirs.
    pub(super) fn rewrite(&self, address: &str, base: &str) -> Option<String> {
        let (scheme, host, rest) = split_origin(address)?;
        // A backend behind a proxy often knows neither the scheme nor the host that it is called by: it may write either
        // scheme, or what we tell it of ourselves.
        let known = scheme.is_none_or(is_of_web) && (host.is_empty() || self.knows(&authority(host), base));
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let query: String = query
            .chars()
            .map(|letter| if letter.is_ascii() { letter.into() } else { encoded(letter.encode_utf8(&mut [0; 4])) })
            .collect();
        // What a partner is given must be what the gateway takes.
        if !known || !is_plain_target(path.as_bytes(), query.as_bytes()) {
            return None;
        }
        let twin = twin(path);
        let found = match self.router.find("", METHOD, path) {
            Match::Route(index, values) => Some((index, values)),
            _ => match self.router.find("", METHOD, &twin) {
                Match::Route(index, values) => Some((index, values)),
                _ => None,
            },
        };
        let (RouteIndex(index), values) = found?;
        if self.tells_of_backend(path) {
            return None;
        }
        let mut written = base.to_owned();
        self.builders[index as usize].write(&values, &mut written);
        let mut mark = '?';
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            let name = decoded(name, true);
            let Some(parameter) = self.query.iter().find(|known| *known.name == *name) else { continue };
            // Where to go next, or back: an address in an address leads to no route, and leaves no more than others do.
            if value.is_some_and(|value| self.tells_of_backend(value)) {
                continue;
            }
            written.push(mark);
            written.push_str(&parameter.written);
            if let Some(value) = value {
                written.push('=');
                // Without its filter the address would lead to other things.
                written.push_str(parameter.value(value)?);
            }
            mark = '&';
        }
        Some(written)
    }

    fn knows(&self, authority: &str, base: &str) -> bool {
        let ours = || base.split_once("://").is_some_and(|(_, ours)| self::authority(ours) == authority);
        self.authorities.iter().any(|known| known == authority) || ours()
    }

    /// Whether a text says where the backend is, however often it is percent-encoded.
    fn tells_of_backend(&self, text: &str) -> bool {
        let mut text = text.to_ascii_lowercase();
        for _ in 0..MOST_ENCODED {
            if self.authorities.iter().any(|authority| names(&text, authority)) {
                return true;
            }
            let bytes = decoded(&text, true);
            let plain = String::from_utf8_lossy(&bytes).to_ascii_lowercase();
            if plain == text {
                return false;
            }
            text = plain;
        }
        // Nobody who means well writes so.
        true
    }
}

/// How often a text may be encoded.
const MOST_ENCODED: usize = 8;

/// Whether a text names a host: anywhere, if its name is none that could be an ordinary word; else as an address would.
fn names(text: &str, authority: &str) -> bool {
    let host = if authority.starts_with('[') { authority } else { authority.split(':').next().unwrap_or(authority) };
    if host.contains(['.', '[']) {
        return text.contains(host);
    }
    text.match_indices(host).any(|(at, _)| {
        text[..at].ends_with(['/', '\\', '@']) || (host != authority && text[at..].starts_with(authority))
    })
}

/// The same path with a slash at its end, or without it: backends redirect from one to the other.
fn twin(path: &str) -> String {
    path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned)
}

fn is_of_web(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// The router wants one.
const METHOD: &str = "GET";

/// Scheme, authority and what comes after; an authority that is absent is empty. None where the text is neither an
/// absolute address nor an absolute path.
fn split_origin(address: &str) -> Option<(Option<&str>, &str, &str)> {
    let (scheme, rest) = match address.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
        _ => match address.strip_prefix("//") {
            Some(rest) => (None, rest),
            None if address.starts_with('/') => return Some((None, "", address)),
            None => return None,
        },
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    // An authority that is written but empty is none that could be known.
    (end > 0).then(|| (scheme, &rest[..end], &rest[end..]))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// As hosts are compared: lower case, without a scheme's own port (RFC 3986, section 6.2.3), whichever of the two it is.
fn authority(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    [":80", ":443"].iter().find_map(|port| text.strip_suffix(port)).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::answer::wire::UrlRoute;

    const BASE: &str = "https://gate.example";

    fn urls() -> Urls {
        let route = |from: &str, to: &str| UrlRoute { from: from.to_owned(), to: to.to_owned() };
        Urls::compile(&UrlsBody {
            prefixes: vec![
                "http://Backend.example:8000".to_owned(),
                "https://b.example".to_owned(),
                "http://inside:8001".to_owned(),
                String::new(),
            ],
            routes: vec![route("/api/badges/", "/v1/badges"), route("/api/badges/{id}/", "/v1/badges/{id}")],
            query: serde_json::from_str(
                r#"[["page", "page"], ["page_size", "límit"],
                    ["state", "status", {"map": [["1", "open"], ["a b", "of two"]], "copy": false}],
                    ["kind", "kind", {"map": [["x", "letter"]], "copy": true}]]"#,
            )
            .unwrap(),
            otherwise: Otherwise::Null,
        })
        .unwrap()
    }

    #[test]
    fn an_address_of_the_backend_becomes_the_partners() {
        let cases = [
            ("http://backend.example:8000/api/badges/7/", "/v1/badges/7"),
            ("HTTPS://B.example:443/api/badges/7/", "/v1/badges/7"),
            ("//b.example/api/badges/a%20b/", "/v1/badges/a%20b"),
            ("/api/badges/?page=2&secret=1&page_size=50#end", "/v1/badges?page=2&l%C3%ADmit=50"),
            ("/api/badges/?p%61ge=é&page", "/v1/badges?page=%C3%A9&page"),
            ("/api/badges/?tenant=9", "/v1/badges"),
            // What a backend writes that does not know how it is called.
            ("https://backend.example:8000/api/badges/7/", "/v1/badges/7"),
            ("http://b.example/api/badges/7/", "/v1/badges/7"),
            ("http://b.example:443/api/badges/7/", "/v1/badges/7"),
            ("https://gate.example/api/badges/7/", "/v1/badges/7"),
            ("http://b.example/api/badges/7", "/v1/badges/7"),
            ("/api/badges?page=2", "/v1/badges?page=2"),
            // Values that are others to partners.
            ("/api/badges/?state=1&kind=x&page=2", "/v1/badges?status=open&kind=letter&page=2"),
            ("/api/badges/?st%61te=a+b&kind=y", "/v1/badges?status=of%20two&kind=y"),
            // An address in an address.
            ("/api/badges/?page=http://b.example/api/", "/v1/badges"),
            ("/api/badges/?page=http%3A%2F%2FB.example%2Fapi&page_size=9", "/v1/badges?l%C3%ADmit=9"),
            ("/api/badges/?page=x%2525252Fb%25252eexample", "/v1/badges"),
            ("/api/badges/?page=inside:8001&page_size=//inside/x", "/v1/badges"),
            ("/api/badges/?page=user@inside&page_size=%5C%5Cinside", "/v1/badges"),
            ("/api/badges/?page=inside&page_size=inside-out:8002", "/v1/badges?page=inside&l%C3%ADmit=inside-out:8002"),
            ("/api/badges/?page=%25252525252525252525252525252525252525", "/v1/badges"),
        ];
        for (address, expected) in cases {
            assert_eq!(urls().rewrite(address, BASE), Some(format!("{BASE}{expected}")), "{address}");
        }
    }

    #[test]
    fn any_other_address_is_none() {
        let cases = [
            "",
            "api/badges/7/",
            "?page=2",
            "http://other.example/api/badges/7/",
            "http://backend.example/api/badges/7/",
            "http://backend.example:8000@evil.example/api/badges/7/",
            "//other.example/api/badges/7/",
            "http:///api/badges/7/",
            "javascript://b.example/api/badges/7/",
            "/api/users/7/",
            "/api/badges/../",
            "/api/badges/%2e%2e/",
            "/api/badges/a%2Fb/",
            "/api/badges/b.example/",
            "/api/badges/?state=3",
            "/api/badges/?page=2&state=",
            "/api/badges/backend%2eexample:8000/",
            "ftp://b.example/api/badges/7/",
            "http://b.example:8000/api/badges/7/",
            "/api/badges/7/\"><script>",
            "/api/badges/?page=\"",
            "/api/badges/?page=%zz",
        ];
        for address in cases {
            assert_eq!(urls().rewrite(address, BASE), None, "{address}");
        }
    }

    #[test]
    fn what_means_nothing_is_refused() {
        let with = |prefix: &str, from: &str, to: &str| {
            let routes = vec![UrlRoute { from: from.to_owned(), to: to.to_owned() }];
            let prefixes = vec![prefix.to_owned()];
            Urls::compile(&UrlsBody { prefixes, routes, query: vec![], otherwise: Otherwise::Omit }).map(|_| ())
        };
        assert_eq!(with("", "/a", "/b"), Ok(()));
        assert!(with("backend.example", "/a", "/b").is_err());
        assert!(with("https://backend.example/base", "/a", "/b").is_err());
        assert!(with("", "a", "/b").is_err());
        assert!(with("", "/a", "/b/{id}").is_err());
    }
}
