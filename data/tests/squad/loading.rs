//! Questions through the loader.

use crate::{ENCODER, EXPECTED, questions};
use std::sync::Arc;
use tinderbox_data::loader::{Batching, Loader, LoaderConfig, Source};
use tinderbox_data::text::encoder::question_answering::{
    QaEvaluationSource, QaTrainingBatch, QaTrainingSource, Question, QuestionBatch, QuestionWindows,
};

fn batches<S: Source>(source: &Arc<S>, workers: usize, first: usize) -> Vec<S::Batch> {
    let mut config = LoaderConfig::new(4).with_workers(workers).with_shuffle(3);
    config.shuffle = source.batching() != Batching::InOrder;
    let loader = Loader::new(source.clone(), config).unwrap();
    loader.epoch(1, first).collect::<Result<_, _>>().unwrap()
}

#[test]
fn training_visits_every_window_once_for_any_number_of_workers() {
    let training =
        Arc::new(QaTrainingSource::new(&questions(), &ENCODER, EXPECTED.stride, 4).unwrap());
    let windows = EXPECTED
        .questions
        .values()
        .flat_map(|question| &question.windows);
    let mut expected: Vec<(Vec<u32>, [u32; 2])> = windows
        .map(|window| (window.ids.clone(), window.span))
        .collect();
    assert_eq!(training.len(), expected.len());
    assert_eq!(
        training.answered(),
        expected.iter().filter(|(_, span)| *span != [0, 0]).count()
    );
    let all: Vec<QaTrainingBatch> = batches(&training, 0, 0);
    assert_eq!(batches(&training, 2, 0), all);
    assert_eq!(batches(&training, 2, 3), all[3..]);
    let mut found = Vec::new();
    for batch in &all {
        let [rows, time] = batch.input.shape;
        assert_eq!(batch.spans.len(), rows);
        for row in 0..rows {
            let place = row * time..(row + 1) * time;
            let unpadded = batch.input.attention_mask[place.clone()]
                .iter()
                .filter(|unpadded| **unpadded)
                .count();
            let ids = batch.input.ids[place.clone()][..unpadded].to_vec();
            let second = batch.input.token_type_ids[place]
                .iter()
                .filter(|&&s| s == 1)
                .count();
            assert!(second > 0 && second < unpadded);
            found.push((ids, batch.spans[row]));
        }
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn an_evaluation_keeps_the_windows_of_a_question_together() {
    let evaluation =
        Arc::new(QaEvaluationSource::new(questions(), &ENCODER, EXPECTED.stride).unwrap());
    let lengths: Vec<usize> = evaluation
        .questions()
        .iter()
        .map(|q| q.context.len() + q.question.len())
        .collect();
    assert!(lengths.is_sorted());
    let mut seen = 0;
    for batch in batches::<QaEvaluationSource>(&evaluation, 2, 0) {
        let batch: QuestionBatch = batch;
        let mut next = 0;
        let [rows, time] = batch.input.shape;
        assert_eq!(batch.spans().len(), rows);
        for question in &batch.questions {
            assert_eq!(question.rows, next..next + question.windows.len());
            next = question.rows.end;
            for (row, window) in question.rows.clone().zip(&question.windows) {
                assert_eq!(
                    batch.input.ids[row * time..][..window.ids.len()],
                    window.ids
                );
            }
            seen += 1;
        }
        assert_eq!(next, rows);
    }
    assert_eq!(seen, evaluation.len());
}

#[test]
fn a_long_context_is_many_windows() {
    let context = "the old keeper saw it ".repeat(20_000) + "ghosts";
    let asked = Arc::new(Question::asked("Who?", &context));
    let windows = QuestionWindows::new(asked, &ENCODER, EXPECTED.stride).unwrap();
    assert!(windows.windows.len() > 3000);
    assert_eq!(windows.spans, vec![[0, 0]; windows.windows.len()]);
    let end = windows
        .windows
        .last()
        .unwrap()
        .origins
        .iter()
        .flatten()
        .last()
        .unwrap();
    assert_eq!(end.range.end, context.len());
}
