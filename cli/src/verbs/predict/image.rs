//! `tinderbox predict` of images.

use std::process::ExitCode;

use anyhow::ensure;
use serde::Serialize;
use tinderbox_train::kinds::ClassProbability;

use super::Args;
use crate::args::text::not_for_images;
use crate::exit::{CliResult, one_line};
use crate::table::{add_classes, table};

#[derive(Serialize)]
struct Prediction {
    image: String,
    classes: Vec<ClassProbability>,
}

pub(super) fn run(args: &Args) -> CliResult {
    if args.texts.is_given() || args.question.is_some() {
        let name = args.run.display();
        let message = format!("{name} is an image model: give it image files instead");
        return Err(not_for_images(&args.run, message));
    }
    ensure!(!args.images.is_empty(), "give one or more image files");
    let device = args.device.open()?;
    let model = args
        .weights_file
        .open(&args.run, &args.checkpoint, &device)?;
    let mut table = table(["image", "class", "probability"], &[2]);
    let mut code = ExitCode::SUCCESS;
    for path in &args.images {
        let mut classes = match model.predict(path) {
            Ok(classes) => classes,
            Err(error) => {
                eprintln!("error: {}", one_line(&error.into()));
                code = ExitCode::FAILURE;
                continue;
            }
        };
        classes.truncate(args.top_k);
        let image = path.display().to_string();
        if args.json {
            let prediction = Prediction { image, classes };
            println!("{}", serde_json::to_string(&prediction)?);
        } else {
            add_classes(&mut table, &image, &classes);
        }
    }
    if !args.json && !table.is_empty() {
        println!("{table}");
    }
    Ok(code)
}
