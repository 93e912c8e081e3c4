//! How a token travels: `Authorization: Bearer {token}`, or another header and scheme.

use http::{HeaderName, HeaderValue, header};

const PLACE: &str = "{token}";
/// Longer ones fit into no backend's head.
const LONGEST_TOKEN: usize = 16 * 1024;
/// What says how a message is framed, or where it goes, is no place for a token.
const NOT_THESE: [HeaderName; 10] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::EXPECT,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::ACCEPT_ENCODING,
];

/// A header, and what stands around the token in it.
#[derive(Debug)]
pub struct Attach {
    pub(super) header: HeaderName,
    before: String,
    after: String,
}

impl Attach {
    /// Compile a header's name and its value, in which `{token}` stands once.
    pub(crate) fn compile(name: &str, value: &str) -> Result<Self, String> {
        let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("{name:?} is no name of a header"))?;
        if NOT_THESE.contains(&header) {
            return Err(format!("a token can't travel in the header {header}"));
        }
        let (before, after) = value.split_once(PLACE).ok_or_else(|| format!("{value:?} holds no {PLACE}"))?;
        if after.contains(PLACE) || HeaderValue::from_str(&format!("{before}{after}")).is_err() {
            return Err(format!("{value:?} is no value of a header with one {PLACE}"));
        }
        Ok(Self { header, before: before.to_owned(), after: after.to_owned() })
    }

    /// The header's value for a token. The error says what is wrong with the token, and doesn't show it.
    pub(super) fn value(&self, token: &str) -> Result<HeaderValue, &'static str> {
        let visible = token.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if token.is_empty() {
            return Err("the token is empty");
        }
        if token.len() > LONGEST_TOKEN {
            return Err("the token is longer than 16 KiB");
        }
        if !visible {
            return Err("the token has characters that can't stand in a header");
        }
        let mut value = HeaderValue::try_from(format!("{}{token}{}", self.before, self.after))
            .map_err(|_| "the token has characters that can't stand in a header")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_where_the_value_says() {
        let attach = Attach::compile("X-Auth", "Token {token}; v=1").unwrap();
        let value = attach.value("abc").unwrap();
        assert_eq!((attach.header.as_str(), value.to_str().unwrap()), ("x-auth", "Token abc; v=1"));
        assert!(value.is_sensitive());
    }

    #[test]
    fn no_token_travels_in_a_header_that_frames_a_message() {
        for name in ["Host", "content-length", "Transfer-Encoding", "a b", ""] {
            assert!(Attach::compile(name, "{token}").is_err(), "{name}");
        }
        for value in ["", "Bearer", "{token} {token}", "a\r\nb {token}"] {
            assert!(Attach::compile("authorization", value).is_err(), "{value}");
        }
    }

    #[test]
    fn what_can_not_stand_in_a_header_is_no_token() {
        let attach = Attach::compile("authorization", "Bearer {token}").unwrap();
        for token in ["", "a b", "a\r\nX-Evil: 1", "ñ", &"x".repeat(LONGEST_TOKEN + 1)] {
            assert!(attach.value(token).is_err());
        }
    }
}
