//! SQuAD: questions whose answers are passages of a given text (Rajpurkar et al., 2016,
//! <https://arxiv.org/abs/1606.05250>), and version 2, where some have no answer (Rajpurkar, Jia and Liang, 2018,
//! <https://arxiv.org/abs/1806.03822>).
//!
//! * [`open`]: the JSON of both versions as [`Question`]s, with every offset checked;
//! * [`SquadTraining`]: windows over the contexts, each with the tokens that the answer begins and ends at;
//! * [`SquadEvaluation`]: questions, each with all its windows, so that [`best_answer`] can choose between them;
//! * [`metrics`]: exact match and F1 by the rules of the official scripts.

mod answer;
mod evaluation;
mod marks;
pub mod metrics;
mod open;
mod read;
mod span;
mod training;

pub use answer::{Prediction, best_answer};
pub use evaluation::{QuestionBatch, QuestionWindows, SquadEvaluation};
pub use open::{SquadSplits, open};
pub use read::{SquadReport, read};
pub use training::{SpanBatch, SquadTraining};

use metrics::{AnswerScore, Version};
use std::ops::Range;
use std::sync::Arc;

/// One question about one text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// What the file calls it.
    pub id: String,
    /// As it is asked.
    pub question: String,
    /// The text in which the answer stands; shared by the questions about it.
    pub context: Arc<str>,
    /// Of the article that the context is from.
    pub title: String,
    /// What different people answered; any of them is right.
    pub answers: Vec<Answer>,
    /// Whether the context does not answer the question (version 2).
    pub is_impossible: bool,
}

/// A passage of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// As the file has it.
    pub text: String,
    /// The byte of the context at which it begins; nothing where something else stands at the place that the file names.
    /// Such an answer cannot be trained on, but a prediction may be compared with its text.
    pub start: Option<usize>,
}

impl Answer {
    /// Its bytes of the context.
    pub fn range(&self) -> Option<Range<usize>> {
        self.start.map(|start| start..start + self.text.len())
    }
}

impl Question {
    /// A question of a user's, to which no answer is known.
    pub fn asked(question: &str, context: &str) -> Self {
        Self {
            id: String::new(),
            question: question.to_owned(),
            context: context.into(),
            title: String::new(),
            answers: Vec::new(),
            is_impossible: false,
        }
    }

    /// The bytes of the context that are trained on: those of the first answer whose place is known.
    pub fn answer_range(&self) -> Option<Range<usize>> {
        self.answers.iter().find_map(Answer::range)
    }

    /// How well `prediction` agrees with the best of the answers; the empty text stands for "no answer".
    pub fn score(&self, prediction: &str, version: Version) -> AnswerScore {
        let truths: Vec<&str> = self.answers.iter().map(|a| a.text.as_str()).collect();
        metrics::score(prediction, &truths, version)
    }

    /// Whether something can be learnt from it: a place in the context, or that there is none.
    fn is_trainable(&self) -> bool {
        self.is_impossible || self.answer_range().is_some()
    }
}
