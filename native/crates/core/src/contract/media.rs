//! Media types: which of them a body may be (RFC 9110, section 8.3.1).

use http::HeaderValue;

/// A media type without its parameters, or all of a kind (`image/*`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    text: Box<str>,
    header: HeaderValue,
}

impl MediaType {
    /// Read one as a contract writes it. None: it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
        };
        let (kind, subtype) = text.split_once('/')?;
        if !is_token(kind) || (subtype != "*" && !is_token(subtype)) {
            return None;
        }
        let text = text.to_ascii_lowercase();
        Some(Self { header: HeaderValue::from_str(&text).ok()?, text: text.into() })
    }

    /// As a `Content-Type` says it.
    pub fn header(&self) -> &HeaderValue {
        &self.header
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is one of many.
    pub fn is_range(&self) -> bool {
        self.text.ends_with("/*")
    }

    fn covers(&self, essence: &str) -> bool {
        match self.text.strip_suffix('*') {
            Some(kind) => essence.get(..kind.len()).is_some_and(|start| start.eq_ignore_ascii_case(kind)),
            None => self.text.eq_ignore_ascii_case(essence),
        }
    }
}

/// The type of `types` that a `Content-Type` says. None: it says none of them, or a charset that is not UTF-8.
pub fn choose<'t>(types: &'t [MediaType], content_type: &str) -> Option<&'t MediaType> {
    // Most say the type and nothing more.
    let same = types.iter().find(|media| media.covers(content_type));
    if same.is_some_and(|media| !media.is_range()) {
        return same;
    }
    let mut parts = content_type.split(';');
    let essence = parts.next()?.trim();
    let found = types.iter().find(|media| media.covers(essence))?;
    // A semicolon within quotes makes two parts of one; then a charset is at worst refused.
    let is_utf8 = parts.all(|part| match part.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let value = value.trim().trim_matches('"');
            value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("us-ascii")
        }
        _ => true,
    });
    is_utf8.then_some(found)
}

/// The type of `types` that a `Content-Type` says, whatever its parameters: for bodies that nobody reads here. It passes, so it
/// is one type and no list of them: browsers take the last of `image/png, text/html`.
pub fn choose_opaque<'t>(types: &'t [MediaType], content_type: &str) -> Option<&'t MediaType> {
    let (essence, parameters) = split(content_type);
    let is_one = MediaType::parse(essence).is_some_and(|media| !media.is_range());
    (is_one && parameters_in(parameters).is_some()).then(|| types.iter().find(|media| media.covers(essence)))?
}

/// What a `Content-Type` says of how its body is read: others of its parameters may tell what a file is called, or where it lies.
pub fn readable(content_type: &HeaderValue) -> HeaderValue {
    let text = content_type.to_str().unwrap_or_default();
    let (essence, parameters) = split(text);
    // What is no list of parameters was refused before: `choose_opaque`.
    let mut parameters = parameters_in(parameters).unwrap_or_default();
    let said = parameters.len();
    parameters.retain(|(name, value)| is_of_reading(name, value));
    if parameters.len() == said {
        return content_type.clone();
    }
    let written = parameters.iter().fold(essence.to_owned(), |told, (name, value)| format!("{told}; {name}={value}"));
    // Pieces of a value make one; if they did not, less would be told and not more.
    HeaderValue::try_from(written).unwrap_or(ANY_BYTES)
}

const ANY_BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// Whether a parameter says how a body is read, and its value has the form of what it should say, so that it is no host or
/// address: of texts (RFC 2046, section 4.1.2; RFC 3676; RFC 4180), of bodies in parts (RFC 2046, section 5.1; RFC 2387), of
/// sound and film (RFC 6381).
fn is_of_reading(name: &str, value: &str) -> bool {
    let value = value.trim_matches('"');
    let is_of = |signs: &[u8]| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte));
    match name.to_ascii_lowercase().as_str() {
        // It stands in the body, too, and may be nearly anything.
        "boundary" => true,
        "charset" => is_of(b"-_+"),
        "codecs" => is_of(b"-+.,* "),
        "delsp" | "format" | "header" => is_of(b""),
        "type" => MediaType::parse(value).is_some(),
        _ => false,
    }
}

fn split(content_type: &str) -> (&str, &str) {
    let (essence, parameters) = content_type.split_once(';').unwrap_or((content_type, ""));
    (essence.trim(), parameters)
}

/// The names and values behind a type's first semicolon, quotes and all (RFC 9110, section 5.6.6). None: it is no such thing.
fn parameters_in(text: &str) -> Option<Vec<(&str, &str)>> {
    let is_token = |part: &str| {
        let is_sign = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
    };
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_start();
            continue;
        }
        let (name, value) = rest.split_once('=')?;
        let end = match value.strip_prefix('"') {
            Some(quoted) => end_of_quoted(quoted)? + 1,
            None => value.find([';', ' ', '\t']).unwrap_or(value.len()),
        };
        let (value, after) = value.split_at(end);
        rest = after.trim_start();
        let is_value = value.starts_with('"') || is_token(value);
        if !is_token(name) || !is_value || !(rest.is_empty() || rest.starts_with(';')) {
            return None;
        }
        found.push((name, value));
    }
    Some(found)
}

/// Behind the quote that ends a text whose first quote is behind us.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate();
    while let Some((index, byte)) = bytes.next() {
        match byte {
            b'"' => return Some(index + 1),
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
    None
}

/// The type of `types` that a `Content-Type` says, by one of the ways above.
pub fn said<'t>(
    types: &'t [MediaType],
    content_type: &HeaderValue,
    choose: impl Fn(&'t [MediaType], &str) -> Option<&'t MediaType>,
) -> Option<&'t MediaType> {
    // Most say the first, in its very letters.
    match types.first().filter(|first| first.header == *content_type && !first.is_range()) {
        None => choose(types, content_type.to_str().ok()?),
        first => first,
    }
}

/// Whether bodies of this type get smaller by compression: texts, and what is one. Events don't wait in anybody's buffers.
pub fn is_worth_compressing(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence == "text/event-stream" {
        return false;
    }
    let known = ["application/json", "application/javascript", "application/xml", "application/x-ndjson"];
    let is_one = essence.starts_with("text/") || essence.ends_with("+json") || essence.ends_with("+xml");
    is_one || known.contains(&essence.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(texts: &[&str]) -> Vec<MediaType> {
        texts.iter().map(|text| MediaType::parse(text).unwrap()).collect()
    }

    #[test]
    fn parameters_are_ignored_but_for_a_charset_that_is_not_utf_8() {
        let json = types(&["application/json", "application/vnd.x+json"]);
        let is = |text| choose(&json, text).map(MediaType::as_str);
        for same in ["application/json", "Application/JSON ; charset=UTF-8", "application/json;charset=\"utf-8\";v=1"] {
            assert_eq!(is(same), Some("application/json"), "{same}");
        }
        assert_eq!(is("application/vnd.x+json"), Some("application/vnd.x+json"));
        for other in
            ["", "text/json", "application/json; charset=latin-1", "application/jsonp", "application/problem+json"]
        {
            assert_eq!(is(other), None, "{other}");
        }
    }

    #[test]
    fn a_kind_covers_its_types_and_no_others() {
        let images = types(&["image/*", "application/pdf"]);
        assert!(choose_opaque(&images, "image/png; x=\"a;b\"").is_some());
        assert!(choose_opaque(&images, "IMAGE/PNG").is_some());
        assert!(choose_opaque(&images, "imagery/png").is_none() && choose_opaque(&images, "text/html").is_none());
        for same in ["image/png;", "image/png ; a=b;c=\"d, \\\" e\" ;", "image/svg+xml;charset=utf-8"] {
            assert!(choose_opaque(&images, same).is_some(), "{same}");
        }
        // What some take for another type.
        for list in [
            "image/png, text/html",
            "image/png;a=, text/html",
            "image/png;a=b, text/html",
            "image/png;, text/html",
            "image/png;a=\"b, text/html",
            "image/png;a=\"b\\\"",
            "image/png;a=\"b\", text/html",
            "image/png;a",
            "image/png;a b=c",
            "image/png text/html",
            "image/",
            "image/*",
        ] {
            assert!(choose_opaque(&images, list).is_none(), "{list}");
        }
        for wrong in ["", "image", "*/*", "image/", "a b/c", "image/p*"] {
            assert_eq!(MediaType::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn of_parameters_those_pass_that_a_reader_needs() {
        for (said, told) in [
            ("application/pdf", "application/pdf"),
            ("Text/CSV;charset=latin-1;header=present", "Text/CSV;charset=latin-1;header=present"),
            ("image/png; name=\"a; b.png\"", "image/png"),
            (
                "multipart/mixed; Boundary=\"a b\";start=backend; type=\"text/csv\"",
                "multipart/mixed; Boundary=\"a b\"; type=\"text/csv\"",
            ),
            ("application/pdf; x-path=srv.7.pdf ;; charset=utf-8", "application/pdf; charset=utf-8"),
            ("text/csv; charset=\"http://10.0.0.5/\"; header=10.0.0.5; format=flowed", "text/csv; format=flowed"),
            ("text/csv; charset=db.internal; delsp=yes", "text/csv; delsp=yes"),
            ("video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\"", "video/mp4; codecs=\"avc1.42E01E, mp4a.40.2\""),
            ("multipart/related; type=inside", "multipart/related"),
        ] {
            assert_eq!(readable(&HeaderValue::from_static(said)), told, "{said}");
        }
    }
}
