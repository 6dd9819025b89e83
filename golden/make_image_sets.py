"""Writes data/tests/fixtures/image_sets.json: image data sets as torchvision and webdataset read them.

    folders  trees of files and links, with the samples of torchvision's ImageFolder. It lists hidden files and runs in
             loops of links, so these are removed before it looks
    cifar    the Python version of CIFAR-10 and CIFAR-100, pickled by several protocols, with the labels and the sum of
             each image's pixels by torchvision's code (whose check of the official files' MD5 is left out)
    shards   tar files, with the images and classes by webdataset

Files are compressed by gzip and written in base64.
"""

import base64
import gzip
import io
import json
import os
import pickle
import random
import struct
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import webdataset
from PIL import Image
from torchvision.datasets import CIFAR10, CIFAR100, ImageFolder

FIXTURE = Path(__file__).resolve().parent.parent / "data/tests/fixtures/image_sets.json"
# Passed over by Tinderbox with everything below them.
HIDDEN = ("@eaDir", "__MACOSX")
NAMES = ["a.jpg", "b.JPG", "c.jpeg", "d.PnG", "e f.webp", "é.bmp", "g.tif", "h.TIFF", "i.ppm", "j.pgm", "k.tar.png",
         "notes.txt", "README", "m.jpg.txt", "Thumbs.db", ".n.png", "._a.jpg", "o.npy", "p.jpg~"]
FOLDERS = ["", "", "deep", "deep/er", "a.b", "a", "x.png", ".ipynb_checkpoints", "deep/.thumbnails", "@eaDir/y.jpg"]


def packed(content):
    return base64.b64encode(gzip.compress(content, mtime=0)).decode()


def is_hidden(path):
    return any(part.startswith(".") or part in HIDDEN for part in Path(path).parts)


def folders(seed):
    rng = random.Random(seed)
    classes = rng.sample(["cat", "Dog", "a-b", "a", "10", "9", "über", "with space"], 4)
    files = []
    for name in classes:
        files.append(f"{name}/first.png")
        for folder in rng.sample(FOLDERS, 5):
            files += [str(Path(name, folder, file)) for file in rng.sample(NAMES, 4)]
    files = sorted(set(files))
    first, second = classes[:2]
    links = {
        f"{first}/linked": f"../{second}/deep" if any(f.startswith(f"{second}/deep/") for f in files) else "../../store",
        f"{second}/z.jpg": "../../store/s.jpg",
        "linked class": "../store",
        f"{first}/round": ".",
        f"{second}/up": "..",
    }
    with tempfile.TemporaryDirectory() as root:
        for file in [f for f in files if not is_hidden(f)] + ["../store/s.jpg", "../store/more/t.png"]:
            path = Path(root, "train", file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        for link, target in links.items():
            if not link.endswith(("/round", "/up")):
                Path(root, "train", link).symlink_to(target)
        found = ImageFolder(f"{root}/train")
        samples = sorted([os.path.relpath(path, f"{root}/train"), found.classes[label]] for path, label in found.samples)
        return {"files": files, "links": links, "classes": found.classes, "samples": samples}


class Python2(pickle._Pickler):
    """Writes strings as Python 2 did, like the official files."""

    def save_string(self, value):
        value = value.encode("latin1") if isinstance(value, str) else value
        short = len(value) < 256
        self.write((b"U" + bytes([len(value)]) if short else b"T" + struct.pack("<i", len(value))) + value)
        self.memoize(value)

    dispatch = {**pickle._Pickler.dispatch, str: save_string, bytes: save_string}


def pickled(value, protocol):
    if protocol == "python 2":
        file = io.BytesIO()
        Python2(file, 2).dump(value)
        return file.getvalue().replace(b"numpy._core.", b"numpy.core.")
    return pickle.dumps(value, protocol)


def pixels(seed, count):
    """Planes with few distinct values, which compress well."""
    rng = random.Random(seed)
    rows = [[rng.randrange(256) for _ in range(3)] for _ in range(count)]
    data = np.repeat(np.array(rows, dtype=np.uint8), 1024, axis=1)
    data[:, 5] = 77
    return data


def cifar(kind, protocol, change=lambda entry: entry):
    hundred = kind is CIFAR100
    names = ["train", "test"] if hundred else [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]
    files = {}
    for number, name in enumerate(names):
        rng = random.Random(number)
        labels = {"fine_labels": [rng.randrange(100) for _ in range(2)], "coarse_labels": [rng.randrange(20) for _ in range(2)]} \
            if hundred else {"labels": [rng.randrange(10) for _ in range(2)]}
        entry = {"batch_label": f"batch {number}", **labels, "data": pixels(number, 2), "filenames": ["a.png", "b.png"]}
        files[name] = pickled(change(entry), protocol)
    meta = {"fine_label_names": [f"fine {n}" for n in range(100)], "coarse_label_names": [f"coarse {n}" for n in range(20)]} \
        if hundred else {"num_cases_per_batch": 2, "label_names": [f"class {n}" for n in range(10)], "num_vis": 3072}
    files[kind.meta["filename"]] = pickled(meta, protocol)
    expected = {}
    with tempfile.TemporaryDirectory() as root:
        for name, content in files.items():
            path = Path(root, kind.base_folder, name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        unchecked = type("Unchecked", (kind,), {
            "_check_integrity": lambda self: True,
            "meta": {**kind.meta, "md5": None},
        })
        for split in (True, False):
            found = unchecked(root, train=split)
            sums = [np.asarray(image, dtype=np.int64).sum(axis=(0, 1)).tolist() for image, _ in found]
            firsts = [np.asarray(image).reshape(-1)[15:18].tolist() for image, _ in found]
            expected["train" if split else "test"] = {
                "labels": [int(label) for label in found.targets], "sums": sums, "sixth_pixels": firsts}
        expected["classes"] = found.classes
    return {"folder": kind.base_folder, "files": {name: packed(content) for name, content in files.items()}, **expected}


def as_arrays(entry):
    return {key: np.array(value) if key.endswith("labels") else value for key, value in entry.items()}


def as_scalars(entry):
    return {key: [np.int64(label) for label in value] if key.endswith("labels") else value for key, value in entry.items()}


def fortran(entry):
    return {**entry, "data": np.asfortranarray(entry["data"])}


def png(value):
    file = io.BytesIO()
    Image.new("L", (1, 1), value).save(file, "PNG")
    return file.getvalue()


def shards(members, image, label, read=int):
    """A tar file of four samples, and webdataset's answer for the fields `image` and `label`."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for number in range(4):
            for name, content in members(number):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    with tempfile.TemporaryDirectory() as root:
        path = Path(root, "train.tar")
        path.write_bytes(file.getvalue())
        samples = webdataset.WebDataset(str(path), shardshuffle=False).to_tuple(image, label)
        found = [[Image.open(io.BytesIO(content)).getpixel((0, 0)), read(text)] for content, text in samples]
    assert len(found) == 4
    return {"tar": packed(file.getvalue()), "samples": found}


def main():
    number = lambda n: str(3 - n).encode()
    said = lambda key: lambda text: json.loads(text)[key]
    fixture = {
        "folders": [folders(seed) for seed in range(6)],
        "cifar": {
            "10, python 2": cifar(CIFAR10, "python 2"),
            "10, protocol 2": cifar(CIFAR10, 2),
            "10, protocol 3": cifar(CIFAR10, 3),
            "10, protocol 4": cifar(CIFAR10, 4),
            "10, protocol 5": cifar(CIFAR10, 5),
            "10, labels in arrays": cifar(CIFAR10, 4, as_arrays),
            "10, labels as scalars": cifar(CIFAR10, 2, as_scalars),
            "10, labels as scalars, protocol 5": cifar(CIFAR10, 5, as_scalars),
            "10, in Fortran's order": cifar(CIFAR10, 4, fortran),
            "10, in Fortran's order, protocol 5": cifar(CIFAR10, 5, fortran),
            "100, python 2": cifar(CIFAR100, "python 2"),
            "100, protocol 5": cifar(CIFAR100, 5),
        },
        "shards": {
            "plain": shards(lambda n: [(f"{n:03}.png", png(n)), (f"{n:03}.cls", number(n))], "png", "cls"),
            "named": shards(lambda n: [(f"{n}.image.png", png(n)), (f"{n}.label.cls", number(n))], "image.png", "label.cls"),
            "upper case": shards(lambda n: [(f"{n}.IMG.Png", png(n)), (f"{n}.CLS", number(n) + b"\n")], "img.png", "cls"),
            "folders": shards(lambda n: [(f"v1.2/a/{n}.png", png(n)), (f"v1.2/a/{n}.cls", number(n))], "png", "cls"),
            "plain before named": shards(lambda n: [(f"{n}.seg.png", png(99)), (f"{n}.png", png(n)), (f"{n}.teacher.cls", b"9"),
                                                    (f"{n}.cls", number(n))], "png", "cls"),
            "label in JSON": shards(lambda n: [(f"{n}.png", png(n)), (f"{n}.json", json.dumps({"label": 3 - n, "w": 1}).encode())],
                                    "png", "json", said("label")),
            "cls in JSON": shards(lambda n: [(f"{n}.json", json.dumps({"cls": n, "label": n}).encode()), (f"{n}.img.png", png(n))],
                                  "img.png", "json", said("cls")),
            "a number in JSON": shards(lambda n: [(f"{n}.png", png(n)), (f"{n}.cls.json", number(n))], "png", "cls.json", json.loads),
            "the class before JSON": shards(lambda n: [(f"{n}.png", png(n)), (f"{n}.json", b'{"label": 50}'), (f"{n}.cls", number(n))],
                                            "png", "cls"),
            "hidden and metadata": shards(lambda n: [(f"._{n}.png", png(0)), ("__info__", b"x"), (f"{n}.png", png(n)),
                                                     (f"{n}.cls", number(n))], "png", "cls"),
        },
    }
    FIXTURE.write_text(json.dumps(fixture, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(FIXTURE, FIXTURE.stat().st_size)


main()
