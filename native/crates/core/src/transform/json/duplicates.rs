//! Names that come twice, found without a table that a client could flood.

use super::{At, Document};

/// Above, names are sorted: the work grows by the length of all names times the logarithm of their number, whatever they are.
const FEW: usize = 32;

/// The name that an object repeats: where its second spelling begins.
pub(super) fn repeated(document: &Document<'_>, object: At, count: usize) -> Option<At> {
    if count <= FEW { among_few(document, object) } else { among_many(document, object) }
}

/// A sieve of 64 places lets most names through after one look; only those that meet there are compared.
fn among_few(document: &Document<'_>, object: At) -> Option<At> {
    let mut taken = 0_u64;
    for (name, _) in document.members(object) {
        let content = document.content(name);
        let place = 1_u64 << place_of(content);
        if taken & place != 0 && is_before(document, object, name, content) {
            return Some(name);
        }
        taken |= place;
    }
    None
}

fn place_of(name: &[u8]) -> u32 {
    let first = name.first().copied().unwrap_or(0);
    let middle = name.get(name.len() / 2).copied().unwrap_or(0);
    let last = name.last().copied().unwrap_or(0);
    let mixed = (name.len() as u32 & 0xff) << 24 | u32::from(first) << 16 | u32::from(middle) << 8 | u32::from(last);
    mixed.wrapping_mul(0x9e37_79b1) >> 26
}

fn is_before(document: &Document<'_>, object: At, name: At, content: &[u8]) -> bool {
    document
        .members(object)
        .take_while(|(other, _)| *other != name)
        .any(|(other, _)| document.content(other) == content)
}

fn among_many(document: &Document<'_>, object: At) -> Option<At> {
    let mut names: Vec<(&[u8], u32)> =
        document.members(object).map(|(name, _)| (document.content(name), name.0)).collect();
    names.sort_unstable();
    names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| At(pair[1].1)).min_by_key(|at| at.0)
}
