"""A small `meta.mat` in the form of the ILSVRC 2012 development kit.

Pinned: scipy==1.17.1, numpy.

    python golden/make_meta_mat.py

writes data/tests/fixtures/meta.mat: the fields and value types that torchvision.datasets.imagenet.parse_meta_mat reads
(three classes and a parent synset, numbered after the classes), compressed as MATLAB does.
"""

from pathlib import Path

import numpy as np
from scipy.io import loadmat, savemat

TARGET = Path(__file__).resolve().parent.parent / "data" / "tests" / "fixtures" / "meta.mat"
SYNSETS = [
    # Class numbers are not in the order of the WordNet ids.
    (1, "n02979186", "cassette player", []),
    (2, "n01440764", "tench, Tinca tinca", []),
    (3, "n03888257", "café", []),
    (4, "n00001740", "entity", [1, 2, 3]),
]

kinds = [
    ("ILSVRC2012_ID", object),
    ("WNID", object),
    ("words", object),
    ("gloss", object),
    ("num_children", object),
    ("children", object),
]
synsets = np.empty((len(SYNSETS), 1), dtype=kinds)
for row, (number, wnid, words, children) in enumerate(SYNSETS):
    children = np.array([children], dtype=np.float64)
    synsets[row, 0] = (float(number), wnid, words, f"what {words} is", float(children.size), children)
savemat(TARGET, {"version": "small", "synsets": synsets}, do_compression=True)
# The header contains the time, which would change the fixture on every run.
TARGET.write_bytes(b"MATLAB 5.0 MAT-file".ljust(116) + TARGET.read_bytes()[116:])

# Read back as torchvision does.
read = loadmat(TARGET, squeeze_me=True)["synsets"]
leaves = [row for row in read if row[4] == 0]
assert [(row[0], row[1], row[2]) for row in leaves] == [s[:3] for s in SYNSETS[:3]]
