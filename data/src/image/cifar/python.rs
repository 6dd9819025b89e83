//! The Python version: pickled dicts with an array of pixels and lists of labels.

use super::pickle::{Pickle, Value};
use super::{CifarSet, PIXELS};

/// Labels and planes of a file.
pub(super) fn batch(bytes: &[u8], set: CifarSet) -> Result<(Vec<u8>, Vec<u8>), String> {
    let pickle = Pickle::read(bytes)?;
    let key = match set {
        CifarSet::Cifar10 => "labels",
        CifarSet::Cifar100 => "fine_labels",
        CifarSet::Cifar100Coarse => "coarse_labels",
    };
    let labels = pickle.integers(entry(&pickle, key)?);
    let labels = labels.map_err(|reason| format!("its \"{key}\" {reason}"))?;
    let labels: Result<Vec<u8>, _> = labels.into_iter().map(u8::try_from).collect();
    let labels = labels.map_err(|_| format!("its \"{key}\" are not all from 0 to 255"))?;
    let planes = pickle.bytes_of_array(entry(&pickle, "data")?);
    let planes = planes.map_err(|reason| format!("its \"data\" {reason}"))?;
    if planes.is_empty() || planes.len() != labels.len() * PIXELS {
        return Err(format!(
            "has {} labels and {} bytes of pixels instead of {PIXELS} each",
            labels.len(),
            planes.len()
        ));
    }
    Ok((labels, planes))
}

/// Class names in the file of metadata.
pub(super) fn names(bytes: &[u8], set: CifarSet) -> Result<Vec<String>, String> {
    let pickle = Pickle::read(bytes)?;
    let key = match set {
        CifarSet::Cifar10 => "label_names",
        CifarSet::Cifar100 => "fine_label_names",
        CifarSet::Cifar100Coarse => "coarse_label_names",
    };
    let names = pickle.texts(entry(&pickle, key)?);
    names.map_err(|reason| format!("its \"{key}\" {reason}"))
}

fn entry<'a>(pickle: &Pickle<'a>, key: &str) -> Result<Value<'a>, String> {
    let found = pickle.get(key)?;
    found.ok_or_else(|| format!("is a pickle without \"{key}\": not a file of this data set"))
}
