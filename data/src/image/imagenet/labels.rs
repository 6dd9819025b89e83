//! Labels of images in a flat folder: the label lists distributed with ImageNet's validation
//! images.

use super::paths::{Found, Paths};
use super::{index::Names, is_wnid, synsets};
use crate::error::DataError;
use crate::image::decode;
use std::collections::HashMap;
use std::path::Path;

/// Kaggle's list: lines like `ILSVRC2012_val_00048981,n03995372 85 1 499 272 ` after a header;
/// boxes follow the class.
const KAGGLE: &str = "LOC_val_solution.csv";
/// The devkit's list: one line per image, with a number that the devkit's `meta.mat` defines.
const DEVKIT: &str = "ILSVRC2012_validation_ground_truth.txt";
/// TensorFlow's list: one line per image, with its WordNet id.
const TENSORFLOW: &str = "imagenet_2012_validation_synset_labels.txt";
/// Caffe's list: lines like `ILSVRC2012_val_00000001.JPEG 65`, where 65 is the index of the WordNet
/// id in alphabetical order.
const CAFFE: &str = "val.txt";
/// Tiny-ImageNet's list: file name, WordNet id and a box, separated by tabs.
const TINY: &str = "val_annotations.txt";

/// Images of all classes in one folder or archive.
pub(super) struct Flat<'a> {
    /// The folder or archive.
    pub(super) place: &'a Path,
    /// File names, in alphabetical order.
    pub(super) images: &'a Names,
    /// WordNet ids of the classes, in alphabetical order.
    pub(super) wnids: &'a [String],
}

impl Flat<'_> {
    /// Reads the class of each image from the first list under `paths`.
    pub(super) fn labels(&self, paths: &Paths) -> Result<Vec<u32>, DataError> {
        if let Some(list) = paths.find(KAGGLE)? {
            return self.by_name(&list, |line| {
                let (image, boxes) = line
                    .split_once(',')
                    .ok_or("expected `image,n01440764 ...`")?;
                let wnid = boxes.trim_matches('"').split_whitespace().next();
                Ok((image, self.class(wnid.unwrap_or_default())?))
            });
        }
        let devkit = paths.find_in_devkit(DEVKIT)?;
        if let Some(list) = &devkit
            && let Some(numbering) = synsets::numbering(paths)?
        {
            return self.by_order(list, |line| self.numbered_class(line, &numbering));
        }
        if let Some(list) = paths.find(TENSORFLOW)? {
            return self.by_order(&list, |line| self.class(line));
        }
        if let Some(list) = paths.find(CAFFE)? {
            return self.by_name(&list, |line| {
                let (image, label) = line
                    .rsplit_once(char::is_whitespace)
                    .ok_or("expected `image.JPEG 65`")?;
                let label = if is_wnid(label) {
                    self.class(label)
                } else {
                    self.position(label)
                };
                Ok((image.trim_end(), label?))
            });
        }
        Err(match devkit {
            Some(list) => list.error(
                "has the devkit's class numbers, which its meta.mat defines: put that beside it (or map_clsloc.txt, or \
                 the whole ILSVRC2012_devkit_t12.tar.gz into the data folder)",
            ),
            None => DataError::file(
                self.place,
                format!(
                    "its images are not in class folders, and no list of labels is in {}; expected {KAGGLE}, {DEVKIT} \
                     with the devkit's meta.mat, {TENSORFLOW} or {CAFFE} (lines like `image.JPEG 65`) there",
                    paths.root().display()
                ),
            ),
        })
    }

    /// Like [`labels`](Self::labels), from Tiny-ImageNet's list.
    pub(super) fn tiny_labels(&self, paths: &Paths) -> Result<Vec<u32>, DataError> {
        let list = paths.find(TINY)?.ok_or_else(|| {
            DataError::file(
                self.place,
                format!("its images are not in class folders, and there is no val/{TINY} with their classes"),
            )
        })?;
        self.by_name(&list, |line| {
            let mut words = line.split('\t');
            let (image, wnid) = words
                .next()
                .zip(words.next())
                .ok_or("expected an image, a tab and its WordNet id")?;
            Ok((image, self.class(wnid)?))
        })
    }

    /// Reads a list with one line per image, in the order of the images' names.
    fn by_order(
        &self,
        list: &Found,
        label: impl Fn(&str) -> Result<u32, String>,
    ) -> Result<Vec<u32>, DataError> {
        let lines: Vec<(usize, &str)> = list.lines()?.collect();
        let (lines_len, images_len) = (lines.len(), self.images.len());
        if lines_len != images_len {
            return Err(list.error(format!(
                "has labels for {lines_len} images, and {} has {images_len}",
                self.place.display()
            )));
        }
        for (image, number) in self.images.iter().zip(1..) {
            if official_number(image).is_some_and(|official| official != number) {
                let reason =
                    format!("image {number} in order is {image}: images are missing, or too many");
                return Err(DataError::file(self.place, reason));
            }
        }
        let labels = lines.into_iter();
        labels
            .map(|(line, text)| label(text).map_err(|reason| list.line_error(line, reason)))
            .collect()
    }

    /// Reads a list whose lines name their image, with or without its extension.
    fn by_name<'t>(
        &self,
        list: &'t Found,
        entry: impl Fn(&'t str) -> Result<(&'t str, u32), String>,
    ) -> Result<Vec<u32>, DataError> {
        let mut labels: HashMap<&str, (usize, u32)> = HashMap::new();
        for (line, text) in list.lines()? {
            // The header of Kaggle's list.
            if text.starts_with("ImageId,") {
                continue;
            }
            let (image, label) = entry(text).map_err(|reason| list.line_error(line, reason))?;
            if let Some((before, _)) = labels.insert(stem(image), (line, label)) {
                let reason = format!("{image} is in line {before} already");
                return Err(list.line_error(line, reason));
            }
        }
        let mut found = Vec::with_capacity(self.images.len());
        for image in self.images.iter() {
            let (_, label) = labels.remove(stem(image)).ok_or_else(|| {
                let reason = format!("is not in the list of labels {}", list.path.display());
                DataError::file(&self.place.join(image), reason)
            })?;
            found.push(label);
        }
        if let Some((image, (line, _))) = labels.iter().min_by_key(|(_, (line, _))| *line) {
            let reason = format!(
                "{image} is not in {}, nor are {} images after it",
                self.place.display(),
                labels.len() - 1
            );
            return Err(list.line_error(*line, reason));
        }
        Ok(found)
    }

    fn class(&self, wnid: &str) -> Result<u32, String> {
        let found = self
            .wnids
            .binary_search_by(|known| known.as_str().cmp(wnid));
        found.map(|class| class as u32).map_err(|_| {
            format!(
                "`{wnid}` is not one of the {} classes of the training images",
                self.wnids.len()
            )
        })
    }

    fn numbered_class(
        &self,
        text: &str,
        numbering: &HashMap<usize, String>,
    ) -> Result<u32, String> {
        let number = text.parse().ok();
        let wnid = number.and_then(|number: usize| numbering.get(&number));
        self.class(
            wnid.ok_or_else(|| format!("`{text}` is not one of the devkit's class numbers"))?,
        )
    }

    fn position(&self, text: &str) -> Result<u32, String> {
        let class = text
            .parse()
            .ok()
            .filter(|&class: &u32| (class as usize) < self.wnids.len());
        class.ok_or_else(|| {
            format!(
                "`{text}` is not a class: there are {}, counted from 0 in the order of their WordNet ids",
                self.wnids.len()
            )
        })
    }
}

/// A file name without its folders and an image's extension.
fn stem(name: &str) -> &str {
    let name = name
        .trim_matches('"')
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or_default();
    match name.rsplit_once('.') {
        Some((stem, _)) if decode::has_readable_extension(Path::new(name)) => stem,
        _ => name,
    }
}

/// The number in a name like `ILSVRC2012_val_00000001.JPEG`.
fn official_number(image: &str) -> Option<usize> {
    stem(image).strip_prefix("ILSVRC2012_val_")?.parse().ok()
}
