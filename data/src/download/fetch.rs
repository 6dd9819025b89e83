//! One file: downloaded beside its place, continued if it was interrupted, checked, and only then put into its place.

use crate::error::DataError;
use sha2::Digest;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::Response;
use ureq::{Agent, Body};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// A server that says nothing for so long is taken for dead.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const PARTIAL_CONTENT: u16 = 206;
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// A published file.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Where it is.
    pub url: &'a str,
    /// What it is called here.
    pub name: &'a str,
    /// What it must be.
    pub checksum: Checksum<'a>,
    /// Its length, for progress where the server does not tell it.
    pub bytes: Option<u64>,
}

/// A published checksum, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum<'a> {
    /// Guards against accidents, not against attackers; some data sets publish nothing better.
    Md5(&'a str),
    /// SHA-256.
    Sha256(&'a str),
    /// The first digits of a SHA-256, as PyTorch has them in the names of its weights files.
    Sha256Prefix(&'a str),
}

impl fmt::Display for Checksum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Md5(hex) => write!(f, "md5 {hex}"),
            Self::Sha256(hex) => write!(f, "sha256 {hex}"),
            Self::Sha256Prefix(hex) => write!(f, "sha256 {hex}..."),
        }
    }
}

impl Checksum<'_> {
    /// Whether `found`, of the same kind, is this checksum.
    fn is(&self, found: &str) -> bool {
        match self {
            Self::Md5(hex) | Self::Sha256(hex) => found.eq_ignore_ascii_case(hex),
            Self::Sha256Prefix(hex) => found
                .get(..hex.len())
                .is_some_and(|prefix| !hex.is_empty() && prefix.eq_ignore_ascii_case(hex)),
        }
    }

    /// The same kind of checksum, of a file on this machine, in hexadecimal.
    fn of(&self, path: &Path) -> Result<String, DataError> {
        match self {
            Self::Md5(_) => digest::<md5::Md5>(path),
            Self::Sha256(_) | Self::Sha256Prefix(_) => digest::<sha2::Sha256>(path),
        }
    }

    fn fits(&self, path: &Path) -> Result<bool, DataError> {
        Ok(path.is_file() && self.is(&self.of(path)?))
    }
}

fn digest<D: Digest>(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::io("read", path))?;
    let mut hasher = D::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(DataError::io("read", path))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}

/// The path of `file` in the folder `cache`, downloaded if it is not there with the right checksum. `progress` is told
/// the bytes so far and, where known, of how many.
///
/// While it is downloaded it is called `NAME.part`; a later call goes on with that. Two processes may ask for the same
/// file: the second waits for the first.
///
/// # Errors
/// If the server cannot be reached or the download breaks off (the message says which file to put where by hand), if
/// what came is not the published file, or `cache` cannot be written.
pub fn fetch(
    cache: &Path,
    file: &RemoteFile<'_>,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, DataError> {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(READ_TIMEOUT))
        .timeout_per_read(Some(READ_TIMEOUT));
    fetch_with(&config.build().into(), cache, file, progress)
}

fn fetch_with(
    agent: &Agent,
    cache: &Path,
    file: &RemoteFile<'_>,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, DataError> {
    let path = cache.join(file.name);
    if file.checksum.fits(&path)? {
        return Ok(path);
    }
    fs::create_dir_all(cache).map_err(DataError::io("create", cache))?;
    let _lock = lock(&cache.join(format!("{}.lock", file.name)))?;
    // Whoever held the lock may have done the work.
    if file.checksum.fits(&path)? {
        return Ok(path);
    }
    let part = cache.join(format!("{}.part", file.name));
    if !file.checksum.fits(&part)? {
        let failed = |reason| DataError::Download {
            url: file.url.to_owned(),
            reason,
            files: vec![file.name.to_owned()],
            folder: cache.to_path_buf(),
        };
        download(agent, file, &part, progress).map_err(failed)?;
    }
    finish(file, &part, &path)
}

/// Held until it is dropped. The file stays: deleting it would let a third process lock another one of that name.
fn lock(path: &Path) -> Result<File, DataError> {
    let file = File::create(path).map_err(DataError::io("create", path))?;
    file.lock().map_err(DataError::io("lock", path))?;
    Ok(file)
}

/// Checks what was downloaded and puts it into its place.
fn finish(file: &RemoteFile<'_>, part: &Path, path: &Path) -> Result<PathBuf, DataError> {
    let found = file.checksum.of(part)?;
    if !file.checksum.is(&found) {
        fs::remove_file(part).map_err(DataError::io("delete", part))?;
        return Err(DataError::Checksum {
            name: file.name.to_owned(),
            url: file.url.to_owned(),
            expected: file.checksum.to_string(),
            found,
        });
    }
    fs::rename(part, path).map_err(DataError::io("rename the download to", path))?;
    Ok(path.to_path_buf())
}

/// Appends to `part` what is missing, or begins anew where the server cannot continue.
fn download(
    agent: &Agent,
    file: &RemoteFile<'_>,
    part: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), String> {
    let have = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let mut response = request(agent, file.url, have)?;
    if response.status().as_u16() == RANGE_NOT_SATISFIABLE {
        // What is here is longer than what is there.
        response = request(agent, file.url, 0)?;
    }
    let status = response.status();
    if !status.is_success() {
        return Err(format!("the server answered {status}"));
    }
    let continued = status.as_u16() == PARTIAL_CONTENT && starts_at(&response, have);
    let start = if continued { have } else { 0 };
    let length = response.body().content_length();
    let total = length.map(|rest| start + rest);
    let mut target = OpenOptions::new()
        .create(true)
        .append(continued)
        .write(true)
        .truncate(!continued)
        .open(part)
        .map_err(|error| format!("cannot write {}: {error}", part.display()))?;
    let mut report = |done| progress(done, total.or(file.bytes));
    let mut body = response
        .into_body()
        .into_with_config()
        .limit(u64::MAX)
        .reader();
    let done = copy(&mut body, &mut target, start, &mut report)?;
    target
        .sync_all()
        .map_err(|error| format!("cannot write {}: {error}", part.display()))?;
    match total {
        Some(total) if done < total => Err(format!(
            "the connection ended after {done} of {total} bytes"
        )),
        _ => Ok(()),
    }
}

fn request(agent: &Agent, url: &str, from: u64) -> Result<Response<Body>, String> {
    // Compressed on the way, lengths and ranges would be of something else.
    let request = agent.get(url).header("Accept-Encoding", "identity");
    let request = if from > 0 {
        request.header("Range", format!("bytes={from}-"))
    } else {
        request
    };
    request.call().map_err(|error| error.to_string())
}

/// Whether a partial answer is the part that was asked for.
fn starts_at(response: &Response<Body>, from: u64) -> bool {
    let range = response.headers().get("Content-Range");
    let range = range.and_then(|value| value.to_str().ok()).unwrap_or("");
    range.trim().starts_with(&format!("bytes {from}-"))
}

fn copy(
    body: &mut impl Read,
    target: &mut File,
    start: u64,
    report: &mut dyn FnMut(u64),
) -> Result<u64, String> {
    let mut done = start;
    let mut buffer = vec![0; 1 << 16];
    report(done);
    loop {
        let read = match body.read(&mut buffer) {
            Ok(0) => return Ok(done),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("the connection broke after {done} bytes: {error}")),
        };
        target
            .write_all(&buffer[..read])
            .map_err(|error| format!("cannot write to the disk: {error}"))?;
        done += read as u64;
        report(done);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
