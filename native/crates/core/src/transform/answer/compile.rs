//! From an answer's program as it is written to the one that runs.

use super::action::{Action, Kind, compact, quoted};
use super::check;
use super::program::{
    AnswerProgram, Base, Const, Member, NONE, Node, Object, Part, PartValue, Scalar, Target, Template,
};
use super::skip::MOST_DEPTH;
use super::urls::Urls;
use super::wire::{ActionBody, ComputeBody, MemberBody, NodeBody, ObjectBody, PartBody, ProgramBody, TemplateBody};
use crate::transform::compute::Compute;
use hashbrown::HashSet;
use std::fmt;
use std::sync::Arc;

const MOST_NODES: usize = 65_535;
const MOST_MEMBERS: usize = 4_096;
const MOST_SLOTS: u32 = 4_096;
/// Six times as long in any spelling, which is still read whole.
const LONGEST_NAME: usize = 1_024;
const MOST_WRAPPERS: usize = 16;
/// Templates in each other.
const MOST_TEMPLATES: usize = 32;
/// What a hold may keep at most; and all holds that are open at once, since a schema may hold itself.
pub(super) const MOST_HELD: usize = 262_144;

/// A program is not one that can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRefused {
    /// Where in the program: `nodes[3].object.members[0]`.
    pub place: String,
    /// What is wrong there.
    pub why: String,
}

impl ProgramRefused {
    pub(super) fn new(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

impl fmt::Display for ProgramRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.place {
            "" => formatter.write_str(&self.why),
            place => write!(formatter, "{place}: {}", self.why),
        }
    }
}

impl std::error::Error for ProgramRefused {}

type Compiled<T> = Result<T, ProgramRefused>;

impl AnswerProgram {
    /// Read and check a program (docs/programs.md, `ANSWER_PROGRAM`). The error says what is wrong and where.
    pub fn parse(json: &[u8]) -> Compiled<Self> {
        let text = std::str::from_utf8(json).map_err(|_| ProgramRefused::new("", "the program is not UTF-8"))?;
        let body: ProgramBody<'_> =
            serde_json::from_str(text).map_err(|error| ProgramRefused::new("", error.to_string()))?;
        let depth = body.depth as usize;
        if !(1..=MOST_DEPTH).contains(&depth) {
            return Err(ProgramRefused::new("depth", format!("{depth} is not from 1 to {MOST_DEPTH}")));
        }
        if body.nodes.len() > MOST_NODES {
            return Err(ProgramRefused::new("nodes", format!("these are more than {MOST_NODES}")));
        }
        let mut urls = Vec::with_capacity(body.urls.len());
        for (index, one) in body.urls.iter().enumerate() {
            urls.push(Urls::compile(one).map_err(|why| ProgramRefused::new(format!("urls[{index}]"), why))?);
        }
        let mut compiler = Compiler { count: body.nodes.len(), urls: urls.len(), objects: vec![], actions: vec![] };
        let mut nodes = Vec::with_capacity(body.nodes.len());
        for (index, raw) in body.nodes.iter().enumerate() {
            let place = format!("nodes[{index}]");
            let node: NodeBody<'_> =
                serde_json::from_str(raw.get()).map_err(|error| ProgramRefused::new(&place, error.to_string()))?;
            nodes.push(compiler.node(&node, &place)?);
        }
        check::references(&nodes, &compiler.objects)?;
        let objects = check::written_names(&nodes, compiler.objects)?;
        let objects = objects.into_iter().map(Arc::new).collect();
        let base = Base { nodes, objects, actions: compiler.actions, urls, depth };
        Ok(Self { base: Arc::new(base), nodes: vec![], objects: vec![] })
    }

    /// Whether this node may stand alone, as a body's root.
    pub fn check_root(&self, root: u32) -> Compiled<()> {
        if root as usize >= self.nodes() {
            return Err(ProgramRefused::new("root", format!("there is no node {root}")));
        }
        let object = self.node(root).object;
        if object != NONE && self.object(object).scattered {
            return Err(ProgramRefused::new("root", format!("node {root} has slots, but no hold is around it")));
        }
        Ok(())
    }
}

/// What nodes have led to so far.
struct Compiler {
    count: usize,
    urls: usize,
    objects: Vec<Object>,
    actions: Vec<Action>,
}

impl Compiler {
    fn node(&mut self, body: &NodeBody<'_>, place: &str) -> Compiled<Node> {
        let node = Node {
            null: body.null.0,
            any: body.any.0,
            boolean: self.scalar(body.boolean.as_ref(), Kind::Boolean, place)?,
            integer: self.scalar(body.integer.as_ref(), Kind::Integer, place)?,
            number: self.scalar(body.number.as_ref(), Kind::Number, place)?,
            string: self.scalar(body.string.as_ref(), Kind::String, place)?,
            array: body.array.map_or(Ok(NONE), |items| self.index(items, &format!("{place}.array")))?,
            object: match &body.object {
                Some(object) => {
                    let object = self.object(object, &format!("{place}.object"))?;
                    self.objects.push(object);
                    self.objects.len() as u32 - 1
                }
                None => NONE,
            },
        };
        let scalars = [node.boolean, node.integer, node.number, node.string];
        let has_more = node.null || node.array != NONE || node.object != NONE || scalars != [Scalar::Refuse; 4];
        if node.any && has_more {
            return Err(ProgramRefused::new(place, "any is every type already; no other member stands beside it"));
        }
        Ok(node)
    }

    fn scalar(&mut self, body: Option<&ActionBody<'_>>, kind: Kind, place: &str) -> Compiled<Scalar> {
        let members = match body {
            None => return Ok(Scalar::Refuse),
            Some(ActionBody::Copy) => return Ok(Scalar::Copy),
            Some(ActionBody::Action(members)) => members,
        };
        let place = || format!("{place}.{}", format!("{kind:?}").to_lowercase());
        let action = Action::compile(members, kind, self.urls).map_err(|why| ProgramRefused::new(place(), why))?;
        self.actions.push(action);
        Ok(Scalar::Act(self.actions.len() as u32 - 1))
    }

    fn index(&self, node: u32, place: &str) -> Compiled<u32> {
        if (node as usize) < self.count {
            Ok(node)
        } else {
            Err(ProgramRefused::new(place, format!("there is no node {node}")))
        }
    }

    fn object(&self, body: &ObjectBody<'_>, place: &str) -> Compiled<Object> {
        if body.members.len() > MOST_MEMBERS {
            return Err(ProgramRefused::new(place, format!("these are more than {MOST_MEMBERS} members")));
        }
        let hold = match &body.hold {
            Some(template) => Some(template_of(template, &format!("{place}.hold"))?),
            None => None,
        };
        let mut known = HashSet::new();
        let mut members = Vec::with_capacity(body.members.len());
        for (index, member) in body.members.iter().enumerate() {
            let place = format!("{place}.members[{index}]");
            if !known.insert(&*member.name) {
                return Err(ProgramRefused::new(place, format!("{:?} is listed twice", member.name)));
            }
            members.push(self.member(member, hold.as_ref(), &place)?);
        }
        let consts: Vec<Const> = body.consts.iter().map(|(name, value)| constant(name, &compact(value))).collect();
        let others = body.others.map_or(Ok(NONE), |node| self.index(node, &format!("{place}.others")))?;
        let has_slots = members.iter().any(|member| matches!(member.target, Target::Slot(_) | Target::Scatter));
        let writes = members.iter().any(|member| matches!(member.target, Target::Out | Target::Inline))
            || others != NONE
            || !consts.is_empty();
        if writes && (has_slots || hold.is_some()) {
            let why = "what a hold does not keep can't be written beside it: only slot and scatter stand here";
            return Err(ProgramRefused::new(place, why));
        }
        // Which names are written is known when all objects are.
        Ok(Object::new(members, others, Arc::default(), consts, hold))
    }

    fn member(&self, body: &MemberBody<'_>, hold: Option<&Template>, place: &str) -> Compiled<Member> {
        let refused = |why: String| Err(ProgramRefused::new(place, why));
        let name = &*body.name;
        if name.len() > LONGEST_NAME {
            return refused(format!("a name is longer than {LONGEST_NAME} bytes"));
        }
        if body.drop.0 {
            return dropped(body).ok_or_else(|| ProgramRefused::new(place, "nothing but in stands beside drop"));
        }
        let Some(node) = body.node else { return refused(format!("{name:?} has no node")) };
        let target = match (&body.out, body.inline.0, body.slot, body.scatter.0) {
            (Some(_), false, None, false) => Target::Out,
            (None, true, None, false) => Target::Inline,
            (None, false, Some(slot), false) => Target::Slot(slot_of(slot, place)?),
            (None, false, None, true) => Target::Scatter,
            _ => return refused(format!("{name:?} has not one of out, inline, slot and scatter")),
        };
        if body.wrap.len() > MOST_WRAPPERS || (!body.wrap.is_empty() && target != Target::Out) {
            return refused(format!("wrap stands beside out, and names at most {MOST_WRAPPERS}"));
        }
        if body.default.is_some() && matches!(target, Target::Inline | Target::Scatter) {
            return refused(format!("{name:?} has no value of its own that could have a default"));
        }
        let mut prefix = Vec::new();
        for written in body.wrap.iter().chain(&body.out) {
            prefix.push(if prefix.is_empty() { b',' } else { b'{' });
            prefix.extend(quoted(written));
            prefix.push(b':');
        }
        let written: Vec<Arc<str>> = body.wrap.iter().chain(&body.out).map(|name| (**name).into()).collect();
        let place_of_slot = |slot| hold.and_then(|template| slot_place(&template.parts, slot));
        let in_partner_names = match target {
            Target::Slot(slot) => place_of_slot(slot).unwrap_or_default(),
            _ => written,
        };
        Ok(Member {
            name: name.into(),
            node: self.index(node, place)?,
            target,
            required: body.required,
            drop_null: body.drop_null,
            default: body.default.map(|value| compact(value).into()),
            prefix: prefix.into(),
            braces: body.wrap.len() as u8,
            place: in_partner_names.into(),
        })
    }
}

/// A member that is skipped. None: something is said of it that would have no meaning.
fn dropped(body: &MemberBody<'_>) -> Option<Member> {
    let is_alone = body.node.is_none()
        && body.out.is_none()
        && body.slot.is_none()
        && body.default.is_none()
        && body.wrap.is_empty()
        && !(body.inline.0 || body.scatter.0 || body.required || body.drop_null);
    is_alone.then(|| Member {
        name: (*body.name).into(),
        node: NONE,
        target: Target::Drop,
        required: false,
        drop_null: false,
        default: None,
        prefix: Arc::default(),
        braces: 0,
        place: Arc::default(),
    })
}

/// A constant member.
pub(super) fn constant(name: &str, value: &[u8]) -> Const {
    let before = [b",", &*quoted(name), b":"].concat();
    Const { name: name.into(), bytes: [&*before, value].concat().into(), value_at: before.len() }
}

fn template_of(body: &TemplateBody<'_>, place: &str) -> Compiled<Template> {
    if !(1..=MOST_HELD).contains(&body.bytes) {
        let why = format!("{} bytes are not from 1 to {MOST_HELD}", body.bytes);
        return Err(ProgramRefused::new(place, why));
    }
    let mut slots = 0;
    let parts = parts_of(&body.members, &mut slots, 0, place)?;
    Ok(Template { bytes: body.bytes, slots, parts })
}

fn parts_of(bodies: &[PartBody<'_>], slots: &mut usize, depth: usize, place: &str) -> Compiled<Vec<Part>> {
    if depth > MOST_TEMPLATES {
        return Err(ProgramRefused::new(place, format!("parts lie more than {MOST_TEMPLATES} deep in each other")));
    }
    let mut names = HashSet::new();
    let mut parts = Vec::with_capacity(bodies.len());
    for (index, body) in bodies.iter().enumerate() {
        let place = format!("{place}.members[{index}]");
        if !names.insert(&*body.out) {
            return Err(ProgramRefused::new(place, format!("{:?} is written twice", body.out)));
        }
        if body.slot.is_none() && (body.required || body.default.is_some() || body.drop_null.0) {
            return Err(ProgramRefused::new(place, "required, default and drop_null stand beside slot"));
        }
        if body.members.is_none() && body.always {
            return Err(ProgramRefused::new(place, "always stands beside members"));
        }
        let value = match (body.slot, &body.members, body.constant, &body.compute) {
            (Some(slot), None, None, None) => {
                let slot = slot_of(slot, &place)?;
                *slots = (*slots).max(usize::from(slot) + 1);
                let default = body.default.map(|value| compact(value).into());
                PartValue::Slot { slot, required: body.required, drop_null: body.drop_null.0, default }
            }
            (None, Some(members), None, None) => {
                PartValue::Members { parts: parts_of(members, slots, depth + 1, &place)?, always: body.always }
            }
            (None, None, Some(value), None) => PartValue::Const(compact(value).into()),
            (None, None, None, Some(computed)) => computed_of(computed, slots, &place)?,
            _ => return Err(ProgramRefused::new(place, "a part is one of slot, members, const and compute")),
        };
        let prefix = [b",", &*quoted(&body.out), b":"].concat();
        parts.push(Part { name: (*body.out).into(), prefix: prefix.into(), value });
    }
    Ok(parts)
}

fn computed_of(body: &ComputeBody<'_>, slots: &mut usize, place: &str) -> Compiled<PartValue> {
    let inputs = body.inputs.iter().map(|&slot| slot_of(slot, place)).collect::<Compiled<Vec<_>>>()?;
    *slots = inputs.iter().fold(*slots, |most, &slot| most.max(usize::from(slot) + 1));
    let compute = Compute::compile(body.expr.get(), &body.kind, body.list.0, body.null.0, inputs.len())
        .map_err(|why| ProgramRefused::new(format!("{place}.compute"), why))?;
    Ok(PartValue::Compute { compute, inputs: inputs.into() })
}

/// The slot of this number, if a hold can have so many.
fn slot_of(slot: u32, place: &str) -> Compiled<u16> {
    if slot < MOST_SLOTS {
        Ok(slot as u16)
    } else {
        Err(ProgramRefused::new(place, format!("slot {slot} is beyond {MOST_SLOTS}")))
    }
}

/// Where a template writes a slot.
pub(super) fn slot_place(parts: &[Part], slot: u16) -> Option<Vec<Arc<str>>> {
    parts.iter().find_map(|part| {
        let mut place = match &part.value {
            PartValue::Slot { slot: own, .. } if *own == slot => vec![],
            PartValue::Members { parts, .. } => slot_place(parts, slot)?,
            PartValue::Slot { .. } | PartValue::Const(_) | PartValue::Compute { .. } => return None,
        };
        place.insert(0, Arc::clone(&part.name));
        Some(place)
    })
}
