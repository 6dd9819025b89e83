"""Writes generate/tests/fixtures/sampling.json: the tokens that Hugging Face's logits warpers keep, with ties at every border.

Each case has the logits, the settings, and the ids with a finite score after temperature, top-k, top-p and min-p.
"""

import json
from pathlib import Path

import torch
from transformers import MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

PATH = Path(__file__).resolve().parent.parent / "generate/tests/fixtures/sampling.json"
LOGITS = {
    "equal": [1.0] * 4,
    "pairs": [3.0, 1.0, 3.0, 1.0, 2.0, 2.0],
    "one": [0.0, 5.0, 0.0, 0.0],
    "many": [0.5, -1.0, 0.5, 2.0, 0.5, -1.0, 2.0, 0.25, 0.5],
    "close": [1.0, 1.0 + 2**-23, 1.0, 0.5],
    "single": [2.0],
}
SETTINGS = [
    {"top_k": 1},
    {"top_k": 2},
    {"top_k": 3},
    {"top_k": 50},
    {"top_p": 0.1},
    {"top_p": 0.5},
    {"top_p": 0.75},
    {"top_p": 0.9},
    {"top_p": 1.0},
    {"min_p": 1.0},
    {"min_p": 0.36787944117144233},
    {"min_p": 0.05},
    {"temperature": 3.0, "top_k": 2},
    {"temperature": 0.5, "top_p": 0.6},
    {"top_k": 3, "top_p": 0.5},
    {"top_k": 3, "top_p": 0.7, "min_p": 0.4},
]
WARPERS = {
    "temperature": TemperatureLogitsWarper,
    "top_k": TopKLogitsWarper,
    "top_p": TopPLogitsWarper,
    "min_p": MinPLogitsWarper,
}


def kept(logits: list[float], settings: dict) -> list[int]:
    scores = torch.tensor([logits])
    for name, warper in WARPERS.items():
        # A top_p of 1 is left out, as in `generate`.
        if name in settings and (name, settings[name]) != ("top_p", 1.0):
            scores = warper(settings[name])(None, scores)
    return torch.isfinite(scores[0]).nonzero()[:, 0].tolist()


def main() -> None:
    PATH.parent.mkdir(parents=True, exist_ok=True)
    cases = []
    for logits in LOGITS.values():
        for settings in SETTINGS:
            cases.append({"logits": logits, **settings, "kept": kept(logits, settings)})
    PATH.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(f"{PATH.name}: {len(cases)} cases")


if __name__ == "__main__":
    main()
