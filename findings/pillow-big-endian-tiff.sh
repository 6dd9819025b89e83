#!/usr/bin/env bash
# Pillow on 32-bit integers in a big-endian TIFF file, uncompressed and compressed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import io
import struct
import zlib

import numpy as np
import PIL
from PIL import Image

print("pillow", PIL.__version__)


def tiff(compression: int, data: bytes) -> bytes:
    """One strip of 4x3 signed 32-bit samples."""
    tags = [(256, 4), (257, 3), (258, 32), (259, compression), (262, 1), (273, None), (277, 1), (278, 3), (279, len(data)), (339, 2)]
    start = 8 + 2 + 12 * len(tags) + 4
    file = b"MM\0*" + struct.pack(">IH", 8, len(tags))
    for tag, value in tags:
        file += struct.pack(">HHII", tag, 4, 1, start if value is None else value)
    return file + bytes(4) + data


samples = np.arange(12, dtype=np.int32).reshape(3, 4) * 20
stored = samples.astype(">i4").tobytes()
print("guess: the same numbers, compressed or not:", samples[0])
for name, compression, data in [("uncompressed", 1, stored), ("deflate", 8, zlib.compress(stored))]:
    seen = np.asarray(Image.open(io.BytesIO(tiff(compression, data))))
    print(f"seen ({name}):", seen[0])
    expected = samples if compression == 1 else samples.byteswap()
    assert np.array_equal(seen, expected), "changed"
print("libtiff gives the numbers in the machine's order, and Pillow swaps their bytes once more")
PYTHON
