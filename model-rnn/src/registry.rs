//! Every model that has a name: what it is called, how large it is, where it comes from.

use crate::RnnLmConfig;
use crate::layers::CellKind;

/// One named model.
#[derive(Clone, Copy, Debug)]
pub struct ModelInfo {
    /// The name it is asked for by.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// The paper, as a link.
    pub paper: &'static str,
    /// Number of parameters with the default options, so for 10,000 words.
    pub parameters: usize,
    /// Its configuration with the default options.
    pub config: fn() -> RnnLmConfig,
}

const AWD_LSTM: &str = "https://arxiv.org/abs/1708.02182";
const ELMAN: &str = "https://doi.org/10.1207/s15516709cog1402_1";
const GRU: &str = "https://arxiv.org/abs/1406.1078";
const LSTM: &str = "https://doi.org/10.1162/neco.1997.9.8.1735";
const ZAREMBA: &str = "https://arxiv.org/abs/1409.2329";

/// All named models, alphabetically.
#[rustfmt::skip]
pub const MODELS: &[ModelInfo] = &[
    model("awd_lstm", "LSTM of 1150, 1150, 400 units, tied, weight drop, locked dropout", AWD_LSTM, 24_221_600, RnnLmConfig::awd_lstm),
    model("gru_lm", "GRU, 2 layers of 128 units, tied", GRU, 1_488_144, || RnnLmConfig::small(CellKind::Gru)),
    model("lstm_large", "LSTM, 2 layers of 1500 units, dropout 0.65", ZAREMBA, 66_034_000, RnnLmConfig::lstm_large),
    model("lstm_lm", "LSTM, 2 layers of 128 units, tied", LSTM, 1_554_192, || RnnLmConfig::small(CellKind::Lstm)),
    model("lstm_medium", "LSTM, 2 layers of 650 units, dropout 0.5", ZAREMBA, 19_780_400, RnnLmConfig::lstm_medium),
    model("lstm_small", "LSTM, 2 layers of 200 units, no dropout", ZAREMBA, 4_653_200, RnnLmConfig::lstm_small),
    model("rnn_lm", "Elman network with tanh, 2 layers of 128 units, tied", ELMAN, 1_356_048, || RnnLmConfig::small(CellKind::RnnTanh)),
];

const fn model(
    name: &'static str,
    summary: &'static str,
    paper: &'static str,
    parameters: usize,
    config: fn() -> RnnLmConfig,
) -> ModelInfo {
    ModelInfo {
        name,
        summary,
        paper,
        parameters,
        config,
    }
}

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static ModelInfo> {
    MODELS.iter().find(|model| model.name == name)
}
