//! A value without white space; and a value as bytes that equal values share.

use super::decimal::Decimal;
use super::strings::write_string;
use super::{At, Document, Kind};

/// Write a value without white space, names canonically, numbers and strings as they were received.
pub fn write_compact(document: &Document<'_>, at: At, into: &mut Vec<u8>) {
    match document.kind(at) {
        Kind::Array => {
            let mut before = b'[';
            for item in document.items(at) {
                into.push(before);
                write_compact(document, item, into);
                before = b',';
            }
            close(before, b'[', b']', into);
        }
        Kind::Object => {
            let mut before = b'{';
            for (name, value) in document.members(at) {
                into.push(before);
                write_name(document, name, into);
                write_compact(document, value, into);
                before = b',';
            }
            close(before, b'{', b'}', into);
        }
        _ => into.extend_from_slice(document.lexeme(at).as_bytes()),
    }
}

/// Write the name of a member that has no name of ours, and the colon.
pub(crate) fn write_name(document: &Document<'_>, name: At, into: &mut Vec<u8>) {
    write_string(document.content(name), into);
    into.push(b':');
}

fn close(before: u8, open: u8, end: u8, into: &mut Vec<u8>) {
    if before == open {
        into.push(open);
    }
    into.push(end);
}

/// Bytes that two values share if and only if they are equal: members in any order, numbers by their value, strings by what
/// they say.
pub(crate) fn identity_of(document: &Document<'_>, at: At, into: &mut Vec<u8>) {
    match document.kind(at) {
        Kind::Null => into.push(b'n'),
        Kind::True => into.push(b't'),
        Kind::False => into.push(b'f'),
        Kind::Integer | Kind::Number => {
            into.push(b'd');
            Decimal::of(document.verbatim(at)).identity(into);
        }
        Kind::Text | Kind::Escaped => text(document.content(at), into),
        Kind::Array => {
            into.push(b'a');
            into.extend_from_slice(&(document.count(at) as u32).to_le_bytes());
            document.items(at).for_each(|item| identity_of(document, item, into));
        }
        Kind::Object => {
            into.push(b'o');
            into.extend_from_slice(&(document.count(at) as u32).to_le_bytes());
            let mut members: Vec<(&[u8], At)> =
                document.members(at).map(|(name, value)| (document.content(name), value)).collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            for (name, value) in members {
                text(name, into);
                identity_of(document, value, into);
            }
        }
    }
}

fn text(content: &[u8], into: &mut Vec<u8>) {
    into.push(b's');
    into.extend_from_slice(&(content.len() as u32).to_le_bytes());
    into.extend_from_slice(content);
}
