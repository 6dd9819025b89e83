//! Meaning of the labels in a table: classes, numbers, or sets of labels.

use std::path::Path;

use tinderbox_data::text::encoder::sequence_classification::{LabelKind, label_kind};
use tinderbox_model_transformer::{Head, ProblemType, huggingface};

use super::recipe::{EncoderDataSource, EncoderRecipe};
use crate::TrainError;
use crate::recipe::DataSection;

/// The recipe with `data.problem_type` and, unless the recipe names another, the metric of that
/// problem. Numbers with fractions are for regression, and integers too if the weights are a
/// regression model.
///
/// # Errors
/// The training texts cannot be read.
pub fn resolved(recipe: &EncoderRecipe) -> Result<EncoderRecipe, TrainError> {
    let mut recipe = recipe.clone();
    if recipe.data.source != EncoderDataSource::Labelled || recipe.data.problem_type.is_some() {
        return Ok(recipe);
    }
    let kind = label_kind(recipe.data.given_path()?, &recipe.data.columns)?;
    let problem = match kind {
        LabelKind::Sets => ProblemType::MultiLabel,
        LabelKind::Numbers => ProblemType::Regression,
        LabelKind::Integers if is_regression_model(&recipe) => ProblemType::Regression,
        LabelKind::Classes | LabelKind::Integers => return Ok(recipe),
    };
    let usual = recipe.data.best_metric();
    recipe.data.problem_type = Some(problem);
    if recipe.train.best_metric == usual {
        recipe.train.best_metric = recipe.data.best_metric().into();
    }
    Ok(recipe)
}

fn is_regression_model(recipe: &EncoderRecipe) -> bool {
    let weights = recipe.model.weights.as_ref().map(Path::new);
    let config = weights.and_then(|folder| huggingface::read_encoder_config(folder).ok());
    config.is_some_and(|(config, _)| {
        config.head() == Head::SequenceClassification
            && config.problem_type() == ProblemType::Regression
    })
}
