//! What is wrong with an answer.

use std::fmt;

/// Bytes of a place; what is longer is cut.
const LONGEST_PLACE: usize = 256;
/// Bytes of a field: what a record has room for, after the longest word and a space.
const LONGEST_FIELD: usize = 96 - "truncated ".len();
/// Stands for what was cut off.
const CUT: &str = "...";

/// Why an answer can't be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Not JSON (RFC 8259): grammar, UTF-8 or raw control characters.
    Json,
    /// It ends before the value does.
    Truncated,
    /// Something comes after the value.
    Trailing,
    /// Arrays and objects lie too deep in each other.
    Depth,
    /// A type of value that may not stand here.
    Type,
    /// A listed member that came already.
    Duplicate,
    /// A member that is required did not come.
    Missing,
    /// An action can't be done with this value.
    Value,
    /// A hold, or a scalar that is read whole, is too large.
    Size,
}

impl Why {
    /// The word of docs/programs.md.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Truncated => "truncated",
            Self::Trailing => "trailing",
            Self::Depth => "depth",
            Self::Type => "type",
            Self::Duplicate => "duplicate",
            Self::Missing => "missing",
            Self::Value => "value",
            Self::Size => "size",
        }
    }
}

/// An answer breaks its contract. Nothing of what it says is in here, nor a name of the backend's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Bytes of the answer before what is wrong.
    pub offset: u64,
    /// What is wrong.
    pub why: Why,
    /// Where, as a JSON pointer in the partner's names; `*` stands for the key of a map. What is skipped has the place of
    /// the object that it is in.
    pub place: String,
    /// Which field that is, in whichever item: as `place`, with `*` for each item too. Of a long one the end is kept, after
    /// `...`, so that why and where fit into 96 bytes. Empty: the answer as a whole.
    pub field: String,
}

impl Violation {
    /// What is told of it to whoever looks for the field: `missing /results/*/name`.
    pub fn told(&self) -> String {
        let word = self.why.as_str();
        if self.field.is_empty() { word.to_owned() } else { format!("{word} {}", self.field) }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} at byte {} in {:?}", self.why.as_str(), self.offset, self.place)
    }
}

impl std::error::Error for Violation {}

/// Where the machine stopped, step by step from the root.
#[derive(Default)]
pub(super) struct Place {
    text: String,
    full: bool,
    /// The names, escaped, `*` for items.
    field: Vec<String>,
}

impl Place {
    /// One step further in.
    pub(super) fn push(&mut self, name: &str) {
        let escaped = name.replace('~', "~0").replace('/', "~1");
        self.write(&escaped);
        self.field.push(escaped);
    }

    /// The same, into an array.
    pub(super) fn push_item(&mut self, item: u32) {
        self.write(&item.to_string());
        self.field.push("*".to_owned());
    }

    fn write(&mut self, step: &str) {
        if self.full {
            return;
        }
        if self.text.len() + 1 + step.len() > LONGEST_PLACE - '…'.len_utf8() {
            self.text.push('…');
            self.full = true;
            return;
        }
        self.text.push('/');
        self.text.push_str(step);
    }

    /// The pointer, and which field it is.
    pub(super) fn into_texts(self) -> (String, String) {
        let mut field = String::new();
        for name in self.field.iter().rev() {
            // What tells fields apart stands at the end of a name as often as at its beginning.
            let ascii: String =
                name.chars().map(|letter| if letter.is_ascii_graphic() { letter } else { '?' }).collect();
            let room = LONGEST_FIELD - CUT.len() - field.len();
            if 1 + ascii.len() > room {
                let kept = if field.is_empty() { &ascii[ascii.len() - room..] } else { "" };
                return (self.text, format!("{CUT}{kept}{field}"));
            }
            field = format!("/{ascii}{field}");
        }
        (self.text, field)
    }
}

/// What the machine finds wrong; the place is told once it stops.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fail {
    /// Relative to the piece. Negative: what is wrong began in an earlier one.
    pub(super) at: isize,
    pub(super) why: Why,
}

impl Fail {
    pub(super) fn new(why: Why, at: usize) -> Self {
        Self { at: at as isize, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(names: &[&str]) -> String {
        let mut place = Place::default();
        for name in names {
            place.push(name);
        }
        place.into_texts().1
    }

    #[test]
    fn a_field_is_the_same_in_every_item_and_of_visible_ascii() {
        let mut place = Place::default();
        place.push("results");
        place.push_item(17);
        place.push("a/b~");
        place.push("límite\n");
        assert_eq!(
            place.into_texts(),
            ("/results/17/a~1b~0/límite\n".to_owned(), "/results/*/a~1b~0/l?mite?".to_owned())
        );
        assert_eq!(field(&[]), "");
    }

    #[test]
    fn of_a_long_field_the_end_is_kept() {
        let long = "x".repeat(60);
        assert_eq!(field(&[&long, "*", "name"]), format!("/{long}/*/name"));
        assert_eq!(field(&[&long, &long, "name"]), format!(".../{long}/name"));
        let longest = format!("{}end", "y".repeat(200));
        let cut = field(&["a", &longest]);
        assert_eq!((cut.len(), cut.starts_with("...y"), cut.ends_with("yend")), (LONGEST_FIELD, true, true));
        assert_eq!(field(&[&longest, &long]), format!(".../{long}"));
    }

    #[test]
    fn why_and_where_fit_into_a_record() {
        let whys = [
            Why::Json,
            Why::Truncated,
            Why::Trailing,
            Why::Depth,
            Why::Type,
            Why::Duplicate,
            Why::Missing,
            Why::Value,
            Why::Size,
        ];
        for why in whys {
            let violation =
                Violation { offset: 0, why, place: String::new(), field: field(&["z".repeat(300).as_str()]) };
            assert!(violation.told().len() <= 96, "{}", violation.told());
            assert_eq!(Violation { field: String::new(), ..violation }.told(), why.as_str());
        }
    }
}
