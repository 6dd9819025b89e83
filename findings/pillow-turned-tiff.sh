#!/usr/bin/env bash
# Pillow on an uncompressed grey TIFF file whose orientation tag says "turn by 90 degrees": opened by
# its path, and as a file object.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pillow==13.0.0 numpy==2.4.6
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
import PIL
from PIL import Image

print("pillow", PIL.__version__)
stored = np.arange(24, dtype=np.uint8).reshape(4, 6)
upright = np.rot90(stored, -1)
for compression in ["raw", "tiff_lzw"]:
    Image.fromarray(stored).save("turned.tif", compression=compression, tiffinfo={274: 6})
    by_path = np.asarray(Image.open("turned.tif"))
    with open("turned.tif", "rb") as file:
        by_file = np.asarray(Image.open(file))
    print(compression, "- guess: 6 rows of 4 pixels, turned, either way")
    print("seen: by file object", by_file.shape, np.array_equal(by_file, upright), "- by path", by_path.shape)
    assert np.array_equal(by_file, upright), "changed"
    is_same = by_path.shape == by_file.shape and np.array_equal(by_path, by_file)
    assert is_same == (compression == "tiff_lzw"), "changed"
print("an uncompressed file is mapped into memory with width and height exchanged, and then turned")
PYTHON
