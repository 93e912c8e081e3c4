use super::*;
use flate2::{Compress, Compression, FlushCompress};

fn deflated(mut engine: Compress, text: &[u8]) -> Vec<u8> {
    let mut coded = Vec::with_capacity(text.len() + 1024);
    engine.compress_vec(text, &mut coded, FlushCompress::Finish).unwrap();
    coded
}

fn gzip(text: &[u8]) -> Vec<u8> {
    deflated(Compress::new_gzip(Compression::best(), 15), text)
}

/// All that comes out, fed in pieces of this size.
fn decoded(coding: Coding, body: &[u8], piece: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = Decoder::new(coding).unwrap().unwrap();
    let (mut text, mut space) = (Vec::new(), [0; 1000]);
    for mut piece in body.chunks(piece) {
        loop {
            let (taken, made) = decoder.step(piece, &mut space)?;
            text.extend_from_slice(&space[..made]);
            piece = &piece[taken..];
            if piece.is_empty() && made < space.len() {
                break;
            }
        }
    }
    decoder.finish().map(|()| text)
}

/// "hello hello hello hello " times 1, as the reference encoder writes it (quality 11).
const BROTLI: &[u8] = &[0x0b, 0x02, 0x80, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x03];

fn samples() -> Vec<(Coding, Vec<u8>, Vec<u8>)> {
    let text: Vec<u8> = (0..20_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    vec![
        (Coding::Gzip, gzip(&text), text.clone()),
        (Coding::Gzip, [gzip(b"two "), gzip(b"members")].concat(), b"two members".to_vec()),
        (Coding::Deflate, deflated(Compress::new(Compression::fast(), true), &text), text.clone()),
        (Coding::Deflate, deflated(Compress::new(Compression::fast(), false), &text), text.clone()),
        (Coding::Zstandard, zstd::encode_all(&text[..], 3).unwrap(), text),
        (Coding::Brotli, BROTLI.to_vec(), b"hello".to_vec()),
    ]
}

#[test]
fn every_coding_is_decoded_in_pieces_of_any_size() {
    for (coding, body, text) in samples() {
        for piece in [1, 7, 4096, usize::MAX] {
            assert_eq!(decoded(coding, &body, piece).as_deref(), Ok(&text[..]), "{coding:?} in pieces of {piece}");
        }
    }
}

#[test]
fn what_breaks_off_or_goes_on_after_its_end_is_broken() {
    for (coding, body, _) in samples() {
        let cut = decoded(coding, &body[..body.len() - 1], 4096);
        assert_eq!(cut, Err(Fault::BackendEncodingInvalid), "{coding:?} cut");
        let mut longer = body;
        longer.extend_from_slice(b"more");
        assert_eq!(decoded(coding, &longer, 4096), Err(Fault::BackendEncodingInvalid), "{coding:?} with more");
    }
}

#[test]
fn a_bomb_is_given_up_before_it_has_taken_much() {
    let zeros = vec![0; 64 * 1024 * 1024];
    let bombs = [(Coding::Gzip, gzip(&zeros)), (Coding::Zstandard, zstd::encode_all(&zeros[..], 19).unwrap())];
    for (coding, bomb) in bombs {
        let mut decoder = Decoder::new(coding).unwrap().unwrap();
        let (mut left, mut space, mut made) = (&bomb[..], [0; 16 * 1024], 0);
        let outcome = loop {
            match decoder.step(left, &mut space) {
                Ok((taken, some)) => (left, made) = (&left[taken..], made + some),
                Err(fault) => break fault,
            }
        };
        assert_eq!(outcome, Fault::BackendEncodingInvalid);
        assert!(made < 16 * 1024 * 1024, "{coding:?}: {made}");
    }
}

#[test]
fn a_coding_over_another_or_an_unknown_one_is_refused() {
    let of = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::CONTENT_ENCODING, http::HeaderValue::from_static(value));
        }
        Coding::of(&headers)
    };
    assert_eq!(of(&[]), Ok(Coding::Identity));
    assert_eq!(of(&["GZIP"]), Ok(Coding::Gzip));
    for refused in [&["gzip, br"][..], &["compress"], &[""], &["gzip", "gzip"]] {
        assert_eq!(of(refused), Err(Fault::BackendEncodingInvalid), "{refused:?}");
    }
}
