//! What is measured, in which order.

use std::thread;

use clap::ValueEnum;

use super::Args;
use super::measure::Measurement;
use super::work::Job;
use super::workload::{Kind, Shape, Workload};

/// All measurements that are asked for. The matrix product comes first, with every number of threads: its speed is what
/// the others are held against.
pub(super) fn plan(args: &Args) -> anyhow::Result<Vec<Measurement>> {
    let threads = match args.threads {
        Some(threads) => threads,
        None => thread::available_parallelism()?.get(),
    };
    let mut plan = Vec::new();
    for workload in selected(args) {
        for &kind in workload.facts().kinds {
            if args.kind.is_none_or(|wanted| wanted == kind) {
                plan.extend(measurements(workload, kind, threads, args));
            }
        }
    }
    let mut counts: Vec<usize> = plan.iter().filter_map(threads_of_arithmetic).collect();
    if args.workloads.contains(&Workload::Matmul) {
        counts.push(threads);
    }
    counts.sort_unstable();
    counts.dedup();
    let products = counts.into_iter().map(product);
    Ok(products.chain(plan).collect())
}

fn threads_of_arithmetic(measurement: &Measurement) -> Option<usize> {
    (measurement.job.kind != Kind::Load).then_some(measurement.threads)
}

fn selected(args: &Args) -> impl Iterator<Item = Workload> {
    let selected = match args.workloads.as_slice() {
        [] => Workload::value_variants(),
        some => some,
    };
    selected
        .iter()
        .copied()
        .filter(|&workload| workload != Workload::Matmul)
}

/// One, or with `--scaling` several: with one thread, with all, and with all when there is twice and four times as much
/// in a batch, and when images or texts are twice as large.
fn measurements(workload: Workload, kind: Kind, threads: usize, args: &Args) -> Vec<Measurement> {
    let Shape { batch, size } = workload.facts().shape;
    let batch = args.batch_size.unwrap_or(batch);
    let size = args.size.unwrap_or(size);
    let measurement = |threads, batch, size| Measurement {
        job: Job {
            workload,
            kind,
            shape: Shape { batch, size },
        },
        threads,
    };
    match kind {
        // Measured for one core: every further one loads as much.
        Kind::Load => vec![measurement(1, batch, size)],
        Kind::Train | Kind::Infer if args.scaling => {
            let mut all = vec![measurement(1, batch, size)];
            if threads > 1 {
                all.push(measurement(threads, batch, size));
            }
            // Texts are written one after the other.
            if workload != Workload::Generation {
                all.push(measurement(threads, 2 * batch, size));
                all.push(measurement(threads, 4 * batch, size));
            }
            all.push(measurement(threads, batch, 2 * size));
            all
        }
        Kind::Train | Kind::Infer => vec![measurement(threads, batch, size)],
    }
}

fn product(threads: usize) -> Measurement {
    Measurement {
        job: Job {
            workload: Workload::Matmul,
            kind: Kind::Infer,
            shape: Workload::Matmul.facts().shape,
        },
        threads,
    }
}
