//! gzip (RFC 1952, of one or more members) and deflate (RFC 1950, or bare RFC 1951).

use super::{Broken, Step};
use flate2::{Decompress, FlushDecompress, Status};

/// The largest that there is.
const WINDOW_BITS: u8 = 15;

pub(super) struct Inflater {
    engine: Decompress,
    form: Form,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Gzip,
    /// Which of the two is said by its first byte.
    Undecided,
    Deflate,
}

impl Inflater {
    pub(super) fn gzip() -> Self {
        Self { engine: Decompress::new_gzip(WINDOW_BITS), form: Form::Gzip }
    }

    pub(super) fn deflate() -> Self {
        Self { engine: Decompress::new(true), form: Form::Undecided }
    }

    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8], ended: bool) -> Result<Step, Broken> {
        if ended {
            // Another member may follow; anything else is no part of the body.
            if self.form != Form::Gzip {
                return Err(Broken);
            }
            self.engine = Decompress::new_gzip(WINDOW_BITS);
        }
        if self.form == Form::Undecided
            && let Some(first) = input.first()
        {
            // zlib's first byte says method 8 and a window of at most 32 KiB; a bare block of that beginning would be a stored
            // one whose padding is not zero.
            let is_zlib = first & 0x0f == 8 && first >> 4 <= 7;
            self.engine = Decompress::new(is_zlib);
            self.form = Form::Deflate;
        }
        let (before_in, before_out) = (self.engine.total_in(), self.engine.total_out());
        let status = self.engine.decompress(input, output, FlushDecompress::None).map_err(|_| Broken)?;
        let taken = (self.engine.total_in() - before_in) as usize;
        let made = (self.engine.total_out() - before_out) as usize;
        let stuck = taken == 0 && made == 0 && !input.is_empty() && status != Status::StreamEnd;
        if stuck { Err(Broken) } else { Ok(Step { taken, made, ended: status == Status::StreamEnd }) }
    }
}
