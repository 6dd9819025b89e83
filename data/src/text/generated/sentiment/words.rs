//! Words of the generated sentences.

use std::collections::BTreeSet;

/// A subject area and its own adjectives.
pub(super) struct Domain {
    pub(super) things: &'static [&'static str],
    /// Negative and positive.
    pub(super) adjectives: [&'static [&'static str]; 2],
}

pub(super) const DOMAINS: [Domain; 4] = [
    Domain {
        things: &[
            "film", "movie", "plot", "acting", "ending", "music", "cast", "script",
        ],
        adjectives: [
            &[
                "boring",
                "predictable",
                "silly",
                "confusing",
                "shallow",
                "clumsy",
            ],
            &[
                "moving", "gripping", "funny", "clever", "charming", "touching",
            ],
        ],
    },
    Domain {
        things: &[
            "meal", "soup", "bread", "fish", "cake", "coffee", "pizza", "salad",
        ],
        adjectives: [
            &["stale", "bland", "greasy", "burnt", "soggy", "salty"],
            &["delicious", "fresh", "tasty", "crisp", "tender", "creamy"],
        ],
    },
    Domain {
        things: &[
            "journey", "train", "ferry", "hotel", "room", "beach", "flight", "tour",
        ],
        adjectives: [
            &["noisy", "crowded", "dirty", "late", "exhausting", "shabby"],
            &[
                "comfortable",
                "punctual",
                "relaxing",
                "clean",
                "quiet",
                "scenic",
            ],
        ],
    },
    Domain {
        things: &[
            "book", "novel", "chapter", "poem", "story", "dialogue", "essay", "preface",
        ],
        adjectives: [
            &["tedious", "dull", "dreary", "pompous", "wordy", "bleak"],
            &[
                "witty",
                "vivid",
                "engaging",
                "elegant",
                "thoughtful",
                "wise",
            ],
        ],
    },
];

/// General adjectives: negative and positive.
pub(super) const ADJECTIVES: [&[&str]; 2] = [
    &[
        "bad",
        "awful",
        "terrible",
        "horrible",
        "poor",
        "dreadful",
        "disappointing",
        "miserable",
        "unpleasant",
        "weak",
    ],
    &[
        "good",
        "great",
        "wonderful",
        "lovely",
        "excellent",
        "superb",
        "delightful",
        "brilliant",
        "pleasant",
        "splendid",
    ],
];

/// Verbs: negative and positive, each in the past tense and after "did".
pub(super) const VERBS: [&[[&str; 2]]; 2] = [
    &[
        ["hated", "hate"],
        ["disliked", "dislike"],
        ["detested", "detest"],
        ["loathed", "loathe"],
    ],
    &[
        ["loved", "love"],
        ["enjoyed", "enjoy"],
        ["liked", "like"],
        ["admired", "admire"],
    ],
];

pub(super) const INTENSIFIERS: &[&str] = &[
    "very",
    "really",
    "so",
    "truly",
    "quite",
    "extremely",
    "remarkably",
];

/// Negated copulas, before an adjective.
pub(super) const IS_NOT: &[&str] = &["was not", "wasn't", "was never", "was hardly"];
/// Negated auxiliaries, before a verb's form after "did".
pub(super) const DID_NOT: &[&str] = &["did not", "didn't"];
/// Negations before a past tense.
pub(super) const NEVER: &[&str] = &["never", "hardly"];

/// People whose opinion counts.
pub(super) const WRITERS: &[&str] = &["i", "we"];
/// People whose opinion does not count.
pub(super) const OTHERS: &[&str] = &[
    "my brother",
    "my sister",
    "a friend",
    "the children",
    "our neighbours",
    "a colleague",
    "my parents",
    "the critics",
    "most people",
];
/// Verbs of hearsay.
pub(super) const SAID: &[&str] = &["said", "thought", "claimed", "wrote"];

/// Neutral sentences.
pub(super) const NEUTRAL: &[&str] = &[
    "it rained all day",
    "we went there on monday",
    "we went there with a friend",
    "my brother came along",
    "the children came along on friday",
    "the tickets cost twenty euros",
    "we sat near the window",
    "i sat near the door",
    "it took two hours",
    "we paid at noon",
    "it was our second time there",
    "the place opened last year",
];

/// Conjunctions.
pub(super) const JOINING: &[&str] = &[
    "the", "was", "it", "which", "that", "and", "but", "yet", "although", "though", ",", ".",
];

/// All words, each once, by code point. BERT splits `wasn't` into three.
pub(super) fn all() -> Vec<&'static str> {
    let domains = DOMAINS.iter().flat_map(|domain| {
        let adjectives = domain.adjectives.iter().copied().flatten();
        domain.things.iter().chain(adjectives)
    });
    let verbs = VERBS.iter().copied().flatten().flatten();
    let phrases = [
        INTENSIFIERS,
        IS_NOT,
        DID_NOT,
        NEVER,
        WRITERS,
        OTHERS,
        SAID,
        NEUTRAL,
        JOINING,
    ];
    let phrases = domains
        .chain(ADJECTIVES.iter().copied().flatten())
        .chain(verbs)
        .chain(phrases.into_iter().flatten());
    let words = phrases.flat_map(|phrase| phrase.split(' '));
    let words = words.flat_map(|word| match word.split_once('\'') {
        Some((before, after)) => vec![before, "'", after],
        None => vec![word],
    });
    words.collect::<BTreeSet<_>>().into_iter().collect()
}
