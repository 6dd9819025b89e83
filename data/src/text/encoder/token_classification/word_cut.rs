//! How a running text is cut into the words that tagged sentences have.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::Range;

/// Rules that cut a text into words, learnt from the words of a data set.
///
/// Words end at white space. Punctuation marks are cut off a word's end if the data have them as
/// words of their own and never at the end of a longer word, and off its beginning by the same
/// rule. So the sentences of the data, joined by spaces, are cut into their own words, while
/// `(Oslo)!` becomes four of them if the data allow it. The default cuts at white space alone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WordCut {
    /// Marks that are cut off the beginning of a word.
    pub before: BTreeSet<char>,
    /// Marks that are cut off the end of a word.
    pub after: BTreeSet<char>,
    /// True if Chinese and Japanese characters are words of their own wherever they stand.
    pub characters: bool,
    /// White space outside of ASCII that occurs within words, such as non-breaking spaces.
    pub inside: BTreeSet<char>,
}

impl WordCut {
    /// The rules that leave each of `words` whole.
    pub fn of<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut alone = BTreeSet::new();
        let (mut first, mut last) = (BTreeSet::new(), BTreeSet::new());
        let mut inside = BTreeSet::new();
        let (mut single, mut within) = (false, false);
        for word in words {
            let mut characters = word.chars();
            match (characters.next(), characters.next_back()) {
                (Some(only), None) => {
                    single |= is_ideographic(only);
                    alone.insert(only);
                }
                (Some(begin), Some(end)) => {
                    first.insert(begin);
                    last.insert(end);
                    within |= word.contains(is_ideographic);
                    inside.extend(word.chars().filter(|c| c.is_whitespace() && !c.is_ascii()));
                }
                _ => {}
            }
            if word.chars().all(char::is_whitespace) {
                inside.extend(word.chars());
            }
        }
        alone.retain(|c| !c.is_alphanumeric() && !c.is_whitespace());
        Self {
            before: &alone - &first,
            after: &alone - &last,
            characters: single && !within,
            inside,
        }
    }

    /// Bytes of the words of a text, in order.
    pub fn words(&self, text: &str) -> Vec<Range<usize>> {
        let is_space = |c: char| c.is_whitespace() && !self.inside.contains(&c);
        let mut words = Vec::new();
        let mut start = None;
        for (at, character) in text.char_indices() {
            let is_alone = self.characters && is_ideographic(character);
            if (is_alone || is_space(character))
                && let Some(start) = start.take()
            {
                self.cut(text, start..at, &mut words);
            }
            if is_alone {
                words.push(at..at + character.len_utf8());
            } else if !is_space(character) {
                start.get_or_insert(at);
            }
        }
        if let Some(start) = start {
            self.cut(text, start..text.len(), &mut words);
        }
        words
    }

    /// Cuts punctuation off both ends of a text without spaces.
    fn cut(&self, text: &str, chunk: Range<usize>, words: &mut Vec<Range<usize>>) {
        let Range { mut start, mut end } = chunk;
        let mut after = Vec::new();
        let inner = |start: usize, end: usize| text.get(start..end).unwrap_or_default();
        while let Some(mark) = inner(start, end).chars().next()
            && start + mark.len_utf8() < end
            && self.before.contains(&mark)
        {
            words.push(start..start + mark.len_utf8());
            start += mark.len_utf8();
        }
        while let Some(mark) = inner(start, end).chars().next_back()
            && start + mark.len_utf8() < end
            && self.after.contains(&mark)
        {
            after.push(end - mark.len_utf8()..end);
            end -= mark.len_utf8();
        }
        words.push(start..end);
        words.extend(after.into_iter().rev());
    }
}

/// True for Chinese characters and Japanese kana.
fn is_ideographic(character: char) -> bool {
    matches!(
        character,
        '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
            | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words<'a>(cut: &WordCut, text: &'a str) -> Vec<&'a str> {
        let word = |range: Range<usize>| text.get(range).unwrap_or_default();
        cut.words(text).into_iter().map(word).collect()
    }

    #[test]
    fn marks_are_cut_off_where_the_data_have_them_apart() {
        let data = ["The", "U.N.", ",", "(", ")", ".", "!", "10,000", "'s", "'"];
        let cut = WordCut::of(data.into_iter());
        assert_eq!(
            words(
                &cut,
                " (The U.N.)\tpaid 20,000, that's Ada's '!' \u{a0}x.\n"
            ),
            [
                "(", "The", "U.N.", ")", "paid", "20,000", ",", "that's", "Ada's", "'", "!", "'",
                "x."
            ]
        );
        assert_eq!(words(&WordCut::default(), "(a) b,"), ["(a)", "b,"]);
        assert_eq!(words(&cut, ",,"), [",", ","]);
        assert_eq!(words(&cut, " \n"), [""; 0]);
    }

    #[test]
    fn characters_are_words_if_they_are_in_the_data() {
        let cut = WordCut::of(["北", "京", "。", "GDP"].into_iter());
        assert_eq!(words(&cut, "東京のGDP。"), ["東", "京", "の", "GDP", "。"]);
        let cut = WordCut::of(["北京", "在", "。"].into_iter());
        assert_eq!(words(&cut, "北京 在。"), ["北京", "在", "。"]);
    }

    #[test]
    fn a_non_breaking_space_stays_in_a_word_of_the_data() {
        let cut = WordCut::of(["10\u{a0}000", "\u{2003}"].into_iter());
        assert_eq!(
            words(&cut, "a 10\u{a0}000\u{3000}b \u{2003} c"),
            ["a", "10\u{a0}000", "b", "\u{2003}", "c"]
        );
    }

    proptest! {
        #[test]
        fn the_words_of_the_data_stay_whole(
            data in prop::collection::vec("[ab.,'(\u{a0}\u{3000}北京の。]{1,3}", 1..12),
        ) {
            let cut = WordCut::of(data.iter().map(String::as_str));
            let text = data.join(" ");
            prop_assert_eq!(words(&cut, &text), data);
        }
    }
}
