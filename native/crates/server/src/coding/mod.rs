//! Content codings of a backend's answer (RFC 9110, section 8.4.1). We ask for identity; what comes all the same is decoded in
//! steps of the caller's size, so that an answer never takes more memory than its window, and under caps, since a few bytes
//! can say many.

pub(crate) mod accepted;
mod brotli;
mod deflate;
pub(crate) mod encoder;
mod zstandard;

use http::{HeaderMap, header};
use portazgo_core::fault::Fault;

/// Decoded bytes for each received one, beyond the first of `FREE`: no JSON comes near it, every bomb lies beyond.
const MOST_RATIO: u64 = 200;
const FREE: u64 = 1024 * 1024;
/// Of one answer, whatever it was made of.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;

/// How an answer's body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    /// RFC 9110 means the zlib format; many send the bare one.
    Deflate,
    Brotli,
    Zstandard,
}

impl Coding {
    /// What `Content-Encoding` says. One coding over another is asked for by nobody, and refused as an unknown one.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut lines = headers.get_all(header::CONTENT_ENCODING).iter();
        let Some(line) = lines.next() else {
            return Ok(Self::Identity);
        };
        if lines.next().is_some() {
            return Err(Fault::BackendEncodingInvalid);
        }
        let name = line.to_str().map_err(|_| Fault::BackendEncodingInvalid)?.trim();
        let known = [
            ("identity", Self::Identity),
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstandard),
        ];
        let found = known.into_iter().find(|(word, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, coding)| coding).ok_or(Fault::BackendEncodingInvalid)
    }
}

/// What one step did.
#[derive(Clone, Copy)]
struct Step {
    /// Bytes of the input that are done with.
    taken: usize,
    /// Bytes of the output that were written.
    made: usize,
    /// The coded stream is whole.
    ended: bool,
}

/// What the bytes are wrong about is of no use to anybody who reads the record.
struct Broken;

enum Engine {
    Deflate(deflate::Inflater),
    Brotli(Box<brotli::Unbrotli>),
    Zstandard(zstandard::Unzstd),
}

/// Decodes one answer.
pub(crate) struct Decoder {
    engine: Engine,
    received: u64,
    made: u64,
    ended: bool,
}

impl Decoder {
    /// None: there is nothing to decode.
    pub(crate) fn new(coding: Coding) -> Result<Option<Self>, Fault> {
        let engine = match coding {
            Coding::Identity => return Ok(None),
            Coding::Gzip => Engine::Deflate(deflate::Inflater::gzip()),
            Coding::Deflate => Engine::Deflate(deflate::Inflater::deflate()),
            Coding::Brotli => Engine::Brotli(Box::new(brotli::Unbrotli::new())),
            Coding::Zstandard => {
                Engine::Zstandard(zstandard::Unzstd::new().map_err(|_| Fault::BackendEncodingInvalid)?)
            }
        };
        Ok(Some(Self { engine, received: 0, made: 0, ended: false }))
    }

    /// Decode some of `input` into `output`: how many bytes were taken, and how many made. All is done when the whole input is
    /// taken and the output was not filled.
    pub(crate) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<(usize, usize), Fault> {
        if input.is_empty() && self.ended {
            return Ok((0, 0));
        }
        let step = match &mut self.engine {
            Engine::Deflate(engine) => engine.step(input, output, self.ended),
            Engine::Brotli(engine) => engine.step(input, output, self.ended),
            Engine::Zstandard(engine) => engine.step(input, output),
        };
        let Step { taken, made, ended } = step.map_err(|Broken| Fault::BackendEncodingInvalid)?;
        self.ended = ended;
        self.received += taken as u64;
        self.made += made as u64;
        let bomb = self.made > FREE && self.made / MOST_RATIO > self.received;
        if bomb || self.made > MOST_BYTES {
            return Err(Fault::BackendEncodingInvalid);
        }
        Ok((taken, made))
    }

    /// The body has ended: so must what it says.
    pub(crate) fn finish(&self) -> Result<(), Fault> {
        if self.ended { Ok(()) } else { Err(Fault::BackendEncodingInvalid) }
    }
}

#[cfg(test)]
mod tests;
