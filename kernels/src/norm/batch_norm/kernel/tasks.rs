//! Division of the planes of a batch between threads.

use std::ops::Range;

use rayon::prelude::*;

use crate::flex::GRAIN;

/// Minimum channels for tasks to take whole channels rather than parts of one. 1 takes 0.8 of the
/// time with 4 channels at 112x112 and the same with 16 at 56x56; 64 takes the same (two threads).
const MIN_WHOLE_CHANNELS: usize = 8;

/// `[batch, channels, plane]`, where a plane is the `height * width` elements of one channel of one
/// image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) channels: usize,
    pub(super) plane: usize,
}

/// Some channels of some images, with their planes of two output tensors. A tensor that is not
/// wanted has no planes.
#[derive(Debug)]
pub(super) struct Task<'a> {
    pub(super) images: Range<usize>,
    pub(super) channels: Range<usize>,
    /// For each image its planes of the channels, one after the other.
    pub(super) outputs: [Vec<&'a mut [f32]>; 2],
}

impl Task<'_> {
    /// Range of the planes of `channel` in those of an image.
    pub(super) fn range(&self, channel: usize, plane: usize) -> Range<usize> {
        let first = channel - self.channels.start;
        first * plane..(first + 1) * plane
    }
}

impl Sizes {
    /// Elements of a channel of the batch.
    pub(super) fn count(&self) -> usize {
        self.batch * self.plane
    }

    /// A plane of a tensor of these sizes.
    #[inline(always)]
    pub(super) fn at<'a>(&self, values: &'a [f32], image: usize, channel: usize) -> &'a [f32] {
        &values[(image * self.channels + channel) * self.plane..][..self.plane]
    }

    /// Images and channels per task: as many channels as make a task worthwhile, or with few
    /// channels as many images.
    fn of_task(&self) -> [usize; 2] {
        let fill = |numbers: usize| (2 * GRAIN / numbers.max(1)).max(1);
        if self.channels < MIN_WHOLE_CHANNELS {
            [fill(self.plane), 1]
        } else {
            [self.batch.max(1), fill(self.count())]
        }
    }

    /// All tasks, with their outputs; `None` for a tensor that is not wanted. The tasks of a
    /// channel are consecutive.
    pub(super) fn tasks<'a>(&self, outputs: [Option<&'a mut [f32]>; 2]) -> Vec<Task<'a>> {
        let [images, channels] = self.of_task();
        let mut tasks = Vec::new();
        for first in (0..self.channels).step_by(channels) {
            for image in (0..self.batch.max(1)).step_by(images) {
                tasks.push(Task {
                    images: image..(image + images).min(self.batch),
                    channels: first..(first + channels).min(self.channels),
                    outputs: [vec![], vec![]],
                });
            }
        }
        if self.plane == 0 {
            return tasks;
        }
        let per_channel = self.batch.div_ceil(images);
        for (which, output) in outputs.into_iter().enumerate() {
            let all = output
                .unwrap_or_default()
                .chunks_mut(self.channels * self.plane);
            for (image, planes) in all.enumerate() {
                for (group, planes) in planes.chunks_mut(channels * self.plane).enumerate() {
                    let task = group * per_channel + image / images;
                    tasks[task].outputs[which].push(planes);
                }
            }
        }
        tasks
    }
}

/// Measures each channel, draws a conclusion and applies it to the channel, which is still in the
/// cache if one task has all of it. Returns the conclusions.
pub(super) fn measure_and_apply<M: Copy + Send, C: Copy + Send + Sync>(
    sizes: Sizes,
    mut tasks: Vec<Task<'_>>,
    measure: impl Fn(&mut Task<'_>, usize) -> M + Sync,
    merge: impl Fn(M, M) -> M,
    conclude: impl Fn(usize, M) -> C + Sync,
    apply: impl Fn(&mut Task<'_>, usize, C) + Sync,
) -> Vec<C> {
    let whole = tasks.iter().all(|task| task.images == (0..sizes.batch));
    if whole {
        let conclusions = map(&mut tasks, |task| {
            let each = task.channels.clone().map(|channel| {
                let conclusion = conclude(channel, measure(task, channel));
                apply(task, channel, conclusion);
                conclusion
            });
            each.collect::<Vec<C>>()
        });
        return conclusions.concat();
    }
    // These tasks have one channel each.
    let measured = map(&mut tasks, |task| measure(task, task.channels.start));
    let mut conclusions: Vec<C> = Vec::with_capacity(sizes.channels);
    for part in measured.chunks(measured.len() / sizes.channels) {
        if let Some(all) = part.iter().copied().reduce(&merge) {
            conclusions.push(conclude(conclusions.len(), all));
        }
    }
    map(&mut tasks, |task| {
        let channel = task.channels.start;
        apply(task, channel, conclusions[channel]);
    });
    conclusions
}

/// Runs all tasks, on all threads if there are several.
pub(super) fn map<'a, R: Send>(
    tasks: &mut [Task<'a>],
    work: impl Fn(&mut Task<'a>) -> R + Sync + Send,
) -> Vec<R> {
    match tasks.len() {
        0 | 1 => tasks.iter_mut().map(work).collect(),
        _ => tasks.par_iter_mut().map(work).collect(),
    }
}
