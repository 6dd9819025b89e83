//! Download of one file: to a temporary name, resumed if interrupted, verified, then renamed into
//! place.

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
/// Timeout of a silent server.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const PARTIAL_CONTENT: u16 = 206;
const RANGE_NOT_SATISFIABLE: u16 = 416;

/// A published file.
#[derive(Clone, Copy, Debug)]
pub struct RemoteFile<'a> {
    /// Address.
    pub url: &'a str,
    /// Local file name.
    pub name: &'a str,
    /// Published checksum.
    pub checksum: Checksum<'a>,
    /// Length, for progress if the server does not send it.
    pub bytes: Option<u64>,
}

/// A published checksum, in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum<'a> {
    /// MD5, which protects against accidents only, not against attackers. Some data sets publish
    /// nothing better.
    Md5(&'a str),
    /// SHA-256.
    Sha256(&'a str),
    /// The first digits of a SHA-256, as in the names of PyTorch's weight files.
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
    /// True if `found`, of the same kind, matches.
    fn is(&self, found: &str) -> bool {
        match self {
            Self::Md5(hex) | Self::Sha256(hex) => found.eq_ignore_ascii_case(hex),
            Self::Sha256Prefix(hex) => found
                .get(..hex.len())
                .is_some_and(|prefix| !hex.is_empty() && prefix.eq_ignore_ascii_case(hex)),
        }
    }

    /// The same kind of checksum of a local file, in hexadecimal.
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

/// Returns the path of `file` in the folder `cache`, after downloading it unless it exists with the
/// right checksum. `progress` is called with the bytes so far and, if known, their total. During
/// the download the file is called `NAME.part`, which a later call resumes. If two processes
/// request the same file, the second waits for the first.
///
/// # Errors
/// If the server cannot be reached or the download is interrupted (the message says where to put
/// the file by hand), if the checksum is wrong, or if `cache` cannot be written.
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
    // The previous holder of the lock may have downloaded it.
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

/// Locks `path` until the file is dropped. The file stays: if it were deleted, a third process
/// could lock another one of that name.
fn lock(path: &Path) -> Result<File, DataError> {
    let file = File::create(path).map_err(DataError::io("create", path))?;
    file.lock().map_err(DataError::io("lock", path))?;
    Ok(file)
}

/// Verifies the download and renames it into place.
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

/// Appends the missing bytes to `part`, or restarts if the server cannot resume.
fn download(
    agent: &Agent,
    file: &RemoteFile<'_>,
    part: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), String> {
    let have = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let mut response = request(agent, file.url, have)?;
    if response.status().as_u16() == RANGE_NOT_SATISFIABLE {
        // The partial file is longer than the published one.
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
    // Compression would change lengths and ranges.
    let request = agent.get(url).header("Accept-Encoding", "identity");
    let request = if from > 0 {
        request.header("Range", format!("bytes={from}-"))
    } else {
        request
    };
    request.call().map_err(|error| error.to_string())
}

/// True if a partial response begins at the requested offset.
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
