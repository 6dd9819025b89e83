//! SQuAD's JSON: articles of paragraphs of questions, or one question per entry, as `datasets` and
//! transformers' `run_qa.py` have them. Unused fields (`version`, `plausible_answers`) are ignored.

mod raw;

use super::{Answer, Question};
use crate::error::DataError;
use crate::text::json_entries::JsonEntries;
use raw::{RawAnswer, RawEntry, RawQuestion};
use std::path::Path;
use std::sync::Arc;

/// Maximum number of misaligned answers described in a report.
const EXAMPLES: usize = 5;
/// Maximum size of an article in bytes.
const MAX_ARTICLE: usize = 256 << 20;

/// Contents and problems of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SquadReport {
    /// Number of questions.
    pub questions: usize,
    /// Questions without an answer.
    pub unanswerable: usize,
    /// Number of answers; a question may have several.
    pub answers: usize,
    /// Answers that are not at the offset given. They are not searched for elsewhere, since the
    /// same words may mean something else there.
    pub misaligned: usize,
    /// The first few misaligned answers: question id, and the text at the offset.
    pub examples: Vec<String>,
}

impl SquadReport {
    /// Warning for the owner of the data, if there is a problem.
    pub fn warning(&self) -> Option<String> {
        (self.misaligned > 0).then(|| {
            format!(
                "{} of {} answers are not at the offset given in the file, and are not trained on: {}{}",
                self.misaligned,
                self.answers,
                self.examples.join("; "),
                if self.misaligned > self.examples.len() {
                    "; ..."
                } else {
                    ""
                },
            )
        })
    }

    pub(super) fn add(&mut self, other: Self) {
        self.questions += other.questions;
        self.unanswerable += other.unanswerable;
        self.answers += other.answers;
        self.misaligned += other.misaligned;
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }
}

/// Questions of an article, the unit by which a file is divided.
pub(super) struct Article {
    title: String,
    pub(super) questions: Vec<Arc<Question>>,
    pub(super) report: SquadReport,
}

/// Reads the questions of one file, in order, article by article; an article has at most 256 MiB.
///
/// # Errors
/// If the file cannot be read, is not SQuAD's JSON (with line and key), has no questions, or marks a
/// question with answers as impossible.
pub fn read(path: &Path) -> Result<(Vec<Arc<Question>>, SquadReport), DataError> {
    Ok(joined(articles(path)?))
}

pub(super) fn articles(path: &Path) -> Result<Vec<Article>, DataError> {
    let wrong =
        |(line, reason): (usize, String)| DataError::file(path, format!("line {line}: {reason}"));
    let mut articles = Articles::default();
    for entry in JsonEntries::open(path)?.with_max_entry(MAX_ARTICLE) {
        let entry = entry?;
        let raw: RawEntry = serde_json::from_slice(&entry.json).map_err(|error| {
            let (line, reason) = entry.problem(&error);
            wrong((line, format!("is not SQuAD's JSON: {reason}")))
        })?;
        articles
            .add(raw)
            .map_err(|reason| wrong((entry.line, reason)))?;
    }
    if articles
        .0
        .iter()
        .all(|article| article.questions.is_empty())
    {
        return Err(DataError::file(path, "has no questions"));
    }
    Ok(articles.0)
}

/// Joins the questions of several articles.
pub(super) fn joined(articles: Vec<Article>) -> (Vec<Arc<Question>>, SquadReport) {
    let mut questions = Vec::new();
    let mut report = SquadReport::default();
    for article in articles {
        questions.extend(article.questions);
        report.add(article.report);
    }
    (questions, report)
}

/// The articles read so far.
#[derive(Default)]
struct Articles(Vec<Article>);

impl Articles {
    /// Adds SQuAD's article, or one question of a flat file. Questions of the same title, or without
    /// one of the same context, that follow each other are an article.
    fn add(&mut self, raw: RawEntry) -> Result<(), String> {
        let title = raw.title.unwrap_or_default().0;
        if let Some(paragraphs) = raw.paragraphs {
            let mut article = Article::new(title);
            for paragraph in paragraphs {
                let context: Arc<str> = paragraph.context.into();
                for question in paragraph.qas {
                    article.add(question, &context)?;
                }
            }
            self.0.push(article);
            return Ok(());
        }
        let (Some(context), Some(question)) = (raw.context, raw.question) else {
            return Err(
                "is not SQuAD's JSON: an entry has \"paragraphs\", or \"context\" and \"question\""
                    .to_owned(),
            );
        };
        let last = self.0.last();
        let last_context = last.and_then(|article| Some(&article.questions.last()?.context));
        let same = last_context.filter(|last| ***last == *context).cloned();
        let is_same = |article: &Article| match title.as_str() {
            "" => article.title.is_empty() && same.is_some(),
            title => article.title == title,
        };
        if !last.is_some_and(is_same) {
            self.0.push(Article::new(title));
        }
        let question = RawQuestion {
            id: raw.id,
            question,
            answers: raw.answers,
            is_impossible: raw.is_impossible,
        };
        let context = same.unwrap_or_else(|| context.into());
        match self.0.last_mut() {
            Some(article) => article.add(question, &context),
            None => Ok(()),
        }
    }
}

impl Article {
    fn new(title: String) -> Self {
        Self {
            title,
            questions: Vec::new(),
            report: SquadReport::default(),
        }
    }

    fn add(&mut self, raw: RawQuestion, context: &Arc<str>) -> Result<(), String> {
        let (question, report) = question(raw, context, &self.title)?;
        self.questions.push(Arc::new(question));
        self.report.add(report);
        Ok(())
    }
}

/// As in the official script, a question without answers is unanswerable, whether or not the file
/// marks it so.
fn question(
    raw: RawQuestion,
    context: &Arc<str>,
    title: &str,
) -> Result<(Question, SquadReport), String> {
    let id = raw.id.unwrap_or_default().0;
    let raw_answers = raw.answers.0;
    let is_impossible = raw_answers.is_empty();
    if raw.is_impossible.0 && !is_impossible {
        return Err(format!(
            "question {id} is marked is_impossible and has answers; it must be one or the other"
        ));
    }
    let mut report = SquadReport {
        questions: 1,
        unanswerable: usize::from(is_impossible),
        answers: raw_answers.len(),
        ..SquadReport::default()
    };
    let mut answers = Vec::with_capacity(raw_answers.len());
    for raw_answer in raw_answers {
        let start = place(context, &raw_answer);
        if start.is_none() {
            report.misaligned += 1;
            let example = format!("{id}: {}", misalignment(context, &raw_answer));
            report.examples.push(example);
        }
        answers.push(Answer {
            text: raw_answer.text,
            start,
        });
    }
    report.examples.truncate(EXAMPLES);
    let question = Question {
        id,
        question: raw.question,
        context: context.clone(),
        title: title.to_owned(),
        answers,
        is_impossible,
    };
    Ok((question, report))
}

/// Byte offset of an answer, if the context has it there. An answer of only whitespace has none.
fn place(context: &str, answer: &RawAnswer) -> Option<usize> {
    let start = byte_of(context, answer.start?)?;
    let stands = context.get(start..)?.starts_with(&answer.text);
    (stands && !answer.text.trim().is_empty()).then_some(start)
}

/// Byte offset of code point number `place`.
fn byte_of(text: &str, place: i64) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    text.char_indices().nth(place).map(|(byte, _)| byte)
}

fn misalignment(context: &str, answer: &RawAnswer) -> String {
    let text = shortened(&answer.text);
    let Some(place) = answer.start else {
        return format!("the answer {text:?} has no answer_start");
    };
    match byte_of(context, place).and_then(|start| context.get(start..)) {
        Some(_) if answer.text.trim().is_empty() => format!("the answer {text:?} has no words"),
        Some(rest) => {
            let there: String = rest.chars().take(answer.text.chars().count()).collect();
            format!(
                "{text:?} is not at character {place}: the context has {:?} there",
                shortened(&there)
            )
        }
        None => format!(
            "{text:?} is not at character {place}: the context has {} characters",
            context.chars().count()
        ),
    }
}

/// Shortens a text for a message.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
