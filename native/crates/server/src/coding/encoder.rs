//! Codes answers for partners, as they are made. Levels are the quick ones and windows small: a call costs some hundred KiB at most,
//! and the thread's other calls wait for microseconds.

use super::Coding;
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderValue;
use std::io::{Result, Write as _};
use zstd::stream::raw::CParameter;
use zstd::stream::write::Encoder as ZstdEncoder;

/// 128 KiB, as a power of two: what repeats in an answer repeats soon.
const WINDOW_LOG: u32 = 17;
const GZIP_LEVEL: u32 = 4;
const BROTLI_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 1;
/// What the coder of br writes at once.
const BROTLI_BUFFER: usize = 4096;

enum Engine {
    Gzip(Box<GzEncoder<Vec<u8>>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Zstandard(Box<ZstdEncoder<'static, Vec<u8>>>),
    /// It has ended.
    None,
}

/// Codes one answer. Its errors are of memory alone: it writes into memory.
pub(crate) struct Encoder {
    engine: Engine,
    name: &'static str,
    /// Something was written since the last flush.
    holds_back: bool,
}

impl Encoder {
    pub(crate) fn new(coding: Coding) -> Result<Self> {
        let (engine, name) = match coding {
            Coding::Zstandard => {
                let mut encoder = ZstdEncoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
                (Engine::Zstandard(Box::new(encoder)), "zstd")
            }
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_BUFFER, BROTLI_LEVEL, WINDOW_LOG);
                (Engine::Brotli(Box::new(writer)), "br")
            }
            Coding::Gzip | Coding::Deflate | Coding::Identity => {
                let encoder = GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL));
                (Engine::Gzip(Box::new(encoder)), "gzip")
            }
        };
        Ok(Self { engine, name, holds_back: false })
    }

    /// As `Content-Encoding` says it.
    pub(crate) fn name(&self) -> HeaderValue {
        HeaderValue::from_static(self.name)
    }

    pub(crate) fn write(&mut self, text: &[u8]) -> Result<()> {
        self.holds_back |= !text.is_empty();
        match &mut self.engine {
            Engine::Gzip(engine) => engine.write_all(text),
            Engine::Brotli(engine) => engine.write_all(text),
            Engine::Zstandard(engine) => engine.write_all(text),
            Engine::None => Ok(()),
        }
    }

    /// Make all that was written readable.
    pub(crate) fn flush(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.holds_back) {
            return Ok(());
        }
        match &mut self.engine {
            Engine::Gzip(engine) => engine.flush(),
            Engine::Brotli(engine) => engine.flush(),
            Engine::Zstandard(engine) => engine.flush(),
            Engine::None => Ok(()),
        }
    }

    /// Coded bytes that nobody has taken.
    pub(crate) fn made(&self) -> usize {
        match &self.engine {
            Engine::Gzip(engine) => engine.get_ref().len(),
            Engine::Brotli(engine) => engine.get_ref().len(),
            Engine::Zstandard(engine) => engine.get_ref().len(),
            Engine::None => 0,
        }
    }

    /// Take them.
    pub(crate) fn take(&mut self) -> Bytes {
        let made = match &mut self.engine {
            Engine::Gzip(engine) => engine.get_mut(),
            Engine::Brotli(engine) => engine.get_mut(),
            Engine::Zstandard(engine) => engine.get_mut(),
            Engine::None => return Bytes::new(),
        };
        Bytes::from(std::mem::take(made))
    }

    /// End the coded stream: all that is left of it.
    pub(crate) fn finish(&mut self) -> Result<Bytes> {
        let last = match std::mem::replace(&mut self.engine, Engine::None) {
            Engine::Gzip(engine) => engine.finish()?,
            Engine::Brotli(engine) => engine.into_inner(),
            Engine::Zstandard(engine) => engine.finish()?,
            Engine::None => Vec::new(),
        };
        Ok(Bytes::from(last))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;

    const CODINGS: [Coding; 3] = [Coding::Gzip, Coding::Brotli, Coding::Zstandard];

    fn decode(decoder: &mut Decoder, mut coded: &[u8]) -> Vec<u8> {
        let (mut text, mut space) = (Vec::new(), [0; 4096]);
        loop {
            let (taken, made) = decoder.step(coded, &mut space).unwrap();
            text.extend_from_slice(&space[..made]);
            coded = &coded[taken..];
            if coded.is_empty() && made < space.len() {
                return text;
            }
        }
    }

    #[test]
    fn what_is_flushed_can_be_read_before_the_rest_is_written() {
        for coding in CODINGS {
            let mut decoder = Decoder::new(coding).unwrap().unwrap();
            let mut encoder = Encoder::new(coding).unwrap();
            let long = vec![b' '; 100_000];
            for piece in [&b"{\"id\":1,"[..], b"", b"\"name\":\"a\"", &long] {
                encoder.write(piece).unwrap();
                encoder.flush().unwrap();
                assert_eq!(decode(&mut decoder, &encoder.take()), piece, "{coding:?}");
            }
            assert_eq!(encoder.made(), 0);
            encoder.flush().unwrap();
            assert_eq!(encoder.made(), 0, "{coding:?}: nothing was written, nothing is flushed");
            encoder.write(b"}").unwrap();
            assert_eq!(decode(&mut decoder, &encoder.finish().unwrap()), b"}");
            assert_eq!(decoder.finish(), Ok(()), "{coding:?}");
        }
    }

    #[test]
    fn texts_of_many_sizes_come_back_and_are_smaller() {
        let text: Vec<u8> = (0..60_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
        for coding in CODINGS {
            for size in [0, 1, 1024, 70_000, text.len()] {
                let mut encoder = Encoder::new(coding).unwrap();
                for piece in text[..size].chunks(16 * 1024) {
                    encoder.write(piece).unwrap();
                }
                let coded = encoder.finish().unwrap();
                let mut decoder = Decoder::new(coding).unwrap().unwrap();
                assert_eq!(decode(&mut decoder, &coded), text[..size], "{coding:?} {size}");
                assert!(size < 1024 || coded.len() < size * 7 / 10, "{coding:?} {size}: {}", coded.len());
            }
        }
    }
}
