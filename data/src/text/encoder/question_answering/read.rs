//! SQuAD's JSON: articles of paragraphs of questions. Unused fields (`version`,
//! `plausible_answers`) are ignored.

use super::{Answer, Question};
use crate::error::DataError;
use serde::Deserialize;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Maximum number of misaligned answers described in a report.
const EXAMPLES: usize = 5;

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
    pub(super) questions: Vec<Arc<Question>>,
    pub(super) report: SquadReport,
}

#[derive(Deserialize)]
struct RawFile {
    data: Vec<RawArticle>,
}

#[derive(Deserialize)]
struct RawArticle {
    #[serde(default)]
    title: String,
    paragraphs: Vec<RawParagraph>,
}

#[derive(Deserialize)]
struct RawParagraph {
    context: String,
    qas: Vec<RawQuestion>,
}

#[derive(Deserialize)]
struct RawQuestion {
    id: String,
    question: String,
    #[serde(default)]
    answers: Vec<RawAnswer>,
    #[serde(default)]
    is_impossible: bool,
}

#[derive(Deserialize)]
struct RawAnswer {
    text: String,
    /// Offset in Unicode code points. Signed, because some converted data sets use -1 for "not
    /// found".
    answer_start: i64,
}

/// Reads the questions of one file, in order.
///
/// # Errors
/// If the file cannot be read, is not SQuAD's JSON (with line and column), has no questions, or
/// marks a question with answers as impossible.
pub fn read(path: &Path) -> Result<(Vec<Arc<Question>>, SquadReport), DataError> {
    Ok(joined(articles(path)?))
}

pub(super) fn articles(path: &Path) -> Result<Vec<Article>, DataError> {
    let bytes = fs::read(path).map_err(DataError::io("read", path))?;
    let json = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let file: RawFile = serde_json::from_slice(json)
        .map_err(|error| DataError::file(path, format!("is not SQuAD's JSON: {error}")))?;
    let articles: Vec<Article> = file
        .data
        .into_iter()
        .map(|raw| article(raw).map_err(|reason| DataError::file(path, reason)))
        .collect::<Result<_, _>>()?;
    if articles.iter().all(|article| article.questions.is_empty()) {
        return Err(DataError::file(path, "has no questions"));
    }
    Ok(articles)
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

fn article(raw: RawArticle) -> Result<Article, String> {
    let mut article = Article {
        questions: Vec::new(),
        report: SquadReport::default(),
    };
    for paragraph in raw.paragraphs {
        let context: Arc<str> = paragraph.context.into();
        for raw_question in paragraph.qas {
            let (question, report) = question(raw_question, &context, &raw.title)?;
            article.questions.push(Arc::new(question));
            article.report.add(report);
        }
    }
    Ok(article)
}

/// As in the official script, a question without answers is unanswerable, whether or not the file
/// marks it so.
fn question(
    raw: RawQuestion,
    context: &Arc<str>,
    title: &str,
) -> Result<(Question, SquadReport), String> {
    let is_impossible = raw.answers.is_empty();
    if raw.is_impossible && !is_impossible {
        let id = raw.id;
        return Err(format!(
            "question {id} is marked is_impossible and has answers; it must be one or the other"
        ));
    }
    let mut report = SquadReport {
        questions: 1,
        unanswerable: usize::from(is_impossible),
        answers: raw.answers.len(),
        ..SquadReport::default()
    };
    let mut answers = Vec::with_capacity(raw.answers.len());
    for raw_answer in raw.answers {
        let start = place(context, &raw_answer);
        if start.is_none() {
            report.misaligned += 1;
            let example = format!("{}: {}", raw.id, misalignment(context, &raw_answer));
            report.examples.push(example);
        }
        answers.push(Answer {
            text: raw_answer.text,
            start,
        });
    }
    report.examples.truncate(EXAMPLES);
    let question = Question {
        id: raw.id,
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
    let start = byte_of(context, answer.answer_start)?;
    let stands = context.get(start..)?.starts_with(&answer.text);
    (stands && !answer.text.trim().is_empty()).then_some(start)
}

/// Byte offset of code point number `place`.
fn byte_of(text: &str, place: i64) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    text.char_indices().nth(place).map(|(byte, _)| byte)
}

fn misalignment(context: &str, answer: &RawAnswer) -> String {
    let (text, place) = (shortened(&answer.text), answer.answer_start);
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
