//! Vectors: what an expression comes to, worked out by hand from the specification of CEL.

use super::value::{exact, shortest};
use super::{Compute, Failed};
use crate::transform::json::Decimal;
use proptest::prelude::*;
use std::time::Instant;

const A: &str = r#"["input","int",0]"#;

fn run(expr: &str, kind: &str, inputs: &[Option<&str>]) -> Result<String, Failed> {
    let (kind, list) = kind.strip_prefix('[').map_or((kind, false), |kind| (kind, true));
    let (kind, null) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
    let compute = Compute::compile(expr, kind, list, null, inputs.len()).unwrap_or_else(|why| panic!("{expr}: {why}"));
    let inputs: Vec<_> = inputs.iter().map(|input| input.map(str::as_bytes)).collect();
    let mut out = Vec::new();
    compute.write(&inputs, &mut 0, &mut out).map(|()| String::from_utf8(out).unwrap())
}

/// An expression of `a` and `b`, the kind of the result, both inputs (`-`: absent), and what comes out.
type Case<'c> = (&'c str, &'c str, &'c str, &'c str, Result<&'c str, Failed>);

fn check(cases: &[Case<'_>]) {
    for (expr, kind, a, b, expected) in cases {
        let mut expr = (*expr).to_owned();
        for (name, input) in [("a", 0), ("b", 1)] {
            for (suffix, of) in [("i", "int"), ("d", "double"), ("s", "string"), ("t", "bool"), ("x", "any")] {
                expr = expr.replace(&format!("@{name}{suffix}"), &format!(r#"["input","{of}",{input}]"#));
            }
        }
        let inputs = [*a, *b].map(|input| (input != "-").then_some(input));
        assert_eq!(run(&expr, kind, &inputs).as_deref(), expected.as_deref(), "{expr} of {a} and {b}");
    }
}

#[test]
fn numbers_are_exact_or_refused() {
    check(&[
        (r#"["add",@ai,@bi]"#, "integer", "1", "2", Ok("3")),
        (r#"["sub",@ai,@bi]"#, "integer", "1", "2", Ok("-1")),
        (r#"["mul",@ai,@bi]"#, "integer", "-3", "2.0", Ok("-6")),
        (r#"["div",@ai,@bi]"#, "integer", "-7", "2", Ok("-3")),
        (r#"["mod",@ai,@bi]"#, "integer", "-7", "2", Ok("-1")),
        (r#"["div",@ai,@bi]"#, "integer", "1", "0", Err(Failed::Value)),
        (r#"["mod",@ai,@bi]"#, "integer", "1", "0", Err(Failed::Value)),
        (r#"["div",@ai,@bi]"#, "integer", "-9223372036854775808", "-1", Err(Failed::Value)),
        (r#"["mod",@ai,@bi]"#, "integer", "-9223372036854775808", "-1", Err(Failed::Value)),
        (r#"["neg",@ai]"#, "integer", "-9223372036854775808", "-", Err(Failed::Value)),
        (r#"["add",@ai,@bi]"#, "integer", "1234567890123456789", "1", Ok("1234567890123456790")),
        (r#"["add",@ai,@bi]"#, "integer", "9223372036854775807", "1", Err(Failed::Value)),
        (r#"["add",@ai,@bi]"#, "integer", "12345678901234567890", "1", Err(Failed::Value)),
        (r"@ai", "integer", "12345678901234567890", "-", Ok("12345678901234567890")),
        (r#"["if",["true"],@ad,@bd]"#, "number", "1.10", "-", Ok("1.10")),
        (r"@ad", "number", "1e400", "-", Ok("1e400")),
        (r#"["add",@ad,@bd]"#, "number", "1e400", "1", Err(Failed::Value)),
        (r#"["add",@ad,@bd]"#, "number", "1.5", "2.25", Ok("3.75")),
        (r#"["mul",@ad,["double","2"]]"#, "number", "10.10", "-", Ok("20.2")),
        (r#"["mul",@ad,["double","1"]]"#, "number", "0.12345678901234567890", "-", Err(Failed::Value)),
        (r#"["mul",@ad,["double","1"]]"#, "number", "12345678901234567890", "-", Err(Failed::Value)),
        // As near as one that ends with 3, and what others write: the even one.
        (r#"["mul",@ad,["double","1"]]"#, "number", "1000000000000000.2", "-", Ok("1000000000000000.2")),
        (r#"["mul",@ad,["double","1"]]"#, "number", "1000000000000000.25", "-", Err(Failed::Value)),
        (r#"["mul",@ad,["double","1"]]"#, "number", "-0.00000000000000000000", "-", Ok("-0")),
        (r#"["mul",@ad,["double","1"]]"#, "number", "1.50000000000000000000000000", "-", Ok("1.5")),
        (r#"["mul",@ad,@bd]"#, "number", "1e308", "1e308", Err(Failed::Value)),
        (r#"["div",@ad,@bd]"#, "number", "1", "0", Err(Failed::Value)),
        (r#"["mul",@ad,@bd]"#, "number", "1e200", "1e10", Ok("1e210")),
        (r#"["neg",@ad]"#, "number", "2.5", "-", Ok("-2.5")),
        (r#"["to_double",["text","10.50"]]"#, "number", "-", "-", Ok("10.5")),
        (r#"["to_double",@as]"#, "number", r#""NaN""#, "-", Err(Failed::Value)),
        (r#"["to_double",@ai]"#, "number", "9007199254740993", "-", Err(Failed::Value)),
        (r#"["to_int",@as]"#, "integer", r#""1234567890123456789""#, "-", Ok("1234567890123456789")),
        (r#"["to_int",@as]"#, "integer", r#""1.0""#, "-", Err(Failed::Value)),
        (r#"["to_int",@ad]"#, "integer", "-2.9", "-", Ok("-2")),
        (r#"["to_int",@ad]"#, "integer", "1e30", "-", Err(Failed::Value)),
        (r#"["lt",@ai,@bd]"#, "boolean", "1", "1.5", Ok("true")),
        (r#"["eq",@ai,@bi]"#, "boolean", "1234567890123456789", "1234567890123456788", Ok("false")),
    ]);
}

/// As the standard library writes a double. Of two that are as near it takes the larger, and others the even one.
fn by_the_standard_library(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 || (1e-7..1e21).contains(&size) { format!("{value}") } else { format!("{value:e}") }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn doubles_are_written_as_short_as_can_be_and_read_again(bits: u64, power in -330_i32..330, factor in -99_i32..99, cut: f32) {
        let round = f64::from(factor) * 10_f64.powi(power);
        for value in [f64::from_bits(bits), round, f64::from(cut)].into_iter().filter(|value| value.is_finite()) {
            let (written, other) = (shortest(value), by_the_standard_library(value));
            prop_assert_eq!(written.parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert_eq!(written.len(), other.len());
            prop_assert_eq!(&written[..written.len() / 2], &other[..other.len() / 2]);
            prop_assert_eq!(exact(&written).map(f64::to_bits), Some(value.to_bits()));
        }
    }

    #[test]
    fn a_number_is_a_double_where_it_is_written_as_that_again(
        number in "-?(0|[1-9][0-9]{0,22})([.][0-9]{1,24})?([eE][+-]?[0-9]{1,3})?",
    ) {
        let value: f64 = number.parse().unwrap();
        let same = value.is_finite() && Decimal::of(&shortest(value)).compare(&Decimal::of(&number)).is_eq();
        prop_assert_eq!(exact(&number).map(f64::to_bits), same.then_some(value.to_bits()), "{}", number);
    }
}

#[test]
fn no_spelling_of_a_number_keeps_an_expression_busy() {
    // Halfway between two doubles, but for the last of its digits: which is nearer takes long to find out.
    let halfway = "1.23400000000000008165188120241e-300";
    // The digits that a double has stand before many zeros.
    let padded = "5.7490501415369253000000000000e-301";
    let plain = "1.5";
    let took = |number: &str| {
        let list = format!("[{}]", vec![number; 1_500].join(","));
        let expr = r#"["exists",["input","any",0],["gt",["item","double"],["double","2"]]]"#;
        let compute = Compute::compile(expr, "boolean", false, false, 1).unwrap();
        let once = || {
            let began = Instant::now();
            let _ = compute.write(&[Some(list.as_bytes())], &mut 0, &mut Vec::new());
            began.elapsed()
        };
        (0..20).map(|_| once()).min().unwrap()
    };
    let most = 8 * took(plain);
    for number in [halfway, padded, "2.2250738585072011e-308", "1.00000376832706e-300", "123456789012345678e250"] {
        assert!(took(number) < most, "{number}: {:?}, {most:?}", took(number));
    }
}

#[test]
fn texts() {
    check(&[
        (r#"["add",@as,@bs]"#, "string", r#""a""#, r#""\u00e9\"""#, Ok(r#""aé\"""#)),
        (r"@as", "string", r#""\u0061\ud800""#, "-", Ok(r#""\u0061\ud800""#)),
        (r#"["add",@as,["text","x"]]"#, "string", r#""\ud800""#, "-", Err(Failed::Value)),
        (r#"["size",@as]"#, "integer", r#""a\ud83d\ude00é""#, "-", Ok("3")),
        (r#"["contains",@as,@bs]"#, "boolean", r#""Straße""#, r#""ß""#, Ok("true")),
        (r#"["starts_with",@as,@bs]"#, "boolean", r#""abc""#, r#""b""#, Ok("false")),
        (r#"["ends_with",@as,@bs]"#, "boolean", r#""abc""#, r#""bc""#, Ok("true")),
        (r#"["lower",@as]"#, "string", r#""AÉ""#, "-", Ok(r#""aÉ""#)),
        (r#"["upper",@as]"#, "string", r#""aé""#, "-", Ok(r#""Aé""#)),
        (r#"["trim",@as]"#, "string", r#""\t a b\u00a0""#, "-", Ok(r#""a b""#)),
        (r#"["lt",@as,@bs]"#, "boolean", r#""Z""#, r#""a""#, Ok("true")),
        (r#"["string",@ai]"#, "string", "1234567890123456789", "-", Ok(r#""1234567890123456789""#)),
        (r#"["string",@ai]"#, "string", "12345678901234567890", "-", Err(Failed::Value)),
        (r#"["string",@ad]"#, "string", "10.50", "-", Ok(r#""10.5""#)),
        (r#"["string",@at]"#, "string", "true", "-", Ok(r#""true""#)),
        (r#"["join",@ax,["text",", "]]"#, "string", r#"["a","b"]"#, "-", Ok(r#""a, b""#)),
        (r#"["join",@ax,["text",", "]]"#, "string", "[]", "-", Ok(r#""""#)),
        (r#"["join",@ax,["text",""]]"#, "string", r#"["a",1]"#, "-", Err(Failed::Type)),
        (r#"["add",@as,@bs]"#, "string", "1", r#""a""#, Err(Failed::Type)),
    ]);
}

#[test]
fn null_and_what_is_absent() {
    check(&[
        (r"@as", "string", "null", "-", Err(Failed::Type)),
        (r"@as", "string?", "null", "-", Ok("null")),
        (r"@as", "string?", "-", "-", Err(Failed::Value)),
        (r#"["has_input",0]"#, "boolean", "null", "-", Ok("true")),
        (r#"["has_input",0]"#, "boolean", "-", "-", Ok("false")),
        (r#"["if",["has_input",0],@as,["text","none"]]"#, "string", "-", "-", Ok(r#""none""#)),
        (r#"["eq",@as,["null"]]"#, "boolean", "null", "-", Ok("true")),
        (r#"["ne",@as,["null"]]"#, "boolean", r#""a""#, "-", Ok("true")),
        (r#"["add",@ai,@bi]"#, "integer", "null", "1", Err(Failed::Value)),
        (r#"["size",@as]"#, "integer", "null", "-", Err(Failed::Value)),
        (r#"["has",@ax,"k"]"#, "boolean", r#"{"k":null}"#, "-", Ok("true")),
        (r#"["has",@ax,"k"]"#, "boolean", "{}", "-", Ok("false")),
        (r#"["has",@ax,"k"]"#, "boolean", "null", "-", Err(Failed::Value)),
        (r#"["field","int",@ax,"k"]"#, "integer", r#"{"\u006b":7}"#, "-", Ok("7")),
        (r#"["field","int",@ax,"k"]"#, "integer", "{}", "-", Err(Failed::Value)),
        (r#"["field","int",@ax,"k"]"#, "integer", r#"{"k":1,"k":2}"#, "-", Err(Failed::Duplicate)),
        (r#"["field","int",@ax,"k"]"#, "integer", "[]", "-", Err(Failed::Type)),
    ]);
}

#[test]
fn what_decides_decides_alone() {
    check(&[
        (r#"["and",@at,@bt]"#, "boolean", "-", "false", Ok("false")),
        (r#"["and",@at,@bt]"#, "boolean", "-", "true", Err(Failed::Value)),
        (r#"["or",@at,@bt]"#, "boolean", "-", "true", Ok("true")),
        (r#"["or",@at,@bt]"#, "boolean", "false", "false", Ok("false")),
        (r#"["not",@at]"#, "boolean", "true", "-", Ok("false")),
        (r#"["if",@at,["int","1"],@bi]"#, "integer", "true", "-", Ok("1")),
    ]);
}

#[test]
fn lists() {
    let item = r#"["item","int"]"#;
    let over = |name: &str, body: &str| format!(r#"["{name}",@ax,{body}]"#);
    let positive = format!(r#"["gt",{item},["int","0"]]"#);
    let inverse = format!(r#"["gt",["div",["int","6"],{item}],["int","1"]]"#);
    let double = format!(r#"["mul",{item},["int","2"]]"#);
    let nested = r#"["size",["filter",@ax,["field","bool",["item","any"],"paid"]]]"#;
    check(&[
        (&over("all", &positive), "boolean", "[1,2]", "-", Ok("true")),
        (&over("all", &positive), "boolean", "[1,-2]", "-", Ok("false")),
        (&over("all", &positive), "boolean", "[]", "-", Ok("true")),
        (&over("exists", &positive), "boolean", "[-1,2]", "-", Ok("true")),
        (&over("exists", &positive), "boolean", "[]", "-", Ok("false")),
        (&over("exists", &inverse), "boolean", "[0,2]", "-", Ok("true")),
        (&over("exists", &inverse), "boolean", "[0,9]", "-", Err(Failed::Value)),
        (&over("exists_one", &positive), "boolean", "[1,2]", "-", Ok("false")),
        (&over("exists_one", &positive), "boolean", "[1,-2]", "-", Ok("true")),
        (&over("map", &double), "[integer", "[1,2]", "-", Ok("[2,4]")),
        (&over("map", item), "[integer", "[12345678901234567890,1.0]", "-", Ok("[12345678901234567890,1.0]")),
        (&over("filter", &positive), "[integer", "[1,-2,3]", "-", Ok("[1,3]")),
        (&over("filter", &positive), "[integer", r#"[1,"2"]"#, "-", Err(Failed::Type)),
        (&over("map", &double), "[integer", "[null]", "-", Err(Failed::Value)),
        (r"@ax", "[string", r#"["a","\u0062"]"#, "-", Ok(r#"["a","\u0062"]"#)),
        (r"@ax", "[string", "[1]", "-", Err(Failed::Type)),
        (r"@ax", "[string", "[null]", "-", Err(Failed::Type)),
        (r"@ax", "string", "[]", "-", Err(Failed::Type)),
        (nested, "integer", r#"[{"paid":true},{"paid":false}]"#, "-", Ok("1")),
        (nested, "integer", r#"[{"paid":true},{}]"#, "-", Err(Failed::Value)),
        (r#"["index","int",@ax,@bi]"#, "integer", "[7,8]", "1", Ok("8")),
        (r#"["index","int",@ax,@bi]"#, "integer", "[7,8]", "2", Err(Failed::Value)),
        (r#"["index","int",@ax,@bi]"#, "integer", "[7,8]", "-1", Err(Failed::Value)),
        (r#"["in","string",@bs,@ax]"#, "boolean", r#"["a","b"]"#, r#""\u0062""#, Ok("true")),
        (r#"["in","int",@bi,["list",["int","1"],["int","2"]]]"#, "boolean", "-", "3", Ok("false")),
        (r#"["size",@ax]"#, "integer", r#"{"a":1,"b":2}"#, "-", Ok("2")),
    ]);
}

#[test]
fn the_declared_type_holds() {
    for (kind, expected) in [("integer", Ok("1")), ("number", Ok("1")), ("string", Err(Failed::Type))] {
        assert_eq!(run(A, kind, &[Some("1")]).as_deref(), expected.as_deref());
        assert_eq!(run(r#"["add",["input","int",0],["int","0"]]"#, kind, &[Some("1")]).as_deref(), expected.as_deref());
    }
    assert_eq!(run(r#"["add",["double","1"],["double","1"]]"#, "integer", &[]), Err(Failed::Type));
    assert_eq!(run(r#"["input","int",0]"#, "integer", &[Some("1.5")]), Err(Failed::Type));
}

#[test]
fn input_output_and_work_are_bounded() {
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let join = r#"["add",["input","string",0],["input","string",0]]"#;
    assert!(run(join, "string", &[Some(&text(8_000))]).is_ok());
    assert_eq!(run(join, "string", &[Some(&text(9_000))]), Err(Failed::Size));
    assert_eq!(run(r#"["true"]"#, "boolean", &[Some(&text(70_000))]), Err(Failed::Size));
    assert_eq!(run(r#"["input","string",0]"#, "string", &[Some(&text(17_000))]), Err(Failed::Size));
    // A list within each step over a list: as many steps as the square of its length.
    let list = format!("[{}]", vec!["1"; 10_000].join(","));
    let square = r#"["all",["input","any",0],["in","int",["int","2"],["input","any",0]]]"#;
    assert_eq!(run(square, "boolean", &[Some(&list)]), Ok("false".to_owned()));
    let square = r#"["all",["input","any",0],["not",["in","int",["int","2"],["input","any",0]]]]"#;
    assert_eq!(run(square, "boolean", &[Some(&list)]), Err(Failed::Size));
    // The digits of one number, read for each item: as much work as their product.
    let (digits, items) = (format!("1.{}", "0".repeat(30_000)), format!("[{}]", vec!["1"; 10_000].join(",")));
    let each = r#"["size",["filter",["input","any",1],["not",["exact"]]]]"#
        .replace(r#"["exact"]"#, r#"["and",["false"],["gt",["input","double",0],["double","1"]]]"#);
    assert_eq!(run(&each, "integer", &[Some(&digits), Some(&items)]), Ok("10000".to_owned()));
    let each = each.replace(r#"["false"]"#, r#"["true"]"#);
    assert_eq!(run(&each, "integer", &[Some(&digits), Some(&items)]), Err(Failed::Size));
    // Texts that are made, and copies of them: what is in memory at once is bounded with the work.
    let long = text(16_000);
    let made = r#"["map",["input","any",1],["upper",["input","string",0]]]"#;
    assert_eq!(run(&format!(r#"["size",{made}]"#), "integer", &[Some(&long), Some("[1,2,3]")]), Ok("3".to_owned()));
    let many = format!("[{}]", vec!["1"; 500].join(","));
    assert_eq!(run(&format!(r#"["size",{made}]"#), "integer", &[Some(&long), Some(&many)]), Err(Failed::Size));
    let made_twice = format!(r#"["size",["list",{}]]"#, vec![r#"["item","string"]"#; 200].join(","));
    let copied = format!(r#"["map",["map",["input","any",1],["upper",["input","string",0]]],{made_twice}]"#);
    assert_eq!(run(&copied, "[integer", &[Some(&long), Some("[1,2,3]")]), Err(Failed::Size));
    // Lists of lists, which no control plane writes.
    let wide = format!(r#"["list",{}]"#, vec![r#"["true"]"#; 200].join(","));
    let lists = format!(r#"["size",["map",["map",["input","any",0],{wide}],{made_twice}]]"#);
    assert_eq!(run(&lists, "integer", &[Some(&many)]), Err(Failed::Size));
    let deep = format!("{}{}", "[".repeat(80), "]".repeat(80));
    assert_eq!(run(r#"["size",["input","any",0]]"#, "integer", &[Some(&deep)]), Err(Failed::Depth));
}

#[test]
fn the_values_of_an_answer_share_a_bound() {
    let compute =
        Compute::compile(r#"["size",["filter",["input","any",0],["true"]]]"#, "integer", false, false, 1).unwrap();
    let list = format!("[{}]", vec!["1"; 1_000].join(","));
    let (mut steps, mut done) = (0, 0);
    while compute.write(&[Some(list.as_bytes())], &mut steps, &mut Vec::new()).is_ok() {
        done += 1;
    }
    assert!((30..100).contains(&done), "{done}");
    // Afterwards there is nothing for the smallest of values.
    let one = Compute::compile(r#"["true"]"#, "boolean", false, false, 0).unwrap();
    assert_eq!(one.write(&[], &mut steps, &mut Vec::new()), Err(Failed::Size));
    assert_eq!(one.write(&[], &mut 0, &mut Vec::new()), Ok(()));
}

#[test]
fn nothing_is_written_where_there_is_no_value() {
    let items = |last: &str| format!("[{}{last}]", "1,".repeat(9_000));
    let compute = Compute::compile(r#"["input","any",0]"#, "integer", true, false, 1).unwrap();
    for (list, expected) in [(items(r#""a""#), Failed::Size), (r#"[1,"a"]"#.to_owned(), Failed::Type)] {
        let mut out = b"before".to_vec();
        assert_eq!(compute.write(&[Some(list.as_bytes())], &mut 0, &mut out), Err(expected));
        assert_eq!(out, b"before");
    }
}

#[test]
fn what_is_no_expression_is_refused() {
    let deep = format!("{}[\"true\"]{}", "[\"not\",".repeat(60), "]".repeat(60));
    let wide = format!("[\"list\",{}]", vec!["[\"null\"]"; 600].join(","));
    let nested = r#"["all",["list"],["all",["list"],["true"]]]"#;
    for expr in [
        "1",
        "[]",
        r#"["no"]"#,
        r#"["no",["true"]]"#,
        r#"["add",["true"]]"#,
        r#"["int","x"]"#,
        r#"["int",1]"#,
        r#"["double","inf"]"#,
        r#"["input","int",1]"#,
        r#"["input","text",0]"#,
        r#"["input",0]"#,
        r#"["has_input","int",0]"#,
        r#"["item","int"]"#,
        nested,
        &deep,
        &wide,
    ] {
        assert!(Compute::compile(expr, "string", false, false, 1).is_err(), "{expr}");
    }
    assert!(Compute::compile(r#"["null"]"#, "object", false, false, 0).is_err());
}
