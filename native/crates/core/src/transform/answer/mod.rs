//! Answers of a backend as partners see them (docs/programs.md, `ANSWER_PROGRAM`).
//!
//! A program is compiled once; a `Projector` reads an answer in pieces by it and writes what it lists, nothing else. A
//! `Mask` narrows a program to the members that a caller asked for.

#![allow(
    clippy::inline_always,
    reason = "each is a step of one loop, and the calls between them would cost as much as they do"
)]

mod action;
mod check;
mod compile;
mod cut;
mod dates;
mod descend;
mod emit;
mod frame;
mod lru;
mod machine;
mod mask;
mod masked;
mod members;
mod names;
mod order;
mod program;
mod projector;
mod scalar;
mod skip;
mod text;
mod urls;
mod violation;
mod wire;

pub(in crate::transform) use dates::{convert as convert_moment, date as days_since_1970};
pub(in crate::transform) use wire::Form;

pub use compile::ProgramRefused;
pub use lru::Masks;
pub use mask::{Mask, MaskRefused};
pub use masked::{Masked, UnknownField};
pub use program::AnswerProgram;
pub use projector::{Projector, Workspace};
pub use violation::{Violation, Why};
