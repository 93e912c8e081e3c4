//! zstd (RFC 8878), with windows of at most 8 MiB (RFC 9659, section 3).

use super::{Broken, Step};
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// 8 MiB, as a power of two.
const WINDOW_LOG: u32 = 23;

pub(super) struct Unzstd(Decoder<'static>);

impl Unzstd {
    pub(super) fn new() -> std::io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self(decoder))
    }

    /// Frames may follow each other.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Broken> {
        let (mut from, mut into) = (InBuffer::around(input), OutBuffer::around(output));
        let hint = self.0.run(&mut from, &mut into).map_err(|_| Broken)?;
        Ok(Step { taken: from.pos(), made: into.pos(), ended: hint == 0 })
    }
}
