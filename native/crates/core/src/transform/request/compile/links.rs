//! Nodes that lead to others: no circle without a step into the body, and slots only where a template takes them.

use super::{Compiled, ProgramError};
use crate::transform::request::program::{Node, ObjectRule, Part, PartOf, Place, Program, Unknown};

/// Choices of choices are followed by recursion.
const LONGEST_CHAIN: usize = 16;

pub(super) fn check(program: &Program) -> Compiled<()> {
    for (index, node) in program.nodes.iter().enumerate() {
        let checked = match node {
            Node::Any => Ok(()),
            Node::OneOf(_) => ends(program, index, LONGEST_CHAIN),
            Node::Typed(typed) => {
                let items = typed.array.as_ref().map_or(Ok(()), |array| stands_alone(program, array.items));
                items.and_then(|()| typed.object.as_ref().map_or(Ok(()), |object| object_is_whole(program, object)))
            }
        };
        checked.map_err(|error| error.within(index))?;
    }
    Ok(())
}

/// A choice leads to something that is none after a few steps.
fn ends(program: &Program, node: usize, left: usize) -> Compiled<()> {
    let Node::OneOf(one_of) = &program.nodes[node] else { return stands_alone(program, node) };
    if left == 0 {
        return Err(ProgramError::new(format!("this choice leads on through {LONGEST_CHAIN} others, or to itself")));
    }
    one_of.variants.iter().try_for_each(|variant| ends(program, variant.node, left - 1))
}

/// The node may be written as a value: it has no slots that only somebody else's template could take.
pub(super) fn stands_alone(program: &Program, node: usize) -> Compiled<()> {
    let object = program.typed(node).and_then(|typed| typed.object.as_ref());
    match object {
        Some(object) if object.template.is_none() && has_slots(object) => {
            Err(ProgramError::new(format!("the object of node {node} has slots, and no template takes them here")))
        }
        _ => Ok(()),
    }
}

fn has_slots(object: &ObjectRule) -> bool {
    object.members.iter().any(|member| matches!(member.place, Place::Slot(_) | Place::Scatter))
}

fn object_is_whole(program: &Program, object: &ObjectRule) -> Compiled<()> {
    for (index, member) in object.members.iter().enumerate() {
        let checked = match member.place {
            Place::Out { .. } | Place::Slot(_) => stands_alone(program, member.node),
            Place::Inline => {
                stands_alone(program, member.node).and_then(|()| is_taken_apart(program, member.node, LONGEST_CHAIN))
            }
            Place::Scatter => is_taken_apart(program, member.node, LONGEST_CHAIN),
        };
        checked.map_err(|error| error.within(index).within("members").within("object"))?;
    }
    if let Unknown::Node(node) = object.unknown {
        stands_alone(program, node).map_err(|error| error.within("unknown").within("object"))?;
    }
    match &object.template {
        Some(template) => slots_are_used(program, object, &template.parts, template.slots)
            .map_err(|error| error.within("template").within("object")),
        None => Ok(()),
    }
}

/// An object, or null, whose members are written elsewhere: none of them under a name of the partner's, and no circle.
fn is_taken_apart(program: &Program, node: usize, left: usize) -> Compiled<()> {
    let typed = program.typed(node);
    let other = typed.is_none_or(|typed| {
        typed.boolean.is_some()
            || typed.integer.is_some()
            || typed.number.is_some()
            || typed.string.is_some()
            || typed.array.is_some()
    });
    let object = typed.and_then(|typed| typed.object.as_ref());
    let Some(object) = object.filter(|_| !other) else {
        return Err(ProgramError::new(format!(
            "node {node} is not only an object, or null: its members can't be taken out"
        )));
    };
    if matches!(object.unknown, Unknown::Node(_)) {
        return Err(ProgramError::new(format!(
            "node {node} copies members under their own names, which only it can hold"
        )));
    }
    if left == 0 {
        return Err(ProgramError::new(format!("members are taken out of {LONGEST_CHAIN} objects, or in a circle")));
    }
    let inner = object.members.iter().filter(|member| matches!(member.place, Place::Inline | Place::Scatter));
    inner.into_iter().try_for_each(|member| is_taken_apart(program, member.node, left - 1))
}

/// Each slot is filled from one place and written in one place.
fn slots_are_used(program: &Program, object: &ObjectRule, parts: &[Part], slots: usize) -> Compiled<()> {
    let mut filled = vec![false; slots];
    fill_slots(program, object, &mut filled)?;
    let mut written = vec![false; slots];
    write_slots(parts, &mut written)?;
    match filled.iter().zip(&written).position(|(filled, written)| filled != written) {
        Some(slot) => Err(ProgramError::new(format!("slot {slot} is not both filled and written"))),
        None => Ok(()),
    }
}

fn fill_slots(program: &Program, object: &ObjectRule, filled: &mut [bool]) -> Compiled<()> {
    for member in &object.members {
        match member.place {
            Place::Slot(slot) => use_slot(slot, filled)?,
            Place::Scatter => {
                let inner = program.object(member.node);
                let only_slots =
                    inner.members.iter().all(|member| matches!(member.place, Place::Slot(_) | Place::Scatter));
                if !only_slots || !inner.fills.is_empty() || inner.template.is_some() {
                    return Err(ProgramError::new(format!(
                        "node {} is scattered: it has nothing but slots",
                        member.node
                    )));
                }
                fill_slots(program, inner, filled)?;
            }
            Place::Out { .. } | Place::Inline => {}
        }
    }
    Ok(())
}

fn write_slots(parts: &[Part], written: &mut [bool]) -> Compiled<()> {
    for part in parts {
        match &part.what {
            PartOf::Slot { slot, .. } => use_slot(*slot, written)?,
            PartOf::Members { parts, .. } => write_slots(parts, written)?,
            PartOf::Value(_) => {}
        }
    }
    Ok(())
}

fn use_slot(slot: usize, used: &mut [bool]) -> Compiled<()> {
    match used.get_mut(slot) {
        Some(used) if !*used => {
            *used = true;
            Ok(())
        }
        Some(_) => Err(ProgramError::new(format!("slot {slot} is used twice"))),
        None => Err(ProgramError::new(format!("the template has no slot {slot}"))),
    }
}
