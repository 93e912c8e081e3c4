//! A program that a mask has narrowed: it lists what is in both.

use super::mask::{Field, Mask};
use super::program::{AnswerProgram, Const, Member, NONE, Node, Object, Part, PartValue, Target, Template};
use hashbrown::{HashMap, HashSet};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// A field of a mask that the program does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownField {
    /// As a path: `issuer.name`.
    pub field: String,
}

impl fmt::Display for UnknownField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "there is no field {:?}", self.field)
    }
}

impl std::error::Error for UnknownField {}

/// A program for one mask.
#[derive(Clone, Debug)]
pub struct Masked {
    /// It shares all but what the mask changes with the one that it was made of.
    pub program: Arc<AnswerProgram>,
    /// In place of the root that was masked.
    pub root: u32,
}

impl AnswerProgram {
    /// Narrow what `root` writes to a mask, which begins below the partner's members `at`; what is beside these stays.
    ///
    /// Arrays are transparent. What a member asks for that the mask leaves out does not count: `required` above all. A name
    /// that a map does not list is one of its keys.
    pub fn masked(&self, root: u32, at: &[String], mask: &Mask) -> Result<Masked, UnknownField> {
        let program = Self { base: Arc::clone(&self.base), nodes: self.nodes.clone(), objects: self.objects.clone() };
        let mut masking = Masking { program, found: HashSet::new(), done: HashMap::new() };
        let wanted = if at.is_empty() { Wanted::Only(mask) } else { Wanted::Within(at, mask) };
        let root = masking.node(root, wanted);
        if let Some(missing) = (0..at.len()).find(|&depth| !masking.found.contains(&key(&at[depth]))) {
            return Err(UnknownField { field: at[..=missing].join(".") });
        }
        if let Some(field) = masking.unknown(mask) {
            return Err(UnknownField { field });
        }
        Ok(Masked { program: Arc::new(masking.program), root })
    }

    /// Whether there is a place below the partner's members `at` where a mask can begin.
    pub fn check_at(&self, root: u32, at: &[String]) -> Result<(), UnknownField> {
        self.masked(root, at, &Mask::default()).map(|_| ())
    }
}

/// What is wanted of a value.
#[derive(Clone, Copy)]
enum Wanted<'m> {
    All,
    Only(&'m Mask),
    /// All, but of what lies below these names only what the mask says.
    Within(&'m [String], &'m Mask),
}

/// Fields are told apart by where they lie in memory: two of one name are two.
fn key<T>(of: &T) -> usize {
    std::ptr::from_ref(of) as usize
}

struct Masking {
    program: AnswerProgram,
    /// The fields, and the steps to where the mask begins, that were met.
    found: HashSet<usize>,
    /// Nodes that were narrowed already, by what was wanted of them: schemas may go in circles.
    done: HashMap<(u32, usize), u32>,
}

impl Wanted<'_> {
    fn key(self) -> usize {
        match self {
            Self::All => 0,
            Self::Only(mask) => key(mask),
            Self::Within(at, _) => key(&at[0]),
        }
    }
}

impl Masking {
    /// What is wanted of a member of this name; None: nothing.
    fn member<'m>(&mut self, wanted: Wanted<'m>, name: &str) -> Option<Wanted<'m>> {
        match wanted {
            Wanted::All => Some(Wanted::All),
            Wanted::Only(mask) => {
                let field = mask.fields.iter().find(|field| field.name == name)?;
                self.found.insert(key(field));
                Some(field.inner.as_ref().map_or(Wanted::All, Wanted::Only))
            }
            Wanted::Within(at, _) if at[0] != name => Some(Wanted::All),
            Wanted::Within(at, mask) => {
                self.found.insert(key(&at[0]));
                Some(if at.len() == 1 { Wanted::Only(mask) } else { Wanted::Within(&at[1..], mask) })
            }
        }
    }

    /// As `member`, through all names of a place: a wrapper stands before what it wraps.
    fn place<'m>(&mut self, wanted: Wanted<'m>, place: &[Arc<str>]) -> Option<Wanted<'m>> {
        place.iter().try_fold(wanted, |wanted, name| self.member(wanted, name))
    }

    /// The node that writes what is wanted of this one.
    fn node(&mut self, index: u32, wanted: Wanted<'_>) -> u32 {
        let node = *self.program.node(index);
        // Of a value that has no members none can be wanted; of a free-form one it is not known.
        if matches!(wanted, Wanted::All) || (node.object == NONE && node.array == NONE) {
            return index;
        }
        if let Some(&done) = self.done.get(&(index, wanted.key())) {
            return done;
        }
        let narrowed = self.program.nodes() as u32;
        self.program.nodes.push(node);
        self.done.insert((index, wanted.key()), narrowed);
        let array = if node.array == NONE { NONE } else { self.node(node.array, wanted) };
        let object = if node.object == NONE { NONE } else { self.object(node.object, wanted) };
        let own = narrowed as usize - self.program.base.nodes.len();
        self.program.nodes[own] = Node { array, object, ..node };
        narrowed
    }

    fn object(&mut self, index: u32, wanted: Wanted<'_>) -> u32 {
        let object = self.program.shared_object(index);
        let object = match &object.hold {
            Some(template) => self.held(&object, template, wanted),
            None => self.written(&object, wanted),
        };
        self.program.objects.push(Arc::new(object));
        (self.program.base.objects.len() + self.program.objects.len() - 1) as u32
    }

    /// An object that writes its members as they come.
    fn written(&mut self, object: &Object, wanted: Wanted<'_>) -> Object {
        let mut members = Vec::new();
        for member in &object.members {
            if member.target == Target::Drop {
                members.push(member.clone());
            } else if member.target == Target::Inline {
                let node = self.node(member.node, wanted);
                if self.writes_anything(node) {
                    members.push(Member { node, ..member.clone() });
                }
            } else if let Some(of_member) = self.place(wanted, &member.place) {
                let node = self.node(member.node, of_member);
                let default = member.default.as_deref().map(|value| self.value(value, of_member));
                members.push(Member { node, default, ..member.clone() });
            }
        }
        let consts = self.consts(&object.consts, wanted);
        let mut others = object.others;
        if let (Wanted::Only(mask), true) = (wanted, others != NONE) {
            for field in &mask.fields {
                let is_listed = object.members.iter().any(|member| *member.name == *field.name);
                if !is_listed && !self.found.contains(&key(field)) {
                    members.push(self.of_map(others, field));
                }
            }
            others = NONE;
        }
        Object::new(members, others, Arc::clone(&object.written), consts, None)
    }

    /// The member of a map that has this key.
    fn of_map(&mut self, others: u32, field: &Field) -> Member {
        self.found.insert(key(field));
        let node = self.node(others, field.inner.as_ref().map_or(Wanted::All, Wanted::Only));
        let prefix = [b",", &*super::action::quoted(&field.name), b":"].concat();
        Member {
            name: (*field.name).into(),
            node,
            target: Target::Out,
            required: false,
            drop_null: false,
            default: None,
            prefix: prefix.into(),
            braces: 0,
            // The key is the caller's word, and which fields somebody asked for is not recorded.
            place: Arc::new(["*".into()]),
        }
    }

    /// Whether something is left of an object that is written into another.
    fn writes_anything(&self, node: u32) -> bool {
        let object = self.program.object(self.program.node(node).object);
        let kept = object.hold.as_ref().is_some_and(|template| !template.parts.is_empty());
        kept || !object.members.is_empty() || !object.consts.is_empty() || object.others != NONE
    }

    fn consts(&mut self, consts: &[Const], wanted: Wanted<'_>) -> Vec<Const> {
        let mut left = Vec::new();
        for constant in consts {
            if let Some(of_const) = self.member(wanted, &constant.name) {
                let value = self.value(constant.value(), of_const);
                left.push(super::compile::constant(&constant.name, &value));
            }
        }
        left
    }

    /// A hold: the parts of its template that are wanted, and the members that still have a slot.
    fn held(&mut self, object: &Object, template: &Template, wanted: Wanted<'_>) -> Object {
        let mut slots = HashMap::new();
        let parts = self.parts(&template.parts, wanted, &mut slots);
        let members = self.scattered(&object.members, &slots);
        let hold = Template { parts, ..template.clone() };
        Object::new(members, NONE, Arc::default(), vec![], Some(hold))
    }

    fn parts<'m>(&mut self, parts: &[Part], wanted: Wanted<'m>, slots: &mut HashMap<u16, Wanted<'m>>) -> Vec<Part> {
        let mut left = Vec::new();
        for part in parts {
            let Some(of_part) = self.member(wanted, &part.name) else { continue };
            let value = match &part.value {
                PartValue::Slot { slot, required, drop_null, default } => {
                    slots.insert(*slot, of_part);
                    let default = default.as_deref().map(|value| self.value(value, of_part));
                    PartValue::Slot { slot: *slot, required: *required, drop_null: *drop_null, default }
                }
                PartValue::Members { parts, always } => {
                    PartValue::Members { parts: self.parts(parts, of_part, slots), always: *always }
                }
                PartValue::Const(value) => PartValue::Const(self.value(value, of_part)),
                PartValue::Compute { inputs, .. } => {
                    for slot in inputs.iter() {
                        slots.insert(*slot, Wanted::All);
                    }
                    part.value.clone()
                }
            };
            left.push(Part { value, ..part.clone() });
        }
        left
    }

    /// The members that have one of these slots, or lead to some that have.
    fn scattered(&mut self, members: &[Member], slots: &HashMap<u16, Wanted<'_>>) -> Vec<Member> {
        let mut left = Vec::new();
        for member in members {
            if let Target::Slot(slot) = member.target {
                let Some(&of_slot) = slots.get(&slot) else { continue };
                let node = self.node(member.node, of_slot);
                let default = member.default.as_deref().map(|value| self.value(value, of_slot));
                left.push(Member { node, default, ..member.clone() });
                continue;
            }
            if member.target == Target::Drop {
                continue;
            }
            let node = *self.program.node(member.node);
            let inner = self.program.shared_object(node.object);
            let inner = self.scattered(&inner.members, slots);
            if inner.is_empty() {
                continue;
            }
            self.program.objects.push(Arc::new(Object::new(inner, NONE, Arc::default(), vec![], None)));
            let object = (self.program.base.objects.len() + self.program.objects.len() - 1) as u32;
            let index = self.program.nodes() as u32;
            self.program.nodes.push(Node { object, ..node });
            left.push(Member { node: index, ..member.clone() });
        }
        left
    }

    /// What is wanted of a value that the program itself has written.
    fn value(&mut self, value: &[u8], wanted: Wanted<'_>) -> Arc<[u8]> {
        if matches!(wanted, Wanted::All) {
            return value.into();
        }
        let mut out = Vec::with_capacity(value.len());
        match value.first() {
            Some(b'{') => {
                let members: BTreeMap<String, &RawValue> = serde_json::from_slice(value).unwrap_or_default();
                for (name, value) in members {
                    let Some(of_member) = self.member(wanted, &name) else { continue };
                    out.push(if out.is_empty() { b'{' } else { b',' });
                    out.extend(super::action::quoted(&name));
                    out.push(b':');
                    out.extend_from_slice(&self.value(value.get().as_bytes(), of_member));
                }
                if out.is_empty() {
                    out.push(b'{');
                }
                out.push(b'}');
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_slice(value).unwrap_or_default();
                let items = items.iter().map(|item| self.value(item.get().as_bytes(), wanted));
                out.push(b'[');
                out.extend_from_slice(&items.collect::<Vec<_>>().join(&b','));
                out.push(b']');
            }
            _ => return value.into(),
        }
        out.into()
    }

    /// The first field that was never met.
    fn unknown(&self, mask: &Mask) -> Option<String> {
        mask.fields.iter().find_map(|field| {
            if !self.found.contains(&key(field)) {
                return Some(field.name.clone());
            }
            let inner = self.unknown(field.inner.as_ref()?)?;
            Some(format!("{}.{inner}", field.name))
        })
    }
}
