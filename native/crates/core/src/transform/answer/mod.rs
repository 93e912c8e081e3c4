//! Answers of a backend as partners see them (docs/programs.md, `ANSWER_PROGRAM`).
//!
//! A program is compiled once; a `Projector` reads an answer in pieces by it and writes what it lists, nothing else. A
//! `Mask` narrows a program to the members that a caller asked for.

mod action;
mod check;
mod compile;
mod cut;
mod dates;
mod emit;
mod frame;
mod machine;
mod names;
mod program;
mod projector;
mod scalar;
mod skip;
mod text;
mod urls;
mod violation;
mod wire;

pub use compile::ProgramRefused;
pub use program::AnswerProgram;
pub use projector::Projector;
pub use violation::{Violation, Why};
