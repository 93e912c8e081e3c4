//! Holding a body against its program: everything that is wrong, and which of several choices fits.

use super::effort::Effort;
use super::problems::{Broken, Code, Errors, Place, Step, pointer};
use super::program::{ArrayRule, Node, ObjectRule, OneOf, Program, Seen, Typed, Unknown};
use super::rules::{Scalar, counted};
use crate::transform::json::{At, Document, Kind, identity_of};
use std::collections::{HashMap, HashSet};

/// Which variant was chosen for a value by a node; None: none fits. Each choice is made once, so that choices within choices
/// don't multiply.
pub(super) type Chosen = HashMap<(usize, At), Option<usize>>;

/// Choices that are remembered: some forty bytes each.
const MOST_CHOICES: usize = 1 << 20;

/// Hold a value against a node. Where the effort is spent, nothing that was found counts.
pub(super) fn check(
    program: &Program,
    document: &Document<'_>,
    root: usize,
    at: At,
    errors: &mut Errors,
    effort: &Effort,
) -> Chosen {
    let (steps, chosen) = (Vec::new(), Chosen::new());
    let mut checker = Checker { program, document, errors, effort, steps, chosen, probing: 0, fits: true };
    checker.node(root, at);
    checker.chosen
}

/// A value that is no container.
#[inline]
pub(super) fn scalar<'d>(document: &'d Document<'_>, at: At) -> Option<Scalar<'d>> {
    match document.kind(at) {
        Kind::Null => Some(Scalar::Null),
        Kind::True => Some(Scalar::Boolean(true)),
        Kind::False => Some(Scalar::Boolean(false)),
        kind @ (Kind::Integer | Kind::Number) => Some(Scalar::Number(document.verbatim(at), kind)),
        Kind::Text | Kind::Escaped => Some(Scalar::Text(document.content(at))),
        Kind::Array | Kind::Object => None,
    }
}

struct Checker<'c> {
    program: &'c Program,
    document: &'c Document<'c>,
    errors: &'c mut Errors,
    effort: &'c Effort,
    /// Where we are.
    steps: Vec<Step<'c>>,
    chosen: Chosen,
    /// Above zero, it is only asked whether something fits.
    probing: usize,
    /// Whether it did so far.
    fits: bool,
}

impl<'c> Checker<'c> {
    fn node(&mut self, node: usize, at: At) {
        self.effort.spend(1);
        match &self.program.nodes[node] {
            Node::Any => {}
            Node::OneOf(one_of) => self.one_of(node, one_of, at),
            Node::Typed(typed) => self.typed(typed, at),
        }
    }

    fn typed(&mut self, typed: &'c Typed, at: At) {
        match (self.document.kind(at), &typed.array, &typed.object) {
            (Kind::Array, Some(rule), _) => self.array(rule, at),
            (Kind::Object, _, Some(rule)) => self.object(rule, at),
            // Most variants are none for the type alone: no sentence is made that nobody reads.
            (kind, ..) if self.probing > 0 && !typed.takes(kind) => self.fits = false,
            _ => {
                let held = match scalar(self.document, at) {
                    Some(value) => typed.scalar(value, self.effort).err(),
                    None => Some(typed.wrong_type()),
                };
                if let Some(broken) = held {
                    self.wrong(|| broken);
                }
            }
        }
    }

    fn array(&mut self, rule: &'c ArrayRule, at: At) {
        self.bounded(self.document.count(at), rule.least, rule.most, "item");
        for (index, item) in self.document.items(at).enumerate() {
            if self.is_done() {
                return;
            }
            self.within(Step::Index(index), |this| this.node(rule.items, item));
        }
        if rule.unique {
            self.unique(at);
        }
    }

    fn unique(&mut self, at: At) {
        let mut known = HashSet::with_capacity(self.document.count(at));
        for (index, item) in self.document.items(at).enumerate() {
            if self.is_done() {
                return;
            }
            let mut identity = Vec::new();
            identity_of(self.document, item, &mut identity);
            self.effort.spend(identity.len() as u64 + 8);
            if !known.insert(identity) {
                self.within(Step::Index(index), |this| {
                    this.wrong(|| Broken::new(Code::Duplicate, "Must not be equal to an item before it."));
                });
            }
        }
    }

    fn object(&mut self, rule: &'c ObjectRule, at: At) {
        let document = self.document;
        self.bounded(document.count(at), rule.least, rule.most, "member");
        // Each object is asked for all that it could have, and again when it is written.
        self.effort.spend((rule.members.len() / 4) as u64);
        let (mut seen, mut expected) = (Seen::none(rule.members.len()), 0);
        for (name, value) in document.members(at) {
            if self.is_done() {
                return;
            }
            let content = document.content(name);
            match rule.find(content, &mut expected) {
                Some(index) => {
                    let member = &rule.members[index];
                    if !(member.drop_null && document.kind(value) == Kind::Null) {
                        seen.set(index);
                        self.within(Step::Name(content), |this| this.node(member.node, value));
                    }
                }
                None => self.unknown(rule, content, value),
            }
        }
        self.required(rule, &seen);
    }

    fn required(&mut self, rule: &'c ObjectRule, seen: &Seen) {
        for (index, member) in rule.members.iter().enumerate() {
            if member.required && !seen.has(index) {
                self.within(Step::Name(member.name.as_bytes()), |this| {
                    this.wrong(|| Broken::new(Code::Required, "Must be there."));
                });
            }
        }
    }

    fn unknown(&mut self, rule: &'c ObjectRule, name: &'c [u8], value: At) {
        match rule.unknown {
            Unknown::Drop => {}
            // A name that we write ourselves would come twice, and the backend would choose.
            Unknown::Node(node) if !rule.writes(name) => self.within(Step::Name(name), |this| this.node(node, value)),
            Unknown::Node(_) | Unknown::Refuse => self.within(Step::Name(name), |this| {
                this.wrong(|| Broken::new(Code::Unknown, "There is no member of this name."));
            }),
        }
    }

    fn bounded(&mut self, count: usize, least: usize, most: usize, what: &str) {
        if count < least {
            self.wrong(|| Broken::new(Code::Items, format!("Must have at least {}.", counted(least, what))));
        } else if count > most {
            self.wrong(|| Broken::new(Code::Items, format!("Must have at most {}.", counted(most, what))));
        }
    }

    fn one_of(&mut self, node: usize, one_of: &'c OneOf, at: At) {
        match self.chosen.get(&(node, at)) {
            Some(Some(_)) => return,
            Some(None) if self.probing > 0 => return self.fits = false,
            // It was only asked whether it fits; now what is wrong is to be told.
            Some(None) | None => {}
        }
        if let Some(name) = &one_of.discriminator
            && self.document.kind(at) == Kind::Object
        {
            self.effort.spend((self.document.count(at) + one_of.variants.len()) as u64);
            match self.told(one_of, name, at) {
                Some(told) => return self.choose_told(node, one_of, told, at),
                // Without variants that need not be told, it has to say which one it is.
                None if one_of.variants.iter().all(|variant| variant.value.is_some()) => {
                    self.chosen.insert((node, at), None);
                    return self.within(Step::Name(name.as_bytes()), |this| this.untold(name, at));
                }
                None => {}
            }
        }
        let chosen = self.first_that_fits(one_of, at);
        if self.chosen.len() >= MOST_CHOICES {
            self.effort.spend(u64::MAX);
        }
        self.chosen.insert((node, at), chosen);
        if chosen.is_none() {
            self.fits_none();
        }
    }

    /// The variant that the discriminator names.
    fn told(&self, one_of: &OneOf, name: &str, at: At) -> Option<usize> {
        let told = self.document.member(at, name.as_bytes())?;
        let Some(Scalar::Text(told)) = scalar(self.document, told) else { return None };
        one_of.variants.iter().position(|variant| variant.value.as_deref() == Some(told))
    }

    /// Its errors are those of the one variant.
    fn choose_told(&mut self, node: usize, one_of: &'c OneOf, told: usize, at: At) {
        let fitted = std::mem::replace(&mut self.fits, true);
        self.node(one_of.variants[told].node, at);
        self.chosen.insert((node, at), self.fits.then_some(told));
        self.fits &= fitted;
    }

    fn untold(&mut self, name: &str, at: At) {
        let is_there = self.document.member(at, name.as_bytes()).is_some();
        self.wrong(|| {
            if is_there {
                Broken::new(Code::Enum, "Must be one of the values that are listed for it.")
            } else {
                Broken::new(Code::Required, "Must be there.")
            }
        });
    }

    fn first_that_fits(&mut self, one_of: &'c OneOf, at: At) -> Option<usize> {
        let untold = one_of.variants.iter().enumerate().filter(|(_, variant)| variant.value.is_none());
        let mut untold = untold.map(|(index, variant)| (index, variant.node));
        untold.find(|(_, node)| self.effort.is_spent() || self.would_fit(*node, at)).map(|(index, _)| index)
    }

    fn would_fit(&mut self, node: usize, at: At) -> bool {
        let fitted = std::mem::replace(&mut self.fits, true);
        self.probing += 1;
        self.node(node, at);
        self.probing -= 1;
        std::mem::replace(&mut self.fits, fitted)
    }

    fn fits_none(&mut self) {
        self.wrong(|| Broken::new(Code::OneOf, "Fits none of the forms that are documented for it."));
    }

    /// Nothing that is found from here on would be told.
    fn is_done(&self) -> bool {
        self.effort.is_spent() || if self.probing > 0 { !self.fits } else { self.errors.is_full() }
    }

    fn within(&mut self, step: Step<'c>, look: impl FnOnce(&mut Self)) {
        self.steps.push(step);
        look(self);
        self.steps.pop();
    }

    fn wrong(&mut self, broken: impl FnOnce() -> Broken) {
        self.fits = false;
        if self.probing == 0 && !self.errors.is_full() {
            self.errors.push(Place::Body, pointer(&self.steps), broken());
        }
    }
}
