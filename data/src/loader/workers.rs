//! The threads that decode ahead, and the bounded queue in which finished batches wait their turn.

use super::Source;
use super::batch::{self, Outcome, Plan};
use crate::error::DataError;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// Batches in progress or waiting, per worker: one being loaded while one waits.
const AHEAD_PER_WORKER: usize = 2;

/// Running workers. Dropping them stops and joins them; each finishes at most its current item.
pub(super) struct Workers<S: Source> {
    shared: Arc<Shared<S>>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared<S: Source> {
    source: Arc<S>,
    plan: Arc<Plan>,
    ahead: usize,
    queue: Mutex<Queue<S>>,
    /// Notified when a batch is finished or a worker ends.
    finished: Condvar,
    /// Notified when the consumer takes a batch or asks the workers to stop.
    wanted: Condvar,
    stop: AtomicBool,
}

struct Queue<S: Source> {
    /// The next batch that no worker has claimed.
    unclaimed: usize,
    /// The next batch that the consumer will take. No batch at or beyond `wanted + ahead` is
    /// claimed, which bounds both the batches in progress and those that wait for an earlier,
    /// slower one.
    wanted: usize,
    finished: BTreeMap<usize, Outcome<S>>,
    running: usize,
}

impl<S: Source> Workers<S> {
    pub(super) fn start(
        source: &Arc<S>,
        plan: &Arc<Plan>,
        count: usize,
    ) -> Result<Self, DataError> {
        let shared = Arc::new(Shared {
            source: source.clone(),
            plan: plan.clone(),
            ahead: AHEAD_PER_WORKER * count,
            queue: Mutex::new(Queue {
                unclaimed: plan.batches.start,
                wanted: plan.batches.start,
                finished: BTreeMap::new(),
                running: 0,
            }),
            finished: Condvar::new(),
            wanted: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let mut workers = Self {
            shared,
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            // An error drops `workers`, which stops the threads started so far.
            workers.spawn(number)?;
        }
        Ok(workers)
    }

    fn spawn(&mut self, number: usize) -> Result<(), DataError> {
        self.shared.lock().running += 1;
        let running = Running(self.shared.clone());
        let thread = thread::Builder::new()
            .name(format!("loader-{number}"))
            .spawn(move || running.0.work())
            .map_err(DataError::io("start a thread for", Path::new("the loader")))?;
        self.threads.push(thread);
        Ok(())
    }

    /// Waits for batch `number`, which must be the next in order. `None` if all workers have ended
    /// without it.
    pub(super) fn take(&self, number: usize) -> Option<Outcome<S>> {
        let mut queue = self.shared.lock();
        loop {
            if let Some(outcome) = queue.finished.remove(&number) {
                queue.wanted = number + 1;
                self.shared.wanted.notify_all();
                return Some(outcome);
            }
            if queue.running == 0 {
                return None;
            }
            queue = wait(&self.shared.finished, queue);
        }
    }
}

impl<S: Source> Drop for Workers<S> {
    fn drop(&mut self) {
        // Under the lock, so that no worker misses it between checking and waiting.
        let queue = self.shared.lock();
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.wanted.notify_all();
        drop(queue);
        for thread in self.threads.drain(..) {
            // `take` has already noticed a worker that panicked.
            let _ = thread.join();
        }
    }
}

/// Counts a worker as ended however it ends, so that the consumer never waits for it.
struct Running<S: Source>(Arc<Shared<S>>);

impl<S: Source> Drop for Running<S> {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
        self.0.finished.notify_all();
    }
}

impl<S: Source> Shared<S> {
    fn work(&self) {
        while let Some(number) = self.claim() {
            let stop = || self.stop.load(Ordering::Relaxed);
            let Some(outcome) = batch::load(&*self.source, &self.plan, number, stop) else {
                return;
            };
            self.lock().finished.insert(number, outcome);
            self.finished.notify_all();
        }
    }

    /// Waits for room and claims the next batch; `None` at the end or when asked to stop.
    fn claim(&self) -> Option<usize> {
        let mut queue = self.lock();
        loop {
            if self.stop.load(Ordering::Relaxed) || queue.unclaimed >= self.plan.batches.end {
                return None;
            }
            if queue.unclaimed < queue.wanted + self.ahead {
                queue.unclaimed += 1;
                return Some(queue.unclaimed - 1);
            }
            queue = wait(&self.wanted, queue);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue<S>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wait<'a, T>(condition: &Condvar, guard: MutexGuard<'a, T>) -> MutexGuard<'a, T> {
    condition
        .wait(guard)
        .unwrap_or_else(PoisonError::into_inner)
}
