//! What partners read of a version: its `OpenAPI` document, of which each caller gets the operations that it may call and the
//! components that these lead to. The control plane cuts it into pieces; here they are joined, and no JSON is read.

use super::wire::{ComponentBody, DocumentBody, PartsBody};
use crate::ids::Id;
use crate::snapshot::Document;
use aws_lc_rs::digest::{self, SHA256};

/// What is wrong, and in which member.
type Wrong = (&'static str, &'static str);

/// The document of a version.
pub struct PartnerDocument(Form);

enum Form {
    /// Of an earlier control plane: nobody knows what in it is for whom.
    Whole(Document),
    Parts(Parts),
}

struct Parts {
    before: Piece,
    paths: Vec<Path>,
    components: Vec<Section>,
}

struct Path {
    name: Piece,
    operations: Vec<Operation>,
}

struct Operation {
    route: Id,
    member: Piece,
}

struct Section {
    name: Piece,
    members: Vec<Component>,
}

struct Component {
    member: Piece,
    /// The operations that lead to it; None: it is always there.
    operations: Option<Box<[u32]>>,
}

/// A piece of JSON, and its sum: so no tag costs a sum over a whole document, and none is of what a caller does not get.
struct Piece {
    text: Box<str>,
    sum: digest::Digest,
}

impl Piece {
    fn new(text: String) -> Self {
        Self { sum: digest::digest(&SHA256, text.as_bytes()), text: text.into() }
    }
}

impl PartnerDocument {
    pub(crate) fn compile(body: DocumentBody) -> Result<Self, Wrong> {
        match (body.document, body.parts) {
            (Some(document), None) => Ok(Self(Form::Whole(Document::of(document)))),
            (None, Some(parts)) => Ok(Self(Form::Parts(Parts::compile(parts)?))),
            _ => Err(("parts", "there is either a document or its parts")),
        }
    }

    /// The document of the operations whose routes may be called. None: it can't be cut, and `may_call_all` is false.
    pub fn cut(&self, may_call: impl Fn(Id) -> bool, may_call_all: impl FnOnce() -> bool) -> Option<Document> {
        match &self.0 {
            Form::Whole(document) => may_call_all().then(|| document.clone()),
            Form::Parts(parts) => Some(parts.cut(may_call)),
        }
    }
}

impl Parts {
    fn compile(body: PartsBody) -> Result<Self, Wrong> {
        let mut paths = Vec::with_capacity(body.paths.len());
        for path in body.paths {
            let operations = path.operations.into_iter().map(|operation| {
                let route = Id::parse(&operation.route).ok_or(("parts/paths", "a route is not an id"))?;
                Ok::<_, Wrong>(Operation { route, member: Piece::new(operation.member) })
            });
            paths.push(Path { name: Piece::new(path.name), operations: operations.collect::<Result<_, _>>()? });
        }
        let count = paths.iter().map(|path| path.operations.len()).sum();
        let mut components = Vec::with_capacity(body.components.len());
        for section in body.components {
            let members = section.members.into_iter().map(|member| Component::compile(member, count));
            components.push(Section { name: Piece::new(section.name), members: members.collect::<Result<_, _>>()? });
        }
        Ok(Self { before: Piece::new(body.before), paths, components })
    }

    fn cut(&self, may_call: impl Fn(Id) -> bool) -> Document {
        let operations = self.paths.iter().flat_map(|path| &path.operations);
        let open: Vec<bool> = operations.map(|operation| may_call(operation.route)).collect();
        let mut joined = Joined::default();
        joined.add(&self.before);
        joined.text.push_str(",\"paths\":{");
        let mut first = 0;
        for path in &self.paths {
            let own = &open[first..first + path.operations.len()];
            first += own.len();
            if own.contains(&true) {
                joined.begin(&path.name);
                let kept = path.operations.iter().zip(own).filter(|(_, is_open)| **is_open);
                kept.for_each(|(operation, _)| joined.member(&operation.member));
                joined.end();
            }
        }
        joined.text.push_str("},\"components\":{");
        for section in &self.components {
            joined.begin(&section.name);
            let kept = section.members.iter().filter(|component| component.is_of(&open));
            kept.for_each(|component| joined.member(&component.member));
            joined.end();
        }
        joined.text.push_str("}}");
        joined.document()
    }
}

impl Component {
    fn compile(body: ComponentBody, count: usize) -> Result<Self, Wrong> {
        if body.operations.iter().flatten().any(|&number| number as usize >= count) {
            return Err(("parts/components", "it is of an operation that is not there"));
        }
        Ok(Self { member: Piece::new(body.member), operations: body.operations.map(Into::into) })
    }

    fn is_of(&self, open: &[bool]) -> bool {
        self.operations.as_ref().is_none_or(|operations| operations.iter().any(|&number| open[number as usize]))
    }
}

/// Pieces in the order of the document.
struct Joined {
    text: String,
    sums: digest::Context,
}

impl Default for Joined {
    fn default() -> Self {
        Self { text: String::new(), sums: digest::Context::new(&SHA256) }
    }
}

impl Joined {
    fn add(&mut self, piece: &Piece) {
        self.text.push_str(&piece.text);
        self.sums.update(piece.sum.as_ref());
    }

    /// One more member of the object that is open.
    fn member(&mut self, piece: &Piece) {
        if !self.text.ends_with('{') {
            self.text.push(',');
        }
        self.add(piece);
    }

    /// One more member, which is an object.
    fn begin(&mut self, name: &Piece) {
        self.member(name);
        self.text.push_str(":{");
    }

    fn end(&mut self) {
        self.text.push('}');
    }

    fn document(self) -> Document {
        Document::tagged(self.text, &self.sums.finish())
    }
}
