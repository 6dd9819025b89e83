//! Tables and headings on standard output.

use clap::builder::Styles;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use tinderbox_train::kinds::ClassProbability;

/// A table without lines; the columns in `right` hold numbers. Long cells are wrapped to the width
/// of the terminal; without a terminal they stay as they are, for other programs to read.
pub fn table<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    if header.iter().any(|name| !name.is_empty()) {
        table.set_header(header);
    }
    for &column in right {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    if let Some(width) = terminal_width() {
        wrap(&mut table, width);
    }
    table
}

/// A table to read rather than to process: without a terminal it is wrapped at 80 columns.
pub(crate) fn listing<const N: usize>(header: [&str; N], right: &[usize]) -> Table {
    let mut table = table(header, right);
    wrap(&mut table, terminal_width().unwrap_or(80));
    table
}

fn wrap(table: &mut Table, width: u16) {
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width);
}

fn terminal_width() -> Option<u16> {
    terminal_size::terminal_size_of(std::io::stdout()).map(|(width, _)| width.0)
}

/// Adds a row per class to a table of name, class and probability; the name stands in the first.
pub(crate) fn add_classes(table: &mut Table, name: &str, classes: &[ClassProbability]) {
    for (index, class) in classes.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        table.add_row([name, &class.class, &percent(class.probability)]);
    }
}

/// Adds classes as [`add_classes`] does, for scores that are not probabilities.
pub(crate) fn add_scores(table: &mut Table, name: &str, classes: &[ClassProbability]) {
    for (index, class) in classes.iter().enumerate() {
        let name = if index == 0 { name } else { "" };
        table.add_row([name, &class.class, &format!("{:.4}", class.probability)]);
    }
}

/// A heading in the style of `--help`, plain where there are no colours.
pub(crate) fn heading(text: &str) -> String {
    let style = *Styles::default().get_header();
    if anstream::AutoStream::choice(&std::io::stdout()) == anstream::ColorChoice::Never {
        format!("{text}:")
    } else {
        format!("{style}{text}:{style:#}")
    }
}

/// Formats a fraction as a percentage of fixed width, for a column.
pub fn percent(fraction: f64) -> String {
    format!("{:6.2} %", fraction * 100.0)
}
