//! An embedded corpus, sampled from a probabilistic grammar whose entropy is known exactly. The
//! entropy is a lower bound on the loss of any model, with which a trained one can be compared.
//!
//! ```text
//! the children near the river sleep again <eos>
//! every dog who the farmers hear is old and the cat likes some birds <eos>
//! this teacher thinks that many robots follow a small king <eos>
//! ```
//!
//! A sentence is sampled by expanding rules into one of their alternatives, each with its
//! probability, until only words are left. The entropy of the derivation of a rule is `H(A) = sum
//! over alternatives of p (-ln p + sum over symbols of H)`, and the expected number of words
//! follows the same recursion. That is the entropy of the sentence only if every sentence has a
//! single derivation. This is guaranteed, since a grammar is refused unless all alternatives of a
//! rule begin with different words: reading from left to right, the first word identifies the
//! alternative. (Such a grammar is LL(1); recursion is refused too, so that there are finitely many
//! sentences and all sums are finite.)
//!
//! Sentences are independent, and `<eos>` marks their ends. So for a model that knows the grammar,
//! the mean of `-ln p` per token over a long corpus tends to `H(sentence) / E[tokens of a
//! sentence]`, and no model stays below.

mod parse;

use crate::error::DataError;
use crate::random;
use crate::text::Tokenizer;
use crate::text::language::{Corpus, Tokens};
use rand::{Rng, RngExt};

/// The grammar of [`Grammar::english`].
const ENGLISH: &str = include_str!("grammar/english.grammar");
/// Last token of each sentence.
const END: &str = "<eos>";

/// A probabilistic grammar with finitely many sentences, each with a single derivation.
#[derive(Clone, Debug)]
pub struct Grammar {
    /// Words by id; `<eos>` is 0.
    words: Vec<String>,
    /// The first rule is the sentence. Symbols of a rule are words and later rules.
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, PartialEq)]
struct Alternative {
    probability: f64,
    /// At least one.
    symbols: Vec<Symbol>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Symbol {
    Word(u32),
    Rule(usize),
}

/// Entropy and expected length of a rule.
#[derive(Clone, Copy, Default)]
struct Expectation {
    /// In nats.
    entropy: f64,
    tokens: f64,
}

/// Samples a corpus from [`Grammar::english`]: `train_tokens` for training and `validation_tokens`
/// each for validation and test (rounded up to whole sentences), independently of each other.
///
/// # Errors
/// None in practice: the grammar is embedded.
pub fn corpus(
    seed: u64,
    train_tokens: usize,
    validation_tokens: usize,
) -> Result<Corpus, DataError> {
    let grammar = Grammar::english()?;
    let split = |number: u64, tokens: usize| {
        grammar.sample(random::seed(seed, "grammar split", number), tokens)
    };
    let splits = [
        split(0, train_tokens),
        split(1, validation_tokens),
        split(2, validation_tokens),
    ];
    let characters = splits.each_ref().map(|ids| grammar.characters(ids));
    let [train, validation, test] = splits.map(Tokens::from);
    Ok(Corpus {
        tokenizer: grammar.tokenizer()?,
        train,
        validation,
        test: Some(test),
        characters,
    })
}

impl Grammar {
    /// A small English grammar: 69 words including `<eos>`, sentences of 3 to 25 tokens (8.7 on
    /// average), in which verbs agree with distant subjects. Its [perplexity](Self::perplexity) is
    /// 6.447.
    ///
    /// # Errors
    /// None in practice: the grammar is embedded.
    pub fn english() -> Result<Self, DataError> {
        Self::parse(ENGLISH)
    }

    /// Words by id.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// A tokenizer whose vocabulary is all words of the grammar, sampled or not.
    ///
    /// # Errors
    /// None in practice: words of a grammar are words.
    pub fn tokenizer(&self) -> Result<Tokenizer, DataError> {
        Tokenizer::from_words(self.words.clone())
    }

    /// Samples sentences until there are at least `tokens` tokens. Sentence `i` is a function of
    /// the seed and `i`, so a longer sample begins with a shorter one.
    pub fn sample(&self, seed: u64, tokens: usize) -> Vec<u32> {
        let mut ids = Vec::with_capacity(tokens);
        for sentence in 0.. {
            if ids.len() >= tokens {
                break;
            }
            self.sentence(&mut random::rng(seed, "grammar", sentence, 0), &mut ids);
        }
        ids
    }

    /// Appends one sentence.
    fn sentence(&self, rng: &mut impl Rng, ids: &mut Vec<u32>) {
        // Symbols still to be expanded, the next one last.
        let mut left = vec![Symbol::Rule(0)];
        while let Some(symbol) = left.pop() {
            match symbol {
                Symbol::Word(id) => ids.push(id),
                Symbol::Rule(rule) => {
                    let alternative = self.rules[rule].draw(rng.random());
                    left.extend(alternative.symbols.iter().rev());
                }
            }
        }
    }

    /// Entropy of a sentence divided by its expected number of tokens, `<eos>` included, in nats:
    /// the minimum mean loss of a model.
    pub fn entropy_per_token(&self) -> f64 {
        let sentence = self.expectation();
        sentence.entropy / sentence.tokens
    }

    /// The exponential of [`entropy_per_token`](Self::entropy_per_token).
    pub fn perplexity(&self) -> f64 {
        self.entropy_per_token().exp()
    }

    /// Expected number of tokens of a sentence, `<eos>` included.
    pub fn tokens_per_sentence(&self) -> f64 {
        self.expectation().tokens
    }

    /// Expectation of the sentence. Rules only refer to later ones, so they are evaluated in
    /// reverse.
    fn expectation(&self) -> Expectation {
        let mut known = vec![Expectation::default(); self.rules.len()];
        for (index, rule) in self.rules.iter().enumerate().rev() {
            let mut sum = Expectation::default();
            for Alternative {
                probability,
                symbols,
            } in &rule.alternatives
            {
                sum.entropy -= probability * probability.ln();
                for symbol in symbols {
                    let (entropy, tokens) = match *symbol {
                        Symbol::Word(_) => (0.0, 1.0),
                        Symbol::Rule(rule) => (known[rule].entropy, known[rule].tokens),
                    };
                    sum.entropy += probability * entropy;
                    sum.tokens += probability * tokens;
                }
            }
            known[index] = sum;
        }
        known[0]
    }

    /// Log-probability of one sentence, `<eos>` included; minus infinity if the grammar cannot
    /// generate it.
    pub fn log_probability(&self, sentence: &[u32]) -> f64 {
        let mut sum = 0.0;
        let mut left = vec![Symbol::Rule(0)];
        let mut rest = sentence.iter();
        let mut next = rest.next();
        while let Some(symbol) = left.pop() {
            let Some(&word) = next else {
                return f64::NEG_INFINITY;
            };
            match symbol {
                Symbol::Word(id) if id == word => next = rest.next(),
                Symbol::Word(_) => return f64::NEG_INFINITY,
                Symbol::Rule(rule) => {
                    let mut alternatives = self.rules[rule].alternatives.iter();
                    let Some(known) =
                        alternatives.find(|known| self.begins(known.symbols[0], word))
                    else {
                        return f64::NEG_INFINITY;
                    };
                    sum += known.probability.ln();
                    left.extend(known.symbols.iter().rev());
                }
            }
        }
        match next {
            None => sum,
            Some(_) => f64::NEG_INFINITY,
        }
    }

    /// True if an expansion of `symbol` can begin with `word`.
    fn begins(&self, symbol: Symbol, word: u32) -> bool {
        match symbol {
            Symbol::Word(id) => id == word,
            Symbol::Rule(rule) => {
                let mut alternatives = self.rules[rule].alternatives.iter();
                alternatives.any(|alternative| self.begins(alternative.symbols[0], word))
            }
        }
    }

    /// Characters of the text: each word is followed by a space or a newline.
    fn characters(&self, ids: &[u32]) -> u64 {
        let of = |word: &String| match word.as_str() {
            END => 0,
            word => word.chars().count() as u64 + 1,
        };
        let lengths: Vec<u64> = self.words.iter().map(of).collect();
        ids.iter().map(|&id| lengths[id as usize]).sum()
    }
}

impl Rule {
    /// The alternative selected by `share`, a number in 0..1.
    fn draw(&self, mut share: f64) -> &Alternative {
        let last = self.alternatives.len() - 1;
        for alternative in &self.alternatives[..last] {
            if share < alternative.probability {
                return alternative;
            }
            share -= alternative.probability;
        }
        &self.alternatives[last]
    }
}

#[cfg(test)]
mod tests;
