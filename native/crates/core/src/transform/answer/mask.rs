//! The members that a caller asks for: `?fields=id,name,issuer(name)`.

use std::fmt;

/// Bytes of the text.
const LONGEST_TEXT: usize = 512;
/// Paths: members without others in brackets.
const MOST_PATHS: usize = 64;
/// Brackets in each other, the outermost list counted.
const MOST_DEPTH: usize = 8;

/// Members of the partner's, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    pub(super) fields: Vec<Field>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: String,
    /// Which of its members; None: all of it.
    pub(super) inner: Option<Mask>,
}

/// A text is no mask. Each is a sentence for the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MaskRefused {
    /// It has more bytes than a mask may have.
    TooLong,
    /// It names more paths than a mask may.
    TooMany,
    /// This field lies deeper than a mask may look.
    TooDeep(String),
    /// After this field, or at the beginning where there is none, a name is missing.
    NoName(Option<String>),
    /// A bracket after this field is not closed, or one is closed that is not open.
    Unbalanced(Option<String>),
}

impl fmt::Display for MaskRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |field: &Option<String>| match field {
            Some(field) => format!("after {field:?}"),
            None => "at the beginning".to_owned(),
        };
        match self {
            Self::TooLong => write!(formatter, "fields has more than {LONGEST_TEXT} bytes"),
            Self::TooMany => write!(formatter, "fields names more than {MOST_PATHS} fields"),
            Self::TooDeep(field) => write!(formatter, "{field:?} lies more than {MOST_DEPTH} deep"),
            Self::NoName(field) => write!(formatter, "a name is missing {}", after(field)),
            Self::Unbalanced(field) => write!(formatter, "a bracket without its other half {}", after(field)),
        }
    }
}

impl std::error::Error for MaskRefused {}

impl Mask {
    /// Read a mask: names with commas between them, each with members of its own in brackets where not all of it is wanted.
    /// `text` is decoded already; a name is all that stands between commas and brackets.
    pub fn parse(text: &str) -> Result<Self, MaskRefused> {
        if text.len() > LONGEST_TEXT {
            return Err(MaskRefused::TooLong);
        }
        // The fields that are open around the place, each list with what it has so far.
        let mut open: Vec<(String, Self)> = Vec::new();
        let mut mask = Self::default();
        let mut paths = 0;
        let mut rest = text;
        let mut last = None;
        loop {
            let end = rest.find([',', '(', ')']).unwrap_or(rest.len());
            let (name, after) = (&rest[..end], &rest[end..]);
            if name.is_empty() {
                return Err(MaskRefused::NoName(last));
            }
            last = Some(name.to_owned());
            let mut after = after;
            if let Some(inside) = after.strip_prefix('(') {
                if open.len() + 1 >= MOST_DEPTH {
                    return Err(MaskRefused::TooDeep(name.to_owned()));
                }
                open.push((name.to_owned(), std::mem::take(&mut mask)));
                rest = inside;
                continue;
            }
            paths += 1;
            if paths > MOST_PATHS {
                return Err(MaskRefused::TooMany);
            }
            mask.add(Field { name: name.to_owned(), inner: None });
            while let Some(beyond) = after.strip_prefix(')') {
                let Some((name, around)) = open.pop() else { return Err(MaskRefused::Unbalanced(last)) };
                let inner = std::mem::replace(&mut mask, around);
                mask.add(Field { name, inner: Some(inner) });
                after = beyond;
            }
            match after.strip_prefix(',') {
                Some(next) => rest = next,
                None if after.is_empty() && open.is_empty() => return Ok(mask),
                None => return Err(MaskRefused::Unbalanced(last)),
            }
        }
    }

    /// A field that is named again adds to what was asked of it.
    fn add(&mut self, field: Field) {
        let Some(known) = self.fields.iter_mut().find(|known| known.name == field.name) else {
            self.fields.push(field);
            return;
        };
        match (&mut known.inner, field.inner) {
            (Some(known), Some(inner)) => inner.fields.into_iter().for_each(|field| known.add(field)),
            (all, None) => *all = None,
            (None, Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(mask: &Mask) -> String {
        let fields = mask.fields.iter().map(|field| match &field.inner {
            Some(inner) => format!("{}({})", field.name, written(inner)),
            None => field.name.clone(),
        });
        fields.collect::<Vec<_>>().join(",")
    }

    #[test]
    fn a_mask_says_which_members() {
        for (text, expected) in [
            ("id", "id"),
            ("id,name,issuer(name)", "id,name,issuer(name)"),
            ("a(b(c),d(e,f)),g", "a(b(c),d(e,f)),g"),
            ("a(b),a(c),a(b)", "a(b,c)"),
            ("a(b),a", "a"),
            ("a,a(b)", "a"),
            (" a b,é.x", " a b,é.x"),
        ] {
            assert_eq!(Mask::parse(text).map(|mask| written(&mask)), Ok(expected.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_mask_is_refused_by_name() {
        let no_name = |field: &str| MaskRefused::NoName(Some(field.to_owned()));
        let unbalanced = |field: &str| MaskRefused::Unbalanced(Some(field.to_owned()));
        for (text, expected) in [
            ("", MaskRefused::NoName(None)),
            (",a", MaskRefused::NoName(None)),
            ("(a)", MaskRefused::NoName(None)),
            ("a,", no_name("a")),
            ("a()", no_name("a")),
            ("a(b,)", no_name("b")),
            ("a(b", unbalanced("b")),
            ("a)", unbalanced("a")),
            ("a(b))", unbalanced("b")),
            ("a(b)c", unbalanced("b")),
            ("a(b)(c)", unbalanced("b")),
        ] {
            assert_eq!(Mask::parse(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_mask_is_bounded() {
        assert!(Mask::parse(&"a".repeat(512)).is_ok());
        assert_eq!(Mask::parse(&"a".repeat(513)), Err(MaskRefused::TooLong));
        let many = |count: usize| (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        assert!(Mask::parse(&many(64)).is_ok());
        assert_eq!(Mask::parse(&many(65)), Err(MaskRefused::TooMany));
        let deep = |count: usize| format!("{}a{}", "a(".repeat(count - 1), ")".repeat(count - 1));
        assert!(Mask::parse(&deep(8)).is_ok());
        assert_eq!(Mask::parse(&deep(9)), Err(MaskRefused::TooDeep("a".to_owned())));
    }
}
