use super::*;
use tempfile::TempDir;

/// A record with planes of 10, 20 and 30, except for the second pixel's red.
fn record(labels: &[u8]) -> Vec<u8> {
    let mut record = labels.to_vec();
    for value in [10, 20, 30] {
        record.extend([value; PLANE]);
    }
    record[labels.len() + 1] = 99;
    record
}

fn write(labels: &[&[u8]]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let names = CifarSet::Cifar10.train_files(Version::Binary);
    for (name, labels) in names.iter().zip(labels) {
        let bytes: Vec<u8> = labels.iter().flat_map(|&label| record(&[label])).collect();
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn open(dir: &TempDir, split: Split) -> Result<Cifar, String> {
    Cifar::open(dir.path(), CifarSet::Cifar10, split).map_err(|error| error.to_string())
}

fn labels(cifar: &Cifar) -> Vec<usize> {
    (0..cifar.len()).map(|index| cifar.label(index)).collect()
}

#[test]
fn reads_labels_names_and_planes_across_files() {
    let dir = write(&[&[3, 4], &[5], &[6], &[7], &[8, 9]]);
    let cifar = open(&dir, Split::Train).unwrap();
    assert_eq!(labels(&cifar), [3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(cifar.classes()[9], "truck");
    assert!(cifar.name(6).ends_with("data_batch_5.bin, record 1"));
    let image = cifar.image(2);
    assert_eq!((image.width, image.height, image.channels), (32, 32, 3));
    assert_eq!(image.pixels[..6], [10, 20, 30, 99, 20, 30]);
}

#[test]
fn class_names_are_read_where_they_are() {
    let dir = write(&[&[0], &[0], &[0], &[0], &[0]]);
    let path = dir.path().join("batches.meta.txt");
    fs::write(&path, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n").unwrap();
    let cifar = open(&dir, Split::Train).unwrap();
    assert_eq!(cifar.classes().join(""), "abcdefghij");
    fs::write(&path, "a\nb\n").unwrap();
    let error = open(&dir, Split::Train).unwrap_err();
    assert!(error.contains("has 2 class names instead of 10"), "{error}");
}

#[test]
fn cifar_100_has_fine_and_coarse_labels() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("cifar-100-binary");
    fs::create_dir(&folder).unwrap();
    fs::write(
        folder.join("train.bin"),
        [record(&[4, 99]), record(&[19, 0])].concat(),
    )
    .unwrap();
    fs::write(folder.join("test.bin"), record(&[1, 2])).unwrap();
    let coarse: Vec<String> = (0..20).map(|class| format!("c{class}")).collect();
    fs::write(folder.join("coarse_label_names.txt"), coarse.join("\n")).unwrap();
    let open = |set, split| Cifar::open(dir.path(), set, split).unwrap();
    let fine = open(CifarSet::Cifar100, Split::Train);
    assert_eq!(labels(&fine), [99, 0]);
    assert_eq!((fine.classes().len(), &*fine.classes()[99]), (100, "99"));
    assert_eq!(fine.image(0).pixels[..6], [10, 20, 30, 99, 20, 30]);
    let coarse = open(CifarSet::Cifar100Coarse, Split::Train);
    assert_eq!(labels(&coarse), [4, 19]);
    assert_eq!(
        (coarse.classes().len(), &*coarse.classes()[19]),
        (20, "c19")
    );
    assert_eq!(labels(&open(CifarSet::Cifar100, Split::Test)), [2]);
    let error = Cifar::open(dir.path(), CifarSet::Cifar10, Split::Train).unwrap_err();
    assert!(
        error.to_string().contains("has no CIFAR-10 in it"),
        "{error}"
    );
}

#[test]
fn errors_name_the_file_and_record() {
    let dir = write(&[&[0], &[1, 200], &[0], &[0], &[0]]);
    let message = |split| open(&dir, split).unwrap_err();
    assert!(message(Split::Train).contains("data_batch_2.bin, record 1: label 200"));
    assert!(message(Split::Validation).contains("test_batch.bin: no such file"));
    fs::write(dir.path().join("test_batch.bin"), vec![0; 3074]).unwrap();
    assert!(message(Split::Validation).contains("3074 bytes are not a whole number"));
}
