#!/usr/bin/env bash
# seqeval's default mode on BILOU tags: entities of one word side by side.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet seqeval==1.2.2 numpy==2.4.6 scikit-learn==1.9.1
"$folder/venv/bin/python" - <<'PYTHON'
from importlib.metadata import version

from seqeval.metrics import f1_score
from seqeval.metrics.sequence_labeling import get_entities
from seqeval.scheme import BILOU

truth, found = [["U-LOC", "U-LOC", "O"]], [["B-LOC", "L-LOC", "O"]]
default, strict = f1_score(truth, found), f1_score(truth, found, mode="strict", scheme=BILOU)
print("seqeval", version("seqeval"))
print("guess: two places of a word each (U-LOC U-LOC) are two entities, and B-LOC L-LOC, one place, is wrong: F1 0")
print("seen:  entities", get_entities(truth[0]), "and F1", default, "by default;", strict, "only with mode='strict', scheme=BILOU")
assert get_entities(truth[0]) == [("LOC", 0, 1)] and default == 1.0 and strict == 0.0, "changed"
PYTHON
