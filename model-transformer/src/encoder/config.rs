/// Declares the configuration of BERT or RoBERTa. Hugging Face's `BertConfig` and `RobertaConfig`
/// have the same options; defaults and the meaning of three of them differ.
macro_rules! bert_config {
    (
        $(#[$doc:meta])*
        $config:ident for $model:ident {
            vocab_size: $vocab_size:literal,
            $(#[$positions_doc:meta])*
            max_position_embeddings: $positions:literal,
            $(#[$types_doc:meta])*
            type_vocab_size: $types:literal,
            layer_norm_eps: $epsilon:literal,
            $(#[$pad_doc:meta])*
            pad_token_id: $pad:literal,
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Setters)]
        #[serde(default, deny_unknown_fields)]
        #[setters(prefix = "with_")]
        #[non_exhaustive]
        pub struct $config {
            /// Vocabulary size.
            pub vocab_size: usize,
            /// Width of the hidden states.
            pub hidden_size: usize,
            /// Number of layers.
            pub num_hidden_layers: usize,
            /// Number of attention heads, which divide the width among them.
            pub num_attention_heads: usize,
            /// Width inside the MLP.
            pub intermediate_size: usize,
            /// Activation function of the MLP.
            pub hidden_act: Activation,
            /// Dropout of the embeddings and of the output of attention and MLP.
            pub hidden_dropout_prob: f64,
            /// Dropout of the attention probabilities.
            pub attention_probs_dropout_prob: f64,
            /// Dropout before the classifier; by default `hidden_dropout_prob`.
            pub classifier_dropout: Option<f64>,
            $(#[$positions_doc])*
            pub max_position_embeddings: usize,
            $(#[$types_doc])*
            pub type_vocab_size: usize,
            /// Epsilon of layer normalisation.
            pub layer_norm_eps: f64,
            /// Standard deviation of the initial weights.
            pub initializer_range: f64,
            $(#[$pad_doc])*
            pub pad_token_id: usize,
            /// Head.
            pub head: Head,
            /// Number of labels of a sequence or token classification head.
            pub num_labels: usize,
            /// Meaning of the logits of a sequence classification head.
            #[serde(skip_serializing_if = "ProblemType::is_default")]
            pub problem_type: ProblemType,
        }

        impl Default for $config {
            fn default() -> Self {
                Self {
                    vocab_size: $vocab_size,
                    hidden_size: 768,
                    num_hidden_layers: 12,
                    num_attention_heads: 12,
                    intermediate_size: 3072,
                    hidden_act: Activation::Gelu,
                    hidden_dropout_prob: 0.1,
                    attention_probs_dropout_prob: 0.1,
                    classifier_dropout: None,
                    max_position_embeddings: $positions,
                    type_vocab_size: $types,
                    layer_norm_eps: $epsilon,
                    initializer_range: 0.02,
                    pad_token_id: $pad,
                    head: Head::None,
                    num_labels: 2,
                    problem_type: ProblemType::SingleLabel,
                }
            }
        }

        impl $config {
            /// `layers` layers of width `hidden_size`, with an MLP of four times that width.
            pub fn new(layers: usize, heads: usize, hidden_size: usize) -> Self {
                Self {
                    hidden_size,
                    num_hidden_layers: layers,
                    num_attention_heads: heads,
                    intermediate_size: 4 * hidden_size,
                    ..Self::default()
                }
            }

            /// Number of parameters, computed without building the model.
            pub fn num_parameters(&self) -> usize {
                let spec = self.spec();
                // The pooler; a sequence classification head counts it as its own.
                let pooler = if self.head == Head::None {
                    spec.square_parameters()
                } else {
                    0
                };
                spec.num_parameters() + pooler
            }

            /// Builds the model on `device` with BERT's initialisation: `N(0, initializer_range²)`,
            /// biases of zero.
            ///
            /// # Errors
            /// See [`validate`](Self::validate).
            pub fn init(&self, device: &Device) -> Result<$model, ConfigError> {
                self.validate()?;
                Ok($model::new(self, &self.spec(), device))
            }

            fn head_dropout(&self) -> Dropout {
                dropout(self.classifier_dropout.unwrap_or(self.hidden_dropout_prob))
            }

            fn validate_shared(&self) -> Result<(), ConfigError> {
                let rate = self.classifier_dropout.unwrap_or(0.0);
                ConfigError::require_dropout("classifier_dropout", rate)?;
                self.spec().validate()
            }

            fn spec(&self) -> Spec {
                Spec {
                    vocab_size: self.vocab_size,
                    hidden: ("hidden_size", self.hidden_size),
                    intermediate: ("intermediate_size", self.intermediate_size),
                    layers: ("num_hidden_layers", self.num_hidden_layers),
                    heads: ("num_attention_heads", self.num_attention_heads),
                    positions: self.max_position_embeddings,
                    token_types: Some(self.type_vocab_size),
                    activation: self.hidden_act,
                    dropout: ("hidden_dropout_prob", self.hidden_dropout_prob),
                    attention_dropout: (
                        "attention_probs_dropout_prob",
                        self.attention_probs_dropout_prob,
                    ),
                    epsilon: self.layer_norm_eps,
                    std: self.initializer_range,
                    pad: self.pad_token_id,
                    head: self.head,
                    num_labels: self.num_labels,
                }
            }
        }
    };
}

pub(crate) use bert_config;
