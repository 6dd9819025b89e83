//! Ending a text before one of some strings, although they come in pieces.

/// A text that grows piece by piece. What could be the beginning of a stop string is held back until it is known.
pub(super) struct StopText<'a> {
    stops: &'a [String],
    text: String,
    /// How much of it has been shown.
    shown: usize,
    stopped: bool,
}

impl<'a> StopText<'a> {
    pub(super) fn new(stops: &'a [String]) -> Self {
        Self {
            stops,
            text: String::new(),
            shown: 0,
            stopped: false,
        }
    }

    /// Adds a piece; returns what can be shown now.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.text.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| self.text.find(stop));
        if let Some(place) = found.min() {
            self.text.truncate(place);
            self.stopped = true;
            return self.show(self.text.len());
        }
        let held = self.stops.iter().map(|stop| held_back(&self.text, stop));
        let held = held.max().unwrap_or(0);
        self.show(self.text.len() - held)
    }

    /// Nothing more comes: what was held back is shown.
    pub(super) fn finish(&mut self) -> String {
        self.show(self.text.len())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn show(&mut self, end: usize) -> String {
        let end = end.max(self.shown);
        let shown = self.text[self.shown..end].to_string();
        self.shown = end;
        shown
    }
}

/// How many bytes at the end of `text` are the beginning of `stop`.
fn held_back(text: &str, stop: &str) -> usize {
    let ends = stop.char_indices().map(|(place, _)| place);
    ends.filter(|&end| text.ends_with(&stop[..end]))
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stops: &[&str], pieces: &[&str]) -> (String, bool) {
        let stops: Vec<String> = stops.iter().map(|stop| (*stop).to_string()).collect();
        let mut text = StopText::new(&stops);
        let mut shown: String = pieces.iter().map(|piece| text.push(piece)).collect();
        shown += &text.finish();
        assert_eq!(shown, text.text);
        (shown, text.is_stopped())
    }

    #[test]
    fn a_text_ends_before_a_stop_string_that_came_in_pieces() {
        assert_eq!(
            shown(&["the end"], &["so th", "e e", "nd."]),
            ("so ".into(), true)
        );
        assert_eq!(shown(&["b", "ab"], &["xa", "b"]), ("x".into(), true));
        assert_eq!(shown(&["ü!"], &["ö", "ü", "?"]), ("öü?".into(), false));
        assert_eq!(shown(&[], &["a", "b"]), ("ab".into(), false));
        assert_eq!(shown(&["the end"], &["the e"]), ("the e".into(), false));
    }

    #[test]
    fn nothing_is_shown_that_may_be_taken_back() {
        let stops = ["abc".to_string()];
        let mut text = StopText::new(&stops);
        assert_eq!(text.push("xab"), "x");
        assert_eq!(text.push("abc!"), "ab");
        assert!(text.is_stopped());
        assert_eq!(text.push("more"), "");
    }
}
