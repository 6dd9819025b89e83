"""Writes data/tests/fixtures/squad.json: SQuAD's metrics, windows, answer positions and answers, by Python.

    metrics     pairs of answers with their scores by the rules of the official scripts (v1.1, v2.0), reimplemented here
    document    SQuAD JSON, and its
    questions   in windows, by transformers' BertTokenizer, with the tokens of the answers; and random logits for these
                windows, with the answers chosen from them by the rules of `postprocess_qa_predictions` of transformers'
                example, reimplemented here

The vocabulary is that of data/tests/fixtures/tokenizers/bert (golden/make_tokenizers.py).
"""

import json
import random
import re
import string
from collections import Counter
from pathlib import Path

import numpy as np
from transformers import BertTokenizerFast

FIXTURES = Path(__file__).resolve().parent.parent / "data/tests/fixtures"
MAX_LENGTH, STRIDE = 40, 8
# n_best, maximum answer length in tokens, whether "no answer" is allowed, and its threshold.
SETTINGS = [
    (20, 30, False, 0.0),
    (20, 30, True, 0.0),
    (3, 4, False, 0.0),
    (2, 2, True, -1.5),
    (1, 30, True, 2.0),
    (1, 1, False, 0.0),
]

# Prediction and reference answers. Each exercises one rule, some a detail that is easily missed.
PAIRS = [
    ("", []),
    ("", [""]),
    ("x", [""]),
    ("", ["x"]),
    ("x", []),
    ("the", [""]),
    ("the", ["a"]),
    ("!!!", ["?"]),
    ("The", ["x", "a"]),
    ("", ["the", "lamp"]),
    ("308", ["308"]),
    ("the lamp", ["Lamp"]),
    ("a an the", ["the"]),
    ("lamp the", ["lamp"]),
    ("lamp-post", ["lamppost"]),
    ("lamp - post", ["lamp post"]),
    ("lamp post", ["lamppost"]),
    ("a.b", ["b"]),
    ("a-lamp", ["lamp"]),
    ("alamp", ["lamp"]),
    ("the-lamp", ["thelamp"]),
    ("U.S.A.", ["usa"]),
    ("$5.00", ["500"]),
    ("5 %", ["5"]),
    ("don't", ["dont"]),
    ("don’t", ["dont"]),
    ("the’s", ["s"]),
    ("“the lamp”", ["the lamp"]),
    ("“the lamp”", ["“ lamp”"]),
    ("the—end", ["end"]),
    ("the—end", ["—end"]),
    ("¿the?", ["¿"]),
    ("the·a", ["·"]),
    ("A", ["a"]),
    ("vitamin A", ["vitamin"]),
    ("an_a", ["ana"]),
    ("a1", ["1"]),
    ("the½", ["½"]),
    ("aⅧ", ["Ⅷ"]),
    ("a²", ["²"]),
    ("á", ["a\u0301"]),
    ("a\u0301", ["\u0301"]),
    ("the\u0301 x", ["\u0301 x"]),
    ("a\u093f b", ["\u093f b"]),
    ("a\u05b8 b", ["\u05b8 b"]),
    ("a\u24b6 b", ["\u24b6 b"]),
    ("aⓐ", ["Ⓐ"]),
    ("a漢", ["漢"]),
    ("a٣", ["٣"]),
    ("theʰ", ["ʰ"]),
    ("aª", ["ª"]),
    ("a\u200bthe", ["\u200b"]),
    ("a\u00adthe", ["athe"]),
    ("a😀the", ["😀"]),
    ("İstanbul", ["i\u0307stanbul"]),
    ("ΟΔΥΣΣΕΥΣ", ["οδυσσευς"]),
    ("ΣΑΣ Σ", ["σας σ"]),
    ("ẞ", ["ß"]),
    ("STRASSE", ["straße"]),
    ("Ⅷ", ["ⅷ"]),
    ("ＴＨＥ lamp", ["ｔｈｅ lamp"]),
    ("one\x1ctwo\x1dthree\x1efour\x1ffive", ["one two three four five"]),
    ("one\u00a0two\u2003three\u3000four\u2028five\u0085six", ["one two three four five six"]),
    ("one\u200btwo\ufeffthree\u180efour", ["one two three four"]),
    ("one\x00two\x1btwo", ["one two two"]),
    ("  one \t\n two  ", ["one two"]),
    ("one one two", ["one two two"]),
    ("one one one", ["one"]),
    ("one two", ["two one"]),
    ("one two three", ["one", "two three", "one two four"]),
    ("in the winter of 1987", ["winter 1987", "the winter", "1987"]),
    ("`~!@#$%^&*()_+-={}[]|\\:;\"'<>,.?/", [""]),
    ("x`~!@#$%^&*()_+-={}[]|\\:;\"'<>,.?/y", ["xy"]),
    ("«x»", ["x"]),
    ("№ 5", ["no 5"]),
]
WORDS = ["a", "an", "the", "The", "lamp", "keeper", "sea.", "1987", "-", "’s", "a\u0301", "漢", "½", "\u093f", "Σ"]
WORDS += ["_", "\x1f"]
SEPARATORS = [" ", " ", " ", "", "-", "\u00a0", "."]

DOCUMENT = {
    "version": "v2.0",
    "data": [
        {
            "title": "Lighthouse",
            "paragraphs": [
                {
                    "context": "The old lighthouse keeper didn't believe in ghosts, but he'd left the lamp burning "
                    "anyway. In the winter of 1987 the sea rose 12 feet above the harbour wall; nobody had seen the like.",
                    "questions": [
                        ("Who believed?", ["The old lighthouse keeper", "keeper"]),
                        ("When did the sea rise?", ["In the winter of 1987", "1987"]),
                        ("How far?", ["12 feet", "12 feet above"]),
                        ("What burned?", ["amp burn"]),
                        ("What had nobody seen?", [" the like."]),
                        (
                            "What did he not do?",
                            ["didn't believe in ghosts, but he'd left the lamp burning anyway. In the winter"],
                        ),
                        ("Why?", []),
                    ],
                },
                {
                    "context": "🎉🙂 Der Leuchtturmwärter glaubte nicht an Gespenster, 👩‍👩‍👧 ließ aber die Lampe brennen. "
                    "e\u0301 İ 灯台守は幽霊を信じなかった。 \u200b𠀀𠁁 x½y. Où étaient les bateaux ?  Смотритель маяка не верил в привидения",
                    "questions": [
                        ("Was glaubte er nicht?", ["Gespenster"]),
                        ("Ließ er sie brennen?", ["ließ aber die Lampe"]),
                        ("誰?", ["灯台守"]),
                        ("何?", ["幽霊を信じ"]),
                        ("𠀀?", ["𠀀𠁁"]),
                        ("y?", ["y"]),
                        ("Где?", ["привидения"]),
                        ("Où ?", ["bateaux ?"]),
                    ],
                },
            ],
        },
        {
            "title": "Ships",
            "paragraphs": [
                {
                    "context": "He counted the ships: one, two, three.",
                    "questions": [("How many?", ["three", "three."]), ("Whose?", [])],
                },
                {"context": "x" * 120 + " the end", "questions": [("What is it?", ["the end"])]},
                {"context": " ", "questions": [("Anything?", [])]},
            ],
        },
    ],
}


def normalize_answer(text: str) -> str:
    text = "".join(c for c in text.lower() if c not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def f1(prediction: str, truth: str, version: int) -> float:
    predicted, true = normalize_answer(prediction).split(), normalize_answer(truth).split()
    if version == 2 and not (predicted and true):
        return float(predicted == true)
    common = sum((Counter(predicted) & Counter(true)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(predicted), common / len(true)
    return (2 * precision * recall) / (precision + recall)


def score(prediction: str, truths: list[str], version: int) -> list[float]:
    if version == 2:
        truths = [truth for truth in truths if normalize_answer(truth)] or [""]
    exact = [float(normalize_answer(prediction) == normalize_answer(truth)) for truth in truths]
    return [max(exact, default=0.0), max((f1(prediction, truth, version) for truth in truths), default=0.0)]


def random_pairs(rng: random.Random) -> list[tuple[str, list[str]]]:
    def answer() -> str:
        return "".join(rng.choice(WORDS) + rng.choice(SEPARATORS) for _ in range(rng.randrange(6)))

    return [(answer(), [answer() for _ in range(rng.randrange(1, 4))]) for _ in range(300)]


def metrics(rng: random.Random) -> list[dict]:
    return [
        {
            "prediction": prediction,
            "truths": truths,
            "normalized": normalize_answer(prediction),
            "v1": score(prediction, truths, 1),
            "v2": score(prediction, truths, 2),
        }
        for prediction, truths in PAIRS + random_pairs(rng)
    ]


def squad(document: dict) -> dict:
    """The document as SQuAD JSON. An answer starts at its first occurrence in the context."""
    number = 0
    articles = []
    for article in document["data"]:
        paragraphs = []
        for paragraph in article["paragraphs"]:
            context, questions = paragraph["context"], []
            for question, answers in paragraph["questions"]:
                found = [{"text": answer, "answer_start": context.index(answer)} for answer in answers]
                entry = {"id": f"q{number}", "question": question, "answers": found, "is_impossible": not found}
                if not found:
                    entry["plausible_answers"] = [{"text": context[:1], "answer_start": 0}]
                questions.append(entry)
                number += 1
            paragraphs.append({"context": context, "qas": questions})
        articles.append({"title": article["title"], "paragraphs": paragraphs})
    return {"version": document["version"], "data": articles}


def span(offsets: list, answer: tuple[int, int] | None) -> list[int]:
    """Follows `prepare_train_features` of transformers' example; `offsets` is None outside the context."""
    places = [place for place, offset in enumerate(offsets) if offset is not None]
    if answer is None or not places:
        return [0, 0]
    first, last = places[0], places[-1]
    if offsets[first][0] > answer[0] or offsets[last][1] < answer[1]:
        return [0, 0]
    while first <= places[-1] and offsets[first][0] <= answer[0]:
        first += 1
    while last >= places[0] and offsets[last][1] >= answer[1]:
        last -= 1
    return [first - 1, last + 1]


def windows(tokenizer, question: dict, context: str) -> list[dict]:
    encoding = tokenizer(
        question["question"],
        context,
        truncation="only_second",
        max_length=MAX_LENGTH,
        stride=STRIDE,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    answer = None
    if question["answers"]:
        text, begin = question["answers"][0]["text"], question["answers"][0]["answer_start"]
        # Whitespace around an answer belongs to no token. (The example would use the token before it.)
        begin += len(text) - len(text.lstrip())
        answer = (begin, begin + len(text.strip()))
    rows = []
    for row, ids in enumerate(encoding["input_ids"]):
        of_context = [sequence == 1 for sequence in encoding.sequence_ids(row)]
        offsets = [
            offset if inside else None
            for offset, inside in zip(encoding["offset_mapping"][row], of_context, strict=True)
        ]
        rows.append({"ids": ids, "offsets": offsets, "span": span(offsets, answer)})
    return rows


def best_answer(rows: list[dict], context: str, start, end, settings: tuple[int, int, bool, float]) -> dict:
    """Follows `postprocess_qa_predictions`, with "" in place of "empty"."""
    n_best, longest, impossible, threshold = settings
    null = min(row_start[0] + row_end[0] for row_start, row_end in zip(start, end, strict=True))
    found = []
    for row, row_start, row_end in zip(rows, start, end, strict=True):
        offsets = row["offsets"]
        for first in np.argsort(row_start)[::-1][:n_best]:
            for last in np.argsort(row_end)[::-1][:n_best]:
                inside = max(first, last) < len(offsets) and offsets[first] is not None and offsets[last] is not None
                if inside and first <= last < first + longest:
                    found.append((row_start[first] + row_end[last], (offsets[first][0], offsets[last][1])))
    if impossible:
        found.append((null, None))
    found = sorted(found, key=lambda pair: -pair[0])[:n_best]
    if impossible and all(offsets is not None for _, offsets in found):
        found.append((null, None))
    scores = np.array([score for score, _ in found])
    passages = [i for i, (_, offsets) in enumerate(found) if offsets is not None]
    chosen = passages[0] if passages else None
    if impossible and (chosen is None or null - scores[chosen] > threshold):
        chosen = next(i for i, (_, offsets) in enumerate(found) if offsets is None)
    if chosen is None:
        return {"text": "", "range": [0, 0], "score": float(null), "probability": 1.0, "null": float(null)}
    shares = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
    offsets = found[chosen][1] or (0, 0)
    return {
        "text": context[offsets[0] : offsets[1]],
        "range": [len(context[:place].encode()) for place in offsets],
        "score": float(scores[chosen]),
        "probability": float(shares[chosen]),
        "null": float(null),
    }


def answers(rows: list[dict], context: str, numbers: np.random.Generator, first: int) -> list[dict]:
    """Cases for two settings, each with its own logits: distinct quarters, so that sums are exact."""
    cases = []
    time = max(len(row["ids"]) for row in rows) + 2
    for settings in [SETTINGS[(first + i) % len(SETTINGS)] for i in range(2)]:
        start, end = (np.stack([numbers.permutation(2 * time)[:time] - time for _ in rows]) / 4 for _ in range(2))
        for row, row_start, row_end in zip(rows, start, end, strict=True):
            row_start[len(row["ids"]) :] = row_end[len(row["ids"]) :] = -(2.0**20)
        case = dict(zip(("n_best", "longest", "impossible", "threshold"), settings, strict=True))
        case["start_quarters"] = [int(4 * logit) for logit in start.ravel()]
        case["end_quarters"] = [int(4 * logit) for logit in end.ravel()]
        case |= best_answer(rows, context, start, end, settings)
        cases.append(case)
    return cases


def in_bytes(rows: list[dict], context: str) -> list[dict]:
    def place(offset):
        return None if offset is None else [len(context[:at].encode()) for at in offset]

    return [row | {"offsets": [place(offset) for offset in row["offsets"]]} for row in rows]


def main() -> None:
    rng, numbers = random.Random(7), np.random.default_rng(7)
    tokenizer = BertTokenizerFast.from_pretrained(FIXTURES / "tokenizers/bert")
    document = squad(DOCUMENT)
    questions = {}
    for article in document["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            for question in paragraph["qas"]:
                rows = windows(tokenizer, question, context)
                questions[question["id"]] = {
                    "windows": in_bytes(rows, context),
                    "answers": answers(rows, context, numbers, len(questions)),
                }
    fixture = {
        "metrics": metrics(rng),
        "document": document,
        "max_length": MAX_LENGTH,
        "stride": STRIDE,
        "questions": questions,
    }
    text = json.dumps(fixture, ensure_ascii=True, separators=(",", ":"))
    (FIXTURES / "squad.json").write_text(text.replace('"q', '\n"q').replace('{"prediction', '\n{"prediction') + "\n")


if __name__ == "__main__":
    main()
