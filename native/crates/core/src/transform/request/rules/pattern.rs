//! Patterns of schemas: ECMA-262's syntax, as far as a search that never goes back can do it.

use regex::{Regex, RegexBuilder};
use std::iter::Peekable;
use std::str::Chars;

/// Compiled, a pattern may take so much memory; `[\w-]{1,1000}` takes a hundredth.
const LARGEST: usize = 1 << 20;
/// What matching may remember, for each thread that does.
const LARGEST_MEMORY: usize = 1 << 20;
const DEEPEST: u32 = 64;
/// A longer text fits no pattern: a search takes time by the text's length and, at worst, by the pattern's.
const LONGEST_TEXT: usize = 4 << 10;

/// A pattern that is searched in a text.
pub(in super::super) struct Pattern(Regex);

impl Pattern {
    /// Compile. The error says what Rust's syntax and ECMA-262's do not share.
    pub(in super::super) fn compile(text: &str) -> Result<Self, String> {
        let compiled = RegexBuilder::new(&translated(text))
            .size_limit(LARGEST)
            .dfa_size_limit(LARGEST_MEMORY)
            .nest_limit(DEEPEST)
            .build();
        compiled.map(Self).map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "the pattern is too large when it is compiled".to_owned(),
            error => format!("the pattern can't be searched for: {}", last_line(&error.to_string())),
        })
    }

    /// Whether it is found in the text.
    pub(super) fn fits(&self, text: &str) -> bool {
        text.len() <= LONGEST_TEXT && self.0.is_match(text)
    }
}

/// The syntax error without the picture of the pattern above it.
fn last_line(message: &str) -> &str {
    message.lines().last().unwrap_or_default().trim_start_matches("error: ")
}

/// The same pattern in Rust's syntax: what both can spell but read differently is spelt out. `\d`, `\w` and `\b` are ASCII in
/// ECMA-262; inside a class its `[`, `&`, `~` and a second `-` are characters, and Rust's are operators.
fn translated(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len() + 16);
    let (mut in_class, mut characters) = (false, pattern.chars().peekable());
    while let Some(character) = characters.next() {
        match character {
            '\\' => rust.push_str(&escape(characters.next(), in_class)),
            '[' if !in_class => match opened(&mut characters) {
                Class::Empty(same) => rust.push_str(same),
                Class::Begun(same) => {
                    in_class = true;
                    rust.push_str(same);
                }
            },
            ']' if in_class => {
                in_class = false;
                rust.push(']');
            }
            '[' | '&' | '~' if in_class => rust.extend(['\\', character]),
            '-' if in_class && rust.ends_with('-') && !rust.ends_with("\\-") => rust.push_str("\\-"),
            '.' if !in_class => rust.push_str("[^\\n\\r\\u{2028}\\u{2029}]"),
            other => rust.push(other),
        }
    }
    rust
}

/// How a class begins in Rust.
enum Class {
    /// It ended at once: `[]` matches nothing in ECMA-262, `[^]` everything; in Rust the bracket would be a character of it.
    Empty(&'static str),
    Begun(&'static str),
}

fn opened(rest: &mut Peekable<Chars<'_>>) -> Class {
    let negated = rest.next_if_eq(&'^').is_some();
    match (rest.next_if_eq(&']').is_some(), negated) {
        (true, false) => Class::Empty("[a&&b]"),
        (true, true) => Class::Empty("(?s:.)"),
        (false, false) => Class::Begun("["),
        (false, true) => Class::Begun("[^"),
    }
}

fn escape(escaped: Option<char>, in_class: bool) -> String {
    match escaped {
        Some('d') => "[0-9]".to_owned(),
        Some('D') => "[^0-9]".to_owned(),
        Some('w') => "[0-9A-Za-z_]".to_owned(),
        Some('W') => "[^0-9A-Za-z_]".to_owned(),
        Some('s') => "[\\s\\u{feff}]".to_owned(),
        Some('S') => "[^\\s\\u{feff}]".to_owned(),
        Some('b') if in_class => "\\x08".to_owned(),
        Some('b') => "(?-u:\\b)".to_owned(),
        Some(other) => format!("\\{other}"),
        None => "\\".to_owned(),
    }
}
