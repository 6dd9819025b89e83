//! Metrics, windows, answer spans and answers against Python.

use crate::{ENCODER, EXPECTED, questions};
use std::ops::Range;
use std::sync::Arc;
use tinderbox_data::text::encoder::question_answering::metrics::{
    Version, normalize_answer, score,
};
use tinderbox_data::text::encoder::question_answering::{Question, QuestionWindows, best_answer};
use tinderbox_data::text::encoder::{Encoding, TokenOrigin};

#[test]
fn metrics_agree_with_the_official_scripts() {
    assert_eq!(EXPECTED.metrics.len(), 375);
    for pair in &EXPECTED.metrics {
        let case_name = format!("{:?} {:?}", pair.prediction, pair.truths);
        assert_eq!(
            normalize_answer(&pair.prediction),
            pair.normalized,
            "{case_name}"
        );
        let truths: Vec<&str> = pair.truths.iter().map(String::as_str).collect();
        for (version, expected) in [(Version::V1, pair.v1), (Version::V2, pair.v2)] {
            let score = score(&pair.prediction, &truths, version);
            assert_eq!(
                [score.exact_match, score.f1],
                expected,
                "{case_name} {version:?}"
            );
        }
    }
}

fn context_ranges(window: &Encoding) -> Vec<Option<[usize; 2]>> {
    let range = |range: &Range<usize>| [range.start, range.end];
    let of_context = |piece: &TokenOrigin| (piece.text == 1).then(|| range(&piece.range));
    let pieces = window.origins.iter();
    pieces
        .map(|piece| piece.as_ref().and_then(of_context))
        .collect()
}

#[test]
fn windows_and_answer_spans_agree_with_python() {
    let questions = questions();
    assert_eq!(questions.len(), EXPECTED.questions.len());
    for question in questions {
        let expected = &EXPECTED.questions[&question.id].windows;
        let ours = QuestionWindows::new(question.clone(), &ENCODER, EXPECTED.stride).unwrap();
        assert_eq!(ours.windows.len(), expected.len(), "{}", question.id);
        assert_eq!(ours.rows, 0..expected.len());
        for (number, window) in ours.windows.iter().enumerate() {
            let case_name = format!("{} window {number}", question.id);
            assert_eq!(window.ids, expected[number].ids, "{case_name}");
            assert_eq!(
                context_ranges(window),
                expected[number].offsets,
                "{case_name}"
            );
            assert_eq!(ours.spans[number], expected[number].span, "{case_name}");
        }
    }
}

#[test]
fn answers_agree_with_python() {
    let mut cases = 0;
    for question in questions() {
        let windows = QuestionWindows::new(question.clone(), &ENCODER, EXPECTED.stride).unwrap();
        for case in &EXPECTED.questions[&question.id].answers {
            let logits =
                |quarters: &[i32]| quarters.iter().map(|&q| q as f32 / 4.0).collect::<Vec<_>>();
            let answer = best_answer(
                &windows,
                &logits(&case.start_quarters),
                &logits(&case.end_quarters),
                case.n_best,
                case.longest,
                case.impossible,
                case.threshold,
            );
            let case_name = format!("{} {answer:?}", question.id);
            assert_eq!(answer.text, case.text, "{case_name}");
            assert_eq!(
                [answer.range.start, answer.range.end],
                case.range,
                "{case_name}"
            );
            assert_eq!(
                (answer.score, answer.null_score),
                (case.score, case.null),
                "{case_name}"
            );
            assert!(
                (answer.probability - case.probability).abs() < 1e-6,
                "{case_name}"
            );
            cases += 1;
        }
    }
    assert_eq!(cases, 2 * EXPECTED.questions.len());
}

#[test]
fn answers_survive_logits_of_any_kind() {
    let asked = Arc::new(Question::asked("Who?", "The keeper."));
    let windows = QuestionWindows::new(asked, &ENCODER, 0).unwrap();
    let time = windows.windows[0].ids.len();
    for logits in [
        vec![f32::NAN; time],
        vec![f32::NEG_INFINITY; time],
        vec![],
        vec![1.0],
    ] {
        for impossible in [false, true] {
            let answer = best_answer(&windows, &logits, &logits, 20, 30, impossible, 0.0);
            assert!("The keeper.".contains(&answer.text));
        }
    }
    let equal = best_answer(
        &windows,
        &vec![1.0; time],
        &vec![1.0; time],
        20,
        30,
        true,
        0.0,
    );
    assert_eq!((equal.score, equal.null_score), (2.0, 2.0));
    assert!(
        !equal.text.is_empty(),
        "no answer must be above the threshold"
    );
}
