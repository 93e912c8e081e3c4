//! Addresses of the backend's turned to the partner's: `next` and `previous` of lists, Location, Link.

use super::wire::{Otherwise, UrlsBody};
use crate::framing::is_plain_target;
use crate::route::{Match, PathBuilder, RouteIndex, Router, Template};
use crate::transform::percent::{decoded, encoded};

/// Which addresses are known, and what they are to partners.
#[derive(Debug)]
pub(super) struct Urls {
    /// `scheme://authority`, as `origin` writes it.
    origins: Vec<String>,
    router: Router,
    builders: Vec<PathBuilder>,
    /// The backend's name, decoded; the partner's, encoded.
    query: Vec<(Vec<u8>, String)>,
    pub(super) otherwise: Otherwise,
}

impl Urls {
    /// The error says what is wrong with which part.
    pub(super) fn compile(body: &UrlsBody) -> Result<Self, String> {
        let mut origins = Vec::new();
        // An empty one stands for addresses without a host, which are known anyway.
        for prefix in body.prefixes.iter().filter(|prefix| !prefix.is_empty()) {
            match split_origin(prefix) {
                Some((Some(scheme), authority, "" | "/")) if !authority.is_empty() => {
                    origins.push(origin(scheme, authority));
                }
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
        let query = body.query.iter().map(|(from, to)| (from.clone().into_bytes(), encoded(to))).collect();
        Ok(Self { origins, router, builders, query, otherwise: body.otherwise })
    }

    /// The partner's address, absolute. None: it is no address of a route of theirs.
    pub(super) fn rewrite(&self, address: &str, base: &str) -> Option<String> {
        let (scheme, authority, rest) = split_origin(address)?;
        let known = match scheme {
            Some(scheme) => self.origins.contains(&origin(scheme, authority)),
            None if authority.is_empty() => true,
            None => ["http", "https"].iter().any(|scheme| self.origins.contains(&origin(scheme, authority))),
        };
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
        let Match::Route(RouteIndex(index), values) = self.router.find("", METHOD, path) else { return None };
        let mut written = base.to_owned();
        self.builders[index as usize].write(&values, &mut written);
        let mut mark = '?';
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value)));
            let name = decoded(name, true);
            let Some((_, partner_name)) = self.query.iter().find(|(known, _)| **known == *name) else { continue };
            written.push(mark);
            written.push_str(partner_name);
            if let Some(value) = value {
                written.push('=');
                written.push_str(value);
            }
            mark = '&';
        }
        Some(written)
    }
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

/// As origins are compared: lower case, without the scheme's own port (RFC 3986, section 6.2.3).
fn origin(scheme: &str, authority: &str) -> String {
    let scheme = scheme.to_ascii_lowercase();
    let authority = authority.to_ascii_lowercase();
    let own_port = match &*scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "\0",
    };
    format!("{scheme}://{}", authority.strip_suffix(own_port).unwrap_or(&authority))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::answer::wire::UrlRoute;

    const BASE: &str = "https://gate.example";

    fn urls() -> Urls {
        let route = |from: &str, to: &str| UrlRoute { from: from.to_owned(), to: to.to_owned() };
        Urls::compile(&UrlsBody {
            prefixes: vec!["http://Backend.example:8000".to_owned(), "https://b.example".to_owned(), String::new()],
            routes: vec![route("/api/badges/", "/v1/badges"), route("/api/badges/{id}/", "/v1/badges/{id}")],
            query: vec![("page".to_owned(), "page".to_owned()), ("page_size".to_owned(), "límit".to_owned())],
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
