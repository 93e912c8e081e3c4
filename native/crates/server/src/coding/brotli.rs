//! br (RFC 7932). Its window is at most 16 MiB: the larger ones are no part of the RFC, and refused.

use super::{Broken, Step};
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

pub(super) struct Unbrotli {
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
}

impl Unbrotli {
    pub(super) fn new() -> Self {
        let alloc = StandardAlloc::default;
        Self { state: BrotliState::new_strict(alloc(), alloc(), alloc()) }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8], ended: bool) -> Result<Step, Broken> {
        if ended {
            return Err(Broken);
        }
        let (mut available_in, mut taken) = (input.len(), 0);
        let (mut available_out, mut made, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut available_in,
            &mut taken,
            input,
            &mut available_out,
            &mut made,
            output,
            &mut total,
            &mut self.state,
        );
        match result {
            BrotliResult::ResultFailure => Err(Broken),
            BrotliResult::ResultSuccess => Ok(Step { taken, made, ended: true }),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(Step { taken, made, ended: false }),
        }
    }
}
