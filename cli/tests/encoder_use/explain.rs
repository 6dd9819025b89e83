//! `tinderbox explain` of texts.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::common::assert_one_line_error;
use crate::folders::{classifier, headless, json, run, shown};

/// Path of an output file of this test.
fn output(folder: &Path, ending: &str) -> (PathBuf, String) {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = folder.join(format!("{number}.{ending}"));
    let name = path.to_str().unwrap().to_string();
    (path, name)
}

#[test]
fn words_are_shown_with_their_scores() {
    let folder = classifier();
    let path = folder.path();
    let text = "not unbelievable <script>good & bad</script>";
    let (html, name) = output(path, "html");
    let arguments = ["--text", text, "--class", "positive", "--output", &name];
    let (table, _) = shown(run("explain", path, &arguments));
    assert!(table.contains("evidence for positive"), "{table}");
    // Not a terminal: a table, with the tokens of a word joined.
    let words: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(
        words.contains(&"unbelievable") && !table.contains('\u{1b}'),
        "{table}"
    );
    let page = fs::read_to_string(html).unwrap();
    assert!(!page.contains("<script"), "{page}");
    for part in [
        "not",
        ">un</span>",
        ">believ</span>",
        "&lt;",
        "positive",
        "title=\"good: ",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    let mut coloured = run("explain", path, &["--text", text]);
    coloured.env("CLICOLOR_FORCE", "1").env_remove("NO_COLOR");
    let (coloured, _) = shown(coloured);
    assert!(
        coloured.contains("unbelievable") && coloured.contains("\u{1b}["),
        "{coloured}"
    );

    let (svg, name) = output(path, "svg");
    shown(run("explain", path, &["--text", text, "--output", &name]));
    let svg = fs::read_to_string(svg).unwrap();
    assert!(
        svg.starts_with("<svg ") && svg.contains(">good</text>") && !svg.contains("<script"),
        "{svg}"
    );

    let explained = json(run(
        "explain",
        path,
        &["--text", text, "--json", "--steps", "200"],
    ));
    let tokens = explained["tokens"].as_array().unwrap();
    let sum: f64 = tokens
        .iter()
        .map(|token| token["score"].as_f64().unwrap())
        .sum();
    let number = |key: &str| explained[key].as_f64().unwrap();
    let difference = number("output") - number("baseline");
    assert!(
        (sum - difference - number("gap")).abs() < 1e-4,
        "{explained}"
    );
    let size: f64 = tokens
        .iter()
        .map(|token| token["score"].as_f64().unwrap().abs())
        .sum();
    assert!(number("gap").abs() < 0.02 * size, "{explained}");
    assert_eq!(tokens[0]["token"], "[CLS]");
    assert_eq!(tokens[2]["bytes"]["start"], 4);
    // The second text of a pair is explained too.
    let pair = json(run(
        "explain",
        path,
        &["--text", "good", "--pair", "bad", "--json"],
    ));
    assert_eq!(
        (&pair["tokens"][3]["token"], &pair["tokens"][3]["of"]),
        (&"bad".into(), &1.into())
    );
}

#[test]
fn attention_is_drawn_as_maps() {
    let folder = classifier();
    let path = folder.path();
    let draw = |ending: &str, more: &[&str]| {
        let (file, name) = output(path, ending);
        let arguments = [&["--text", "not <b>bad", "--output", &name], more].concat();
        let (out, _) = shown(run("explain", path, &arguments));
        (out, fs::read_to_string(file).unwrap())
    };
    let (out, all) = draw("svg", &["--method", "attention"]);
    assert!(
        out.contains("attention of [CLS] in the mean over layers and heads"),
        "{out}"
    );
    assert_eq!(all.matches("<g transform=\"translate(").count(), 4);
    assert!(all.contains("layer 1, head 0"), "{all}");
    let (_, one) = draw(
        "svg",
        &["--method", "attention", "--layer", "1", "--head", "0"],
    );
    assert_eq!(one.matches(">[CLS]</text>").count(), 2);
    assert!(!one.contains("<b>"), "{one}");
    let (_, page) = draw("html", &["--method", "rollout"]);
    assert!(
        page.contains("<figure><svg ") && page.contains("through all layers"),
        "{page}"
    );
    assert!(!page.contains("<b>"), "{page}");
    // Attention works without a head; integrated gradients does not, and says so.
    let plain = headless();
    shown(run(
        "explain",
        plain.path(),
        &["--text", "bad", "--method", "rollout"],
    ));
    let rollout = json(run(
        "explain",
        plain.path(),
        &["--text", "bad", "--method", "rollout", "--json"],
    ));
    let sum: f64 = rollout["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["score"].as_f64().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-4, "{rollout}");
    assert_one_line_error(
        &mut run("explain", plain.path(), &["--text", "bad"]),
        1,
        &["predicts nothing about a text as a whole"],
    );
}
