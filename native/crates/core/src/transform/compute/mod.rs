//! Computed values: expressions of CEL, checked and compiled when a contract is published (docs/programs.md, `COMPUTE`).
//!
//! What is evaluated here has no loops of its own: macros go over a list that came, one within none other. Work, text and
//! memory have bounds all the same, and whatever is not a value is an error.

mod evaluate;
mod functions;
mod program;
#[cfg(test)]
mod tests;
mod value;

pub use evaluate::Failed;
pub use program::Compute;
