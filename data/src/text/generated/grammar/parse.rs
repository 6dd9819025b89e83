//! Parses a grammar and checks that it is finite and unambiguous.

use super::{Alternative, END, Grammar, Rule, Symbol};
use crate::error::DataError;
use std::collections::{BTreeSet, HashMap};

impl Grammar {
    /// Parses a grammar. Each line is `Name: weight symbol symbol ... | weight symbol ...`; a
    /// symbol that begins with a capital letter is a rule, any other a word, and the first rule is
    /// the sentence. Weights are positive and normalised by their sum. Empty lines and those that
    /// begin with `#` are ignored.
    ///
    /// # Errors
    /// If a line is not of this form, a rule is missing or defined twice, an alternative refers to
    /// a rule that is not further down (which excludes recursion), two alternatives of a rule can
    /// begin with the same word (which excludes second derivations), or a sentence does not have
    /// `<eos>` at its end and nowhere else.
    pub fn parse(text: &str) -> Result<Self, DataError> {
        let lines: Vec<(usize, &str)> = text
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .collect();
        let mut reader = Reader::default();
        for (place, (number, line)) in lines.iter().enumerate() {
            let name = line.split_once(':').map(|(name, _)| name.trim());
            let name = name.filter(|name| is_rule(name) && !name.contains(char::is_whitespace));
            let name = name.ok_or_else(|| wrong(*number, "does not begin with `Name:`"))?;
            if reader.rules.insert(name, place).is_some() {
                return Err(wrong(*number, &format!("{name} is defined twice")));
            }
        }
        reader.word(END);
        let mut rules = Vec::with_capacity(lines.len());
        for (place, (number, line)) in lines.iter().enumerate() {
            let rule = reader.rule(place, line);
            rules.push(rule.map_err(|reason| wrong(*number, &reason))?);
        }
        let grammar = Self {
            words: reader.words,
            rules,
        };
        let number = |rule: usize| lines.get(rule).map_or(0, |(number, _)| *number);
        grammar
            .check_beginnings()
            .and_then(|()| grammar.check_ends())
            .map_err(|(rule, reason)| wrong(number(rule), &reason))?;
        Ok(grammar)
    }

    /// Checks that no two alternatives of a rule can begin with the same word.
    fn check_beginnings(&self) -> Result<(), (usize, String)> {
        // First words of each rule.
        let mut first: Vec<BTreeSet<u32>> = vec![BTreeSet::new(); self.rules.len()];
        for (index, rule) in self.rules.iter().enumerate().rev() {
            let mut all = BTreeSet::new();
            for alternative in &rule.alternatives {
                let begins = match alternative.symbols[0] {
                    Symbol::Word(word) => BTreeSet::from([word]),
                    Symbol::Rule(rule) => first[rule].clone(),
                };
                if let Some(&word) = all.intersection(&begins).next() {
                    let word = &self.words[word as usize];
                    let reason = format!(
                        "two alternatives begin with {word:?}, so that a sentence may have two derivations and the \
                         entropy would not be exact"
                    );
                    return Err((index, reason));
                }
                all.extend(begins);
            }
            first[index] = all;
        }
        Ok(())
    }

    /// Checks that every sentence ends with `<eos>`, which is 0, and has it nowhere else.
    fn check_ends(&self) -> Result<(), (usize, String)> {
        if self.rules.is_empty() {
            return Err((0, "the grammar has no rules".to_owned()));
        }
        // For each rule: true if its expansions end with <eos> and have it nowhere else, false if
        // they never have it.
        let mut ends = vec![false; self.rules.len()];
        for (index, rule) in self.rules.iter().enumerate().rev() {
            let ended = |symbol: &Symbol| match *symbol {
                Symbol::Word(word) => word == 0,
                Symbol::Rule(rule) => ends[rule],
            };
            let mut all = BTreeSet::new();
            for alternative in &rule.alternatives {
                let places = alternative.symbols.iter().map(ended);
                let inside = places.clone().rev().skip(1).any(|end| end);
                all.insert((inside, places.rev().take(1).any(|end| end)));
            }
            match all.into_iter().collect::<Vec<_>>()[..] {
                [(false, end)] if end || index > 0 => ends[index] = end,
                _ => {
                    let reason =
                        format!("not every alternative has {END} at its end, and only there");
                    return Err((index, reason));
                }
            }
        }
        Ok(())
    }
}

/// Numbers words in order of appearance.
#[derive(Default)]
struct Reader<'a> {
    rules: HashMap<&'a str, usize>,
    words: Vec<String>,
    ids: HashMap<&'a str, u32>,
}

impl<'a> Reader<'a> {
    fn word(&mut self, word: &'a str) -> u32 {
        *self.ids.entry(word).or_insert_with(|| {
            self.words.push(word.to_owned());
            self.words.len() as u32 - 1
        })
    }

    fn rule(&mut self, place: usize, line: &'a str) -> Result<Rule, String> {
        let (_, alternatives) = line.split_once(':').unwrap_or_default();
        let alternatives = alternatives
            .split('|')
            .map(|text| self.alternative(place, text));
        let mut alternatives: Vec<Alternative> = alternatives.collect::<Result<_, _>>()?;
        let sum: f64 = alternatives
            .iter()
            .map(|alternative| alternative.probability)
            .sum();
        for alternative in &mut alternatives {
            alternative.probability /= sum;
        }
        Ok(Rule { alternatives })
    }

    fn alternative(&mut self, place: usize, text: &'a str) -> Result<Alternative, String> {
        let mut parts = text.split_whitespace();
        let weight = parts.next().and_then(|weight| weight.parse::<f64>().ok());
        let weight = weight
            .filter(|weight| weight.is_finite() && *weight > 0.0)
            .ok_or_else(|| format!("{:?} does not begin with a weight above 0", text.trim()))?;
        let symbols: Vec<Symbol> = parts
            .map(|name| self.symbol(place, name))
            .collect::<Result<_, _>>()?;
        if symbols.is_empty() {
            return Err(format!("{:?} has no word and no rule", text.trim()));
        }
        Ok(Alternative {
            probability: weight,
            symbols,
        })
    }

    fn symbol(&mut self, place: usize, name: &'a str) -> Result<Symbol, String> {
        if !is_rule(name) {
            return Ok(Symbol::Word(self.word(name)));
        }
        match self.rules.get(name) {
            Some(&rule) if rule > place => Ok(Symbol::Rule(rule)),
            Some(_) => Err(format!(
                "{name} is not further down; recursion is not supported"
            )),
            None => Err(format!("undefined rule {name}")),
        }
    }
}

fn is_rule(name: &str) -> bool {
    name.starts_with(char::is_uppercase)
}

fn wrong(line: usize, reason: &str) -> DataError {
    DataError::config("grammar", format!("line {line}: {reason}"))
}
