//! Bracketed parse trees: `(S (NP (DT the) (NN cat)) (VP (VBD sat)))`.

use std::fmt;

/// Maximum depth. Deeper trees are not language but a mistake, such as missing closing brackets.
const MAX_DEPTH: usize = 1000;

/// A constituent or a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// A constituent: its label (empty at the root of the published trees) and its children.
    Node(String, Vec<Tree>),
    /// A word: its part of speech and its spelling.
    Word(String, String),
}

impl Tree {
    /// Reads all trees of a text.
    ///
    /// # Errors
    /// If the brackets do not match up; the message begins with the line.
    pub fn read(text: &str) -> Result<Vec<Self>, String> {
        let mut reader = Reader::default();
        for (number, line) in (1..).zip(text.split('\n')) {
            for symbol in symbols(line) {
                reader
                    .take(symbol, number)
                    .map_err(|reason| format!("line {number}: {reason}"))?;
            }
        }
        reader.finish()
    }

    /// Returns the words with their parts of speech, from left to right.
    pub fn words(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Word(tag, word) => vec![(tag, word)],
            Self::Node(_, parts) => parts.iter().flat_map(Self::words).collect(),
        }
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(tag, word) => write!(f, "({tag} {word})"),
            Self::Node(label, parts) => {
                write!(f, "({label}")?;
                for part in parts {
                    write!(f, " {part}")?;
                }
                write!(f, ")")
            }
        }
    }
}

/// Splits a line into brackets and the symbols between brackets and whitespace.
fn symbols(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .flat_map(|part| {
            part.split_inclusive(['(', ')']).flat_map(|part| {
                let text = part.trim_end_matches(['(', ')']);
                [text, &part[text.len()..]]
            })
        })
        .filter(|symbol| !symbol.is_empty())
}

/// An open bracket.
struct Open {
    line: usize,
    /// First symbol after the bracket: a label, or a part of speech.
    label: Option<String>,
    /// Symbol after the label, outside further brackets.
    word: Option<String>,
    parts: Vec<Tree>,
}

/// Parser state.
#[derive(Default)]
struct Reader {
    open: Vec<Open>,
    trees: Vec<Tree>,
}

impl Reader {
    fn take(&mut self, symbol: &str, line: usize) -> Result<(), String> {
        match symbol {
            "(" => self.begin(line),
            ")" => self.end(),
            text => self.text(text),
        }
    }

    fn begin(&mut self, line: usize) -> Result<(), String> {
        if self.open.len() == MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} brackets are open"));
        }
        if let Some(Open {
            label,
            word: Some(word),
            ..
        }) = self.open.last()
        {
            let tag = label.as_deref().unwrap_or_default();
            return Err(format!("\"({tag} {word}\" is a word, so \")\" must follow"));
        }
        self.open.push(Open {
            line,
            label: None,
            word: None,
            parts: Vec::new(),
        });
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        let Some(open) = self.open.last_mut() else {
            return Err(format!("{text:?} is outside of all brackets"));
        };
        if open.label.is_none() && open.parts.is_empty() {
            open.label = Some(text.to_owned());
        } else if open.word.is_none() && open.parts.is_empty() {
            open.word = Some(text.to_owned());
        } else {
            return Err(format!("{text:?} has no brackets of its own"));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        let open = self.open.pop().ok_or("\")\" closes nothing")?;
        let label = open.label.unwrap_or_default();
        let tree = match open.word {
            Some(word) => Tree::Word(label, word),
            None if open.parts.is_empty() => return Err(format!("\"({label})\" has no parts")),
            None => Tree::Node(label, open.parts),
        };
        match self.open.last_mut() {
            Some(outer) => outer.parts.push(tree),
            None => self.trees.push(tree),
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<Tree>, String> {
        match self.open.first() {
            Some(open) => Err(format!("line {}: the bracket is never closed", open.line)),
            None => Ok(self.trees),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree() -> impl Strategy<Value = Tree> {
        let name = "[^\\s()\\p{C}]{1,6}";
        let word = (name, name).prop_map(|(tag, word)| Tree::Word(tag, word));
        word.prop_recursive(4, 24, 4, move |inner| {
            ("[A-Z]{0,3}", prop::collection::vec(inner, 1..4))
                .prop_map(|(label, parts)| Tree::Node(label, parts))
        })
    }

    proptest! {
        #[test]
        fn trees_round_trip(trees in prop::collection::vec(tree(), 0..4), wide: bool) {
            let mut text: String = trees.iter().map(|tree| format!("{tree}\n")).collect();
            if wide {
                text = text.replace(' ', "\r\n\t ");
            }
            prop_assert_eq!(Tree::read(&text).unwrap(), trees);
        }
    }

    #[test]
    fn words_come_in_order_with_their_tags() {
        let trees = Tree::read("( (S (NP(DT The)\n(NN cat)) (VP (VBD sat))(. .)) )").unwrap();
        let words = [("DT", "The"), ("NN", "cat"), ("VBD", "sat"), (".", ".")];
        assert_eq!(trees[0].words(), words);
    }

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| Tree::read(text).unwrap_err();
        assert_eq!(error("(S\n (NN a)"), "line 1: the bracket is never closed");
        assert_eq!(error("(NN a)\n)"), "line 2: \")\" closes nothing");
        assert_eq!(
            error("(NN a)\n\nb"),
            "line 3: \"b\" is outside of all brackets"
        );
        assert_eq!(
            error("(NN a b)"),
            "line 1: \"b\" has no brackets of its own"
        );
        assert_eq!(
            error("(S (NN a) b)"),
            "line 1: \"b\" has no brackets of its own"
        );
        assert_eq!(error("(S\n())"), "line 2: \"()\" has no parts");
        assert_eq!(
            error("(NN a (NN b))"),
            "line 1: \"(NN a\" is a word, so \")\" must follow"
        );
        assert!(error(&"(".repeat(2000)).contains("more than 1000 brackets"));
    }
}
