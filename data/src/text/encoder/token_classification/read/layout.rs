//! Columns of a file.

use super::{COMMENT, DOCUMENT};
use crate::text::encoder::labels::quoted;
use crate::text::encoder::token_classification::TagColumns;

/// Columns of CoNLL-U, which have no header.
const CONLL_U: [&str; 10] = [
    "ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC",
];
/// Comment that names the columns of CoNLL-U Plus.
const GLOBAL_COLUMNS: &str = "# global.columns =";

/// Indices of the columns in a line.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) word: usize,
    /// `None` if there is only one column.
    pub(super) tag: Option<usize>,
    /// Number of columns per line.
    pub(super) width: usize,
    /// True if tabs separate the columns.
    has_tabs: bool,
    /// True if the first column numbers the words of a sentence.
    pub(super) is_numbered: bool,
    /// Number of the line that names the columns.
    pub(super) header_line: Option<usize>,
}

impl Layout {
    /// The columns of a file that begins with these lines; `None` if they have no words.
    ///
    /// # Errors
    /// If a requested column is missing; with the line.
    pub(super) fn of(
        lines: &[String],
        columns: &TagColumns,
        is_conll_u: bool,
    ) -> Result<Option<Self>, (usize, String)> {
        let words = || {
            let lines = (1..).zip(lines);
            lines.filter(|(_, line)| {
                !line.trim_ascii().is_empty() && cells(line).first() != Some(&DOCUMENT)
            })
        };
        // A file whose every word begins with the character of comments has no comments.
        let first = words().find(|(_, line)| !line.starts_with(COMMENT));
        let Some((number, first)) = first.or_else(|| words().next()) else {
            return Ok(None);
        };
        let header = cells(first);
        let width = header.len();
        let is_numbered = width > 2 && (are_numbered(lines) || (is_conll_u && width == 10));
        let fixed: Vec<&str> = match lines
            .iter()
            .find_map(|line| line.strip_prefix(GLOBAL_COLUMNS))
        {
            Some(names) => names.split_ascii_whitespace().collect(),
            None if is_numbered && width == CONLL_U.len() => CONLL_U.to_vec(),
            None => Vec::new(),
        };
        let mut header_line = None;
        let mut find = |name: &Option<String>| -> Result<Option<usize>, (usize, String)> {
            let Some(name) = name else {
                return Ok(None);
            };
            let fixed_place = fixed
                .iter()
                .position(|column| column.eq_ignore_ascii_case(name));
            if let Some(place) = fixed_place.filter(|place| *place < width) {
                return Ok(Some(place));
            }
            if let Some(place) = name.parse().ok().filter(|place| *place < width) {
                return Ok(Some(place));
            }
            let place = header.iter().position(|cell| cell == name);
            header_line = place.map(|_| number).or(header_line);
            place.map(Some).ok_or_else(|| {
                let there = if fixed.is_empty() { &header } else { &fixed };
                let there = quoted(there.iter().copied());
                let reason = format!(
                    "no column is called {name:?}; the columns are {there}, or numbers from 0"
                );
                (number, reason)
            })
        };
        let (word, tag) = (find(&columns.word)?, find(&columns.tag)?);
        let default_tag = match width {
            1 => None,
            // The outer of GermEval's two levels of names, and CoNLL-U's parts of speech.
            4 if is_numbered => Some(2),
            10 if is_numbered => Some(3),
            _ => Some(width - 1),
        };
        let by_name = |wanted: &str| {
            let is = |column: &&str| column.eq_ignore_ascii_case(wanted);
            fixed.iter().position(is).filter(|place| *place < width)
        };
        Ok(Some(Self {
            word: word
                .or_else(|| by_name("FORM"))
                .unwrap_or(usize::from(is_numbered)),
            tag: tag.or_else(|| by_name("UPOS")).or(default_tag),
            width,
            has_tabs: first.contains('\t'),
            is_numbered,
            header_line,
        }))
    }

    pub(super) fn without_tags(mut self) -> Self {
        self.tag = None;
        self
    }

    /// True if a line that begins with `#` has the columns of a word.
    pub(super) fn could_be_word(&self, line: &str, cells: &[&str]) -> bool {
        !self.is_numbered && cells.len() == self.width && line.contains('\t') == self.has_tabs
    }
}

/// Cells of a line: separated by tabs if it has one, else by spaces. Only ASCII's white space
/// separates, since a word may contain, or be, a non-breaking space.
pub(super) fn cells(line: &str) -> Vec<&str> {
    let line = line.trim_end_matches(['\r', '\n']);
    if line.contains('\t') {
        line.split('\t').map(str::trim_ascii).collect()
    } else {
        line.split_ascii_whitespace().collect()
    }
}

/// True for the number of a word; false for CoNLL-U's ranges (`1-2`) and empty nodes (`1.1`),
/// which are not words of the text.
pub(super) fn is_word_id(id: &str) -> bool {
    id.parse::<u32>().is_ok()
}

/// True if the first column counts the words of each sentence from 1, and some sentence has two.
fn are_numbered(lines: &[String]) -> bool {
    let mut next = 1;
    let mut has_two = false;
    for line in lines {
        if line.trim_ascii().is_empty() {
            next = 1;
            continue;
        }
        let cells = cells(line);
        let first = cells.first().copied().unwrap_or_default();
        if line.starts_with(COMMENT) || first == DOCUMENT {
            continue;
        }
        match first.parse::<u32>() {
            Ok(id) if id == next => {
                has_two |= id == 2;
                next += 1;
            }
            Err(_) if is_range_or_empty_node(first) => {}
            _ => return false,
        }
    }
    has_two
}

fn is_range_or_empty_node(id: &str) -> bool {
    let parts = id.split_once(['-', '.']);
    parts.is_some_and(|(a, b)| [a, b].iter().all(|part| is_word_id(part)))
}
