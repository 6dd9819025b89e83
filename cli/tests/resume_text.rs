//! Runs of language models that are killed and resumed, also in the middle of an epoch with its hidden
//! state, end with the same bytes as undisturbed ones.
#![allow(clippy::unwrap_used)]

mod common;

use common::kill::Killable;

/// Checkpoints between and within epochs, with evaluations in between.
const SETTINGS: &[&str] = &[
    "train.max_steps=300",
    "train.epochs=100",
    "train.checkpoint_every=17",
    "train.eval_every=40",
    "train.log_every=3",
    "train.clip_norm=0.5",
];

#[test]
fn a_recurrent_run_resumes_with_its_hidden_state() {
    let settings: &[&str] = &[
        // Everything random or stateful: lengths, all five dropouts, penalties, an average that
        // starts when perplexity rises, a learning rate that drops then.
        "data.vary_length=true",
        "data.sequence_length=20",
        "model.dropout=0.2",
        "model.weight_drop=0.3",
        "model.locked_dropout=true",
        "model.dropout_words=0.1",
        "train.ar_alpha=2.0",
        "train.tar_beta=1.0",
        "train.nt_asgd_window=1",
        "train.eval_every=10",
        "optimizer.name=sgd",
        "optimizer.learning_rate=8.0",
        "schedule.name=plateau",
        "schedule.warmup_steps=0",
    ];
    let run = Killable {
        recipe: "rnn",
        settings: [common::TINY_TEXT, common::TINY_RNN, SETTINGS, settings].concat(),
    };
    let ended = run.assert_exact(&[0, 4]);
    assert!(ended.contains_key("carry.safetensors"));
    // Averaging has started; otherwise it would not be tested.
    assert!(ended.contains_key("ema.safetensors"));
    let state = String::from_utf8(ended["state.json"].clone()).unwrap();
    assert!(!state.contains("\"drops\": 0"), "{state}");
}

#[test]
fn an_attention_run_resumes_with_the_next_windows() {
    let settings: &[&str] = &[
        "model.embd_pdrop=0.1",
        "model.attn_pdrop=0.1",
        "model.resid_pdrop=0.1",
        "train.gradient_accumulation=2",
        "train.label_smoothing=0.1",
    ];
    let run = Killable {
        recipe: "transformer",
        settings: [common::TINY_TEXT, common::TINY_GPT, SETTINGS, settings].concat(),
    };
    let ended = run.assert_exact(&[0, 1, 4]);
    // Windows have no hidden state.
    assert!(!ended.contains_key("carry.safetensors"));
}
