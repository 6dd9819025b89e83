//! Measurements as a table and as JSON.

use comfy_table::{CellAlignment, Table, TableStyle, presets};
use serde_json::{Value, json};

use super::flops;
use super::measure::{Row, Times};
use super::workload::Workload;

/// All results.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// True if rows of one workload differ in threads, batch or size.
    pub(super) is_scaling: bool,
}

/// A column of the table.
struct Column {
    header: &'static str,
    cell: fn(&Report, &Row) -> String,
    is_number: bool,
}

impl Report {
    /// Table for a terminal.
    pub(super) fn table(&self) -> String {
        self.filled(presets::NOTHING)
    }

    /// Table for a Markdown file.
    pub(super) fn markdown(&self) -> String {
        self.filled(presets::ASCII_MARKDOWN)
    }

    fn filled(&self, style: TableStyle) -> String {
        let columns = self.columns();
        let mut table = Table::new();
        table
            .load_style(style)
            .set_header(columns.iter().map(|column| column.header));
        for (index, column) in columns.iter().enumerate() {
            if let (true, Some(column)) = (column.is_number, table.column_mut(index)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for row in &self.rows {
            table.add_row(columns.iter().map(|column| (column.cell)(self, row)));
        }
        table.trim_fmt()
    }

    fn columns(&self) -> Vec<Column> {
        let has_peer = self.rows.iter().any(|row| row.peer.is_some());
        let has_plain = self.rows.iter().any(|row| row.plain.is_some());
        let word = |header, cell| Column {
            header,
            cell,
            is_number: false,
        };
        let number = |header, cell| Column {
            header,
            cell,
            is_number: true,
        };
        let mut columns = vec![
            word("workload", |_, row| {
                row.measurement.job.workload.name().into()
            }),
            word("", |_, row| row.measurement.job.kind.label().into()),
        ];
        if self.is_scaling {
            columns.extend([
                number("threads", |_, row| row.measurement.threads.to_string()),
                number("batch", |_, row| {
                    row.measurement.job.shape.batch.to_string()
                }),
                number("size", |_, row| row.measurement.job.shape.size.to_string()),
            ]);
        }
        columns.push(number("ms", |_, row| milliseconds(&row.ours)));
        if has_peer {
            columns.extend([
                number("PyTorch ms", |_, row| cell(row.peer.as_ref(), milliseconds)),
                number("ours / PyTorch", |_, row| ratio(row, row.peer.as_ref())),
            ]);
        }
        if has_plain {
            columns.extend([
                number("plain Burn ms", |_, row| {
                    cell(row.plain.as_ref(), milliseconds)
                }),
                number("ours / plain", |_, row| ratio(row, row.plain.as_ref())),
            ]);
        }
        columns.push(number("items/s", |_, row| speed(row)));
        columns.push(number("GFLOP/s", |report, row| report.arithmetic(row)));
        columns.push(number("MiB", |_, row| memory(&row.ours)));
        if has_peer {
            columns.push(number("PyTorch MiB", |_, row| {
                cell(row.peer.as_ref(), memory)
            }));
        }
        columns
    }

    /// Speed of the matrix product with this number of threads, in GFLOP/s.
    pub(super) fn peak(&self, threads: usize) -> Option<f64> {
        let is_it = |row: &&Row| {
            row.measurement.job.workload == Workload::Matmul && row.measurement.threads == threads
        };
        let product = self.rows.iter().find(is_it)?;
        Some(operations(product)? / product.ours.best() / 1e9)
    }

    /// GFLOP/s, and their share of the matrix product's.
    fn arithmetic(&self, row: &Row) -> String {
        let Some(speed) = gflops(row, &row.ours) else {
            return String::new();
        };
        match self.peak(row.measurement.threads) {
            Some(peak) => format!("{speed:.0} ({:.0} %)", speed / peak * 100.0),
            None => format!("{speed:.0}"),
        }
    }

    pub(super) fn json(&self) -> Value {
        self.rows.iter().map(|row| self.row_json(row)).collect()
    }

    fn row_json(&self, row: &Row) -> Value {
        let job = row.measurement.job;
        let ratio_to = |times: &Times| row.ours.median() / times.median();
        json!({
            "workload": job.workload.name(),
            "kind": job.kind.name(),
            "threads": row.measurement.threads,
            "batch": job.shape.batch,
            "size": job.shape.size,
            "items": job.workload.facts().items,
            "items_per_step": job.workload.items_per_step(job.shape),
            "peak_gflops": self.peak(row.measurement.threads),
            "ours": side_json(row, &row.ours),
            "plain": row.plain.as_ref().map(|times| side_json(row, times)),
            "peer": row.peer.as_ref().map(|times| side_json(row, times)),
            "ratio_to_plain": row.plain.as_ref().map(ratio_to),
            "ratio_to_peer": row.peer.as_ref().map(ratio_to),
        })
    }
}

fn side_json(row: &Row, times: &Times) -> Value {
    let job = row.measurement.job;
    json!({
        "version": times.version,
        "variant": times.variant,
        "steps": times.seconds.len(),
        "milliseconds": times.median() * 1e3,
        "best_milliseconds": times.best() * 1e3,
        "items_per_second": job.workload.items_per_step(job.shape) as f64 / times.median(),
        "gflops": gflops(row, times),
        "before_mb": times.before_mb,
        "peak_mb": times.peak_mb,
    })
}

fn operations(row: &Row) -> Option<f64> {
    let job = row.measurement.job;
    flops::per_step(job.workload, job.kind, job.shape)
}

fn gflops(row: &Row, times: &Times) -> Option<f64> {
    Some(operations(row)? / times.median() / 1e9)
}

fn cell(times: Option<&Times>, show: fn(&Times) -> String) -> String {
    times.map(show).unwrap_or_default()
}

fn milliseconds(times: &Times) -> String {
    let milliseconds = times.median() * 1e3;
    let digits = match milliseconds {
        0.0..10.0 => 2,
        10.0..100.0 => 1,
        _ => 0,
    };
    match times.variant {
        Some(variant) => format!("{milliseconds:.digits$} ({variant})"),
        None => format!("{milliseconds:.digits$}"),
    }
}

fn ratio(row: &Row, to: Option<&Times>) -> String {
    to.map(|to| format!("{:.2}", row.ours.median() / to.median()))
        .unwrap_or_default()
}

fn speed(row: &Row) -> String {
    let job = row.measurement.job;
    let speed = job.workload.items_per_step(job.shape) as f64 / row.ours.median();
    format!("{speed:.0} {}", job.workload.facts().items)
}

/// A row on one line, for progress output.
pub(super) fn in_short(row: &Row) -> String {
    let mut line = format!("{} ms", milliseconds(&row.ours));
    for (name, other) in [("plain Burn", &row.plain), ("PyTorch", &row.peer)] {
        if let Some(other) = other {
            let (time, ratio) = (milliseconds(other), ratio(row, Some(other)));
            line += &format!(", {name} {time}: {ratio}");
        }
    }
    line
}

/// Peak memory, and that before the first step.
fn memory(times: &Times) -> String {
    match (times.peak_mb, times.before_mb) {
        (Some(peak), Some(before)) => format!("{peak:.0} ({before:.0})"),
        (Some(peak), None) => format!("{peak:.0}"),
        _ => String::new(),
    }
}

/// Legend of the table.
pub(super) const LEGEND: &str = "\
Medians of single steps. In parentheses after GFLOP/s: the share of the speed of a 2048 x 2048 matrix product. MiB is the
peak memory of the process and, in parentheses, its memory before the first step, with program, model and batch; for
PyTorch that includes importing it.";
