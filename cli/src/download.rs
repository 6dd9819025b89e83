//! Access to data sets, with a progress bar for downloads.

use std::path::PathBuf;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tinderbox_train::pretrained::DataAccess;

/// Folder of downloaded data sets and weights.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    let cache = dirs::cache_dir().context("this system names no cache folder; set HOME")?;
    Ok(cache.join("tinderbox"))
}

/// Runs `work` with access to data sets; shows a progress bar while one is downloaded.
pub fn with_data<T>(work: impl FnOnce(DataAccess) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let mut bar: Option<ProgressBar> = None;
    let mut progress = |done: u64, total: Option<u64>| {
        let bar = bar.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(
                "downloading {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            );
            let bar = ProgressBar::new(total.unwrap_or(0));
            match style {
                Ok(style) => bar.with_style(style),
                Err(_) => bar,
            }
        });
        bar.set_length(total.unwrap_or(done));
        bar.set_position(done);
    };
    let result = work(DataAccess::new(cache_folder()?).with_progress(&mut progress));
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    result
}
