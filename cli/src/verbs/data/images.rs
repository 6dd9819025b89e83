//! `tinderbox data info` of images.

use std::process::ExitCode;

use serde_json::json;
use tinderbox_data::Split;
use tinderbox_data::image::{ImageDataset, PassedOver};
use tinderbox_train::kinds::image_classification::ImageRecipe;
use tinderbox_train::kinds::image_classification::data::{has_test, open_dataset};
use tinderbox_train::report::plain::thousands;

use crate::download::with_data;
use crate::exit::CliResult;
use crate::table::table;

/// Classes in the table: ImageNet has up to 21,841, and shards may have a million.
const MOST_ROWS: usize = 25_000;

/// The parts of the data: training, validation and, if there is one of its own, test images.
type Parts = Vec<(&'static str, ImageDataset)>;

/// Counts the images of each class.
pub(super) fn info(recipe: &ImageRecipe, as_json: bool) -> CliResult {
    let data = &recipe.data;
    let splits = &Split::ALL[..if has_test(data) { 3 } else { 2 }];
    let parts: Parts = with_data(|mut access| {
        let mut open = |split: &Split| {
            let dataset = open_dataset(data, recipe.seed, *split, &mut access)?;
            Ok((split.name(), dataset))
        };
        splits.iter().map(&mut open).collect()
    })?;
    let mut passed_over = PassedOver::default();
    for (_, part) in &parts {
        passed_over.merge(&part.passed_over());
    }
    let train = &parts[0].1;
    if as_json {
        let mut value = json!({
            "classes": train.classes(), "image_size": train.image_size(),
            "passed_over": passed_over.counts(),
        });
        for (name, part) in &parts {
            value[*name] = json!(part.class_counts());
        }
        println!("{}", serde_json::to_string_pretty(&value)?);
        return Ok(ExitCode::SUCCESS);
    }
    print_table(&parts);
    match train.image_size() {
        Some((width, height)) => println!("images are {width}x{height}"),
        None => println!("images have any size"),
    }
    if !passed_over.is_empty() {
        println!("passed over {passed_over}");
    }
    Ok(ExitCode::SUCCESS)
}

fn print_table(parts: &Parts) {
    let mut table = match parts.len() {
        2 => table(["class", "training", "validation"], &[1, 2]),
        _ => table(["class", "training", "validation", "test"], &[1, 2, 3]),
    };
    let mut add = |name: String, numbers: Vec<String>| {
        table.add_row([name].into_iter().chain(numbers));
    };
    let classes = parts[0].1.classes();
    let counts: Vec<Vec<usize>> = parts.iter().map(|(_, part)| part.class_counts()).collect();
    for (class, name) in classes.iter().enumerate().take(MOST_ROWS) {
        let of_class = |counts: &Vec<usize>| {
            let count = counts.get(class).copied().unwrap_or(0);
            thousands(count as u64)
        };
        add(name.clone(), counts.iter().map(of_class).collect());
    }
    if classes.len() > MOST_ROWS {
        let more = thousands((classes.len() - MOST_ROWS) as u64);
        add(format!("{more} more"), vec![String::new(); parts.len()]);
    }
    let totals = parts.iter().map(|(_, part)| thousands(part.len() as u64));
    add("total".to_owned(), totals.collect());
    println!("{table}");
}
