use super::pattern::Pattern;
use super::*;
use crate::transform::request::effort::Effort;
use proptest::prelude::*;

fn fits(pattern: &str, text: &str) -> bool {
    Pattern::compile(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).fits(text, &Effort::of(0))
}

#[test]
fn patterns_mean_what_they_mean_in_ecma_262() {
    for (pattern, text, expected) in [
        ("^\\d+$", "123", true),
        ("^\\d+$", "१२३", false),
        ("^\\w+$", "été", false),
        ("^[\\w-]+$", "a-b_1", true),
        ("^[^\\d]$", "7", false),
        ("^[a&&b]+$", "a&b", true),
        ("^[a[b]$", "[", true),
        ("^[!--]$", "-", true),
        ("a.b", "a\nb", false),
        ("a.b", "a\u{2028}b", false),
        ("a.b", "aéb", true),
        ("^a$", "a\n", false),
        ("^$", "", true),
        ("[]", "a", false),
        ("^[^]$", "\n", true),
        ("^\\/a\\-b\\.c$", "/a-b.c", true),
        ("b", "abc", true),
        ("^\\p{Lu}", "Éa", true),
        ("^\\s$", "\u{feff}", true),
        ("\\bfoo\\b", "a foo b", true),
        ("^\\u0041$", "A", true),
        ("^(?<year>\\d{4})$", "2026", true),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn patterns_that_go_back_or_grow_are_refused() {
    for pattern in ["(?=a)", "(a)\\1", "(", "a{1000000}", "(((a{100}){100}){100})", "\\Z", "[z-a]", "[a--z]"] {
        assert!(Pattern::compile(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn formats_take_what_their_standards_take() {
    let cases: [(&str, &[&str], &[&str]); 9] = [
        (
            "date",
            &["2026-11-26", "2024-02-29", "0001-01-01"],
            &["2026-02-29", "2026-13-01", "2026-1-1", "26-11-26", "2026-11-26T", ""],
        ),
        (
            "date-time",
            &[
                "2026-11-26T15:37:12Z",
                "2026-11-26t15:37:12.123456789012z",
                "1990-12-31T23:59:60Z",
                "2026-11-26T15:37:12-03:30",
            ],
            &[
                "2026-11-26",
                "2026-11-26T15:37Z",
                "2026-11-26T15:37:12",
                "2026-11-26T24:00:00Z",
                "2026-11-26T15:37:12+0100",
                "2026-11-26T15:37:12.Z",
                "2026-11-26T15:37:12Zé",
            ],
        ),
        ("time", &["15:37:12", "15:37:12Z", "15:37:12.5+01:00"], &["15:37", "25:00:00", "15:37:12+1"]),
        (
            "email",
            &["a@example.com", "a.b+c@sub.example.com", "é@example.com", "a@[192.0.2.1]", "a@[IPv6:::1]"],
            &[
                "a",
                "@example.com",
                "a@",
                "a@b@",
                "a..b@example.com",
                ".a@example.com",
                "a b@example.com",
                "a@-example.com",
                "a@[300.0.0.1]",
            ],
        ),
        (
            "uuid",
            &["0199a1b2-c3d4-7fff-bfff-ffffffffffff", "0199A1B2-C3D4-7FFF-BFFF-FFFFFFFFFFFF"],
            &["0199a1b2c3d47fffbfffffffffffffff", "{0199a1b2-c3d4-7fff-bfff-ffffffffffff}", ""],
        ),
        (
            "uri",
            &[
                "https://example.com",
                "https://user:p@example.com:8080/a%20b?x=1#f",
                "urn:isbn:0451450523",
                "mailto:a@example.com",
                "http://[2001:db8::1]/",
                "file:///a",
            ],
            &[
                "/a/b",
                "example.com",
                "http://example.com/a b",
                "http://[::1",
                "http://example.com:80a/",
                "http://a/%zz",
                "1http://a",
                "http://é.example/",
                "http://a/<b>",
            ],
        ),
        ("ipv4", &["192.0.2.1"], &["192.0.2", "192.0.2.256", "192.0.2.01", " 192.0.2.1"]),
        ("ipv6", &["::1", "2001:db8::192.0.2.1"], &["1", "::1%eth0", "[::1]", ":::"]),
        (
            "hostname",
            &["example.com", "a", "xn--bcher-kva.example"],
            &["", "a..b", "-a.example", "a_b.example", "bücher.example", "example.com."],
        ),
    ];
    for (word, sound, unsound) in cases {
        let format = Format::of(word).unwrap();
        for (text, expected) in sound.iter().map(|text| (text, true)).chain(unsound.iter().map(|text| (text, false))) {
            assert_eq!(format.fits(text), expected, "{word} {text}");
        }
    }
    assert_eq!(Format::of("password"), None);
}

proptest! {
    #[test]
    fn no_text_makes_a_rule_panic(text in ".{0,40}", pattern in r"[\[\]^a-c\\dw&~.\-(){}|$0-9]{0,12}") {
        for word in ["date", "date-time", "time", "email", "uuid", "uri", "ipv4", "ipv6", "hostname"] {
            let _ = Format::of(word).unwrap().fits(&text);
        }
        let _ = Pattern::compile(&pattern).map(|pattern| pattern.fits(&text, &Effort::of(0)));
    }
}
