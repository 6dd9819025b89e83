//! Labels of data and of a published head, matched by name.
//!
//! A published classifier numbers its labels in its own way. As transformers' `run_glue.py` and
//! `run_ner.py`, training numbers the labels of the data as the head does where the names are the
//! same, also when lower-cased; the head's rows of other labels are dropped, and other labels of
//! the data get new rows.

use std::collections::HashMap;

use crate::TrainError;

/// Maximum number of labels listed in a message.
const MAX_LISTED: usize = 8;

/// Labels of data in the order of a model's logits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelOrder {
    /// The data's labels: those of the published head in its order, then new ones.
    pub(super) labels: Vec<String>,
    /// The row of the published head for each of them; `None` for a new label.
    pub(super) rows: Vec<Option<usize>>,
    /// The new id of each label of the data.
    pub(super) ids: Vec<u32>,
    /// Sentence that says what matches, if there was something to match with.
    pub(super) note: Option<String>,
}

impl LabelOrder {
    /// Matches the labels of `data` with those of a `head`, in the order of its logits.
    pub(super) fn of(head: &[String], data: &[String]) -> Self {
        let (rows, is_by_name) = rows_of(head, data);
        let mut order: Vec<usize> = (0..data.len()).collect();
        // Stable: new labels stay in the order of the data.
        order.sort_by_key(|label| rows[*label].unwrap_or(usize::MAX));
        let mut ids = vec![0; data.len()];
        for (id, label) in (0..).zip(&order) {
            ids[*label] = id;
        }
        Self {
            labels: order.iter().map(|label| data[*label].clone()).collect(),
            note: Some(note(head, data, &rows, is_by_name)),
            rows: order.iter().map(|label| rows[*label]).collect(),
            ids,
        }
    }

    /// Labels without a published head, in their own order.
    pub(super) fn unchanged(data: Vec<String>) -> Self {
        Self {
            rows: vec![None; data.len()],
            ids: (0..).take(data.len()).collect(),
            labels: data,
            note: None,
        }
    }

    /// The labels that a run recorded, which `data` has as well.
    ///
    /// # Errors
    /// The labels are not the same.
    pub(super) fn recorded(recorded: &[String], data: &[String]) -> Result<Self, TrainError> {
        Ok(Self {
            ids: same_labels(recorded, data)?,
            ..Self::unchanged(recorded.to_vec())
        })
    }
}

/// The head's row for each label of the data, and true if it is found by name.
fn rows_of(head: &[String], data: &[String]) -> (Vec<Option<usize>>, bool) {
    let rows = by_name(head, data);
    if rows.iter().any(Option::is_some) || !is_unnamed(head) {
        return (rows, true);
    }
    // `LABEL_1` is the label that the data call 1.
    let number = |label: &String| {
        let number = label
            .parse()
            .ok()
            .filter(|row: &f64| row.fract() == 0.0 && *row >= 0.0);
        number
            .map(|row| row as usize)
            .filter(|row| *row < head.len())
    };
    let numbers: Vec<Option<usize>> = data.iter().map(number).collect();
    if numbers.iter().all(Option::is_some) {
        return (numbers, true);
    }
    if head.len() == data.len() {
        return ((0..data.len()).map(Some).collect(), false);
    }
    (rows, true)
}

/// The place in `known` of each label of `data`: of the same name or, if there is exactly one, of
/// the same name in lower case.
fn by_name(known: &[String], data: &[String]) -> Vec<Option<usize>> {
    let exact: HashMap<&str, usize> = known.iter().map(String::as_str).zip(0..).collect();
    let mut lower: HashMap<String, Vec<usize>> = HashMap::new();
    for (place, label) in known.iter().enumerate() {
        lower.entry(label.to_lowercase()).or_default().push(place);
    }
    let same = |label: &String| {
        data.iter()
            .filter(|other| other.to_lowercase() == *label)
            .count()
    };
    let find = |label: &String| {
        if let Some(place) = exact.get(label.as_str()) {
            return Some(*place);
        }
        let label = label.to_lowercase();
        match lower.get(&label).map(Vec::as_slice) {
            Some([place]) if same(&label) == 1 => Some(*place),
            _ => None,
        }
    };
    data.iter().map(find).collect()
}

/// True for the names that transformers gives to labels without names.
fn is_unnamed(labels: &[String]) -> bool {
    let mut numbered = (0..).zip(labels);
    numbered.all(|(number, label): (usize, _)| *label == format!("LABEL_{number}"))
}

fn note(head: &[String], data: &[String], rows: &[Option<usize>], is_by_name: bool) -> String {
    let total = data.len();
    if !is_by_name {
        return format!(
            "warning: the labels of model.weights have no names ({}); its {total} rows are kept in the order of the data's labels, {}",
            listed(head),
            listed(data)
        );
    }
    let new: Vec<String> = data
        .iter()
        .zip(rows)
        .filter(|(_, row)| row.is_none())
        .map(|(label, _)| label.clone())
        .collect();
    let dropped: Vec<String> = head
        .iter()
        .enumerate()
        .filter(|(row, _)| !rows.contains(&Some(*row)))
        .map(|(_, label)| label.clone())
        .collect();
    let kept = total - new.len();
    let mut note = match kept {
        0 => "no label of the data is one of model.weights".to_string(),
        _ => format!("{kept} of {total} labels are those of model.weights and keep their rows"),
    };
    if !new.is_empty() {
        note += &format!("; newly initialised: {}", listed(&new));
    }
    if !dropped.is_empty() {
        note += &format!("; not in the data and dropped: {}", listed(&dropped));
    }
    note
}

fn listed(labels: &[String]) -> String {
    let shown = labels.iter().take(MAX_LISTED).map(String::as_str);
    let shown = shown.collect::<Vec<_>>().join(", ");
    match labels.len().checked_sub(MAX_LISTED) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

/// The place of each label of `data` among those of a model that was trained on data with the same
/// labels.
///
/// # Errors
/// The labels are not the same; their order does not matter.
pub(super) fn same_labels(model: &[String], data: &[String]) -> Result<Vec<u32>, TrainError> {
    let places: HashMap<&str, u32> = model.iter().map(String::as_str).zip(0..).collect();
    let ids: Option<Vec<u32>> = data
        .iter()
        .map(|label| places.get(label.as_str()).copied())
        .collect();
    ids.filter(|ids| ids.len() == model.len()).ok_or_else(|| {
        TrainError::Mismatch(format!(
            "the data have the labels {}, but the run has {}: they are not the same data",
            data.join(", "),
            model.join(", ")
        ))
    })
}

/// The place of each label of `data` among those of a published model, which may have more.
///
/// # Errors
/// The model has not all of them.
pub(super) fn known_labels(model: &[String], data: &[String]) -> Result<Vec<u32>, TrainError> {
    let (rows, _) = rows_of(model, data);
    let unknown: Vec<String> = data
        .iter()
        .zip(&rows)
        .filter(|(_, row)| row.is_none())
        .map(|(label, _)| label.clone())
        .collect();
    if !unknown.is_empty() {
        return Err(TrainError::Mismatch(format!(
            "the data have labels that the model has not: {}; its labels are {}",
            listed(&unknown),
            listed(model)
        )));
    }
    // A model has far fewer labels than a u32 counts.
    Ok(rows.into_iter().flatten().map(|row| row as u32).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn strings(labels: &[&str]) -> Vec<String> {
        labels.iter().map(ToString::to_string).collect()
    }

    fn order(head: &[&str], data: &[&str]) -> LabelOrder {
        LabelOrder::of(&strings(head), &strings(data))
    }

    #[test]
    fn labels_of_the_same_name_keep_the_heads_order() {
        let found = order(&["pos", "neg"], &["neg", "pos"]);
        assert_eq!(found.labels, ["pos", "neg"]);
        assert_eq!(found.rows, [Some(0), Some(1)]);
        assert_eq!(found.ids, [1, 0]);
        assert!(found.note.unwrap().starts_with("2 of 2 labels"));
    }

    #[test]
    fn case_does_not_matter_unless_two_labels_differ_by_it() {
        let found = order(&["POSITIVE", "Negative"], &["negative", "positive"]);
        assert_eq!(found.labels, ["positive", "negative"]);
        assert_eq!(found.rows, [Some(0), Some(1)]);
        let found = order(&["US", "us"], &["Us", "us"]);
        assert_eq!(found.labels, ["us", "Us"]);
        assert_eq!(found.rows, [Some(1), None]);
    }

    #[test]
    fn other_labels_are_new_or_dropped_and_named() {
        let found = order(&["O", "B-ORG", "B-PER"], &["O", "B-LOC", "B-PER"]);
        assert_eq!(found.labels, ["O", "B-PER", "B-LOC"]);
        assert_eq!(found.rows, [Some(0), Some(2), None]);
        assert_eq!(found.ids, [0, 2, 1]);
        let wanted = "2 of 3 labels are those of model.weights and keep their rows; newly \
                      initialised: B-LOC; not in the data and dropped: B-ORG";
        assert_eq!(found.note.unwrap(), wanted);
        let none = order(&["joy", "anger"], &["neg", "pos"]);
        assert_eq!(none.rows, [None, None]);
        assert!(none.note.unwrap().contains("no label of the data"));
    }

    #[test]
    fn labels_without_names_are_numbers_or_keep_their_order() {
        let found = order(&["LABEL_0", "LABEL_1", "LABEL_2"], &["2", "0"]);
        assert_eq!(found.labels, ["0", "2"]);
        assert_eq!(found.rows, [Some(0), Some(2)]);
        let found = order(&["LABEL_0", "LABEL_1"], &["bad", "good"]);
        assert_eq!(found.rows, [Some(0), Some(1)]);
        assert!(found.note.unwrap().contains("have no names"));
        let found = order(&["LABEL_0", "LABEL_1", "LABEL_2"], &["bad", "good"]);
        assert_eq!(found.rows, [None, None]);
    }

    #[test]
    fn data_may_lack_labels_of_a_published_model_but_have_no_others() {
        let model = strings(&["neutral", "pos", "neg"]);
        assert_eq!(
            known_labels(&model, &strings(&["NEG", "pos"])).unwrap(),
            [2, 1]
        );
        let error = known_labels(&model, &strings(&["bad", "pos"])).unwrap_err();
        assert!(error.to_string().contains("has not: bad"), "{error}");
        assert!(same_labels(&model, &strings(&["neg", "pos"])).is_err());
    }
}
