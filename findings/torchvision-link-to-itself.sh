#!/usr/bin/env bash
# torchvision's ImageFolder on a class folder with a link to the folder itself, and with one to the folder of all classes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import os
import torchvision
from torchvision.datasets import ImageFolder

print("torchvision", torchvision.__version__)
for name in ("cat", "dog"):
    os.makedirs(f"data/{name}")
    open(f"data/{name}/{name}.jpg", "w").close()
print("guess: a link to a folder that is already listed ends there: 1 cat and 1 dog")
os.symlink(".", "data/cat/again")
counts = [ImageFolder("data").targets.count(label) for label in (0, 1)]
print("seen with cat/again -> . :", counts)
assert counts == [41, 1], "changed"
os.remove("data/cat/again")
os.symlink("..", "data/cat/up")
wrong = [path for path, label in ImageFolder("data").samples if label == 0 and path.endswith("dog.jpg")]
print("seen with cat/up -> .. :", len(wrong), "times the dog as a cat")
assert len(wrong) > 1, "changed"
PYTHON
