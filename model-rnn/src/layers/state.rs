//! Hidden state of a recurrent network between segments of a text.

use std::collections::BTreeMap;

use burn::tensor::Tensor;

use super::cell::CellState;
use crate::StateError;

/// Hidden states, and cell states of an LSTM, of every layer and direction at the end of a
/// sequence.
#[derive(Clone, Debug)]
pub struct RnnState {
    bidirectional: bool,
    /// In PyTorch's order: first layer, first layer backwards, second layer, ...
    layers: Vec<CellState>,
}

impl RnnState {
    pub(super) fn new(layers: Vec<CellState>, bidirectional: bool) -> Self {
        Self {
            bidirectional,
            layers,
        }
    }

    pub(super) fn into_layers(self) -> Vec<CellState> {
        self.layers
    }

    /// Hidden states `[batch, hidden]` in PyTorch's order: layer by layer, forwards before
    /// backwards.
    pub fn hidden(&self) -> impl Iterator<Item = Tensor<2>> {
        self.layers.iter().map(|layer| layer.hidden.clone())
    }

    /// Cell states `[batch, hidden]` in the same order; none unless the network is an LSTM.
    pub fn cell(&self) -> impl Iterator<Item = Tensor<2>> {
        self.layers.iter().filter_map(|layer| layer.cell.clone())
    }

    /// Detaches the state from the autodiff graph, for truncated back-propagation through time.
    #[must_use]
    pub fn detach(self) -> Self {
        let detach = |layer: CellState| CellState {
            hidden: layer.hidden.detach(),
            cell: layer.cell.map(Tensor::detach),
        };
        Self {
            layers: self.layers.into_iter().map(detach).collect(),
            ..self
        }
    }

    /// The tensors by name: `hidden_l0`, `cell_l0`, `hidden_l0_reverse`, ..., `[batch, hidden]`
    /// each.
    pub fn into_named(self) -> BTreeMap<String, Tensor<2>> {
        let names = names(self.bidirectional);
        let mut named = BTreeMap::new();
        for (name, layer) in names.zip(self.layers) {
            if let Some(cell) = layer.cell {
                named.insert(format!("cell_{name}"), cell);
            }
            named.insert(format!("hidden_{name}"), layer.hidden);
        }
        named
    }

    /// The inverse of [`into_named`](Self::into_named); `None` for no tensors.
    ///
    /// # Errors
    /// [`StateError::Missing`] or [`StateError::Unexpected`] if the tensors are not those of one
    /// network.
    pub fn from_named(mut named: BTreeMap<String, Tensor<2>>) -> Result<Option<Self>, StateError> {
        if named.is_empty() {
            return Ok(None);
        }
        let number = |is: fn(&str) -> bool| named.keys().filter(|name| is(name)).count();
        let bidirectional = number(|name| name.ends_with("_reverse")) > 0;
        let has_cells = number(|name| name.starts_with("cell_")) > 0;
        let count = number(|name| name.starts_with("hidden_"));
        let directions = 1 + usize::from(bidirectional);
        let mut take = |name: String| named.remove(&name).ok_or(StateError::Missing { name });
        let mut layers = Vec::with_capacity(count);
        for name in names(bidirectional).take(count.max(1).next_multiple_of(directions)) {
            let hidden = take(format!("hidden_{name}"))?;
            let cell = has_cells.then(|| take(format!("cell_{name}")));
            let cell = cell.transpose()?;
            layers.push(CellState { hidden, cell });
        }
        match named.into_keys().next() {
            Some(name) => Err(StateError::Unexpected { name }),
            None => Ok(Some(Self::new(layers, bidirectional))),
        }
    }

    /// Checks that this is the state of a network with these hidden sizes, one for each layer and
    /// direction.
    pub(super) fn check(
        &self,
        batch: usize,
        hidden_sizes: &[usize],
        bidirectional: bool,
        has_cells: bool,
    ) -> Result<(), StateError> {
        let got_cells = self.layers.iter().any(|layer| layer.cell.is_some());
        let got = (self.layers.len(), self.bidirectional, got_cells);
        let expected = (hidden_sizes.len(), bidirectional, has_cells);
        if got != expected {
            return Err(StateError::Layers {
                got: describe(got),
                expected: describe(expected),
            });
        }
        for ((name, layer), &size) in names(bidirectional).zip(&self.layers).zip(hidden_sizes) {
            check_shape("hidden", &name, &layer.hidden, [batch, size])?;
            if let Some(cell) = &layer.cell {
                check_shape("cell", &name, cell, [batch, size])?;
            }
        }
        Ok(())
    }
}

/// PyTorch's suffixes of parameter names, endless: `l0`, `l0_reverse`, `l1`, ...
pub(super) fn names(bidirectional: bool) -> impl Iterator<Item = String> {
    let suffixes: &[&str] = if bidirectional {
        &["", "_reverse"]
    } else {
        &[""]
    };
    (0..).flat_map(move |layer: usize| {
        suffixes
            .iter()
            .map(move |suffix| format!("l{layer}{suffix}"))
    })
}

fn describe((count, bidirectional, has_cells): (usize, bool, bool)) -> String {
    let layers = if bidirectional {
        format!("{} layers in two directions", count / 2)
    } else {
        format!("{count} layers")
    };
    let cells = if has_cells { "with" } else { "without" };
    format!("{layers} {cells} cells")
}

fn check_shape(
    part: &str,
    name: &str,
    tensor: &Tensor<2>,
    expected: [usize; 2],
) -> Result<(), StateError> {
    let got = tensor.dims();
    if got == expected {
        return Ok(());
    }
    Err(StateError::Shape {
        name: format!("{part}_{name}"),
        got,
        expected,
    })
}
