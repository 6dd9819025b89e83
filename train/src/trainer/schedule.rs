//! Learning rate schedules: functions of the optimizer step.

use std::f64::consts::PI;

use crate::recipe::{ScheduleName, ScheduleRecipe};

/// A schedule, with all durations in optimizer steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    name: ScheduleName,
    base: f64,
    minimum: f64,
    gamma: f64,
    warmup: u64,
    /// Steps before the first drop of the step schedule.
    first_drop: u64,
    /// Steps between its drops.
    drop_every: u64,
    /// Steps of the multi-step schedule's drops.
    milestones: Vec<u64>,
    /// Length of cosine and linear after the warm-up.
    length: u64,
}

impl Schedule {
    /// `base` is the optimizer's learning rate, `total_steps` the length of the run including the
    /// warm-up.
    pub fn new(recipe: &ScheduleRecipe, base: f64, total_steps: u64, steps_per_epoch: u64) -> Self {
        let in_steps = |epochs: f64| (epochs * steps_per_epoch as f64).round() as u64;
        let warmup = recipe.warmup_steps + in_steps(recipe.warmup_epochs);
        Self {
            name: recipe.name,
            base,
            minimum: recipe.min_learning_rate,
            gamma: recipe.gamma,
            warmup,
            first_drop: match recipe.first_step_epochs {
                Some(epochs) => in_steps(epochs),
                None => in_steps(recipe.step_epochs).max(1),
            },
            drop_every: in_steps(recipe.step_epochs).max(1),
            milestones: recipe.milestones.iter().map(|&m| in_steps(m)).collect(),
            length: total_steps.saturating_sub(warmup).max(1),
        }
    }

    /// Learning rate of optimizer step `step`, counted from 0, after `drops` drops on a plateau.
    ///
    /// Warm-up: step `i` of `w` uses `base * (i + 1) / w`. After it, with `t` steps done of `T`:
    /// step `base * gamma^floor(1 + (t - first_drop) / drop_every)` from the first drop on,
    /// multi-step `base * gamma^(milestones passed)`, linear `base + (min - base) t / T`, cosine
    /// `min + (base - min) (1 + cos(pi t / T)) / 2` (Loshchilov & Hutter 2017,
    /// <https://arxiv.org/abs/1608.03983>).
    pub fn learning_rate(&self, step: u64, drops: u64) -> f64 {
        if step < self.warmup {
            return self.base * (step + 1) as f64 / self.warmup as f64;
        }
        let done = step - self.warmup;
        // A schedule is constant beyond its end; the cosine would rise again.
        let fraction = done.min(self.length) as f64 / self.length as f64;
        let dropped = |drops: u64| {
            let drops = i32::try_from(drops).unwrap_or(i32::MAX);
            self.base * self.gamma.powi(drops)
        };
        match self.name {
            ScheduleName::Constant => self.base,
            ScheduleName::Step => match done.checked_sub(self.first_drop) {
                None => self.base,
                Some(since) => dropped(1 + since / self.drop_every),
            },
            ScheduleName::MultiStep => {
                let passed = self.milestones.iter().filter(|&&m| m <= done).count();
                dropped(passed as u64)
            }
            ScheduleName::Plateau => dropped(drops),
            ScheduleName::Linear => self.base + (self.minimum - self.base) * fraction,
            ScheduleName::Cosine => {
                self.minimum + (self.base - self.minimum) * (1.0 + (PI * fraction).cos()) / 2.0
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(recipe: &ScheduleRecipe, steps: &[u64], drops: u64) -> Vec<f64> {
        let schedule = Schedule::new(recipe, 1.0, 130, 10);
        let rate = |&step: &u64| schedule.learning_rate(step, drops);
        steps.iter().map(rate).collect()
    }

    /// Zaremba's schedule: the rate of epoch `i`, counted from 0, is `gamma^max(i + 1 - 4, 0)`.
    #[test]
    fn the_first_drop_has_its_own_epoch() {
        let recipe = ScheduleRecipe {
            name: ScheduleName::Step,
            first_step_epochs: Some(4.0),
            step_epochs: 1.0,
            gamma: 0.5,
            ..ScheduleRecipe::default()
        };
        let found = rates(&recipe, &[0, 39, 40, 49, 50, 129], 0);
        assert_eq!(found, [1.0, 1.0, 0.5, 0.5, 0.25, 0.5_f64.powi(9)]);
        let usual = ScheduleRecipe {
            first_step_epochs: None,
            ..recipe
        };
        assert_eq!(rates(&usual, &[9, 10, 20], 0), [1.0, 0.5, 0.25]);
    }

    #[test]
    fn a_plateau_drops_once_per_recorded_drop() {
        let recipe = ScheduleRecipe {
            name: ScheduleName::Plateau,
            gamma: 0.25,
            ..ScheduleRecipe::default()
        };
        assert_eq!(rates(&recipe, &[0, 100], 0), [1.0, 1.0]);
        assert_eq!(rates(&recipe, &[0, 100], 2), [0.0625, 0.0625]);
    }
}
