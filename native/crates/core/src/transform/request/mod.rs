//! Requests of routes with a contract: held against its rules, and written as the backend wants them (docs/programs.md).

mod backward;
mod check;
mod compile;
mod effort;
mod fill;
mod parameters;
mod problems;
mod program;
mod rules;
mod straight;
mod wire;
mod write;

pub use backward::{BackendErrors, Translated, TranslatedError};
pub use compile::ProgramError;
pub use fill::{FillFailed, Filling};
pub use parameters::{Parameters, Received};
pub use problems::{Broken, Code, Errors, FieldError, MOST, Place};

use super::json::{self, ROOT, ReadError, Why};
use crate::credential::{self, Path, Source};
use backward::Lacking;
use effort::Effort;
use parameters::ParameterRules;
use program::Program;
use serde_json::Value;
use std::sync::OnceLock;
use wire::{BodyWire, ProgramWire, RequestWire, UnknownWord};

/// A list of empty objects grows by the defaults and fills of each: what is written is at most so many times what came.
const GROWTH: usize = 4;
/// And so much more, in bytes.
const ALLOWANCE: usize = 256 << 10;

/// Bodies of other kinds than JSON are passed on as they come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRule {
    /// The operation takes none: one that comes is refused.
    None,
    /// JSON, which is read whole and written anew.
    Json {
        /// Whether there must be one.
        required: bool,
        /// Media types in lower case, without parameters.
        types: Vec<String>,
    },
    /// Anything of these types, up to a size.
    Pass {
        /// Whether there must be one.
        required: bool,
        /// Media types in lower case, without parameters; `image/*` too.
        types: Vec<String>,
        /// More is refused.
        max_bytes: u64,
    },
}

/// Why no body is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRefused {
    /// It can't be read (`body_invalid`).
    Invalid(ReadError),
    /// Checking it takes more work than is done for a body of its length (`body_invalid`).
    Effort,
    /// A value for the backend is missing (`request_fill_failed`).
    Fill(FillFailed),
}

/// The `request` of a ROUTE, compiled.
pub struct RequestContract {
    body: BodyRule,
    root: usize,
    program: Program,
    parameters: ParameterRules,
    /// Names of the backend's that are neither written by this nor known to partners: no message may tell them.
    untold: Box<[Box<str>]>,
    /// All names that no message of the backend's may tell; made when the first one comes.
    lacking: OnceLock<Lacking>,
    /// What its templates read of the caller.
    read: Vec<Path>,
}

impl RequestContract {
    /// Compile. The error is a pointer into `text` and a sentence.
    pub fn compile(text: &str) -> Result<Self, ProgramError> {
        let mut wire: RequestWire<'_> =
            serde_json::from_str(text).map_err(|error| ProgramError::new(error.to_string()))?;
        let program = compile::program(wire.program).map_err(|error| error.within("program"))?;
        let (body, root) = body_of(wire.body, &program).map_err(|error| error.within("body"))?;
        let path = compile::text_rules(wire.path, &program).map_err(|error| error.within("path"))?;
        let query = compile::text_rules(wire.query, &program).map_err(|error| error.within("query"))?;
        let headers = compile::header_rules(wire.headers, &program).map_err(|error| error.within("headers"))?;
        let query_fills = compile::query_fills(&mut wire.fill, &query).map_err(|error| error.within("fill"))?;
        let header_fills = compile::header_fills(&mut wire.fill, &headers).map_err(|error| error.within("fill"))?;
        let refuses_unknown = wire.query_unknown == UnknownWord::Refuse;
        let parameters = ParameterRules { path, query, refuses_unknown, headers, query_fills, header_fills };
        let read = program.read_of_callers();
        Ok(Self { body, root, program, parameters, untold: wire.untold.into(), lacking: OnceLock::new(), read })
    }

    /// What `rewrite` reads of a caller, apart from it: for who rewrites elsewhere.
    pub fn values(&self, caller: &dyn Source) -> Value {
        credential::apart(&self.read, caller)
    }

    /// Which bodies the operation takes.
    pub fn body_rule(&self) -> &BodyRule {
        &self.body
    }

    /// Map the parameters of path, query and headers. What is wrong with them is added to `errors`; then what is returned is
    /// not to be used.
    pub fn parameters<'r>(
        &self,
        received: &Received<'r>,
        filling: &mut Filling<'_>,
        errors: &mut Errors,
    ) -> Result<Parameters<'r>, FillFailed> {
        self.parameters.map(&self.program, received, filling, errors)
    }

    /// Read a whole JSON body and write the backend's. What is wrong with it is added to `errors`; then nothing is written.
    pub fn rewrite(&self, body: &[u8], filling: &mut Filling<'_>, errors: &mut Errors) -> Result<Vec<u8>, BodyRefused> {
        rewritten(&self.program, self.root, body, filling, errors)
    }
}

fn body_of(wire: Option<BodyWire>, program: &Program) -> Result<(BodyRule, usize), ProgramError> {
    match wire {
        None => Ok((BodyRule::None, 0)),
        Some(BodyWire::Pass { required, types, max_bytes }) => Ok((BodyRule::Pass { required, types, max_bytes }, 0)),
        Some(BodyWire::Json { required, types, root }) => {
            compile::root(root, program).map_err(|error| error.within("root"))?;
            Ok((BodyRule::Json { required, types }, root))
        }
    }
}

fn rewritten(
    program: &Program,
    root: usize,
    body: &[u8],
    filling: &mut Filling<'_>,
    errors: &mut Errors,
) -> Result<Vec<u8>, BodyRefused> {
    // Some more than was received: fills and defaults.
    let capacity = body.len() + body.len() / 4 + 64;
    let most = body.len() * GROWTH + ALLOWANCE;
    if errors.is_empty()
        && let Some(written) = straight::rewritten(program, root, body, filling, capacity, most)
    {
        return Ok(written);
    }
    step_by_step(program, root, body, filling, errors, capacity, most)
}

/// Read, then check, then write.
fn step_by_step(
    program: &Program,
    root: usize,
    body: &[u8],
    filling: &mut Filling<'_>,
    errors: &mut Errors,
    capacity: usize,
    most: usize,
) -> Result<Vec<u8>, BodyRefused> {
    let document = json::read(body, program.depth).map_err(BodyRefused::Invalid)?;
    let effort = Effort::of(body.len());
    let chosen = check::check(program, &document, root, ROOT, errors, &effort);
    if effort.is_spent() {
        return Err(BodyRefused::Effort);
    }
    if !errors.is_empty() {
        return Ok(Vec::new());
    }
    let written = write::write(program, &document, &chosen, root, ROOT, filling, capacity, most);
    let written = written.map_err(BodyRefused::Fill)?;
    if written.len() > most {
        return Err(BodyRefused::Invalid(ReadError { offset: body.len(), why: Why::Size }));
    }
    Ok(written)
}

/// A `REQUEST_PROGRAM` by itself, for those who try one.
pub struct RequestProgram(Program);

impl RequestProgram {
    /// Compile. The error is a pointer into `text` and a sentence.
    pub fn compile(text: &str) -> Result<Self, ProgramError> {
        let wire: ProgramWire<'_> = serde_json::from_str(text).map_err(|error| ProgramError::new(error.to_string()))?;
        Ok(Self(compile::program(wire)?))
    }

    /// As `RequestContract::rewrite`, from this node. The error that is no refusal: there is no such node.
    pub fn rewrite(
        &self,
        root: usize,
        body: &[u8],
        filling: &mut Filling<'_>,
        errors: &mut Errors,
    ) -> Result<Result<Vec<u8>, BodyRefused>, ProgramError> {
        compile::root(root, &self.0)?;
        Ok(rewritten(&self.0, root, body, filling, errors))
    }
}

/// Whether a `REQUEST_PROGRAM` can run.
pub fn check(text: &str) -> Result<(), ProgramError> {
    RequestProgram::compile(text).map(|_| ())
}
