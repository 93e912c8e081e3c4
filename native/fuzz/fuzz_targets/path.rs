//! A route is found only where its template, filled with the values found, spells the path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portazgo_core::route::{Match, PathBuilder, RouteIndex, Router, Template};

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let Some(path) = lines.next() else { return };
    let mut router = Router::default();
    let mut templates = Vec::new();
    for line in lines.take(8) {
        let Ok(template) = Template::parse(line) else { continue };
        if router.insert(None, "GET", &template, RouteIndex(templates.len() as u32)).is_ok() {
            templates.push(template);
        }
    }
    let path_as_uri = path.parse::<http::Uri>();
    if let Match::Route(index, values) = router.find("gate.example", "GET", path) {
        let template = &templates[index.0 as usize];
        assert_eq!(template.parameters().count(), values.len());
        assert!(values.iter().all(|value| !value.contains('/') && !value.is_empty()));
        let mut spelt = String::new();
        PathBuilder::new(template, template).unwrap().write(&values, &mut spelt);
        assert_eq!(spelt, path);
        assert!(path_as_uri.is_err() || spelt.parse::<http::Uri>().is_ok());
    }
});
