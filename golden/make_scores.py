"""Writes train/tests/fixtures/scores.json: classification metrics by scikit-learn, entity metrics by seqeval."""

import itertools
import json
import random
import warnings
from pathlib import Path

from seqeval.metrics.sequence_labeling import get_entities
from sklearn.metrics import f1_score, matthews_corrcoef, precision_recall_fscore_support

FIXTURE = Path(__file__).resolve().parent.parent / "train/tests/fixtures/scores.json"

# Classes, predictions, targets: none correct, all correct, a class never predicted, a class that does not occur.
CLASSIFICATIONS = [
    (2, [0, 1, 1, 0], [0, 1, 1, 0]),
    (2, [1, 0, 0, 1], [0, 1, 1, 0]),
    (2, [1, 1, 1], [0, 1, 0]),
    (2, [0, 0, 0], [0, 1, 1]),
    (2, [0, 0, 0], [0, 0, 0]),
    (2, [1], [1]),
    (3, [0, 1, 2, 2], [0, 1, 2, 1]),
    (3, [2, 2, 2], [0, 1, 2]),
    (3, [0, 0, 1], [0, 1, 1]),
    (5, [4, 4, 1], [4, 0, 0]),
]
TAGS = [
    "",
    "O",
    "B-PER I-PER O B-LOC",
    "I-PER I-PER O I-LOC",
    "B-PER B-PER",
    "B-PER I-LOC I-LOC O",
    "I-PER B-PER I-PER",
    "S-PER S-PER E-PER I-PER",
    "B-PER I-PER E-PER I-PER O",
    "B-PER E-PER E-PER",
    "O E-PER S-LOC O",
    "B I O I S",
    "B-MISC-X I-MISC-X I-MISC-Y",
    "O-PER I-PER O-PER",
]


def classification(classes: int, predicted: list[int], truth: list[int]) -> dict:
    warnings.simplefilter("ignore")
    average = {"average": "binary", "pos_label": 1} if classes == 2 else {"average": "macro"}
    columns = precision_recall_fscore_support(truth, predicted, labels=list(range(classes)), zero_division=0)
    return {
        "classes": classes,
        "predicted": predicted,
        "truth": truth,
        "f1": float(f1_score(truth, predicted, zero_division=0, **average)),
        "matthews": float(matthews_corrcoef(truth, predicted)),
        "each": [[float(p), float(r), float(f), int(n)] for p, r, f, n in zip(*columns, strict=True)],
    }


def tagged(tags: list[str]) -> dict:
    """Entities with an exclusive end; seqeval's end is inclusive."""
    warnings.simplefilter("ignore")
    return {"tags": tags, "entities": [[kind, start, last + 1] for kind, start, last in get_entities(tags)]}


def main() -> None:
    rng = random.Random(7)
    classifications = [classification(*case) for case in CLASSIFICATIONS]
    for classes, length in itertools.product((2, 3, 7), (1, 2, 5, 20) * 3):
        truth = [rng.randrange(classes) for _ in range(length)]
        predicted = [label if rng.random() < 0.6 else rng.randrange(classes) for label in truth]
        classifications.append(classification(classes, predicted, truth))
    tags = [tagged(line.split()) for line in TAGS]
    words = ["O", "O"] + [f"{letter}-{kind}" for letter in "BIES" for kind in ("PER", "LOC")]
    tags += [tagged(rng.choices(words, k=rng.randrange(2, 14))) for _ in range(200)]
    lines = [json.dumps(entry, separators=(",", ":")) for entry in classifications]
    more = [json.dumps(entry, separators=(",", ":")) for entry in tags]
    text = '{"classifications":[\n' + ",\n".join(lines) + '\n],"tags":[\n' + ",\n".join(more) + "\n]}\n"
    FIXTURE.write_text(text)


if __name__ == "__main__":
    main()
