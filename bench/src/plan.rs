//! Measurements of a call, in order.

use std::thread;

use clap::ValueEnum;

use super::Args;
use super::measure::Measurement;
use super::work::Job;
use super::workload::{Kind, Shape, Workload};

/// All requested measurements. The matrix product comes first, with every number of threads: the
/// other workloads are compared with its speed.
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

/// One measurement or, with `--scaling`, several: with one thread, with all, and with all for batches
/// of twice and four times the size and for images or texts of twice the size.
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
        // Measured on one core: loading scales with the number of cores.
        Kind::Load => vec![measurement(1, batch, size)],
        Kind::Train | Kind::Infer if args.scaling => {
            let mut all = vec![measurement(1, batch, size)];
            if threads > 1 {
                all.push(measurement(threads, batch, size));
            }
            // Texts are generated one after the other.
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
