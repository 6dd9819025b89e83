//! Explanations of a text encoder: word contributions and attention.

use burn::tensor::{Int, Tensor, TensorData};
use tinderbox_data::text::encoder::{Encoding, TokenOrigin};
use tinderbox_model_transformer::explain::{
    Attribution, IntegratedGradients, attention_of, attention_rollout, explain_answer,
    explain_class,
};
use tinderbox_model_transformer::{EncoderInput, Head};

use super::classify::TextInput;
use super::open::LoadedEncoder;
use crate::TrainError;
use crate::kinds::classes::{ClassProbability, named, read_logits};

/// Text whose prediction is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExplainInput {
    /// A text or a pair of texts, for any head but question answering.
    Text(TextInput),
    /// A question about a text, for a question answering head.
    Question {
        /// The question.
        question: String,
        /// The text.
        context: String,
    },
}

/// Method of [`LoadedEncoder::explain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextExplainMethod {
    /// Contribution of each token to the logit of a class, or to those of an answer.
    IntegratedGradients {
        /// Class to explain; by default the most probable one.
        class: Option<usize>,
        /// Steps of the integral.
        settings: IntegratedGradients,
    },
    /// Attention weights, the mean over layers and heads that are not chosen.
    Attention {
        /// Layer, counted from 0.
        layer: Option<usize>,
        /// Head, counted from 0.
        head: Option<usize>,
    },
    /// Attention rollout through all layers.
    Rollout,
}

/// Output that is explained.
#[derive(Clone, Debug, PartialEq)]
pub enum ExplainTarget {
    /// Logit of a class.
    Class {
        /// Index of the class.
        index: usize,
        /// Name of the class.
        name: String,
    },
    /// Start and end logit of an answer.
    Answer {
        /// The answer.
        text: String,
        /// Its score.
        score: f32,
        /// First and last token of the answer, as indices into the row.
        tokens: [usize; 2],
    },
    /// The model predicts nothing about the text as a whole; attention can still be shown.
    None,
}

/// Explanation of a text.
#[derive(Clone, Debug)]
pub struct TextExplanation {
    /// The texts: one, a pair, or question and text.
    pub texts: Vec<String>,
    /// Tokens that the model read; of a long text, the window with the answer.
    pub row: Encoding,
    /// Text of each token of the row, or the name of a special token.
    pub tokens: Vec<String>,
    /// Output that is explained.
    pub target: ExplainTarget,
    /// Predicted classes, most probable first; empty for other heads.
    pub classes: Vec<ClassProbability>,
    /// False if the scores of the classes are numbers of any size, as in regression.
    pub are_probabilities: bool,
    /// Score of each token of the row: its contribution, or the attention that the predicting
    /// token ([`looking_token`](Self::looking_token)) pays to it.
    pub scores: Vec<f32>,
    /// Outputs behind the scores of integrated gradients.
    pub attribution: Option<Attribution>,
    /// Attention maps, one for each chosen layer and head, or one of the rollout.
    pub maps: Vec<AttentionMap>,
}

/// Attention between the tokens of a row.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMap {
    /// Layer and head; `None` for the rollout.
    pub head: Option<[usize; 2]>,
    /// `[time, time]`, row by row; each row sums to 1.
    pub values: Vec<f32>,
}

/// A text, tokenized, with the output to explain.
struct Question {
    texts: Vec<String>,
    row: Encoding,
    target: ExplainTarget,
    classes: Vec<ClassProbability>,
}

impl LoadedEncoder {
    /// Explains the prediction of a text.
    ///
    /// ```no_run
    /// use burn::tensor::Device;
    /// use tinderbox_model_transformer::explain::IntegratedGradients;
    /// use tinderbox_train::kinds::encoder::{self, ExplainInput, TextExplainMethod, TextInput};
    ///
    /// let model = encoder::open("runs/bert", &Device::flex())?;
    /// let text = ExplainInput::Text(TextInput::new("the film was not bad"));
    /// let method = TextExplainMethod::IntegratedGradients {
    ///     class: None,
    ///     settings: IntegratedGradients::default(),
    /// };
    /// let explanation = model.explain(&text, &method)?;
    /// for (token, score) in explanation.tokens.iter().zip(&explanation.scores) {
    ///     println!("{score:+.3} {token}");
    /// }
    /// # Ok::<(), tinderbox_train::TrainError>(())
    /// ```
    ///
    /// # Errors
    /// The input is for another head, the model finds no answer, there is no such class, layer or
    /// head, a setting is out of range, or the device failed.
    pub fn explain(
        &self,
        input: &ExplainInput,
        method: &TextExplainMethod,
    ) -> Result<TextExplanation, TrainError> {
        let class = match method {
            TextExplainMethod::IntegratedGradients { class, .. } => *class,
            TextExplainMethod::Attention { .. } | TextExplainMethod::Rollout => None,
        };
        let question = match input {
            ExplainInput::Text(text) => self.text_question(text, class)?,
            ExplainInput::Question { question, context } => {
                self.answer_question(question, context)?
            }
        };
        let input = self.input_of(&question.row);
        match method {
            TextExplainMethod::IntegratedGradients { settings, .. } => {
                self.integrated_gradients(question, &input, settings)
            }
            TextExplainMethod::Attention { layer, head } => {
                self.attention(question, &input, *layer, *head)
            }
            TextExplainMethod::Rollout => self.rollout(question, &input),
        }
    }

    fn text_question(
        &self,
        input: &TextInput,
        class: Option<usize>,
    ) -> Result<Question, TrainError> {
        if self.config.head() == Head::QuestionAnswering {
            let reason = "this model answers questions: give a question about the text";
            return Err(TrainError::Usage(reason.into()));
        }
        let row = self.encode(input)?;
        let first = format!("{}{}", self.prompt, input.text);
        let texts = std::iter::once(first).chain(input.pair.clone());
        let mut question = Question {
            texts: texts.collect(),
            row,
            target: ExplainTarget::None,
            classes: Vec::new(),
        };
        if self.config.head() == Head::SequenceClassification {
            let input = self.input_of(&question.row);
            let logits = self.model.forward_sequence_classification(&input)?;
            let ranked = self.scores(&read_logits(self.activated(logits))?);
            let probable = ranked.first().map_or(0, |(class, _)| *class);
            let index = class.unwrap_or(probable);
            question.target = ExplainTarget::Class {
                index,
                name: self.label(index),
            };
            question.classes = named(&self.labels, &ranked);
        }
        Ok(question)
    }

    fn answer_question(&self, question: &str, context: &str) -> Result<Question, TrainError> {
        let (windows, prediction) = self.answer_windows(question, context, None)?;
        let mut found = windows.windows.into_iter().filter_map(|row| {
            let tokens = answer_tokens(&row, &prediction.range)?;
            Some((row, tokens))
        });
        // The first of the windows that have the answer; none has an empty one.
        let (row, tokens) = found
            .next()
            .ok_or_else(|| TrainError::Usage("the model finds no answer in the text".into()))?;
        Ok(Question {
            texts: vec![question.to_string(), context.to_string()],
            row,
            target: ExplainTarget::Answer {
                text: prediction.text,
                score: prediction.score,
                tokens,
            },
            classes: Vec::new(),
        })
    }

    fn integrated_gradients(
        &self,
        question: Question,
        input: &EncoderInput,
        settings: &IntegratedGradients,
    ) -> Result<TextExplanation, TrainError> {
        let baseline = self.baseline(&question.row);
        let attribution = match &question.target {
            ExplainTarget::Class { index, .. } => {
                explain_class(&self.model, input, &baseline, *index, settings)?
            }
            ExplainTarget::Answer { tokens, .. } => {
                explain_answer(&self.model, input, &baseline, *tokens, settings)?
            }
            ExplainTarget::None => {
                return Err(TrainError::Usage(format!(
                    "the model from {} predicts nothing about a text as a whole that could be \
                     explained; attention and rollout work",
                    self.origin
                )));
            }
        };
        let scores = attribution.scores.clone();
        Ok(self.explanation(question, scores, Some(attribution), Vec::new()))
    }

    fn attention(
        &self,
        question: Question,
        input: &EncoderInput,
        layer: Option<usize>,
        head: Option<usize>,
    ) -> Result<TextExplanation, TrainError> {
        let attentions = self.model.attentions(input);
        let mean = read_logits(attention_of(&attentions, layer, head)?)?;
        let heads = attentions.first().map_or(0, |layer| layer.dims()[1]);
        let mut maps = Vec::new();
        for layer in layer.map_or(0..attentions.len(), |layer| layer..layer + 1) {
            for head in head.map_or(0..heads, |head| head..head + 1) {
                let map = attention_of(&attentions, Some(layer), Some(head))?;
                maps.push(AttentionMap {
                    head: Some([layer, head]),
                    values: read_logits(map)?,
                });
            }
        }
        Ok(self.looked_at(question, &mean, maps))
    }

    fn rollout(
        &self,
        question: Question,
        input: &EncoderInput,
    ) -> Result<TextExplanation, TrainError> {
        let values = read_logits(attention_rollout(&self.model.attentions(input))?)?;
        let map = AttentionMap {
            head: None,
            values: values.clone(),
        };
        Ok(self.looked_at(question, &values, vec![map]))
    }

    /// Scores the tokens by one row of an attention map.
    fn looked_at(
        &self,
        question: Question,
        map: &[f32],
        maps: Vec<AttentionMap>,
    ) -> TextExplanation {
        let from = looking_token(&question.target);
        let rows = map.chunks(question.row.len().max(1));
        let scores = rows.skip(from).take(1).flatten().copied().collect();
        self.explanation(question, scores, None, maps)
    }

    fn explanation(
        &self,
        question: Question,
        scores: Vec<f32>,
        attribution: Option<Attribution>,
        maps: Vec<AttentionMap>,
    ) -> TextExplanation {
        TextExplanation {
            tokens: self.token_texts(&question),
            texts: question.texts,
            row: question.row,
            target: question.target,
            classes: question.classes,
            are_probabilities: self.gives_probabilities(),
            scores,
            attribution,
            maps,
        }
    }

    /// The row with padding in place of everything but special tokens, `[1, time]`.
    fn baseline(&self, row: &Encoding) -> Tensor<2, Int> {
        let pad_id = self.inputs.pad_id();
        let token = |(&id, origin): (&u32, &Option<TokenOrigin>)| match origin {
            Some(_) => pad_id as i32,
            None => id as i32,
        };
        let ids: Vec<i32> = row.ids.iter().zip(&row.origins).map(token).collect();
        Tensor::from_data(TensorData::new(ids, [1, row.len()]), &self.device)
    }

    fn token_texts(&self, question: &Question) -> Vec<String> {
        let row = &question.row;
        let name = |(&id, origin): (&u32, &Option<TokenOrigin>)| match origin {
            Some(origin) => {
                let text = question.texts.get(usize::from(origin.text));
                let part = text.and_then(|text| text.get(origin.range.clone()));
                part.unwrap_or_default().to_string()
            }
            None => self.inputs.tokenizer().token(id).unwrap_or_default(),
        };
        row.ids.iter().zip(&row.origins).map(name).collect()
    }
}

impl TextExplanation {
    /// Index of the token whose attention is scored: the first of the answer, or `[CLS]`.
    pub fn looking_token(&self) -> usize {
        looking_token(&self.target)
    }
}

fn looking_token(target: &ExplainTarget) -> usize {
    match target {
        ExplainTarget::Answer { tokens, .. } => tokens[0],
        ExplainTarget::Class { .. } | ExplainTarget::None => 0,
    }
}

/// First and last token of an answer in the second text of a row, if the row has both.
fn answer_tokens(row: &Encoding, answer: &std::ops::Range<usize>) -> Option<[usize; 2]> {
    let find = |is_edge: &dyn Fn(&TokenOrigin) -> bool| {
        row.origins.iter().position(|origin| {
            let origin = origin.as_ref();
            origin.is_some_and(|o| o.text == 1 && is_edge(o) && !answer.is_empty())
        })
    };
    let start = find(&|origin| origin.range.start == answer.start)?;
    let end = find(&|origin| origin.range.end == answer.end)?;
    Some([start, end])
}
