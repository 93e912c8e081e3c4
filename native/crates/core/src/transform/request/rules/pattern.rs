//! Patterns of schemas: ECMA-262's syntax, as far as a search that never goes back can do it.

use crate::transform::request::effort::Effort;
use regex_automata::hybrid::dfa::{self, Cache, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::pool::Pool;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};
use std::collections::HashMap;
use std::iter::Peekable;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::str::Chars;
use std::sync::Arc;

/// Compiled, a pattern may take so much memory; `[\w-]{1,1000}` takes a tenth.
const LARGEST: usize = 512 << 10;
/// What searching may remember of a pattern, for each thread that does.
const MOST_REMEMBERED: usize = 256 << 10;
const DEEPEST: u32 = 64;
/// Steps for each state and byte where nothing can be remembered.
const STEPS: u64 = 4;
/// Making so many bytes of what is remembered takes a step.
const BYTES_A_STEP: usize = 4;
/// What is remembered pays when so many bytes were searched for each state that was made; else it is given up.
const BYTES_A_STATE: usize = 10;

/// What the patterns of one program may take, for each thread that searches them.
const MOST_TOGETHER: usize = 32 << 20;
/// Of a pattern that is refused, in characters.
const LONGEST_SAID: usize = 120;

type Caches = Pool<Cache, Box<dyn Fn() -> Cache + Send + Sync + UnwindSafe + RefUnwindSafe>>;

/// A pattern that is searched in a text.
///
/// An automaton is made as it is needed, so that most searches take a step for each byte, however large the pattern is. Where a
/// text makes it grow and grow, the pattern's states are followed one by one: what that costs is known beforehand, and is spent
/// only where it may be.
pub(in super::super) struct Pattern {
    automaton: Arc<DFA>,
    plain: PikeVM,
    caches: Caches,
}

impl Pattern {
    /// Compile. The error says what Rust's syntax and ECMA-262's do not share.
    pub(in super::super) fn compile(text: &str) -> Result<Self, String> {
        let states = thompson::Config::new().nfa_size_limit(Some(LARGEST)).which_captures(WhichCaptures::None);
        let spelt = syntax::Config::new().nest_limit(DEEPEST);
        let built = thompson::Compiler::new().configure(states).syntax(spelt).build(&translated(text));
        let built = built.map_err(|error| match error.size_limit() {
            Some(_) => TOO_LARGE.to_owned(),
            None => format!("the pattern can't be searched for: {}", last_line(&sources_of(&error))),
        })?;
        let remembered = dfa::Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .unicode_word_boundary(true)
            .cache_capacity(MOST_REMEMBERED)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(1))
            .minimum_bytes_per_state(Some(BYTES_A_STATE));
        let automaton = dfa::Builder::new().configure(remembered).build_from_nfa(built.clone());
        let automaton = Arc::new(automaton.map_err(|_| TOO_LARGE.to_owned())?);
        let plain = PikeVM::new_from_nfa(built).map_err(|_| TOO_LARGE.to_owned())?;
        let made_for = Arc::clone(&automaton);
        let caches: Caches = Pool::new(Box::new(move || made_for.create_cache()));
        Ok(Self { automaton, plain, caches })
    }

    /// Whether it is found in the text. Where there is no effort left for that, it is not.
    pub(super) fn fits(&self, text: &str, effort: &Effort) -> bool {
        if !effort.spend(text.len() as u64 + 1) {
            return false;
        }
        let mut cache = self.caches.get();
        let (before, cleared) = (cache.memory_usage(), cache.clear_count());
        let found = self.automaton.try_search_fwd(&mut cache, &Input::new(text).earliest(true));
        let made = (cache.clear_count() - cleared) * MOST_REMEMBERED + cache.memory_usage().saturating_sub(before);
        let step_by_step = text.len() as u64 * self.states().states().len() as u64 * STEPS;
        match found {
            Ok(found) => effort.spend((made / BYTES_A_STEP) as u64) && found.is_some(),
            Err(_) if !effort.spend((made / BYTES_A_STEP) as u64 + step_by_step) => false,
            Err(_) => self.plain.is_match(&mut self.plain.create_cache(), text),
        }
    }

    /// How much memory it takes, with what one thread may remember of it.
    pub(in super::super) fn memory(&self) -> usize {
        self.states().memory_usage() + MOST_REMEMBERED
    }

    fn states(&self) -> &NFA {
        self.plain.get_nfa()
    }
}

const TOO_LARGE: &str = "the pattern is too large when it is compiled";

/// The patterns of a program: each once, and together no larger than a node can hold.
#[derive(Default)]
pub(in super::super) struct Patterns {
    known: HashMap<String, Arc<Pattern>>,
    memory: usize,
}

impl Patterns {
    /// Compile, where it is a new one. The error names the pattern.
    pub(in super::super) fn get(&mut self, text: &str) -> Result<Arc<Pattern>, String> {
        if let Some(known) = self.known.get(text) {
            return Ok(Arc::clone(known));
        }
        let named = || text.chars().take(LONGEST_SAID).collect::<String>();
        let pattern = Pattern::compile(text).map_err(|why| format!("{why}: {:?}", named()))?;
        self.memory += pattern.memory();
        if self.memory > MOST_TOGETHER {
            let most = MOST_TOGETHER >> 20;
            return Err(format!(
                "the patterns of the program take more than {most} MiB, with {:?} among them",
                named()
            ));
        }
        let pattern = Arc::new(pattern);
        self.known.insert(text.to_owned(), Arc::clone(&pattern));
        Ok(pattern)
    }
}

/// What an error says, down to its cause.
fn sources_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), sources_of)
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
