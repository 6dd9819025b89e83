//! `tinderbox fill-mask`.

use crate::common::assert_one_line_error;
use crate::folders::{WORDS, classifier, folder, json, run, shown};
use tinderbox_model_transformer::Head;

#[test]
fn every_mask_is_predicted() {
    let folder = folder(Head::MaskedLm, &[]);
    let text = "Paris is the [MASK] of <mask>.";
    let filled = json(run(
        "fill-mask",
        folder.path(),
        &[text, "--json", "--top-k", "3"],
    ));
    assert_eq!(filled["text"], text);
    let masks = filled["masks"].as_array().unwrap();
    assert_eq!(masks.len(), 2);
    // [CLS] paris is the [MASK] of [MASK] . [SEP]
    assert_eq!(
        (&masks[0]["position"], &masks[1]["position"]),
        (&4.into(), &6.into())
    );
    for (mask, (before, after)) in masks.iter().zip([
        ("Paris is the ", " of [MASK]."),
        ("Paris is the [MASK] of ", "."),
    ]) {
        let guesses = mask["guesses"].as_array().unwrap();
        assert_eq!(guesses.len(), 3);
        let probability = |at: usize| guesses[at]["probability"].as_f64().unwrap();
        assert!(probability(0) >= probability(1) && probability(1) >= probability(2));
        assert!(probability(0) > 0.0 && probability(0) < 1.0);
        let token = guesses[0]["token"]
            .as_str()
            .unwrap()
            .trim_start_matches("##");
        assert_eq!(guesses[0]["text"], format!("{before}{token}{after}"));
        let id = guesses[0]["id"].as_u64().unwrap() as usize;
        assert_eq!(
            WORDS.lines().nth(id).unwrap().trim_start_matches("##"),
            token
        );
    }
    let (table, _) = shown(run("fill-mask", folder.path(), &[text]));
    assert_eq!(table.lines().count(), 1 + 2 * 5, "{table}");
    assert_one_line_error(
        &mut run("fill-mask", folder.path(), &["paris is the capital"]),
        1,
        &["no [MASK] in the text", "write [MASK]"],
    );
    let late = "paris ".repeat(30) + "[MASK]";
    assert_one_line_error(
        &mut run("fill-mask", folder.path(), &[&late]),
        1,
        &["shorten the text"],
    );
    assert_one_line_error(
        &mut run("fill-mask", classifier().path(), &[text]),
        1,
        &["no masked language modelling head"],
    );
}
