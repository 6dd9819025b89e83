use super::*;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;

const CONTENT: &[u8] = b"a small file that pretends to be a data set";
const MD5: &str = "8974d7b610e3832dd4fc855e20d6cd89";

/// Behaviour of the server.
#[derive(Clone, Copy, PartialEq)]
enum Server {
    Ranges,
    NoRanges,
    /// Sends half of the announced bytes.
    BreaksOff,
    Missing,
}

/// Starts a local server that answers every request the same way. Returns its address and the
/// `Range` headers it receives.
fn serve(server: Server) -> (String, Arc<Mutex<Vec<Option<String>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/set.bin", listener.local_addr().unwrap());
    let ranges = Arc::new(Mutex::new(Vec::new()));
    let seen = ranges.clone();
    // The thread ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let range = read_range(&stream);
            seen.lock().unwrap().push(range.clone());
            answer(&mut stream, server, range.as_deref());
        }
    });
    (url, ranges)
}

fn read_range(stream: &TcpStream) -> Option<String> {
    let lines = BufReader::new(stream).lines().map(Result::unwrap);
    let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    headers.iter().find_map(|line| {
        line.to_lowercase()
            .strip_prefix("range: ")
            .map(str::to_owned)
    })
}

fn answer(stream: &mut TcpStream, server: Server, range: Option<&str>) {
    let from: Option<usize> = range.filter(|_| server == Server::Ranges).map(|range| {
        range
            .trim_start_matches("bytes=")
            .trim_end_matches('-')
            .parse()
            .unwrap()
    });
    let len = CONTENT.len();
    let (status, body) = match from {
        _ if server == Server::Missing => ("404 Not Found".to_owned(), &b""[..]),
        Some(from) if from >= len => ("416 Range Not Satisfiable".to_owned(), &b""[..]),
        Some(from) => {
            let range = format!(
                "206 Partial Content\r\nContent-Range: bytes {from}-{}/{len}",
                len - 1
            );
            (range, &CONTENT[from..])
        }
        None => ("200 OK".to_owned(), CONTENT),
    };
    let sent = if server == Server::BreaksOff {
        &body[..body.len() / 2]
    } else {
        body
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(sent).unwrap();
}

/// Fetches without the environment's proxy.
fn get(cache: &TempDir, url: &str, checksum: Checksum<'_>) -> Result<Vec<u8>, DataError> {
    let agent = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    let file = RemoteFile {
        url,
        name: "set.bin",
        checksum,
        bytes: None,
    };
    let mut last = (0, None);
    let path = fetch_with(&agent, cache.path(), &file, &mut |done, total| {
        last = (done, total);
    })?;
    let bytes = fs::read(path).unwrap();
    if last.0 > 0 {
        assert_eq!(last, (bytes.len() as u64, Some(bytes.len() as u64)));
    }
    Ok(bytes)
}

fn part(cache: &TempDir) -> PathBuf {
    cache.path().join("set.bin.part")
}

#[test]
fn downloads_once_and_then_needs_no_network() {
    let cache = tempfile::tempdir().unwrap();
    let (url, requests) = serve(Server::Ranges);
    for _ in 0..2 {
        assert_eq!(get(&cache, &url, Checksum::Md5(MD5)).unwrap(), CONTENT);
    }
    assert_eq!(*requests.lock().unwrap(), [None]);
    assert!(!part(&cache).exists());
    // A damaged file is replaced.
    fs::write(cache.path().join("set.bin"), b"garbage").unwrap();
    assert_eq!(get(&cache, &url, Checksum::Md5(MD5)).unwrap(), CONTENT);
}

#[test]
fn an_interrupted_download_is_resumed() {
    let cache = tempfile::tempdir().unwrap();
    let (breaking, _) = serve(Server::BreaksOff);
    let error = get(&cache, &breaking, Checksum::Md5(MD5))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("the connection") && error.contains("run again to continue"),
        "{error}"
    );
    assert_eq!(
        fs::read(part(&cache)).unwrap(),
        &CONTENT[..CONTENT.len() / 2]
    );
    let (url, requests) = serve(Server::Ranges);
    assert_eq!(get(&cache, &url, Checksum::Md5(MD5)).unwrap(), CONTENT);
    assert_eq!(
        *requests.lock().unwrap(),
        [Some(format!("bytes={}-", CONTENT.len() / 2))]
    );
}

#[test]
fn a_download_restarts_if_the_server_cannot_resume() {
    let cache = tempfile::tempdir().unwrap();
    fs::write(part(&cache), &CONTENT[..9]).unwrap();
    let (url, _) = serve(Server::NoRanges);
    assert_eq!(get(&cache, &url, Checksum::Md5(MD5)).unwrap(), CONTENT);
    // Also if the partial file is longer than the published one.
    fs::remove_file(cache.path().join("set.bin")).unwrap();
    fs::write(part(&cache), [CONTENT, CONTENT].concat()).unwrap();
    let (url, requests) = serve(Server::Ranges);
    assert_eq!(get(&cache, &url, Checksum::Md5(MD5)).unwrap(), CONTENT);
    assert_eq!(requests.lock().unwrap().len(), 2);
}

#[test]
fn a_complete_partial_file_is_only_verified() {
    let cache = tempfile::tempdir().unwrap();
    fs::write(part(&cache), CONTENT).unwrap();
    assert_eq!(
        get(&cache, "http://127.0.0.1:1/", Checksum::Md5(MD5)).unwrap(),
        CONTENT
    );
}

#[test]
fn a_wrong_file_is_not_kept() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(Server::Ranges);
    let wrong = "0000000000000000000000000000000000000000000000000000000000000000";
    let error = get(&cache, &url, Checksum::Sha256(wrong))
        .unwrap_err()
        .to_string();
    let found = Checksum::Sha256("").of(&{
        let path = cache.path().join("same");
        fs::write(&path, CONTENT).unwrap();
        path
    });
    assert!(
        error.contains(wrong) && error.contains(&found.unwrap()),
        "{error}"
    );
    assert!(!cache.path().join("set.bin").exists() && !part(&cache).exists());
}

#[test]
fn the_first_digits_of_a_checksum_are_enough() {
    let cache = tempfile::tempdir().unwrap();
    let (url, _) = serve(Server::Ranges);
    let digest = sha2::Sha256::digest(CONTENT);
    let prefix: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02X}"))
        .collect();
    let right = Checksum::Sha256Prefix(&prefix);
    assert_eq!(get(&cache, &url, right).unwrap(), CONTENT);
    // A wrong local file is fetched again, and the download is wrong too.
    for wrong in ["00000000", ""] {
        let error = get(&cache, &url, Checksum::Sha256Prefix(wrong)).unwrap_err();
        assert!(matches!(error, DataError::Checksum { .. }), "{error}");
    }
}

#[test]
fn without_a_server_the_error_says_where_to_put_the_file() {
    let cache = tempfile::tempdir().unwrap();
    // A port that nobody listens on.
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (missing, _) = serve(Server::Missing);
    for url in [format!("http://{free}/set.bin"), missing] {
        let error = get(&cache, &url, Checksum::Md5(MD5))
            .unwrap_err()
            .to_string();
        let advice = format!("put set.bin into {} yourself", cache.path().display());
        assert!(error.contains(&url) && error.contains(&advice), "{error}");
    }
}
