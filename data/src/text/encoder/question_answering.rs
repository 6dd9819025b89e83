//! Extractive question answering in the format of SQuAD (Rajpurkar et al., 2016,
//! <https://arxiv.org/abs/1606.05250>) and of version 2, where some questions have no answer
//! (Rajpurkar, Jia and Liang, 2018, <https://arxiv.org/abs/1806.03822>).
//!
//! * [`open()`]: the JSON of both versions as [`Question`]s, with every offset checked;
//! * [`QaTrainingSource`]: windows of the contexts, each with the start and end token of the
//!   answer;
//! * [`QaEvaluationSource`]: questions, each with all its windows, for [`best_answer`] to choose
//!   from;
//! * [`metrics`]: exact match and F1 by the rules of the official scripts.

mod answer;
mod evaluation;
pub mod metrics;
mod open;
mod read;
mod span;
mod training;
mod word_characters;

pub use answer::{Prediction, best_answer};
pub use evaluation::{QaEvaluationSource, QuestionBatch, QuestionWindows};
pub use open::{SquadSplits, open};
pub use read::{SquadReport, read};
pub use training::{QaTrainingBatch, QaTrainingSource};

use metrics::{AnswerScore, Version};
use std::ops::Range;
use std::sync::Arc;

/// A question about a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Id from the file.
    pub id: String,
    /// Text of the question.
    pub question: String,
    /// Text that contains the answer; shared by the questions about it.
    pub context: Arc<str>,
    /// Title of the context's article.
    pub title: String,
    /// Reference answers of different annotators; any of them is correct.
    pub answers: Vec<Answer>,
    /// True if the context does not answer the question (version 2).
    pub is_impossible: bool,
}

/// A passage of a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Text of the answer, as in the file.
    pub text: String,
    /// Byte offset in the context; `None` if the text at the file's offset differs. Such an answer
    /// cannot be trained on, but predictions can be compared with its text.
    pub start: Option<usize>,
}

impl Answer {
    /// Byte range in the context.
    pub fn range(&self) -> Option<Range<usize>> {
        self.start.map(|start| start..start + self.text.len())
    }
}

impl Question {
    /// A user's question, without reference answers.
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

    /// Byte range of the context to train on: the first answer with a known position.
    pub fn answer_range(&self) -> Option<Range<usize>> {
        self.answers.iter().find_map(Answer::range)
    }

    /// Scores `prediction` against the best reference answer; the empty text means "no answer".
    pub fn score(&self, prediction: &str, version: Version) -> AnswerScore {
        let truths: Vec<&str> = self.answers.iter().map(|a| a.text.as_str()).collect();
        metrics::score(prediction, &truths, version)
    }

    /// True if the question can be trained on: it has a position in the context, or no answer at
    /// all.
    fn is_trainable(&self) -> bool {
        self.is_impossible || self.answer_range().is_some()
    }
}
