//! Classification metrics that are not means over items: F1, Matthews correlation, entities.
//!
//! They are functions of counts that can be added up over batches. A [`Tally`] has three per class
//! K: `true.K` items of the class, `predicted.K` predicted as it, and `hit.K` both.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::metrics::Tally;

/// Counts of a batch, by name.
pub fn class_sums(predicted: &[u32], truth: &[u32], classes: usize) -> Vec<(String, f64)> {
    let mut sums = BTreeMap::new();
    for class in 0..classes {
        for name in [hit(class), predictions(class), occurrences(class)] {
            sums.insert(name, 0.0);
        }
    }
    let mut count = |name| *sums.entry(name).or_insert(0.0) += 1.0;
    for (&predicted, &truth) in predicted.iter().zip(truth) {
        count(predictions(predicted as usize));
        count(occurrences(truth as usize));
        if predicted == truth {
            count(hit(truth as usize));
        }
    }
    sums.into_iter().collect()
}

/// F1, the harmonic mean of precision and recall: of class 1 of two classes; of more classes the
/// mean over those that occur or were predicted. 0 without a correct prediction, as in
/// scikit-learn.
pub fn f1(tally: &Tally, classes: usize) -> f64 {
    if classes == 2 {
        return Counts::of(tally, 1).f1();
    }
    let counts = (0..classes).map(|class| Counts::of(tally, class));
    let scores: Vec<f64> = counts
        .filter(|counts| counts.predicted + counts.occurring > 0.0)
        .map(Counts::f1)
        .collect();
    ratio(scores.iter().sum(), scores.len() as f64)
}

/// Matthews correlation coefficient, for more than two classes in Gorodkin's form ("Comparing two
/// K-category assignments by a K-category correlation coefficient", 2004). From -1 to 1; 0 where it
/// is undefined, because only one class occurs or was predicted.
pub fn matthews(tally: &Tally, classes: usize) -> f64 {
    let counts: Vec<Counts> = (0..classes).map(|class| Counts::of(tally, class)).collect();
    let sum = |term: fn(&Counts) -> f64| counts.iter().map(term).sum::<f64>();
    let items = sum(|c| c.occurring);
    let both = sum(|c| c.hit) * items - sum(|c| c.occurring * c.predicted);
    let occurring = items * items - sum(|c| c.occurring * c.occurring);
    let predicted = items * items - sum(|c| c.predicted * c.predicted);
    ratio(both, occurring.sqrt() * predicted.sqrt())
}

/// Counts of a batch in which each text has any number of labels: for each label how often it was
/// predicted rightly, predicted at all, and holds.
pub fn set_sums(counts: &[[f64; 3]]) -> Vec<(String, f64)> {
    let of = |(class, [hits, predicted, occurring]): (usize, &[f64; 3])| {
        [
            (hit(class), *hits),
            (predictions(class), *predicted),
            (occurrences(class), *occurring),
        ]
    };
    counts.iter().enumerate().flat_map(of).collect()
}

/// F1 of sets of labels: over all labels together (micro), and the mean over all labels (macro). 0
/// without a correct prediction, as in scikit-learn.
pub fn set_f1(tally: &Tally, labels: usize) -> [f64; 2] {
    let counts: Vec<Counts> = (0..labels).map(|label| Counts::of(tally, label)).collect();
    let sum = |term: fn(&Counts) -> f64| counts.iter().map(term).sum::<f64>();
    let whole = Counts {
        hit: sum(|c| c.hit),
        predicted: sum(|c| c.predicted),
        occurring: sum(|c| c.occurring),
    };
    let each: f64 = counts.iter().map(|counts| counts.f1()).sum();
    [whole.f1(), ratio(each, labels as f64)]
}

/// Metrics of one class.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClassScore {
    /// Label.
    pub class: String,
    /// Number of items of the class.
    pub count: u64,
    /// Precision.
    pub precision: f64,
    /// Recall.
    pub recall: f64,
    /// F1.
    pub f1: f64,
}

/// Metrics of each class, in the order of the labels; empty for a tally without class counts.
pub fn per_class(tally: &Tally, labels: &[String]) -> Vec<ClassScore> {
    let score = |(class, label): (usize, &String)| {
        let counts = Counts::of(tally, class);
        ClassScore {
            class: label.clone(),
            count: counts.occurring as u64,
            precision: ratio(counts.hit, counts.predicted),
            recall: ratio(counts.hit, counts.occurring),
            f1: counts.f1(),
        }
    };
    let is_counted = |(class, _): &(usize, &String)| tally.sums.contains_key(&occurrences(*class));
    labels
        .iter()
        .enumerate()
        .filter(is_counted)
        .map(score)
        .collect()
}

/// Counts of one class.
#[derive(Clone, Copy)]
struct Counts {
    hit: f64,
    predicted: f64,
    occurring: f64,
}

impl Counts {
    fn of(tally: &Tally, class: usize) -> Self {
        let sum = |name: String| tally.sums.get(&name).copied().unwrap_or_default();
        Self {
            hit: sum(hit(class)),
            predicted: sum(predictions(class)),
            occurring: sum(occurrences(class)),
        }
    }

    /// `2 P R / (P + R)` with `P = hit / predicted` and `R = hit / occurring`, multiplied out.
    fn f1(self) -> f64 {
        ratio(2.0 * self.hit, self.predicted + self.occurring)
    }
}

fn hit(class: usize) -> String {
    format!("hit.{class}")
}

fn predictions(class: usize) -> String {
    format!("predicted.{class}")
}

fn occurrences(class: usize) -> String {
    format!("true.{class}")
}

/// `part / whole`, 0 for an empty whole.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole == 0.0 { 0.0 } else { part / whole }
}

/// A named entity: consecutive words, such as a person's name or a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// Entity type, as in the tags; `_` for tags without one.
    pub kind: String,
    /// First word.
    pub start: usize,
    /// Word after the last.
    pub end: usize,
}

/// Entities in the tags of a sentence, by the lenient rules of CoNLL's script and seqeval's
/// default: IOB1, IOB2 and IOBES alike.
///
/// A tag is `O`, or one of `B`, `I`, `E` and `S`, a hyphen and an entity type. A word continues the
/// entity before it if both have the same type, unless that has ended (`E`, `S`) or this begins
/// another (`B`, `S`). So `I` after `O` begins an entity too.
pub fn entities(tags: &[&str]) -> Vec<Entity> {
    let mut found: Vec<Entity> = Vec::new();
    let mut is_open = false;
    for (place, tag) in tags.iter().enumerate() {
        let (letter, kind) = parts(tag);
        match found.last_mut() {
            Some(last) if is_open && last.kind == kind && !matches!(letter, 'O' | 'B' | 'S') => {
                last.end = place + 1;
            }
            _ if letter != 'O' => found.push(Entity {
                kind: kind.to_owned(),
                start: place,
                end: place + 1,
            }),
            _ => {}
        }
        is_open = !matches!(letter, 'O' | 'E' | 'S');
    }
    found
}

/// Splits `B-PER` into `B` and `PER`. An empty tag counts as `O`.
fn parts(tag: &str) -> (char, &str) {
    let mut characters = tag.chars();
    let letter = characters.next().unwrap_or('O');
    let rest = characters.as_str();
    let kind = rest.split_once('-').map_or(rest, |(_, kind)| kind);
    (letter, if kind.is_empty() { "_" } else { kind })
}

/// Reference values are from scikit-learn and seqeval: `golden/make_scores.py`.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Deserialize)]
    struct Expected {
        classifications: Vec<Classification>,
        tags: Vec<Tags>,
    }

    #[derive(Deserialize)]
    struct Classification {
        classes: usize,
        predicted: Vec<u32>,
        truth: Vec<u32>,
        f1: f64,
        matthews: f64,
        /// Precision, recall, F1 and number of items of each class.
        each: Vec<(f64, f64, f64, u64)>,
    }

    #[derive(Deserialize)]
    struct Tags {
        tags: Vec<String>,
        entities: Vec<(String, usize, usize)>,
    }

    fn expected() -> Expected {
        let json = include_str!("../../../tests/fixtures/scores.json");
        serde_json::from_str(json).unwrap()
    }

    /// Counted in two parts that are added up, as batches are.
    fn counted(case: &Classification) -> Tally {
        let middle = case.truth.len() / 3;
        let mut tally = Tally::default();
        for part in [0..middle, middle..case.truth.len()] {
            let (predicted, truth) = (&case.predicted[part.clone()], &case.truth[part]);
            let mut batch = Tally::new(truth.len(), []);
            batch
                .sums
                .extend(class_sums(predicted, truth, case.classes));
            tally.add(&batch);
        }
        tally
    }

    #[test]
    fn classifications_score_as_with_scikit_learn() {
        let cases = expected().classifications;
        assert_eq!(cases.len(), 46);
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        for case in cases {
            let tally = counted(&case);
            close(f1(&tally, case.classes), case.f1);
            close(matthews(&tally, case.classes), case.matthews);
            let labels: Vec<String> = (0..case.classes).map(|class| format!("c{class}")).collect();
            let scores = per_class(&tally, &labels);
            assert_eq!(scores.len(), case.each.len());
            for (class, (score, each)) in scores.iter().zip(case.each).enumerate() {
                assert_eq!((&score.class, score.count), (&labels[class], each.3));
                close(score.precision, each.0);
                close(score.recall, each.1);
                close(score.f1, each.2);
            }
        }
    }

    #[test]
    fn scores_of_an_empty_tally_are_zero() {
        assert_eq!(f1(&Tally::default(), 2), 0.0);
        assert_eq!(f1(&Tally::default(), 3), 0.0);
        assert_eq!(matthews(&Tally::default(), 3), 0.0);
    }

    #[test]
    fn entities_are_seqevals() {
        let cases = expected().tags;
        assert!(cases.len() > 200);
        for case in cases {
            let tags: Vec<&str> = case.tags.iter().map(String::as_str).collect();
            let found: Vec<(String, usize, usize)> = entities(&tags)
                .into_iter()
                .map(|entity| (entity.kind, entity.start, entity.end))
                .collect();
            assert_eq!(found, case.entities, "{tags:?}");
        }
    }

    #[test]
    fn an_empty_tag_is_not_an_entity() {
        assert_eq!(entities(&["", "I-PER", ""]).len(), 1);
    }
}
