//! Counts by kind of input, and failures that look alike.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::execute::Outcome;
use crate::verdict::Verdict;

/// Failures of a kind that are shown with their message.
const SHOWN: usize = 40;

/// Results so far.
#[derive(Default)]
pub(crate) struct Report {
    kinds: BTreeMap<&'static str, Row>,
    /// By verdict and message without numbers: how often, the number of the first run, its kind
    /// and message.
    failures: BTreeMap<(Verdict, String), (u64, u64, &'static str, String)>,
}

#[derive(Default)]
struct Row {
    counts: BTreeMap<Verdict, u64>,
    memory: u64,
    time: Duration,
}

const COLUMNS: [(&str, Verdict); 7] = [
    ("accepted", Verdict::Accepted),
    ("refused", Verdict::Refused),
    ("panic", Verdict::Panic),
    ("signal", Verdict::Signal),
    ("slow", Verdict::Slow),
    ("large", Verdict::Large),
    ("unnamed", Verdict::Unnamed),
];

impl Report {
    pub(crate) fn add(
        &mut self,
        number: u64,
        kind: &'static str,
        verdict: Verdict,
        outcome: &Outcome,
    ) {
        let row = self.kinds.entry(kind).or_default();
        *row.counts.entry(verdict).or_default() += 1;
        row.memory = row.memory.max(outcome.memory);
        row.time = row.time.max(outcome.time);
        if !verdict.is_failure() {
            return;
        }
        let message = message(&outcome.stderr, verdict);
        let key = (verdict, pattern(&message));
        let entry = self.failures.entry(key);
        let entry = entry.or_insert_with(|| (0, number, kind, message.clone()));
        entry.0 += 1;
        if number < entry.1 {
            (entry.1, entry.2, entry.3) = (number, kind, message);
        }
    }

    pub(crate) fn failures(&self) -> u64 {
        self.failures.values().map(|(count, ..)| count).sum()
    }

    /// The table by kind, then the failures.
    pub(crate) fn print(&self) {
        print!("{:18}", "kind");
        for (name, _) in COLUMNS {
            print!("{name:>9}");
        }
        println!("{:>10}{:>9}", "MiB", "seconds");
        let mut total = Row::default();
        for (kind, row) in &self.kinds {
            print_row(kind, row);
            for (verdict, count) in &row.counts {
                *total.counts.entry(*verdict).or_default() += count;
            }
            total.memory = total.memory.max(row.memory);
            total.time = total.time.max(row.time);
        }
        print_row("total", &total);
        if self.failures.is_empty() {
            return;
        }
        println!("\nfailures: how often, the first run, its message");
        let mut sorted: Vec<_> = self.failures.iter().collect();
        sorted.sort_by_key(|((verdict, _), (count, ..))| (*verdict, std::cmp::Reverse(*count)));
        for ((verdict, _), (count, first, kind, message)) in sorted.iter().take(SHOWN) {
            let verdict = format!("{verdict:?}").to_lowercase();
            println!("{count:>6} x {verdict}, --only {first} ({kind}): {message}");
        }
        if sorted.len() > SHOWN {
            println!("and {} more", sorted.len() - SHOWN);
        }
    }
}

fn print_row(name: &str, row: &Row) {
    print!("{name:18}");
    for (_, verdict) in COLUMNS {
        print!("{:>9}", row.counts.get(&verdict).copied().unwrap_or(0));
    }
    let mib = row.memory >> 20;
    println!("{mib:>10}{:>9.1}", row.time.as_secs_f64());
}

/// The line that says the most: where it panicked, or the error.
fn message(stderr: &str, verdict: Verdict) -> String {
    let lines = || stderr.lines().filter(|line| !line.trim().is_empty());
    let panicked = lines()
        .position(|line| line.contains("panicked at") || line.contains("memory allocation of"));
    let line = match (verdict, panicked) {
        (Verdict::Panic | Verdict::Signal | Verdict::Slow, Some(at)) => {
            let words: Vec<&str> = lines().skip(at).take(2).collect();
            words.join(" ")
        }
        _ => lines().next_back().unwrap_or_default().to_string(),
    };
    line.chars().take(400).collect()
}

/// The message without numbers and quoted text, which differ between failures of one cause.
fn pattern(message: &str) -> String {
    let mut pattern = String::new();
    let mut is_quoted = false;
    for letter in message.chars() {
        if letter == '`' || letter == '"' {
            is_quoted = !is_quoted;
        } else if !is_quoted && !letter.is_ascii_digit() && letter.is_ascii() {
            pattern.push(letter);
        }
    }
    pattern.chars().take(80).collect()
}
