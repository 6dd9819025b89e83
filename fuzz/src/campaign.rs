//! All runs: which input each one damages, and the threads that make them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Args;
use crate::damage;
use crate::error::FuzzError;
use crate::execute::{Outcome, Program};
use crate::report::Report;
use crate::seeds::{KINDS, Maker, Seed};
use crate::verdict::{Limits, Verdict, judge};

/// Interval at which overdue processes are looked for.
const TICK: Duration = Duration::from_millis(50);
/// Interval of the progress messages.
const PROGRESS: Duration = Duration::from_secs(20);

/// A seed whose commands succeed on undamaged files, with the peak memory of each.
struct Tested {
    seed: Seed,
    memory: Vec<u64>,
}

struct Campaign<'a> {
    args: &'a Args,
    program: Program,
    /// Undamaged files that commands refer to.
    seeds_folder: PathBuf,
    /// One for each of [`KINDS`]; `None` if it is not asked for.
    kinds: Vec<Option<Tested>>,
    report: Mutex<Report>,
    /// Number of runs made so far.
    made: AtomicU64,
    start: Instant,
}

/// Makes the seeds and all runs; true if none failed.
pub(crate) fn run(args: &Args) -> Result<bool, FuzzError> {
    let binary =
        fs::canonicalize(&args.binary).map_err(|_| FuzzError::NoBinary(args.binary.clone()))?;
    check_kept(args)?;
    for name in &args.kinds {
        if !KINDS
            .iter()
            .any(|kind| kind.name.starts_with(name.as_str()))
        {
            return Err(FuzzError::UnknownKind(name.clone()));
        }
    }
    let base = args.work.clone().unwrap_or_else(default_work);
    let work = tempfile::Builder::new()
        .prefix("tinderbox-fuzz-")
        .tempdir_in(&base);
    let work = work.map_err(FuzzError::io(&base))?;
    let time_limit = Duration::from_secs_f64(args.kill_after);
    let mut campaign = Campaign {
        args,
        program: Program::new(binary, time_limit, args.address_space << 10),
        seeds_folder: work.path().join("seeds"),
        kinds: Vec::new(),
        report: Mutex::default(),
        made: AtomicU64::new(0),
        start: Instant::now(),
    };
    let is_done = AtomicBool::new(false);
    campaign.make_seeds(work.path())?;
    println!(
        "seeds made in {:.1} s",
        campaign.start.elapsed().as_secs_f64()
    );
    campaign.start = Instant::now();
    let runs = args.only.map_or(args.runs, |_| 1);
    let next = AtomicU64::new(0);
    let campaign = &campaign;
    let failed = thread::scope(|scope| {
        let jobs = args
            .jobs
            .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let workers: Vec<_> = (0..jobs)
            .map(|job| {
                let folder = work.path().join(format!("job-{job}"));
                let next = &next;
                scope.spawn(move || campaign.work(next, runs, &folder))
            })
            .collect();
        scope.spawn(|| campaign.watch(&is_done));
        let results = workers.into_iter().map(|worker| worker.join());
        let results: Vec<_> = results.collect();
        is_done.store(true, Ordering::Relaxed);
        results.into_iter().find_map(|result| match result {
            Ok(result) => result.err(),
            Err(panic) => std::panic::resume_unwind(panic),
        })
    });
    if let Some(error) = failed {
        return Err(error);
    }
    let report = lock(&campaign.report);
    report.print();
    let seconds = campaign.start.elapsed().as_secs_f64();
    let made = campaign.made.load(Ordering::Relaxed);
    println!("{made} runs, {:.0} a second", made as f64 / seconds);
    Ok(report.failures() == 0)
}

impl Campaign<'_> {
    /// Makes the files of every kind that is asked for, and runs its commands on them undamaged.
    fn make_seeds(&mut self, work: &Path) -> Result<(), FuzzError> {
        let maker = Maker::new(&self.program, &self.seeds_folder)?;
        for (index, kind) in KINDS.iter().enumerate() {
            let is_asked_for = match self.args.only {
                Some(number) => number % KINDS.len() as u64 == index as u64,
                None => {
                    let names = &self.args.kinds;
                    names.is_empty()
                        || names
                            .iter()
                            .any(|name| kind.name.starts_with(name.as_str()))
                }
            };
            if !is_asked_for {
                self.kinds.push(None);
                continue;
            }
            // A kind that fails is reported and left out, so that the others are still tested.
            let made = (kind.make)(&maker).and_then(|seed| self.test(seed, work));
            match made {
                Ok(tested) => self.kinds.push(Some(tested)),
                Err(error) => {
                    eprintln!("{}: left out: {error}", kind.name);
                    self.kinds.push(None);
                }
            }
        }
        Ok(())
    }

    /// Runs the commands of a seed on its undamaged files. Commands that fail are left out.
    fn test(&self, mut seed: Seed, work: &Path) -> Result<Tested, FuzzError> {
        let folder = work.join("undamaged");
        let mut memory = Vec::new();
        let mut works = Vec::new();
        for command in &seed.commands {
            seed.write(&folder)?;
            let target = seed.targets.first().map_or("", String::as_str);
            let outcome = self.call(&folder, command, target)?;
            if outcome.status.success() {
                memory.push(outcome.memory);
                works.push(command.clone());
            } else {
                let last = outcome.stderr.lines().next_back().unwrap_or_default();
                eprintln!(
                    "left out, as it fails on undamaged files: {}: {last}",
                    command.join(" ")
                );
            }
        }
        if works.is_empty() {
            return Err(FuzzError::Seed {
                command: "all commands".into(),
                message: "none succeeds".into(),
            });
        }
        seed.commands = works;
        Ok(Tested { seed, memory })
    }

    /// Calls a command with its placeholders filled in: `{c}` is the folder of the case, `{f}` the
    /// damaged file, `{s}` the folder of undamaged files, `{o}` a path to write to.
    fn call(&self, folder: &Path, command: &[String], target: &str) -> Result<Outcome, FuzzError> {
        self.program
            .call(&self.filled(folder, command, target), folder)
    }

    fn filled(&self, folder: &Path, command: &[String], target: &str) -> Vec<String> {
        let case = folder.join("case");
        let fill = |part: &String| {
            part.replace("{c}", &case.display().to_string())
                .replace("{f}", &case.join(target).display().to_string())
                .replace("{s}", &self.seeds_folder.display().to_string())
                .replace("{o}", &folder.join("out").display().to_string())
        };
        command.iter().map(fill).collect()
    }

    fn work(&self, next: &AtomicU64, runs: u64, folder: &Path) -> Result<(), FuzzError> {
        let kinds = (0..).zip(&self.kinds);
        let kinds: Vec<(u64, &Tested)> = kinds
            .filter_map(|(i, kind)| Some((i, kind.as_ref()?)))
            .collect();
        if kinds.is_empty() {
            return Ok(());
        }
        loop {
            // Kinds in turn. A run has the same number whatever other kinds there are.
            let turn = next.fetch_add(1, Ordering::Relaxed);
            if turn >= runs || self.is_over() {
                return Ok(());
            }
            self.made.fetch_add(1, Ordering::Relaxed);
            let (round, place) = (turn / kinds.len() as u64, turn % kinds.len() as u64);
            let (index, kind) = kinds[place as usize];
            let number = match self.args.only {
                Some(number) => number,
                None => (self.args.first + round) * KINDS.len() as u64 + index,
            };
            self.one(number, kind, folder)?;
        }
    }

    /// Run `number`.
    fn one(&self, number: u64, kind: &Tested, folder: &Path) -> Result<(), FuzzError> {
        let Tested { seed, memory } = kind;
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.args.seed.to_le_bytes());
        key[8..16].copy_from_slice(&number.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        let target = &seed.targets[rng.random_range(0..seed.targets.len())];
        let command = rng.random_range(0..seed.commands.len());
        seed.write(folder)?;
        damage::damage(&folder.join("case"), target, &mut rng)?;
        let outcome = self.call(folder, &seed.commands[command], target)?;
        let limits = Limits {
            time: Duration::from_secs_f64(self.args.seconds),
            memory: memory[command] + (self.args.memory << 20),
            names: &seed.names(folder, target),
        };
        let verdict = judge(&outcome, &limits);
        lock(&self.report).add(
            number,
            KINDS[(number % KINDS.len() as u64) as usize].name,
            verdict,
            &outcome,
        );
        if verdict.is_failure() || self.args.only.is_some() {
            self.keep(
                number,
                verdict,
                folder,
                &self.filled(folder, &seed.commands[command], target),
                &outcome,
            )?;
        }
        Ok(())
    }

    /// Keeps the files, command and message of a failed run.
    fn keep(
        &self,
        number: u64,
        verdict: Verdict,
        folder: &Path,
        command: &[String],
        outcome: &Outcome,
    ) -> Result<(), FuzzError> {
        if self.args.only.is_some() {
            println!(
                "{verdict:?} in {:?}, {} MiB: {}\n{}",
                outcome.time,
                outcome.memory >> 20,
                command.join(" "),
                outcome.stderr
            );
        }
        let Some(keep) = &self.args.keep else {
            return Ok(());
        };
        let verdict = format!("{verdict:?}").to_lowercase();
        let kept = keep.join(format!("{verdict}-{}-{number}", self.args.seed));
        let _ = fs::remove_dir_all(&kept);
        copy(folder, &kept)?;
        let case = kept.join("command");
        fs::write(&case, command.join("\n")).map_err(FuzzError::io(&case))
    }

    fn is_over(&self) -> bool {
        let minutes = self.start.elapsed().as_secs_f64() / 60.0;
        self.args.minutes.is_some_and(|most| minutes >= most)
    }

    fn watch(&self, is_done: &AtomicBool) {
        let mut told = Instant::now();
        while !is_done.load(Ordering::Relaxed) {
            thread::sleep(TICK);
            self.program.kill_overdue();
            if told.elapsed() >= PROGRESS {
                told = Instant::now();
                let done = self.made.load(Ordering::Relaxed);
                let seconds = self.start.elapsed().as_secs_f64();
                let failures = lock(&self.report).failures();
                eprintln!("{done} runs in {seconds:.0} s, {failures} failures");
            }
        }
    }
}

/// Refuses a folder in the repository: damaged files are never committed.
fn check_kept(args: &Args) -> Result<(), FuzzError> {
    let Some(keep) = &args.keep else {
        return Ok(());
    };
    fs::create_dir_all(keep).map_err(FuzzError::io(keep))?;
    let path = fs::canonicalize(keep).map_err(FuzzError::io(keep))?;
    if path.ancestors().any(|folder| folder.join(".git").exists()) {
        return Err(FuzzError::InRepository(keep.clone()));
    }
    Ok(())
}

/// Memory, where Linux has it as a folder.
fn default_work() -> PathBuf {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return memory.to_path_buf();
    }
    std::env::temp_dir()
}

fn copy(from: &Path, to: &Path) -> Result<(), FuzzError> {
    fs::create_dir_all(to).map_err(FuzzError::io(to))?;
    for entry in fs::read_dir(from).map_err(FuzzError::io(from))? {
        let entry = entry.map_err(FuzzError::io(from))?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target)?;
        } else if source.is_file() {
            fs::copy(&source, &target).map_err(FuzzError::io(&source))?;
        }
    }
    Ok(())
}

fn lock(report: &Mutex<Report>) -> std::sync::MutexGuard<'_, Report> {
    report
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
