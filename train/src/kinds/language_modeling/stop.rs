//! Stop strings in a text that arrives in pieces.

/// Text that grows piece by piece and ends before the first stop string. An end that may be the
/// beginning of a stop string is held back until that is decided.
pub(super) struct StopText<'a> {
    stops: &'a [String],
    text: String,
    /// Bytes that have been released.
    released: usize,
    stopped: bool,
}

impl<'a> StopText<'a> {
    pub(super) fn new(stops: &'a [String]) -> Self {
        Self {
            stops,
            text: String::new(),
            released: 0,
            stopped: false,
        }
    }

    /// Adds a piece; returns the text that can be shown now.
    pub(super) fn push(&mut self, piece: &str) -> String {
        if self.stopped {
            return String::new();
        }
        self.text.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| self.text.find(stop));
        if let Some(start) = found.min() {
            self.text.truncate(start);
            self.stopped = true;
            return self.release(self.text.len());
        }
        let held = self.stops.iter().map(|stop| held_back(&self.text, stop));
        let held = held.max().unwrap_or(0);
        self.release(self.text.len() - held)
    }

    /// Releases the rest after the last piece.
    pub(super) fn finish(&mut self) -> String {
        self.release(self.text.len())
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    fn release(&mut self, end: usize) -> String {
        let end = end.max(self.released);
        let text = self.text[self.released..end].to_string();
        self.released = end;
        text
    }
}

/// Length in bytes of the longest end of `text` that begins `stop`.
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
    fn a_text_ends_before_a_stop_string_that_arrives_in_pieces() {
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
