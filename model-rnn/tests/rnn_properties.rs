//! Properties that hold for any weights.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, random, values, words};
use proptest::prelude::*;
use tinderbox_model_rnn::{
    CellKind, LengthsError, Recurrent, RecurrentConfig, RnnLmConfig, RnnState, StateError,
};

const CELLS: [CellKind; 4] = [
    CellKind::RnnTanh,
    CellKind::RnnRelu,
    CellKind::Gru,
    CellKind::Lstm,
];

fn cell() -> impl Strategy<Value = CellKind> {
    proptest::sample::select(&CELLS[..])
}

fn network(cell: CellKind, bidirectional: bool, device: &Device) -> Recurrent {
    let config = RecurrentConfig::new(cell, 2, 4, 2)
        .with_bidirectional(bidirectional)
        .with_hidden_sizes(vec![4, 3]);
    config.init(device).unwrap()
}

fn all(state: &RnnState) -> Vec<f32> {
    state
        .hidden()
        .chain(state.cell())
        .flat_map(values)
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn padding_changes_nothing(
        cell in cell(),
        bidirectional: bool,
        lengths in proptest::collection::vec(0_usize..7, 1..5),
    ) {
        let device = Device::flex();
        let (batch, time) = (lengths.len(), 6);
        let model = network(cell, bidirectional, &device);
        let input = random([batch, time, 2], &device);
        let inside = |row: usize, t: usize| if t < lengths[row] { 1.0_f32 } else { 0.0 };
        let mask = (0..batch).flat_map(|row| (0..time).map(move |t| (row, t)));
        let mask: Vec<f32> = mask.map(|(row, t)| inside(row, t)).collect();
        let mask = Tensor::<3>::from_data(TensorData::new(mask, [batch, time, 1]), &device);
        let noise = random([batch, time, 2], &device) * 9.0;
        let other = input.clone() * mask.clone() + noise * (-mask + 1.0);

        let (output, state) = model.forward_lengths(input.clone(), &lengths, None).unwrap();
        let (same, same_state) = model.forward_lengths(other, &lengths, None).unwrap();
        prop_assert_eq!(values(output.clone()), values(same));
        prop_assert_eq!(all(&state), all(&same_state));

        // Each sequence alone has the same outputs, and outputs on padding are 0.
        for (row, &length) in lengths.iter().enumerate() {
            let output = output.clone().narrow(0, row, 1);
            let [_, _, width] = output.dims();
            if length > 0 {
                let alone = input.clone().narrow(0, row, 1).narrow(1, 0, length);
                let (alone, _) = model.forward(alone, None);
                let inside = values(output.clone().narrow(1, 0, length));
                assert_close("alone", &inside, &values(alone), 1e-5);
            }
            if length < time {
                let padding = values(output.narrow(1, length, time - length));
                prop_assert_eq!(padding, vec![0.0; (time - length) * width]);
            }
        }
    }

    #[test]
    fn segments_with_their_hidden_state_equal_the_whole_text(
        cell in cell(),
        tied: bool,
        pieces in proptest::collection::vec(1_usize..5, 1..5),
    ) {
        let device = Device::flex();
        let config = RnnLmConfig::default()
.with_cell(cell)
.with_vocab_size(13)
.with_embedding_size(4)
.with_hidden_size(6)
.with_tied(tied);
        let model = config.init(&device).unwrap();
        let count = pieces.iter().sum();
        let words = words([2, count], 13, &device);
        let whole = model.forward(words.clone(), None);
        let (mut start, mut state, mut logits) = (0, None, Vec::new());
        for piece in pieces {
            let output = model.forward(words.clone().narrow(1, start, piece), state);
            logits.push(output.logits);
            // As saved in a checkpoint.
            let named = output.state.into_named();
            state = RnnState::from_named(named).unwrap();
            start += piece;
        }
        let logits = values(Tensor::cat(logits, 1));
        assert_close("logits", &logits, &values(whole.logits), 1e-5);
        assert_close("state", &all(&state.unwrap()), &all(&whole.state), 1e-5);
    }
}

#[test]
fn lengths_that_do_not_fit_are_rejected() {
    let device = Device::flex();
    let model = network(CellKind::Lstm, false, &device);
    let input = random([2, 3, 2], &device);
    let error = model
        .forward_lengths(input.clone(), &[3], None)
        .unwrap_err();
    assert_eq!(error, LengthsError::Count { got: 1, batch: 2 });
    let error = model
        .forward_lengths(input.clone(), &[3, 4], None)
        .unwrap_err();
    let (index, length, time) = (1, 4, 3);
    assert_eq!(
        error,
        LengthsError::TooLong {
            index,
            length,
            time
        }
    );
    // Full lengths equal no lengths.
    let (plain, _) = model.forward(input.clone(), None);
    let (whole, _) = model.forward_lengths(input, &[3, 3], None).unwrap();
    assert_eq!(values(plain), values(whole));
}

#[test]
fn an_empty_sequence_keeps_its_state() {
    let device = Device::flex();
    let model = network(CellKind::Lstm, true, &device);
    let input = random([2, 3, 2], &device);
    let (_, before) = model.forward(input.clone(), None);
    let (_, after) = model
        .forward_lengths(input, &[0, 3], Some(before.clone()))
        .unwrap();
    let first_row = |tensor: Tensor<2>| values(tensor.narrow(0, 0, 1));
    let rows = |state: &RnnState| state.hidden().flat_map(first_row).collect::<Vec<_>>();
    assert_eq!(rows(&before), rows(&after));
}

#[test]
fn a_state_survives_its_named_tensors() {
    let device = Device::flex();
    for (cell, bidirectional, names) in [
        (CellKind::Gru, false, "hidden_l0 hidden_l1"),
        (CellKind::Lstm, false, "cell_l0 cell_l1 hidden_l0 hidden_l1"),
        (
            CellKind::RnnTanh,
            true,
            "hidden_l0 hidden_l0_reverse hidden_l1 hidden_l1_reverse",
        ),
    ] {
        let model = network(cell, bidirectional, &device);
        let (_, state) = model.forward(random([3, 2, 2], &device), None);
        model.check_state(&state, 3).unwrap();
        let named = state.clone().into_named();
        let got: Vec<&str> = named.keys().map(String::as_str).collect();
        assert_eq!(got.join(" "), names);
        let again = RnnState::from_named(named).unwrap().unwrap();
        assert_eq!(all(&again), all(&state));
    }
    assert!(RnnState::from_named(Default::default()).unwrap().is_none());
}

#[test]
fn a_damaged_state_is_an_error_that_names_the_tensor() {
    let device = Device::flex();
    let named = |cell, bidirectional| {
        let model = network(cell, bidirectional, &device);
        let (_, state) = model.forward(random([3, 2, 2], &device), None);
        state.into_named()
    };
    for (bidirectional, removed, expected) in [
        (false, "hidden_l0", "hidden_l0"),
        (false, "cell_l0", "cell_l0"),
        (false, "cell_l1", "cell_l1"),
        (false, "hidden_l1", "cell_l1"),
        (true, "hidden_l1_reverse", "hidden_l1_reverse"),
    ] {
        let mut named = named(CellKind::Lstm, bidirectional);
        named.remove(removed).unwrap();
        let error = RnnState::from_named(named).unwrap_err();
        assert!(
            error.to_string().contains(&format!("`{expected}`")),
            "{removed}: {error}"
        );
    }
    let mut strange = named(CellKind::Gru, false);
    strange.insert("hidden_l7".into(), random([3, 4], &device));
    let error = RnnState::from_named(strange).unwrap_err();
    let name = "hidden_l2".into();
    assert_eq!(error, StateError::Missing { name });
    let mut strange = named(CellKind::Gru, false);
    strange.insert("momentum".into(), random([3, 4], &device));
    let error = RnnState::from_named(strange).unwrap_err();
    let name = "momentum".into();
    assert_eq!(error, StateError::Unexpected { name });
    let mut odd = named(CellKind::Gru, true);
    odd.remove("hidden_l1_reverse").unwrap();
    let error = RnnState::from_named(odd).unwrap_err();
    let name = "hidden_l1_reverse".into();
    assert_eq!(error, StateError::Missing { name });
}

#[test]
fn a_state_of_another_network_is_rejected() {
    let device = Device::flex();
    let lstm = network(CellKind::Lstm, false, &device);
    let (_, state) = lstm.forward(random([3, 2, 2], &device), None);
    let error = lstm.check_state(&state, 2).unwrap_err();
    assert!(
        matches!(
            error,
            StateError::Shape {
                got: [3, 4],
                expected: [2, 4],
                ..
            }
        ),
        "{error}"
    );
    for other in [
        network(CellKind::Gru, false, &device),
        network(CellKind::Lstm, true, &device),
    ] {
        let error = other.check_state(&state, 3).unwrap_err();
        assert!(matches!(error, StateError::Layers { .. }), "{error}");
    }
}

#[test]
fn invalid_options_are_rejected() {
    let base = RecurrentConfig::new(CellKind::Gru, 2, 3, 2);
    let rejected = |config: RecurrentConfig| config.init(&Device::flex()).unwrap_err().option;
    assert_eq!(rejected(base.clone().with_input_size(0)), "input_size");
    assert_eq!(
        rejected(base.clone().with_hidden_sizes(vec![])),
        "num_layers"
    );
    assert_eq!(
        rejected(base.clone().with_hidden_sizes(vec![3, 0])),
        "hidden_size"
    );
    assert_eq!(rejected(base.clone().with_dropout(f64::NAN)), "dropout");
    assert_eq!(rejected(base.clone().with_weight_drop(1.0)), "weight_drop");
    let init_range = Some(f64::INFINITY);
    assert_eq!(rejected(base.with_init_range(init_range)), "init_range");
}
