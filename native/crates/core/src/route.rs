//! Which route a request means: one compiled matcher per host, ids from here on.

use crate::transform::percent::decoded;
use hashbrown::{HashMap, HashSet};
use memchr::{memchr, memchr2};
use smallvec::SmallVec;

/// Position of a route in its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteIndex(pub u32);

/// The values of a path's parameters, in the order of the template.
pub type Parameters<'p> = SmallVec<[&'p str; 6]>;

/// What a path and a method lead to.
#[derive(Debug, PartialEq, Eq)]
pub enum Match<'p> {
    /// A route, and the values of its parameters.
    Route(RouteIndex, Parameters<'p>),
    /// The path exists with these methods only (for `Allow`).
    MethodNotAllowed(Vec<String>),
    /// No such path.
    Unknown,
}

/// A path template: literals and `{parameters}`, segment by segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Read a template. The error says what is wrong with which segment.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some(rest) = text.strip_prefix('/') else {
            return Err(format!("the path {text:?} does not begin with a slash"));
        };
        if let Some(byte) = text.bytes().find(|byte| !is_path_byte(*byte)) {
            return Err(format!("{:?} in {text:?} is no part of a path", char::from(byte)));
        }
        let mut segments = Vec::new();
        let mut parts = rest.split('/').peekable();
        while let Some(part) = parts.next() {
            if matches!(part, "." | "..") || (part.is_empty() && parts.peek().is_some()) {
                return Err(format!("{text:?} has an empty or a dot segment, which no request can have"));
            }
            let segment = match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some("") => return Err(format!("a parameter of {text:?} has no name")),
                Some(name) => Segment::Parameter(name.to_owned()),
                None if part.contains(['{', '}']) => {
                    return Err(format!(
                        "the segment {part:?} of {text:?} is neither a literal nor one whole parameter"
                    ));
                }
                None => Segment::Literal(part.to_owned()),
            };
            if segments.contains(&segment) && matches!(segment, Segment::Parameter(_)) {
                return Err(format!("the parameter {part} stands twice in {text:?}"));
            }
            segments.push(segment);
        }
        Ok(Self { segments })
    }

    /// The parameters' names, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }
}

/// What may stand in a path (RFC 3986, section 3.3), and the braces of parameters.
const fn is_path_byte(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&' | b'\''
        | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/' | b'{' | b'}')
}

/// A backend's path, to be filled with the values of a partner's path.
#[derive(Clone, Debug)]
pub struct PathBuilder {
    pieces: Vec<Piece>,
    keeps: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Value(usize),
}

impl PathBuilder {
    /// Compile `target` over the parameters of `source`. Fails when a parameter of `target` is none of `source`.
    pub fn new(source: &Template, target: &Template) -> Result<Self, String> {
        let names: Vec<&str> = source.parameters().collect();
        let mut pieces = Vec::new();
        let mut text = String::new();
        for segment in &target.segments {
            text.push('/');
            match segment {
                Segment::Literal(literal) => text.push_str(literal),
                Segment::Parameter(name) => {
                    let index = names.iter().position(|known| known == name).ok_or_else(|| {
                        format!("the backend's path uses {{{name}}}, which the partner's path does not have")
                    })?;
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(Piece::Value(index));
                }
            }
        }
        pieces.push(Piece::Text(text));
        Ok(Self { pieces, keeps: source == target })
    }

    /// Whether the backend's path is the partner's, character for character: then there is nothing to write.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Write the path with these values.
    pub fn write(&self, values: &Parameters<'_>, path: &mut String) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => path.push_str(text),
                Piece::Value(index) => path.push_str(values[*index]),
            }
        }
    }
}

/// The routes of one host (or of all hosts).
#[derive(Clone, Debug, Default)]
struct Tree {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<String, usize>,
    /// What they mean when their percent-encoding is undone.
    meanings: HashSet<Box<[u8]>>,
    parameter: Option<usize>,
    methods: Vec<(String, RouteIndex)>,
}

impl Tree {
    fn insert(&mut self, method: &str, template: &Template, route: RouteIndex) -> Result<(), RouteIndex> {
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let mut at = 0;
        for segment in &template.segments {
            let known = match segment {
                Segment::Literal(literal) => self.nodes[at].literals.get(literal).copied(),
                Segment::Parameter(_) => self.nodes[at].parameter,
            };
            at = known.unwrap_or_else(|| {
                let next = self.nodes.len();
                self.nodes.push(Node::default());
                match segment {
                    Segment::Literal(literal) => {
                        self.nodes[at].literals.insert(literal.clone(), next);
                        self.nodes[at].meanings.insert(decoded(literal, false).into());
                    }
                    Segment::Parameter(_) => self.nodes[at].parameter = Some(next),
                }
                next
            });
        }
        let methods = &mut self.nodes[at].methods;
        if let Some((_, other)) = methods.iter().find(|(known, _)| known == method) {
            return Err(*other);
        }
        methods.push((method.to_owned(), route));
        Ok(())
    }

    /// Find the node of a path; a literal beats a parameter, segment by segment, with a way back.
    fn find<'p>(&self, at: usize, rest: &'p str, search: &mut Search<'p>) -> Option<usize> {
        let (segment, tail) = match memchr(b'/', rest.as_bytes()) {
            Some(slash) => (&rest[..slash], Some(&rest[slash + 1..])),
            None => (rest, None),
        };
        let node = self.nodes.get(at)?;
        if let Some(&next) = node.literals.get(segment) {
            if let Some(found) = self.go_on(next, tail, search) {
                return Some(found);
            }
        } else if node.misspells(segment) {
            search.is_misspelt = true;
            return None;
        }
        let next = node.parameter?;
        if segment.is_empty() {
            return None;
        }
        search.values.push(segment);
        let found = self.go_on(next, tail, search);
        if found.is_none() {
            search.values.pop();
        }
        found
    }

    fn go_on<'p>(&self, at: usize, tail: Option<&'p str>, search: &mut Search<'p>) -> Option<usize> {
        match tail {
            Some(tail) => self.find(at, tail, search),
            None => (!self.nodes[at].methods.is_empty()).then_some(at),
        }
    }
}

impl Node {
    /// Whether a segment means a literal and is none as it is written: a backend undoes percent-encoding, and may drop what
    /// stands behind a semicolon, before it looks for its operation. A call must not be judged by the route of a parameter
    /// and answered by that of a literal.
    fn misspells(&self, segment: &str) -> bool {
        if self.literals.is_empty() || memchr2(b'%', b';', segment.as_bytes()).is_none() {
            return false;
        }
        let meaning = decoded(segment, false);
        let plain = memchr(b';', &meaning).map_or(&*meaning, |end| &meaning[..end]);
        self.meanings.contains(&*meaning) || self.meanings.contains(plain)
    }
}

/// What a search has found on its way.
#[derive(Default)]
struct Search<'p> {
    values: Parameters<'p>,
    /// A segment means a literal and is written otherwise: the path leads nowhere, whatever else matches it.
    is_misspelt: bool,
}

/// All routes of a snapshot.
#[derive(Clone, Debug, Default)]
pub struct Router {
    hosts: HashMap<String, Tree>,
    any_host: Tree,
}

impl Router {
    /// Add a route. Fails with the route that already has this host, method and shape of path.
    pub fn insert(
        &mut self,
        host: Option<&str>,
        method: &str,
        template: &Template,
        route: RouteIndex,
    ) -> Result<(), RouteIndex> {
        let tree = match host {
            Some(host) => self.hosts.entry(host.to_ascii_lowercase()).or_default(),
            None => &mut self.any_host,
        };
        tree.insert(method, template, route)
    }

    /// Find the route of a request; `host` without its port. Routes of the very host come before those of any host.
    pub fn find<'p>(&self, host: &str, method: &str, path: &'p str) -> Match<'p> {
        let Some(rest) = path.strip_prefix('/') else {
            return Match::Unknown;
        };
        let mut allowed: Vec<String> = Vec::new();
        let own = if self.hosts.is_empty() { None } else { self.hosts.get(&host.to_ascii_lowercase()) };
        for tree in own.into_iter().chain([&self.any_host]) {
            let mut search = Search::default();
            let node = tree.find(0, rest, &mut search);
            if search.is_misspelt {
                return Match::Unknown;
            }
            if let Some(node) = node {
                let methods = &tree.nodes[node].methods;
                if let Some((_, route)) = methods.iter().find(|(known, _)| known == method) {
                    return Match::Route(*route, search.values);
                }
                allowed.extend(methods.iter().map(|(method, _)| method.clone()));
            }
        }
        if allowed.is_empty() {
            return Match::Unknown;
        }
        allowed.sort_unstable();
        allowed.dedup();
        Match::MethodNotAllowed(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&str, &str)]) -> Router {
        let mut all = Router::default();
        for (index, (method, path)) in routes.iter().enumerate() {
            let template = Template::parse(path).unwrap();
            all.insert(None, method, &template, RouteIndex(index as u32)).unwrap();
        }
        all
    }

    fn found(router: &Router, method: &str, path: &str) -> Option<(u32, Vec<String>)> {
        match router.find("api.example", method, path) {
            Match::Route(index, values) => Some((index.0, values.iter().map(ToString::to_string).collect())),
            _ => None,
        }
    }

    #[test]
    fn a_literal_beats_a_parameter_and_there_is_a_way_back() {
        let router =
            router(&[("GET", "/v1/a/{id}"), ("GET", "/v1/a/new"), ("GET", "/v1/{kind}/new/x"), ("GET", "/v1/a/")]);
        assert_eq!(found(&router, "GET", "/v1/a/new"), Some((1, vec![])));
        assert_eq!(found(&router, "GET", "/v1/a/7"), Some((0, vec!["7".into()])));
        assert_eq!(found(&router, "GET", "/v1/a/new/x"), Some((2, vec!["a".into()])));
        assert_eq!(found(&router, "GET", "/v1/a/"), Some((3, vec![])));
        assert_eq!(found(&router, "GET", "/v1/a"), None);
        assert_eq!(found(&router, "GET", "/v1//new/x"), None);
    }

    #[test]
    fn a_literal_that_is_spelt_otherwise_leads_nowhere() {
        let templates = [
            ("GET", "/v1/a/{id}"),
            ("GET", "/v1/a/new"),
            ("GET", "/v1/a/caf%C3%A9"),
            ("GET", "/v1/a/b;c"),
            ("GET", "/{x}/{y}/{z}"),
        ];
        let mut router = router(&templates);
        let own = Template::parse("/v1/b/own").unwrap();
        router.insert(Some("api.example"), "GET", &own, RouteIndex(9)).unwrap();
        for (path, route) in [("/v1/a/caf%C3%A9", 2), ("/v1/a/b;c", 3), ("/v1/b/own", 9)] {
            assert_eq!(found(&router, "GET", path), Some((route, vec![])), "{path}");
        }
        for path in [
            "/v1/a/n%65w",
            "/v1/%61/%6E%65%77",
            "/v1/a/new;x=1",
            "/v1/a/n%65w%3bx",
            "/v1/a/new;",
            "/v1/a/caf%c3%a9",
            "/v1/a/caf%C3%A9;x",
            "/v1/a/b%3Bc",
            "/v1/b/%6fwn",
            "/v%31/c/d",
        ] {
            assert_eq!(found(&router, "GET", path), None, "{path}");
        }
        for value in ["%37", "news", "new%20", "New", "x;new", ";new", "b;d", "b"] {
            assert_eq!(found(&router, "GET", &format!("/v1/a/{value}")), Some((0, vec![value.into()])));
        }
    }

    #[test]
    fn a_known_path_with_another_method_says_which_are_allowed() {
        let router = router(&[("GET", "/v1/a"), ("DELETE", "/v1/a")]);
        assert_eq!(router.find("h", "PUT", "/v1/a"), Match::MethodNotAllowed(vec!["DELETE".into(), "GET".into()]));
        assert_eq!(router.find("h", "GET", "/v1/b"), Match::Unknown);
    }

    #[test]
    fn two_routes_of_one_shape_are_refused() {
        let mut router = router(&[("GET", "/v1/{a}")]);
        let twin = Template::parse("/v1/{b}").unwrap();
        assert_eq!(router.insert(None, "GET", &twin, RouteIndex(9)), Err(RouteIndex(0)));
        assert_eq!(router.insert(Some("own.example"), "GET", &twin, RouteIndex(9)), Ok(()));
        assert_eq!(
            router.find("OWN.example", "GET", "/v1/x"),
            Match::Route(RouteIndex(9), Parameters::from_slice(&["x"]))
        );
    }

    #[test]
    fn the_backend_path_is_filled_in_its_own_order() {
        let source = Template::parse("/v1/{a}/{b}").unwrap();
        let builder = PathBuilder::new(&source, &Template::parse("/api/{b}/of/{a}/").unwrap()).unwrap();
        let mut path = String::new();
        builder.write(&Parameters::from_slice(&["1", "2"]), &mut path);
        assert_eq!(path, "/api/2/of/1/");
        assert!(!builder.keeps() && PathBuilder::new(&source, &source).unwrap().keeps());
        let twin = Template::parse("/v1/{b}/{a}").unwrap();
        assert!(!PathBuilder::new(&source, &twin).unwrap().keeps());
        assert!(PathBuilder::new(&source, &Template::parse("/api/{c}").unwrap()).is_err());
    }

    #[test]
    fn templates_that_mean_nothing_are_refused() {
        for text in ["v1", "/a{b}", "/{}", "/{a}/{a}", "/a//b", "/a/../b", "/a?b", "/a b", "/a\r\nb"] {
            assert!(Template::parse(text).is_err(), "{text}");
        }
    }
}
