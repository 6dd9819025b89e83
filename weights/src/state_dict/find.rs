//! The network among everything that a file holds.

use std::collections::BTreeMap;
use std::path::Path;

use super::{StateDict, Stored, Tensors};
use crate::WeightsError;
use crate::pytorch::is_usual;

/// Maximum number of parts of a prefix.
const MAX_PARTS: usize = 8;

/// A place in a file where parameters were found.
struct Place<'a> {
    /// Number of the dict: 0 for the one that was chosen, from 1 on for the others.
    dict: usize,
    tensors: &'a Tensors,
    /// Prefix of the names, with its dot.
    prefix: &'a str,
    count: usize,
}

impl StateDict {
    /// Narrows the file down to the network of a model: the dict of tensors, and the prefix in it,
    /// under which most of the names are that `is_known` accepts. Lightning saves the network as an
    /// attribute of a module (`model.`, `net.`), beside metrics; other scripts save an average
    /// (`model_ema`) beside the weights. `parameters` is the number of names that the model has;
    /// if no place has half of them, nothing changes.
    ///
    /// # Errors
    /// [`WeightsError::Ambiguous`] if several networks fit equally and differ.
    pub fn find(
        self,
        parameters: usize,
        is_known: impl Fn(&str) -> bool,
        path: &Path,
    ) -> Result<Self, WeightsError> {
        let mut places = self.places(&is_known);
        places.retain(|place| 2 * place.count >= parameters);
        // The first of the best: the chosen dict, and the shortest prefix in it.
        let Some(count) = places.iter().map(|place| place.count).max() else {
            return Ok(self);
        };
        let mut best = places.iter().filter(|place| place.count == count);
        let Some(first) = best.next() else {
            return Ok(self);
        };
        let mut rivals: Vec<String> = Vec::new();
        for place in best {
            let is_nested = place.dict == first.dict && place.prefix.starts_with(first.prefix);
            if !is_nested && !self.is_equal(first, place, &is_known) {
                rivals.push(self.name(place));
            }
        }
        if !rivals.is_empty() {
            rivals.insert(0, self.name(first));
            return Err(WeightsError::Ambiguous {
                path: path.to_path_buf(),
                choices: rivals,
            });
        }
        let (dict, prefix) = (first.dict, first.prefix.to_string());
        Ok(self.narrowed(dict, &prefix))
    }

    /// The tensors under a dotted key: of a dict in the file, of a prefix of the names, or both.
    ///
    /// # Errors
    /// [`WeightsError::NoKey`] lists the keys of the file.
    pub fn at(self, key: &str, path: &Path) -> Result<Self, WeightsError> {
        let key = key.trim_end_matches('.');
        let dicts = self.dicts();
        let under = |dict: usize, prefix: &str| {
            let (_, tensors) = &dicts[dict];
            tensors.keys().any(|name| name.starts_with(prefix))
        };
        let mut found = None;
        for (number, (name, _)) in dicts.iter().enumerate() {
            if *name == key {
                found = Some((number, String::new()));
                break;
            }
            let rest = if name.is_empty() {
                Some(key)
            } else {
                key.strip_prefix(*name)
                    .and_then(|rest| rest.strip_prefix('.'))
            };
            // A prefix of the first dict needs no key.
            let rest = rest.or((number == 0).then_some(key));
            let prefix = rest.map(|rest| format!("{rest}."));
            if let Some(prefix) = prefix.filter(|prefix| under(number, prefix))
                && found.is_none()
            {
                found = Some((number, prefix));
            }
        }
        let keys = dicts.iter().map(|(name, _)| (*name).to_string());
        let keys: Vec<String> = keys.filter(|name| !name.is_empty()).collect();
        let (dict, prefix) = found.ok_or_else(|| WeightsError::NoKey {
            path: path.to_path_buf(),
            key: key.to_string(),
            keys,
        })?;
        let mut dict = self.narrowed(dict, &prefix);
        dict.others.clear();
        Ok(dict)
    }

    /// Refuses a file with several state dicts, for uses that have no model to choose by.
    ///
    /// # Errors
    /// [`WeightsError::Ambiguous`] if another dict has most of the names and other values, or as
    /// many tensors under no less usual a key.
    pub fn unambiguous(self, path: &Path) -> Result<Self, WeightsError> {
        let all = |_: &str| true;
        let whole = |number: usize, tensors| Place {
            dict: number,
            tensors,
            prefix: "",
            count: 0,
        };
        let first = whole(0, &self.tensors);
        let mut rivals = Vec::new();
        for (number, (key, tensors)) in self.dicts().into_iter().enumerate().skip(1) {
            let shared = tensors
                .keys()
                .filter(|name| self.tensors.contains_key(*name));
            let is_copy = 2 * shared.count() >= self.tensors.len();
            let is_as_likely = !is_usual(&self.key) && 2 * tensors.len() >= self.tensors.len();
            if (is_copy || is_as_likely) && !self.is_equal(&first, &whole(number, tensors), &all) {
                rivals.push(key.to_string());
            }
        }
        if rivals.is_empty() {
            return Ok(self);
        }
        rivals.insert(0, self.key.clone());
        Err(WeightsError::Ambiguous {
            path: path.to_path_buf(),
            choices: rivals,
        })
    }

    /// All dicts with their keys, the chosen one first.
    fn dicts(&self) -> Vec<(&str, &Tensors)> {
        let others = self
            .others
            .iter()
            .map(|(key, tensors)| (key.as_str(), tensors));
        std::iter::once((self.key.as_str(), &self.tensors))
            .chain(others)
            .collect()
    }

    /// Places with known names, by dict and then by prefix.
    fn places(&self, is_known: &impl Fn(&str) -> bool) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        for (dict, (_, tensors)) in self.dicts().into_iter().enumerate() {
            let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
            for name in tensors.keys() {
                let dots = name.match_indices('.').map(|(place, _)| place + 1);
                for end in std::iter::once(0).chain(dots).take(MAX_PARTS) {
                    let (prefix, rest) = name.split_at(end);
                    if is_known(rest) {
                        *counts.entry(prefix).or_default() += 1;
                    }
                }
            }
            places.extend(counts.into_iter().map(|(prefix, count)| Place {
                dict,
                tensors,
                prefix,
                count,
            }));
        }
        places
    }

    /// True if both places have the same known tensors.
    fn is_equal(&self, one: &Place, other: &Place, is_known: &impl Fn(&str) -> bool) -> bool {
        let names = one
            .tensors
            .keys()
            .filter_map(|name| name.strip_prefix(one.prefix));
        names.filter(|name| is_known(name)).all(|name| {
            let of = |place: &Place| -> Option<Stored> {
                place
                    .tensors
                    .get(&format!("{}{name}", place.prefix))
                    .cloned()
            };
            let (Some(one), Some(other)) = (of(one), of(other)) else {
                return false;
            };
            let floats = |stored: &Stored| stored.view.floats(self.files.get(stored.file)?);
            one.view.is_same(&other.view)
                || (one.view.shape() == other.view.shape()
                    && floats(&one).is_some_and(|values| Some(values) == floats(&other)))
        })
    }

    fn name(&self, place: &Place) -> String {
        let key = self.dicts().get(place.dict).map_or("", |(key, _)| *key);
        let name = format!("{key}.{}", place.prefix);
        name.trim_matches('.').to_string()
    }

    fn narrowed(mut self, dict: usize, prefix: &str) -> Self {
        if let Some(other) = dict.checked_sub(1)
            && other < self.others.len()
        {
            let (key, tensors) = self.others.swap_remove(other);
            self.key = key;
            self.tensors = tensors;
            self.others.clear();
        }
        if !prefix.is_empty() {
            let under = |(name, stored): (String, Stored)| {
                Some((name.strip_prefix(prefix)?.to_string(), stored))
            };
            self.tensors = self.tensors.into_iter().filter_map(under).collect();
            self.others.clear();
        }
        self
    }
}
