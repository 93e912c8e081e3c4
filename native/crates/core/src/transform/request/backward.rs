//! Validation errors of backends, told in the partner's names.
//!
//! A message passes only where it is about a member that the partner may send; what is about anything else is counted. A
//! message that names something of the backend's that partners don't know is replaced.

use super::RequestContract;
use super::parameters::Parameter;
use super::problems::{MOST, Place};
use super::program::{Member, Node, ObjectRule, Part, PartOf, Place as Written, Program, Unknown, folded};
use crate::transform::json::{self, At, Document, Kind, ROOT};
use std::cell::Cell;
use std::collections::HashSet;
use std::net::IpAddr;

/// Bodies are read no deeper.
const DEEPEST: usize = 32;
/// Errors that are looked at; what comes after is counted as one.
const MOST_LOOKED_AT: usize = 500;
/// For all errors of an answer.
const MOST_ATTEMPTS: u32 = 2_000;
/// In characters.
const LONGEST_DETAIL: usize = 200;
/// Stands for a message that can't be passed on.
const UNTOLD: &str = "Was refused.";
/// Where frameworks put what is about a whole object.
const OF_THE_WHOLE: [&str; 2] = ["non_field_errors", "__all__"];

/// How a backend tells what is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendErrors {
    /// Django REST framework: `{"field": ["message"], "nested": {…}, "items": [{}, {"f": ["…"]}], "non_field_errors": ["…"]}`.
    Drf,
    /// `FastAPI`: `{"detail": [{"loc": ["body", "field", 0], "msg": "…"}]}`.
    FastApi,
    /// Problem details with `errors: [{"pointer": "#/field", "detail": "…"}]` (RFC 9457, section 3).
    Rfc9457,
}

/// What a partner is told of a backend's errors.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Translated {
    /// Those about what it sent, in the backend's order; at most 20.
    pub errors: Vec<TranslatedError>,
    /// How many others there were: about what partners don't send, or too many.
    pub others: usize,
}

/// One error.
#[derive(Debug, PartialEq, Eq)]
pub struct TranslatedError {
    /// Which part of the request.
    pub place: Place,
    /// Bodies: a pointer in the partner's names. Parameters: the name.
    pub at: String,
    /// A sentence, of the backend's where it may be told.
    pub detail: String,
}

impl Translated {
    /// The `errors` of a problem document: JSON.
    pub fn json(&self) -> String {
        let member = |place| if place == Place::Body { "pointer" } else { "name" };
        let list = self.errors.iter().map(|error| {
            serde_json::json!({"in": error.place.word(), member(error.place): error.at, "detail": error.detail})
        });
        serde_json::Value::Array(list.collect()).to_string()
    }
}

impl RequestContract {
    /// Read a backend's errors. A body of another form tells nothing.
    pub fn translate_errors(&self, form: BackendErrors, body: &[u8]) -> Translated {
        let mut translated = Translated::default();
        let Ok(document) = json::read(body, DEEPEST) else { return translated };
        let mut found = Vec::new();
        match form {
            BackendErrors::Drf => drf(&document, ROOT, &mut Vec::new(), &mut found),
            BackendErrors::FastApi => fastapi(&document, &mut found),
            BackendErrors::Rfc9457 => rfc9457(&document, &mut found),
        }
        let unknown = self.lacking.get_or_init(|| Lacking::of(self));
        let left = Cell::new(MOST_ATTEMPTS);
        for found in found {
            match self.place_of(&found, &left) {
                // Below what is free-form, or in a map, the names are the backend's own.
                Some((place, at)) if translated.errors.len() < MOST && !unknown.is_told_by(&at.replace("~1", "/")) => {
                    let detail = found.detail(unknown);
                    translated.errors.push(TranslatedError { place, at, detail });
                }
                _ => translated.others += 1,
            }
        }
        translated
    }

    fn place_of(&self, found: &Found, left: &Cell<u32>) -> Option<(Place, String)> {
        match found.place {
            Place::Body => {
                let mut steps = Vec::new();
                let is_found = Backward { program: &self.program, left }.node(self.root, &found.path, &mut steps);
                (is_found && !self.program.nodes.is_empty()).then(|| (Place::Body, joined(&steps)))
            }
            place => {
                let [name, ..] = &found.path[..] else { return None };
                Some((place, self.partners_name(place, name)?))
            }
        }
    }

    fn partners_name(&self, place: Place, name: &str) -> Option<String> {
        let of = |rules: &[Parameter]| rules.iter().find(|rule| &*rule.out == name).map(|rule| rule.name.to_string());
        match place {
            Place::Path => of(&self.parameters.path),
            Place::Query => of(&self.parameters.query),
            Place::Header => {
                let mut headers = self.parameters.headers.iter();
                headers
                    .find(|header| header.out.as_str().eq_ignore_ascii_case(name))
                    .map(|header| header.rule.name.to_string())
            }
            Place::Body => None,
        }
    }
}

/// Names that the backend has and that are none of those that partners use: folded, since sentences begin with capitals.
pub(super) struct Lacking {
    words: HashSet<Box<str>>,
    /// Those that are no single word.
    others: Vec<Box<str>>,
}

impl Lacking {
    fn of(contract: &RequestContract) -> Self {
        let (program, parameters) = (&contract.program, &contract.parameters);
        let objects = || {
            program.nodes.iter().filter_map(|node| match node {
                Node::Typed(typed) => typed.object.as_ref(),
                Node::Any | Node::OneOf(_) => None,
            })
        };
        let rules = || {
            let headers = parameters.headers.iter().map(|header| &header.rule);
            parameters.path.iter().chain(&parameters.query).chain(headers)
        };
        let filled = parameters.query_fills.iter().map(|(name, _)| &**name);
        let filled = filled.chain(parameters.header_fills.iter().map(|(name, _)| name.as_str()));
        // In an object, and in those that are wrapped around a member or that a template makes.
        let wrapped = objects().flat_map(|object| &object.members).flat_map(|member| match &member.place {
            Written::Out { names, .. } => &names[..],
            Written::Inline | Written::Scatter | Written::Slot(_) => &[],
        });
        let mut made = Vec::new();
        objects().filter_map(|object| object.template.as_ref()).for_each(|made_of| names_of(&made_of.parts, &mut made));
        let written = objects().flat_map(|object| object.taken.iter().map(|name| &**name));
        let written = written.chain(wrapped.map(|name| &**name)).chain(made);
        let written = written.chain(rules().map(|rule| &*rule.out)).chain(filled);
        let written = written.chain(contract.untold.iter().map(|name| &**name));
        let mut names: HashSet<Box<str>> = written.map(|name| folded(name.as_bytes())).collect();
        let members = objects().flat_map(|object| object.members.iter().map(|member| &*member.name));
        for name in members.chain(rules().map(|rule| &*rule.name)) {
            names.remove(&folded(name.as_bytes()));
        }
        let mut others: Vec<_> = names.extract_if(|name| !name.chars().all(is_of_word)).collect();
        // As Django says it in sentences: `Sender street already exists.`
        others.extend(names.iter().filter(|name| name.contains('_')).map(|name| name.replace('_', " ").into()));
        Self { words: names, others }
    }

    /// Whether a sentence of the backend's names any of them, or where it is.
    fn is_told_by(&self, sentence: &str) -> bool {
        let folded = folded(sentence.as_bytes());
        let is_known = |word: &str| self.words.contains(word) || self.words.contains(word.trim_matches('-'));
        folded.contains("://")
            || folded.split(|character| !is_of_word(character)).any(is_known)
            || self.others.iter().any(|name| !name.is_empty() && folded.contains(&**name))
    }
}

/// All names that a template writes, however deep.
fn names_of<'p>(parts: &'p [Part], into: &mut Vec<&'p str>) {
    for part in parts {
        into.push(&part.name);
        if let PartOf::Members { parts, .. } = &part.what {
            names_of(parts, into);
        }
    }
}

/// Whether a sentence says where something is: a host, an address, or a file.
fn names_a_place(sentence: &str) -> bool {
    let separates = |character: char| character.is_whitespace() || "=,;()<>{}|'\"`".contains(character);
    sentence.split(separates).any(is_place)
}

fn is_place(word: &str) -> bool {
    let is_edge = |character: char| !character.is_alphanumeric() && !"[]:/\\".contains(character);
    let word = word.trim_matches(is_edge);
    let is_file = word.strip_prefix('/').is_some_and(|rest| rest.contains('/'));
    if is_file || word.starts_with("\\\\") || word.get(1..3) == Some(":\\") {
        return true;
    }
    let authority = word.rsplit_once('@').map_or(word, |(_, authority)| authority);
    let is_port = |text: &str| (2..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let (host, has_port) = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => (host, true),
        _ => (authority, false),
    };
    let is_address = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    // A time may end like a port, and begins with a digit.
    let is_name = host.starts_with(|first: char| first.is_ascii_alphabetic())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let is_known = |last: &str| INSIDE.iter().any(|known| known.eq_ignore_ascii_case(last));
    let is_inside =
        || host.eq_ignore_ascii_case("localhost") || host.rsplit_once('.').is_some_and(|(_, last)| is_known(last));
    is_address(authority) || is_address(host) || (is_name && (has_port || is_inside()))
}

/// Where names end that only a network's own hosts have (RFC 6761, RFC 6762, and what is usual).
const INSIDE: [&str; 8] = ["cluster", "corp", "home", "internal", "intranet", "lan", "local", "svc"];

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// An error as the backend tells it.
struct Found {
    place: Place,
    /// The backend's names and indices.
    path: Vec<String>,
    /// None: it is about a whole object, and may name any of its members.
    detail: Option<String>,
}

impl Found {
    fn detail(&self, unknown: &Lacking) -> String {
        let may_be_told = |detail: &&String| !unknown.is_told_by(detail) && !names_a_place(detail);
        let Some(detail) = self.detail.as_ref().filter(may_be_told) else {
            return UNTOLD.to_owned();
        };
        shortened(detail).chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
    }
}

/// A sentence's beginning, with no half of a word at its end: that half might be a name which partners don't know.
fn shortened(sentence: &str) -> &str {
    let Some((end, next)) = sentence.char_indices().nth(LONGEST_DETAIL) else { return sentence };
    let (beginning, is_half) = (&sentence[..end], is_of_word(next));
    beginning.rfind(|character| !is_of_word(character)).filter(|_| is_half).map_or(beginning, |at| &beginning[..at])
}

fn text(document: &Document<'_>, at: At) -> Option<String> {
    matches!(document.kind(at), Kind::Text | Kind::Escaped).then(|| document.text(at).into_owned())
}

fn add(found: &mut Vec<Found>, place: Place, path: &[String], detail: Option<String>) {
    // Paths are followed by recursion: one that is deeper than any body leads nowhere.
    if found.len() < MOST_LOOKED_AT && path.len() <= DEEPEST {
        found.push(Found { place, path: path.to_vec(), detail });
    }
}

fn drf(document: &Document<'_>, at: At, path: &mut Vec<String>, found: &mut Vec<Found>) {
    match document.kind(at) {
        Kind::Text | Kind::Escaped => {
            let is_whole = path.last().is_some_and(|name| OF_THE_WHOLE.contains(&name.as_str()));
            let about = if is_whole { &path[..path.len() - 1] } else { &path[..] };
            add(found, Place::Body, about, text(document, at).filter(|_| !is_whole && !path.is_empty()));
        }
        Kind::Array => {
            for (index, item) in document.items(at).enumerate() {
                match document.kind(item) {
                    Kind::Object | Kind::Array => {
                        within(path, index.to_string(), |path| drf(document, item, path, found));
                    }
                    _ => drf(document, item, path, found),
                }
            }
        }
        Kind::Object => {
            for (name, value) in document.members(at) {
                match document.kind(value) {
                    // Validation errors are lists: a text alone, as `detail`, says something else, of the backend's inside.
                    Kind::Text | Kind::Escaped => add(found, Place::Path, &[], None),
                    _ => within(path, document.text(name).into_owned(), |path| drf(document, value, path, found)),
                }
            }
        }
        _ => {}
    }
}

fn within(path: &mut Vec<String>, step: String, look: impl FnOnce(&mut Vec<String>)) {
    path.push(step);
    look(path);
    path.pop();
}

fn fastapi(document: &Document<'_>, found: &mut Vec<Found>) {
    for (item, message) in listed(document, b"detail", b"msg") {
        let loc = member(document, item, b"loc").filter(|at| document.kind(*at) == Kind::Array);
        let step = |at| text(document, at).unwrap_or_else(|| document.verbatim(at).to_owned());
        let is_step = |at: &At| !matches!(document.kind(*at), Kind::Array | Kind::Object);
        let path: Vec<String> = loc.into_iter().flat_map(|at| document.items(at)).filter(is_step).map(step).collect();
        let Some((first, rest)) = path.split_first() else { continue };
        let place = match first.as_str() {
            "query" => Place::Query,
            "path" => Place::Path,
            "header" => Place::Header,
            _ => Place::Body,
        };
        add(found, place, rest, Some(message).filter(|_| !rest.is_empty()));
    }
}

fn rfc9457(document: &Document<'_>, found: &mut Vec<Found>) {
    for (item, message) in listed(document, b"errors", b"detail") {
        let pointer = member(document, item, b"pointer").and_then(|at| text(document, at));
        let Some(pointer) = pointer else {
            add(found, Place::Body, &[], None);
            continue;
        };
        let steps = pointer.trim_start_matches('#').split('/').skip(1);
        let path: Vec<String> = steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        add(found, Place::Body, &path, Some(message).filter(|_| !path.is_empty()));
    }
}

fn member(document: &Document<'_>, at: At, name: &[u8]) -> Option<At> {
    (document.kind(at) == Kind::Object).then(|| document.member(at, name)).flatten()
}

/// The objects of a list in the root, and their messages.
fn listed(document: &Document<'_>, list: &[u8], message: &[u8]) -> Vec<(At, String)> {
    let list = member(document, ROOT, list).filter(|at| document.kind(*at) == Kind::Array);
    let items = list.into_iter().flat_map(|at| document.items(at));
    items.filter_map(|item| Some((item, text(document, member(document, item, message)?)?))).collect()
}

/// From a place in what was written to the place that it came from.
struct Backward<'b> {
    program: &'b Program,
    /// How many more variants are tried: choices in each other multiply.
    left: &'b Cell<u32>,
}

impl Backward<'_> {
    /// Follow the backend's path; true where it leads to something of the partner's.
    fn node(&self, node: usize, path: &[String], steps: &mut Vec<String>) -> bool {
        let Some((first, rest)) = path.split_first() else { return true };
        match self.program.nodes.get(node) {
            None => false,
            Some(Node::Any) => {
                steps.extend(path.iter().cloned());
                true
            }
            // Some frameworks put the name of the variant into the path.
            Some(Node::OneOf(one_of)) => {
                let mut variants = one_of.variants.iter().map(|variant| variant.node);
                variants.clone().any(|node| self.attempt(node, path, steps))
                    || (!rest.is_empty() && variants.any(|node| self.attempt(node, rest, steps)))
            }
            Some(Node::Typed(typed)) => {
                let in_array = typed.array.as_ref().filter(|_| first.parse::<u32>().is_ok());
                in_array.is_some_and(|array| self.below(first, array.items, rest, steps))
                    || typed.object.as_ref().is_some_and(|object| self.object(object, path, steps))
            }
        }
    }

    /// As `node`, and the steps are taken back where it leads nowhere.
    fn attempt(&self, node: usize, path: &[String], steps: &mut Vec<String>) -> bool {
        let left = self.left.get();
        if left == 0 {
            return false;
        }
        self.left.set(left - 1);
        let before = steps.len();
        let is_found = self.node(node, path, steps);
        if !is_found {
            steps.truncate(before);
        }
        is_found
    }

    fn below(&self, step: &str, node: usize, path: &[String], steps: &mut Vec<String>) -> bool {
        steps.push(step.to_owned());
        let is_found = self.node(node, path, steps);
        if !is_found {
            steps.pop();
        }
        is_found
    }

    fn object(&self, object: &ObjectRule, path: &[String], steps: &mut Vec<String>) -> bool {
        if let Some(template) = &object.template
            && let Some((slot, rest)) = Self::slot(&template.parts, path)
        {
            return self.slot_member(object, slot, rest, steps);
        }
        if object.members.iter().any(|member| self.member(member, path, steps)) {
            return true;
        }
        match object.unknown {
            Unknown::Node(node) if !object.writes(path[0].as_bytes()) => self.below(&path[0], node, &path[1..], steps),
            _ => false,
        }
    }

    fn member(&self, member: &Member, path: &[String], steps: &mut Vec<String>) -> bool {
        match &member.place {
            // What is about a wrapper is about what it wraps.
            Written::Out { names, .. } => {
                let same = names.iter().zip(path).all(|(name, step)| **name == **step);
                same && self.below(&member.name, member.node, path.get(names.len()..).unwrap_or_default(), steps)
            }
            Written::Inline => {
                steps.push(member.name.to_string());
                let is_found = self.object(self.program.object(member.node), path, steps);
                if !is_found {
                    steps.pop();
                }
                is_found
            }
            Written::Slot(_) | Written::Scatter => false,
        }
    }

    /// The slot that a part of this path takes, and the rest of the path.
    fn slot<'p>(parts: &[Part], path: &'p [String]) -> Option<(usize, &'p [String])> {
        let (first, rest) = path.split_first()?;
        let part = parts.iter().find(|part| *part.name == **first)?;
        match &part.what {
            PartOf::Slot { slot, .. } => Some((*slot, rest)),
            PartOf::Members { parts, .. } => Self::slot(parts, rest),
            PartOf::Value(_) => None,
        }
    }

    fn slot_member(&self, object: &ObjectRule, slot: usize, path: &[String], steps: &mut Vec<String>) -> bool {
        object.members.iter().any(|member| match member.place {
            Written::Slot(its) if its == slot => self.below(&member.name, member.node, path, steps),
            Written::Scatter => {
                steps.push(member.name.to_string());
                let is_found = self.slot_member(self.program.object(member.node), slot, path, steps);
                if !is_found {
                    steps.pop();
                }
                is_found
            }
            _ => false,
        })
    }
}

fn joined(steps: &[String]) -> String {
    let steps: Vec<super::problems::Step<'_>> =
        steps.iter().map(|step| super::problems::Step::Name(step.as_bytes())).collect();
    super::problems::pointer(&steps)
}
