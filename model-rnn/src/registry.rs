//! The table of named models.
//!
//! ```
//! use tinderbox_model_rnn::registry;
//!
//! let info = registry::find("awd_lstm").expect("a known name");
//! assert_eq!(info.parameters, 24_221_600);
//! let config = (info.config)().with_vocab_size(33_278);
//! assert_eq!(config.num_layers, 3);
//! ```

use tinderbox_model::registry::{self, ModelInfo};

use crate::RnnLmConfig;
use crate::layers::CellKind;

/// An entry of the table of models. Parameters are counted for a vocabulary of 10,000 tokens.
pub type RnnModelInfo = ModelInfo<RnnLmConfig>;

const AWD_LSTM: &str = "https://arxiv.org/abs/1708.02182";
const ELMAN: &str = "https://doi.org/10.1207/s15516709cog1402_1";
const GRU: &str = "https://arxiv.org/abs/1406.1078";
const LSTM: &str = "https://doi.org/10.1162/neco.1997.9.8.1735";
const ZAREMBA: &str = "https://arxiv.org/abs/1409.2329";

/// All named models, sorted by name.
pub const MODELS: &[RnnModelInfo] = &[
    ModelInfo::new("awd_lstm", 24_221_600, RnnLmConfig::awd_lstm)
        .summary("LSTM of 1150, 1150, 400 units, tied, weight drop, locked dropout")
        .paper(AWD_LSTM),
    ModelInfo::new("gru_lm", 1_488_144, || RnnLmConfig::small(CellKind::Gru))
        .summary("GRU, 2 layers of 128 units, tied")
        .paper(GRU),
    ModelInfo::new("lstm_large", 66_034_000, RnnLmConfig::lstm_large)
        .summary("LSTM, 2 layers of 1500 units, dropout 0.65")
        .paper(ZAREMBA),
    ModelInfo::new("lstm_lm", 1_554_192, || RnnLmConfig::small(CellKind::Lstm))
        .summary("LSTM, 2 layers of 128 units, tied")
        .paper(LSTM),
    ModelInfo::new("lstm_medium", 19_780_400, RnnLmConfig::lstm_medium)
        .summary("LSTM, 2 layers of 650 units, dropout 0.5")
        .paper(ZAREMBA),
    ModelInfo::new("lstm_small", 4_653_200, RnnLmConfig::lstm_small)
        .summary("LSTM, 2 layers of 200 units, no dropout")
        .paper(ZAREMBA),
    ModelInfo::new("rnn_lm", 1_356_048, || {
        RnnLmConfig::small(CellKind::RnnTanh)
    })
    .summary("Elman network with tanh, 2 layers of 128 units, tied")
    .paper(ELMAN),
];

/// The model called `name`.
pub fn find(name: &str) -> Option<&'static RnnModelInfo> {
    registry::find(MODELS, name)
}

/// The model name most similar to `name`, if any is similar.
pub fn nearest(name: &str) -> Option<&'static str> {
    registry::nearest(name, MODELS.iter().map(|info| info.name))
}
