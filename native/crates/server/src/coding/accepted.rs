//! Which coding of an answer a client wants (RFC 9110, section 12.5.3).

use super::Coding;
use http::{HeaderMap, header};

/// A smaller answer fits into one packet anyway: to code it costs more than it saves.
const LEAST_BYTES: u64 = 1024;
/// Of those that a client likes alike, the first: at levels that suit answers, br is no smaller than gzip and takes longer (ADR 53).
const PREFERRED: [(&str, Coding); 3] = [("zstd", Coding::Zstandard), (GZIP, Coding::Gzip), ("br", Coding::Brotli)];
const GZIP: &str = "gzip";
/// In thousandths.
const MOST: u16 = 1000;

/// A coding that a client wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) coding: Coding,
    /// It does not take an answer as it is.
    only_coded: bool,
}

impl Wanted {
    /// What `Accept-Encoding` asks for. None: the answer as it is, which is what a client gets that accepts nothing we have.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut told = Told::default();
        for line in headers.get_all(header::ACCEPT_ENCODING) {
            for element in line.to_str().ok()?.split(',') {
                told.note(element);
            }
        }
        told.choose()
    }

    /// Whether an answer of this size is worth coding; None: nobody knows it yet.
    pub(crate) fn is_worth_it(self, size: Option<u64>) -> bool {
        let least = if self.only_coded { 1 } else { LEAST_BYTES };
        size.is_none_or(|size| size >= least)
    }
}

/// How much a client likes each coding; None: it does not say.
#[derive(Default)]
struct Told {
    known: [Option<u16>; PREFERRED.len()],
    identity: Option<u16>,
    others: Option<u16>,
}

impl Told {
    /// Note one element of the list. What is not written as it should says nothing.
    fn note(&mut self, element: &str) {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let liking = match parts.next() {
            None => Some(MOST),
            Some(weight) => weight.strip_prefix(['q', 'Q']).and_then(|rest| thousandths(rest.trim_start())),
        };
        let Some(liking) = liking.filter(|_| parts.next().is_none()) else { return };
        let name = if name.eq_ignore_ascii_case("x-gzip") { GZIP } else { name };
        if name == "*" {
            self.others = Some(liking);
        } else if name.eq_ignore_ascii_case("identity") {
            self.identity = Some(liking);
        } else if let Some(index) = PREFERRED.iter().position(|(known, _)| name.eq_ignore_ascii_case(known)) {
            self.known[index] = Some(liking);
        }
    }

    fn choose(&self) -> Option<Wanted> {
        let only_coded = self.identity.or(self.others) == Some(0);
        let mut best: Option<(u16, Coding)> = None;
        for ((_, coding), liking) in PREFERRED.iter().zip(self.known) {
            let liking = liking.unwrap_or(0);
            if liking > best.map_or(0, |(most, _)| most) {
                best = Some((liking, *coding));
            }
        }
        // Who says "whatever you have" and names nothing means what everybody has.
        let gzip_is_named =
            PREFERRED.iter().zip(self.known).any(|((name, _), liking)| *name == GZIP && liking.is_some());
        if best.is_none() && !gzip_is_named {
            best = self.others.filter(|liking| *liking > 0).map(|liking| (liking, Coding::Gzip));
        }
        let (liking, coding) = best?;
        (liking >= self.identity.unwrap_or(0)).then_some(Wanted { coding, only_coded })
    }
}

/// A weight after its `q`: `=` and 0 to 1 with at most three digits.
fn thousandths(text: &str) -> Option<u16> {
    let text = text.strip_prefix('=')?.trim_start();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| is_number)?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(MOST),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wanted(lines: &[&'static str]) -> Option<Wanted> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::ACCEPT_ENCODING, HeaderValue::from_static(line));
        }
        Wanted::of(&headers)
    }

    #[test]
    fn the_best_liked_coding_is_chosen_and_ours_of_those_that_are_liked_alike() {
        for (lines, coding) in [
            (&["gzip"][..], Some(Coding::Gzip)),
            (&["gzip, deflate, br, zstd"], Some(Coding::Zstandard)),
            (&["gzip, deflate, br"], Some(Coding::Gzip)),
            (&["gzip;q=0.8", "br"], Some(Coding::Brotli)),
            (&["br"], Some(Coding::Brotli)),
            (&["x-gzip"], Some(Coding::Gzip)),
            (&["GZIP;Q=0.5, br;q=0.4"], Some(Coding::Gzip)),
            (&["gzip ; q = 1.000 , zstd;q=0.999"], Some(Coding::Gzip)),
            (&["zstd;q=0, *"], Some(Coding::Gzip)),
            (&["*"], Some(Coding::Gzip)),
            (&["gzip;q=0.1, identity;q=0.1"], Some(Coding::Gzip)),
            (&["gzip;q=0.1, identity;q=0.2"], None),
            (&["identity"], None),
            (&["gzip;q=0, *"], None),
            (&["*;q=0"], None),
            (&["deflate, compress"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(wanted(lines).map(|wanted| wanted.coding), coding, "{lines:?}");
        }
    }

    #[test]
    fn what_is_written_wrong_asks_for_nothing() {
        for text in [
            "gzip;q=2",
            "gzip;q=0.1234",
            "gzip;q=",
            "gzip;q",
            "gzip;level=9",
            "gzip;q=1;a=b",
            "gzip;q=-1",
            "gzip;q=+1",
            ";q=1",
        ] {
            assert_eq!(wanted(&[text]), None, "{text}");
        }
    }

    #[test]
    fn a_small_answer_is_coded_only_for_those_who_take_no_other() {
        let usual = wanted(&["gzip"]).unwrap();
        let strict = wanted(&["gzip, identity;q=0"]).unwrap();
        assert_eq!(wanted(&["gzip, *;q=0"]), Some(strict));
        assert_eq!([Some(1023), Some(1024), None].map(|size| usual.is_worth_it(size)), [false, true, true]);
        assert_eq!([Some(0), Some(1), None].map(|size| strict.is_worth_it(size)), [false, true, true]);
    }
}
