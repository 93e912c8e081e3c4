use super::*;
use proptest::prelude::*;
use std::cmp::Ordering;

fn compact(text: &str) -> String {
    let document = read(text.as_bytes(), 64).unwrap();
    let mut written = Vec::new();
    write_compact(&document, ROOT, &mut written);
    String::from_utf8(written).unwrap()
}

fn refusal(text: &[u8]) -> (usize, Why) {
    let refused = read(text, 8).unwrap_err();
    (refused.offset, refused.why)
}

#[test]
fn white_space_goes_and_spellings_stay() {
    let text = "\t{ \"\\u0061b\" : [ 1.10 , -0 , 1E+400, [ ], {}, \"\\ud834\\udd1e\\/\" ] , \"n\":null}\r\n";
    assert_eq!(compact(text), r#"{"ab":[1.10,-0,1E+400,[],{},"\ud834\udd1e\/"],"n":null}"#);
    assert_eq!(compact(" true "), "true");
    assert_eq!(compact(r#"{"\ud800":"\udc00","\u0001\"":1}"#), r#"{"\ud800":"\udc00","\u0001\"":1}"#);
}

#[test]
fn what_is_wrong_is_found_where_it_is() {
    for (text, offset, why) in [
        (&b""[..], 0, Why::Truncated),
        (b"{", 1, Why::Truncated),
        (b"[1,", 3, Why::Truncated),
        (b"[1,]", 3, Why::Json),
        (b"[01]", 2, Why::Json),
        (b"[1.]", 3, Why::Json),
        (b"[1e+]", 4, Why::Json),
        (b"[-]", 2, Why::Json),
        (b"-", 1, Why::Truncated),
        (b"[tru]", 4, Why::Json),
        (b"1 2", 2, Why::Trailing),
        (b"[\"\x01\"]", 2, Why::Json),
        (b"[\"\xff\"]", 2, Why::Json),
        (b"\xef\xbb\xbf1", 0, Why::Json),
        (b"[\"\\x\"]", 3, Why::Json),
        (b"[\"\\u12g4\"]", 6, Why::Json),
        (b"[\"\\u12", 6, Why::Truncated),
        (b"{\"a\":1,\"b\":2,\"\\u0061\":3}", 13, Why::Duplicate),
        (b"{1:2}", 1, Why::Json),
        (b"{\"a\" 2}", 5, Why::Json),
        (b"[1}", 2, Why::Json),
        (b"[[[[[[[[[]]]]]]]]]", 8, Why::Depth),
    ] {
        assert_eq!(refusal(text), (offset, why), "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn a_repeated_name_is_found_among_thousands() {
    let names: Vec<String> = (0..5000).map(|number| format!("\"k{number}\":0")).collect();
    let sound = format!("{{{}}}", names.join(","));
    assert!(read(sound.as_bytes(), 8).is_ok());
    let repeated = format!("{{{},\"k\\u0031\":1}}", names.join(","));
    assert_eq!(refusal(repeated.as_bytes()), (sound.len(), Why::Duplicate));
}

/// Names that all meet in the sieve, and as many as a body holds: sorted, they cost what any names cost.
#[test]
fn names_made_to_meet_cost_no_more_than_others() {
    let names: Vec<String> = (0..40_000).map(|number| format!("\"a{number:06}bb{:06}a\":0", 0)).collect();
    let body = format!("{{{}}}", names.join(","));
    assert_eq!(read(body.as_bytes(), 8).unwrap().count(ROOT), 40_000);
}

#[test]
fn numbers_are_compared_by_value() {
    for (less, more) in [
        ("1", "2"),
        ("-2", "-1"),
        ("-1e400", "0"),
        ("9.99", "10"),
        ("1e-400", "1e-399"),
        ("12345678901234567890", "12345678901234567891"),
        ("0.1", "0.10000000000000000001"),
        ("1e999999999999", "1e9999999999999"),
        ("-1e99999999999999999999999", "-1e5"),
    ] {
        let (less, more) = (Decimal::of(less), Decimal::of(more));
        assert_eq!((less.compare(&more), more.compare(&less)), (Ordering::Less, Ordering::Greater));
    }
    for (one, other) in
        [("0", "-0.0e7"), ("1", "1.0"), ("100", "1e2"), ("0.001", "1e-3"), ("1.50", "15e-1"), ("0.0120", "12e-3")]
    {
        assert_eq!(Decimal::of(one).compare(&Decimal::of(other)), Ordering::Equal, "{one} {other}");
    }
}

#[test]
fn multiples_are_exact() {
    for (of, number, divides) in [
        ("0.1", "0.3", true),
        ("0.1", "1e400", true),
        ("0.1", "0.35", false),
        ("3", "1e999999999999999999", false),
        ("7", "10e99", false),
        ("8", "1e3", true),
        ("2.5", "7.5", true),
        ("2.5", "-7.50", true),
        ("2.5", "7.4", false),
        ("0.01", "19.99", true),
        ("10", "5", false),
        ("1", "1e-1", false),
        ("123456789012345678", "123456789012345678000", true),
        ("123456789012345678", "0", true),
    ] {
        assert_eq!(Multiple::of(of).unwrap().divides(&Decimal::of(number)), divides, "{number} of {of}");
    }
    assert_eq!((Multiple::of("0"), Multiple::of("-1"), Multiple::of("1234567890123456789")), (None, None, None));
}

fn identity(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    identity_of(&read(text.as_bytes(), 64).unwrap(), ROOT, &mut bytes);
    bytes
}

#[test]
fn equal_values_have_one_identity_and_others_another() {
    assert_eq!(identity(r#"{"a":1.0,"b":["\u0078"]}"#), identity(r#"{"b":["x"],"a":10e-1}"#));
    let different = [
        "1",
        "\"1\"",
        "true",
        "null",
        "[]",
        "{}",
        "[1]",
        "[[1]]",
        "[1,1]",
        "{\"1\":1}",
        "1e9999999999999999999",
        "1e99999999999999999999",
    ];
    for (index, one) in different.iter().enumerate() {
        for other in &different[index + 1..] {
            assert_ne!(identity(one), identity(other), "{one} {other}");
        }
    }
}

proptest! {
    #[test]
    fn what_serde_json_reads_is_read_to_the_same(text in r#"[\[\]{},:"\\ua0-9.eE+ \-]{0,24}"#) {
        let theirs = serde_json::from_str::<&serde_json::value::RawValue>(&text);
        match (read(text.as_bytes(), 64), theirs) {
            (Ok(_), theirs) => prop_assert!(theirs.is_ok()),
            (Err(refused), theirs) => prop_assert!(theirs.is_err() || refused.why == Why::Duplicate),
        }
    }

    #[test]
    fn strings_say_what_serde_json_reads_in_them(content in ".{0,40}") {
        let text = serde_json::to_string(&content).unwrap();
        let document = read(text.as_bytes(), 8).unwrap();
        prop_assert_eq!(document.content(ROOT), content.as_bytes());
        let mut written = Vec::new();
        write_string(content.as_bytes(), &mut written);
        prop_assert_eq!(serde_json::from_slice::<String>(&written).unwrap(), content);
    }

    #[test]
    fn small_numbers_compare_as_they_do_in_floats(one in -1_000_000_i32..1_000_000, other in -1_000_000_i32..1_000_000, places in 0_i32..4) {
        let spelt = |number: i32| format!("{number}e-{places}");
        let value = |number: i32| f64::from(number) / 10_f64.powi(places);
        let compared = Decimal::of(&spelt(one)).compare(&Decimal::of(&spelt(other)));
        prop_assert_eq!(compared, value(one).partial_cmp(&value(other)).unwrap());
    }
}
