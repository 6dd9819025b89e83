//! JSON files, entry by entry, as `datasets`' `load_dataset("json")` reads them: one object per
//! line, a list of objects, or an object with that list under `data`.

mod surrogates;

use super::lines::{MAX_ENTRY, open_text};
use crate::error::DataError;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

/// Extensions of files with one object per line.
const BY_LINE: [&str; 2] = ["jsonl", "ndjson"];
/// Key of the list of entries in an object.
const DATA: &[u8] = b"data";

/// An entry of a JSON file.
#[derive(Debug)]
pub(super) struct JsonEntry {
    /// Number of its first line, counted from 1.
    pub(super) line: usize,
    /// The entry as written; lone surrogates are `\ufffd`.
    pub(super) json: Vec<u8>,
}

/// Entries of a JSON file in order, read one at a time. Their syntax is not checked here.
pub(super) struct JsonEntries {
    reader: BufReader<File>,
    path: PathBuf,
    /// Number of the line that is read, counted from 1.
    line: usize,
    max_entry: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Start,
    /// One entry per line.
    Lines,
    /// Entries one after the other.
    Values,
    /// Entries of a list; `wrapped` in an object or not.
    List {
        wrapped: bool,
        is_first: bool,
    },
    End,
}

impl JsonEntries {
    /// Opens a file with entries of up to 64 MiB.
    ///
    /// # Errors
    /// If it cannot be read, or is UTF-16.
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let (reader, _) = open_text(path)?;
        Ok(Self {
            reader,
            path: path.to_path_buf(),
            line: 1,
            max_entry: MAX_ENTRY,
            state: State::Start,
        })
    }

    /// Sets the maximum size of an entry in bytes.
    pub(super) fn with_max_entry(mut self, bytes: usize) -> Self {
        self.max_entry = bytes;
        self
    }

    fn read(&mut self) -> Result<Option<JsonEntry>, DataError> {
        let first = self.skip_space()?;
        if self.state == State::Start {
            let end = self.path.extension().and_then(|end| end.to_str());
            let by_line = end.is_some_and(|end| BY_LINE.contains(&end));
            self.state = match first {
                Some(b'[') => self.list(false)?,
                Some(b'{') if !by_line => match self.object_or_list()? {
                    Some(entry) => return Ok(Some(entry)),
                    None => self.state,
                },
                _ if by_line => State::Lines,
                _ => State::Values,
            };
        }
        match self.state {
            State::List { wrapped, is_first } => self.next_of_list(wrapped, is_first),
            _ if first.is_none() => Ok(None),
            State::End => Err(self.wrong("more follows after the end of the list")),
            State::Lines => self.entry(Self::rest_of_line).map(Some),
            State::Start | State::Values => self.entry(Self::value).map(Some),
        }
    }

    /// Enters a list.
    fn list(&mut self, wrapped: bool) -> Result<State, DataError> {
        self.next_byte()?;
        Ok(State::List {
            wrapped,
            is_first: true,
        })
    }

    fn next_of_list(
        &mut self,
        wrapped: bool,
        is_first: bool,
    ) -> Result<Option<JsonEntry>, DataError> {
        match self.skip_space()? {
            Some(b']') => {
                self.next_byte()?;
                if wrapped {
                    self.entry(|entries, json| entries.until_closed(json, 1))?;
                }
                self.state = State::End;
                return self.read();
            }
            Some(b',') if !is_first => {
                self.next_byte()?;
                self.skip_space()?;
            }
            Some(_) if is_first => {}
            Some(_) => return Err(self.wrong("expected a comma or the end of the list")),
            None => return Err(self.wrong("the list is not closed: the file is cut off")),
        }
        self.state = State::List {
            wrapped,
            is_first: false,
        };
        self.entry(Self::value).map(Some)
    }

    /// Reads an object. If it has a list under `data`, stops at the beginning of that list, and
    /// there is no entry yet.
    fn object_or_list(&mut self) -> Result<Option<JsonEntry>, DataError> {
        let line = self.line;
        let mut json = Vec::new();
        self.take(&mut json)?;
        loop {
            self.space(&mut json)?;
            match self.peek()? {
                Some(b'"') => {}
                Some(b',') => {
                    self.take(&mut json)?;
                    continue;
                }
                // The end, or an error that the parser will name.
                _ => {
                    self.until_closed(&mut json, 1)?;
                    break;
                }
            }
            let key = json.len() + 1;
            self.value(&mut json)?;
            let is_data = json.get(key..json.len() - 1) == Some(DATA);
            self.space(&mut json)?;
            if self.peek()? == Some(b':') {
                self.take(&mut json)?;
                self.space(&mut json)?;
            }
            if is_data && self.peek()? == Some(b'[') {
                self.state = self.list(true)?;
                return Ok(None);
            }
            if !matches!(self.peek()?, Some(b'}' | b',')) {
                self.value(&mut json)?;
            }
        }
        self.state = State::Values;
        Ok(Some(JsonEntry::new(line, json)))
    }

    fn entry(
        &mut self,
        read: impl Fn(&mut Self, &mut Vec<u8>) -> Result<(), DataError>,
    ) -> Result<JsonEntry, DataError> {
        let line = self.line;
        let mut json = Vec::new();
        read(self, &mut json)?;
        Ok(JsonEntry::new(line, json))
    }

    /// Reads one value of any kind; at least one byte, if there is one.
    fn value(&mut self, json: &mut Vec<u8>) -> Result<(), DataError> {
        match self.take(json)? {
            Some(b'"') => self.rest_of_string(json),
            Some(b'{' | b'[') => self.until_closed(json, 1),
            _ => {
                let ends = |byte: u8| byte.is_ascii_whitespace() || b",]}".contains(&byte);
                while self.peek()?.is_some_and(|byte| !ends(byte)) {
                    self.take(json)?;
                }
                Ok(())
            }
        }
    }

    /// Reads up to the bracket that closes `depth` open ones.
    fn until_closed(&mut self, json: &mut Vec<u8>, mut depth: usize) -> Result<(), DataError> {
        while depth > 0
            && let Some(byte) = self.take(json)?
        {
            match byte {
                b'"' => self.rest_of_string(json)?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        Ok(())
    }

    fn rest_of_string(&mut self, json: &mut Vec<u8>) -> Result<(), DataError> {
        while let Some(byte) = self.take(json)? {
            match byte {
                b'"' => break,
                b'\\' => {
                    self.take(json)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn rest_of_line(&mut self, json: &mut Vec<u8>) -> Result<(), DataError> {
        while self.peek()?.is_some_and(|byte| byte != b'\n') {
            self.take(json)?;
        }
        Ok(())
    }

    /// Passes over white space; returns the byte after it.
    fn skip_space(&mut self) -> Result<Option<u8>, DataError> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.next_byte()?;
        }
        self.peek()
    }

    fn space(&mut self, json: &mut Vec<u8>) -> Result<(), DataError> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.take(json)?;
        }
        Ok(())
    }

    /// Moves the next byte to `json`.
    fn take(&mut self, json: &mut Vec<u8>) -> Result<Option<u8>, DataError> {
        let byte = self.next_byte()?;
        if json.len() >= self.max_entry {
            let reason = format!("an entry is longer than {} MiB", self.max_entry >> 20);
            return Err(self.wrong(&reason));
        }
        json.extend(byte);
        Ok(byte)
    }

    fn next_byte(&mut self) -> Result<Option<u8>, DataError> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.reader.consume(1);
        }
        self.line += usize::from(byte == Some(b'\n'));
        Ok(byte)
    }

    fn peek(&mut self) -> Result<Option<u8>, DataError> {
        let bytes = self.reader.fill_buf();
        let bytes = bytes.map_err(DataError::io("read", &self.path))?;
        Ok(bytes.first().copied())
    }

    fn wrong(&self, reason: &str) -> DataError {
        DataError::file(&self.path, format!("line {}: {reason}", self.line))
    }
}

impl Iterator for JsonEntries {
    type Item = Result<JsonEntry, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl JsonEntry {
    fn new(line: usize, mut json: Vec<u8>) -> Self {
        surrogates::replace_lone(&mut json);
        Self { line, json }
    }

    /// Place and reason of an error of `serde_json` about this entry.
    pub(super) fn problem(&self, error: &serde_json::Error) -> (usize, String) {
        let reason = error.to_string();
        let reason = reason.split(" at line ").next().unwrap_or_default();
        let line = self.line + error.line().saturating_sub(1);
        (line, format!("{reason} (column {})", error.column()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn entries(name: &str, text: &str) -> Result<Vec<(usize, String)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let entries = JsonEntries::open(&path).unwrap().with_max_entry(40);
        let text = |entry: JsonEntry| (entry.line, String::from_utf8(entry.json).unwrap());
        let entries = entries.map(|entry| entry.map(text).map_err(|error| error.to_string()));
        entries.collect()
    }

    fn found(name: &str, text: &str) -> Vec<(usize, String)> {
        entries(name, text).unwrap()
    }

    fn listed(list: &[(usize, &str)]) -> Vec<(usize, String)> {
        let entry = |(line, text): &(usize, &str)| (*line, (*text).to_owned());
        list.iter().map(entry).collect()
    }

    #[test]
    fn all_layouts_have_the_same_entries() {
        let two = listed(&[(1, "{\"a\": \"]}\"}"), (2, "{\"b\": [1, {}]}")]);
        for (name, text) in [
            ("x.json", "{\"a\": \"]}\"}\n{\"b\": [1, {}]}\n"),
            ("x.jsonl", "{\"a\": \"]}\"}\n{\"b\": [1, {}]}"),
            ("x.json", "[{\"a\": \"]}\"},\n{\"b\": [1, {}]}]\n"),
            (
                "x.jsonl",
                "\u{feff} [{\"a\": \"]}\"} ,\n {\"b\": [1, {}]} ]",
            ),
            (
                "x.json",
                "{\"v\": {\"data\": []}, \"data\": [{\"a\": \"]}\"},\n{\"b\": [1, {}]}], \"w\": \"]\"}",
            ),
        ] {
            assert_eq!(found(name, text), two, "{text}");
        }
        assert_eq!(found("x.json", "[]"), []);
        assert_eq!(found("x.json", " {\"data\": [ ]} "), []);
        assert_eq!(found("x.jsonl", "\n \n"), []);
        let row = "{\"data\": \"x\",\n \"n\": 1}";
        assert_eq!(found("x.json", row), listed(&[(1, row)]));
        assert_eq!(
            found("x.json", "{\"a\": 1}\n3 ]"),
            listed(&[(1, "{\"a\": 1}"), (2, "3"), (2, "]")])
        );
        assert_eq!(
            found("x.jsonl", "{\"a\": \"\n}"),
            listed(&[(1, "{\"a\": \""), (2, "}")])
        );
        assert_eq!(found("x.json", "{\"a\""), listed(&[(1, "{\"a\"")]));
        assert_eq!(found("x.json", "{]"), listed(&[(1, "{]")]));
    }

    #[test]
    fn unclosed_and_endless_lists_are_refused_with_their_line() {
        for (text, place) in [
            ("[{},\n{}", "line 2: the list is not closed"),
            ("[{}\n{}]", "line 2: expected a comma"),
            ("[{}]\n\n{}", "line 3: more follows"),
            (
                "[\n\"01234567890123456789012345678901234567890\"]",
                "line 2: an entry is longer",
            ),
        ] {
            let error = entries("x.json", text).unwrap_err();
            assert!(error.contains(place), "{error}");
        }
    }
}
