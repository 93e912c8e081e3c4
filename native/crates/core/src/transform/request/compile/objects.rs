//! Objects: members, where they are written, and that no two are written under one name.

use super::{Compiled, ProgramError, before, constant, each, index, value};
use crate::transform::request::fill::Fill;
use crate::transform::request::program::{
    Filled, Member, Node, ObjectRule, Part, PartOf, Place, Program, Template, Unknown, folded,
};
use crate::transform::request::wire::{
    FillWire, MemberWire, ObjectWire, PartWire, TemplateWire, UnknownWire, UnknownWord,
};
use std::collections::HashSet;

/// A template has no more slots.
pub(super) const MOST_SLOTS: usize = 4096;
/// Parts and wrappers lie in each other no deeper.
const DEEPEST: usize = 32;

pub(super) fn object(wire: ObjectWire<'_>, count: usize) -> Compiled<ObjectRule> {
    let mut members = each(wire.members, |wire| member(wire, count)).map_err(|error| error.within("members"))?;
    let by_name = sorted(&members)?;
    let unknown = match wire.unknown {
        UnknownWire::Word(UnknownWord::Refuse) => Unknown::Refuse,
        UnknownWire::Word(UnknownWord::Drop) => Unknown::Drop,
        UnknownWire::Node(node) => Unknown::Node(index(node, count).map_err(|error| error.within("unknown"))?),
    };
    let template = wire.template.map(|wire| template(wire, &mut members)).transpose();
    Ok(ObjectRule {
        members,
        by_name,
        unknown,
        taken: Vec::new(),
        folded: Vec::new(),
        fills: each(wire.fill, fill).map_err(|error| error.within("fill"))?,
        template: template.map_err(|error| error.within("template"))?,
        least: wire.min.unwrap_or(0),
        most: wire.max.unwrap_or(usize::MAX),
    })
}

/// Indices in the order of names; no name twice.
fn sorted(members: &[Member]) -> Compiled<Vec<u32>> {
    let mut indices: Vec<u32> = (0..members.len() as u32).collect();
    indices.sort_by_key(|&index| &members[index as usize].name);
    match indices.windows(2).find(|pair| members[pair[0] as usize].name == members[pair[1] as usize].name) {
        Some(pair) => {
            let twice = ProgramError::new("another member has this name");
            Err(twice.within("in").within(pair[1]).within("members"))
        }
        None => Ok(indices),
    }
}

fn member(wire: MemberWire<'_>, count: usize) -> Compiled<Member> {
    let place = match (&wire.out, wire.inline, wire.scatter, wire.slot) {
        (Some(out), false, false, None) => out_of(out, &wire.wrap)?,
        (None, true, false, None) if wire.wrap.is_empty() => Place::Inline,
        (None, false, true, None) if wire.wrap.is_empty() => Place::Scatter,
        (None, false, false, Some(slot)) if slot < MOST_SLOTS && wire.wrap.is_empty() => Place::Slot(slot),
        _ => {
            return Err(ProgramError::new(
                "a member is one of `out` (with its `wrap`), `inline`, `scatter` and `slot`",
            ));
        }
    };
    if wire.default.is_some() && (wire.required || matches!(place, Place::Inline | Place::Scatter)) {
        return Err(
            ProgramError::new("neither what is required nor what is taken apart has a default").within("default")
        );
    }
    Ok(Member {
        node: index(wire.node, count).map_err(|error| error.within("node"))?,
        default: wire.default.map(constant).transpose().map_err(|error| error.within("default"))?,
        spelt: before(&wire.name).into(),
        name: wire.name.into(),
        place,
        required: wire.required,
        drop_null: wire.drop_null,
    })
}

fn out_of(name: &str, wrap: &[String]) -> Compiled<Place> {
    if wrap.len() > DEEPEST {
        return Err(ProgramError::new(format!("{DEEPEST} wrappers are the most")).within("wrap"));
    }
    let mut written: Vec<u8> = Vec::new();
    for wrapper in wrap {
        written.extend(before(wrapper));
        written.push(b'{');
    }
    written.extend(before(name));
    let names = wrap.iter().map(String::as_str).chain([name]).map(Into::into).collect();
    Ok(Place::Out { names, before: written.into(), after: vec![b'}'; wrap.len()].into() })
}

fn fill(wire: FillWire<'_>) -> Compiled<Filled> {
    let fill = value(wire.value).map_err(|error| error.within("value"))?;
    Ok(Filled { before: before(&wire.out).into(), name: wire.out.into(), fill })
}

/// A part that is required makes its member required, where the partner is told of it.
fn template(wire: TemplateWire<'_>, members: &mut [Member]) -> Compiled<Template> {
    let mut slots = 0;
    let parts =
        each(wire.members, |wire| part(wire, 1, &mut slots, members)).map_err(|error| error.within("members"))?;
    for member in members {
        if let Place::Slot(slot) = member.place {
            slots = slots.max(slot + 1);
        }
    }
    Ok(Template { slots, parts })
}

fn part(wire: PartWire<'_>, depth: usize, slots: &mut usize, members: &mut [Member]) -> Compiled<Part> {
    if depth > DEEPEST {
        return Err(ProgramError::new(format!("parts lie in each other at most {DEEPEST} deep")));
    }
    let what = match (wire.slot, wire.members, wire.constant, wire.value) {
        (Some(slot), None, None, None) if slot < MOST_SLOTS => {
            *slots = (*slots).max(slot + 1);
            if wire.required && wire.default.is_none() {
                require(slot, members);
            }
            PartOf::Slot {
                slot,
                default: wire.default.map(constant).transpose().map_err(|error| error.within("default"))?,
            }
        }
        (None, Some(parts), None, None) => PartOf::Members {
            parts: each(parts, |wire| part(wire, depth + 1, slots, members))
                .map_err(|error| error.within("members"))?,
            always: wire.always,
        },
        (None, None, Some(raw), None) => {
            PartOf::Value(Fill::Constant(constant(raw).map_err(|error| error.within("const"))?))
        }
        (None, None, None, Some(wire)) => PartOf::Value(value(wire).map_err(|error| error.within("value"))?),
        _ => return Err(ProgramError::new("a part is one of `slot`, `members`, `const` and `value`")),
    };
    Ok(Part { before: before(&wire.out).into(), name: wire.out.into(), what })
}

fn require(slot: usize, members: &mut [Member]) {
    let fills = |member: &&mut Member| matches!(member.place, Place::Slot(its) if its == slot);
    if let Some(member) = members.iter_mut().find(fills)
        && member.default.is_none()
    {
        member.required = true;
    }
}

/// Note for each object under which names it writes; no name comes from two places.
pub(super) fn note_taken_names(program: &mut Program) -> Compiled<()> {
    for node in 0..program.nodes.len() {
        let Some(object) = program.typed(node).and_then(|typed| typed.object.as_ref()) else { continue };
        let mut taken = HashSet::new();
        collect(program, object, &mut taken).map_err(|error| error.within("object").within(node))?;
        let mut taken: Vec<Box<str>> = taken.into_iter().collect();
        taken.sort_unstable();
        let mut names: Vec<Box<str>> = taken.iter().map(|name| folded(name.as_bytes())).collect();
        names.sort_unstable();
        if let Node::Typed(typed) = &mut program.nodes[node]
            && let Some(object) = &mut typed.object
        {
            (object.taken, object.folded) = (taken, names);
        }
    }
    Ok(())
}

fn collect(program: &Program, object: &ObjectRule, taken: &mut HashSet<Box<str>>) -> Compiled<()> {
    for member in &object.members {
        match &member.place {
            Place::Out { names, .. } => take(&names[0], taken)?,
            Place::Inline => collect(program, program.object(member.node), taken)?,
            Place::Slot(_) | Place::Scatter => {}
        }
    }
    for fill in &object.fills {
        take(&fill.name, taken)?;
    }
    match &object.template {
        Some(template) => collect_parts(&template.parts, taken),
        None => Ok(()),
    }
}

fn collect_parts(parts: &[Part], taken: &mut HashSet<Box<str>>) -> Compiled<()> {
    for part in parts {
        take(&part.name, taken)?;
        if let PartOf::Members { parts, .. } = &part.what {
            collect_parts(parts, &mut HashSet::new())?;
        }
    }
    Ok(())
}

fn take(name: &str, taken: &mut HashSet<Box<str>>) -> Compiled<()> {
    if taken.insert(name.into()) {
        return Ok(());
    }
    Err(ProgramError::new(format!("two members would be written as {name:?}")))
}
