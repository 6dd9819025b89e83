//! Samples of shards in which the image or the class is not certain.

use std::fs;
use tinderbox_data::Split;
use tinderbox_data::image::Shards;

fn refusal(members: &[(&str, &str)]) -> String {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder
            .append_data(&mut header, name, content.as_bytes())
            .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("train.tar"), builder.into_inner().unwrap()).unwrap();
    let error = Shards::open(dir.path(), Split::Train)
        .unwrap_err()
        .to_string();
    error.rsplit_once("train.tar: ").unwrap().1.to_owned()
}

#[test]
fn a_choice_between_fields_is_refused() {
    for (members, reason) in [
        (
            &[("7.left.jpg", ""), ("7.right.jpg", ""), ("7.cls", "0")][..],
            "7.right.jpg is the second image of the sample 7, after 7.left.jpg",
        ),
        (
            &[("7.jpg", ""), ("7.a.cls", "0"), ("7.b.CLS", "0")],
            "7.b.CLS is the second class of the sample 7, after 7.a.cls",
        ),
        (
            &[
                ("7.jpg", ""),
                ("7.a.json", "1"),
                ("7.b.json", "{\"cls\": 1}"),
            ],
            "7.b.json is the second class of the sample 7, after 7.a.json",
        ),
        (
            &[("7.jpg", ""), ("7.json", "{\"cls\": 1, \"label\": 2}")],
            "7.json has two classes: \"label\": 2, \"cls\": 1",
        ),
    ] {
        let found = refusal(members);
        assert!(found.starts_with(reason), "{found}");
    }
}

#[test]
fn a_class_that_is_no_number_is_refused() {
    for (json, reason) in [
        (
            "{\"label\": \"cat\"}",
            "7.json says \"label\": \"cat\", which is not the number",
        ),
        ("{\"cls\": -1}", "7.json says \"cls\": -1, which"),
        ("{\"cls\": 1.5}", "7.json says \"cls\": 1.5, which"),
        (
            "{\"cls\": 4000000000}",
            "7.json says \"cls\": 4000000000, which",
        ),
        ("{\"label\": true}", "7.json says \"label\": true, which"),
        ("{\"label\": ", "7.json is not valid JSON"),
        (
            "{\"text\": \"a cat\"}",
            "7.jpg has no class: 7.cls is missing; the sample has also 7.json",
        ),
    ] {
        let found = refusal(&[("7.jpg", ""), ("7.json", json)]);
        assert!(found.starts_with(reason), "{found}");
    }
}

#[test]
fn the_first_incomplete_sample_is_named_every_time() {
    let names: Vec<String> = (0..40).map(|number| format!("{number:02}.jpg")).collect();
    let members: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    for _ in 0..8 {
        let found = refusal(&members);
        assert!(
            found.starts_with("00.jpg has no class: 00.cls is missing"),
            "{found}"
        );
    }
}
