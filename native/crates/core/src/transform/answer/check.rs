//! What only the whole program shows: how its nodes refer to each other, and which names an object writes.

use super::compile::{ProgramRefused, slot_place};
use super::names::Names;
use super::program::{NONE, Node, Object, Part, PartValue, Scalar, Target, Template};
use hashbrown::HashSet;
use std::sync::Arc;

/// Check that each node is used as what it is.
pub(super) fn references(nodes: &[Node], objects: &[Object]) -> Result<(), ProgramRefused> {
    let object_of = |node: u32| objects.get(nodes[node as usize].object as usize);
    let stands_alone = |node: u32, place: &str| match object_of(node) {
        Some(object) if node != NONE && object.scattered => {
            Err(ProgramRefused::new(place, format!("node {node} has slots, but no hold is around it")))
        }
        _ => Ok(()),
    };
    for (index, node) in nodes.iter().enumerate() {
        let place = format!("nodes[{index}]");
        if node.array != NONE {
            stands_alone(node.array, &place)?;
        }
        let Some(object) = objects.get(node.object as usize) else { continue };
        if object.others != NONE {
            stands_alone(object.others, &place)?;
        }
        for (number, member) in object.members.iter().enumerate() {
            if member.target == Target::Drop {
                continue;
            }
            let place = format!("{place}.object.members[{number}]");
            match (member.target, object_of(member.node)) {
                (Target::Out | Target::Slot(_), _) => stands_alone(member.node, &place)?,
                (Target::Inline | Target::Scatter, Some(inner)) if is_only_object(&nodes[member.node as usize]) => {
                    let scattered = inner.scattered;
                    let is_empty = inner.members.is_empty() && inner.hold.is_none() && inner.others == NONE;
                    let fits = match member.target {
                        // A map's names are not known: the object around could write one of them too.
                        Target::Inline => !scattered && inner.others == NONE,
                        _ => scattered || (is_empty && inner.consts.is_empty()),
                    };
                    if !fits {
                        let why = "an object that is scattered has slots, one that is inline has none, and neither has others";
                        return Err(ProgramRefused::new(place, why));
                    }
                }
                (Target::Drop | Target::Inline | Target::Scatter, _) => {
                    let why = format!("node {} must have an object and, at most, null", member.node);
                    return Err(ProgramRefused::new(place, why));
                }
            }
        }
    }
    let mut parts = vec![Parts::Unknown; objects.len()];
    for (index, node) in nodes.iter().enumerate().filter(|(_, node)| node.object != NONE) {
        let place = format!("nodes[{index}].object");
        count(nodes, objects, node.object, 0, &mut parts).map_err(|why| ProgramRefused::new(&place, why))?;
        if let Some(template) = &objects[node.object as usize].hold {
            slots(nodes, objects, node.object, template, &place)?;
        }
    }
    Ok(())
}

fn is_only_object(node: &Node) -> bool {
    let scalars = [node.boolean, node.integer, node.number, node.string];
    node.object != NONE && node.array == NONE && !node.any && scalars == [Scalar::Refuse; 4]
}

/// The objects whose members are written into this one, or kept by its hold.
fn inner<'o>(nodes: &'o [Node], object: &'o Object) -> impl Iterator<Item = u32> + 'o {
    let members = object.members.iter().filter(|member| matches!(member.target, Target::Inline | Target::Scatter));
    members.map(|member| nodes[member.node as usize].object)
}

/// Of how many objects one is made that is written as one.
#[derive(Clone, Copy)]
enum Parts {
    Unknown,
    /// It is being counted.
    Open,
    Known(usize),
}

/// Objects that are written as one, at most: each is looked at when it is absent.
const MOST_PARTS: usize = 1_024;

/// An object can't be written into itself, nor be made of too many.
fn count(nodes: &[Node], objects: &[Object], object: u32, depth: usize, parts: &mut [Parts]) -> Result<usize, String> {
    match std::mem::replace(&mut parts[object as usize], Parts::Open) {
        Parts::Unknown => {}
        Parts::Open => return Err("an object is written into itself".to_owned()),
        Parts::Known(known) => {
            parts[object as usize] = Parts::Known(known);
            return Ok(known);
        }
    }
    let mut sum = 1;
    for next in inner(nodes, &objects[object as usize]) {
        // The depth is bounded before the way back tells the sum.
        if depth < MOST_PARTS {
            sum += count(nodes, objects, next, depth + 1, parts)?;
        }
        if depth >= MOST_PARTS || sum > MOST_PARTS {
            return Err(format!("it is made of more than {MOST_PARTS} objects"));
        }
    }
    parts[object as usize] = Parts::Known(sum);
    Ok(sum)
}

/// Each slot of a template has one member, and the other way round.
fn slots(
    nodes: &[Node],
    objects: &[Object],
    object: u32,
    template: &Template,
    place: &str,
) -> Result<(), ProgramRefused> {
    let mut filled = HashSet::new();
    let mut open = vec![object];
    while let Some(index) = open.pop() {
        let object = &objects[index as usize];
        for member in &object.members {
            let Target::Slot(slot) = member.target else { continue };
            if !filled.insert(slot) {
                return Err(ProgramRefused::new(place, format!("two members have slot {slot}")));
            }
            if slot_place(&template.parts, slot).is_none() && !is_computed_with(&template.parts, slot) {
                return Err(ProgramRefused::new(place, format!("slot {slot} stands nowhere in the template")));
            }
        }
        open.extend(inner(nodes, object));
    }
    let mut written = HashSet::new();
    let mut open: Vec<&Part> = template.parts.iter().collect();
    while let Some(part) = open.pop() {
        match &part.value {
            PartValue::Slot { slot, .. } if !filled.contains(slot) => {
                return Err(ProgramRefused::new(place, format!("no member has slot {slot} of the template")));
            }
            PartValue::Slot { slot, .. } if !written.insert(*slot) => {
                return Err(ProgramRefused::new(place, format!("the template has slot {slot} twice")));
            }
            PartValue::Compute { inputs, .. } => {
                if let Some(slot) = inputs.iter().find(|slot| !filled.contains(*slot)) {
                    return Err(ProgramRefused::new(place, format!("no member has slot {slot} of the template")));
                }
            }
            PartValue::Members { parts, .. } => open.extend(parts),
            PartValue::Slot { .. } | PartValue::Const(_) => {}
        }
    }
    Ok(())
}

/// Whether a value of the template is computed of a slot.
fn is_computed_with(parts: &[Part], slot: u16) -> bool {
    parts.iter().any(|part| match &part.value {
        PartValue::Compute { inputs, .. } => inputs.contains(&slot),
        PartValue::Members { parts, .. } => is_computed_with(parts, slot),
        PartValue::Slot { .. } | PartValue::Const(_) => false,
    })
}

/// Check that no object writes a name twice. Note the names where a map could write them again, and the places of slots that
/// a hold around their object has.
pub(super) fn written_names(nodes: &[Node], mut objects: Vec<Object>) -> Result<Vec<Object>, ProgramRefused> {
    for node in 0..nodes.len() {
        let index = nodes[node].object;
        if index == NONE {
            continue;
        }
        if let Some(template) = objects[index as usize].hold.clone() {
            let mut open: Vec<u32> = inner(nodes, &objects[index as usize]).collect();
            while let Some(scattered) = open.pop() {
                open.extend(inner(nodes, &objects[scattered as usize]));
                for member in &mut objects[scattered as usize].members {
                    if let Target::Slot(slot) = member.target {
                        member.place = slot_place(&template.parts, slot).unwrap_or_default().into();
                    }
                }
            }
        }
        let mut names: Vec<Arc<str>> = Vec::new();
        names_of(nodes, &objects, index, &mut names);
        let mut known = HashSet::new();
        if let Some(name) = names.iter().find(|name| !known.insert(&***name)) {
            let why = format!("{name:?} is written twice (members that share a wrapper need a hold)");
            return Err(ProgramRefused::new(format!("nodes[{node}].object"), why));
        }
        let object = &mut objects[index as usize];
        if object.others != NONE {
            object.written = Arc::new(Names::new(names.iter().map(|name| &**name)));
        }
    }
    Ok(objects)
}

fn names_of(nodes: &[Node], objects: &[Object], index: u32, names: &mut Vec<Arc<str>>) {
    let object = &objects[index as usize];
    if let Some(template) = &object.hold {
        names.extend(template.parts.iter().map(|part| Arc::clone(&part.name)));
        return;
    }
    for member in &object.members {
        match member.target {
            Target::Out => names.extend(member.place.first().cloned()),
            Target::Inline => names_of(nodes, objects, nodes[member.node as usize].object, names),
            Target::Slot(_) | Target::Scatter | Target::Drop => {}
        }
    }
    names.extend(object.consts.iter().map(|constant| Arc::clone(&constant.name)));
}
