"""Writes data/tests/fixtures/patterns.json: regular expressions of tokenizers, and how Hugging Face's tokenizers split texts by them.

    texts
    patterns    each with its behaviour, and for each text the byte ranges of the pieces
    replaced    patterns of the normalizer Replace, with what they make of each text
"""

import json
from pathlib import Path

from tokenizers import Regex, normalizers, pre_tokenizers

FILE = Path(__file__).resolve().parent.parent / "data/tests/fixtures/patterns.json"

TEXTS = [
    "the sum is 1234567, x² 2½ and 12 ٣٤٥",
    "می‌خواهم नमस्ते क्‍ष Ünïcödé e\u0301 ﬁne straße ΣΊΣΥΦΟΣ",
    "lines\nand\r\nmore\r\n\r\n \t\x0b\x0c\u0085\u2028end\n",
    "it's WE'LL don'T _under_score_ a-b ASCII 漢字かな 🙂👍🏽",
    "",
]
PATTERNS = [
    # Possessive and lazy.
    (r"\p{N}{1,3}+", "isolated"), (r"\p{N}{1,3}", "isolated"), (r"\p{N}++", "isolated"), (r"\p{L}{2}+?", "isolated"), (r"[a-z]{2,}?", "isolated"),
    (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s", "isolated"),
    (r"(?>a|ab)c?", "isolated"),
    # Classes.
    (r"[[:alpha:]]+", "isolated"), (r"[[:alnum:]_]+", "removed"), (r"[[:digit:]]+|[[:punct:]]", "isolated"), (r"[[:space:]]+", "removed"),
    (r"[[:upper:]][[:lower:]]*", "isolated"), (r"[^[:alpha:]]", "merged_with_next"), (r"[[:word:]]+", "isolated"), (r"[[:^alpha:]]+", "isolated"),
    (r"\w+", "isolated"), (r"\W+", "removed"), (r"\d+", "isolated"), (r"\s+", "contiguous"), (r"\h+", "isolated"), (r"\b", "isolated"), (r"\B.", "isolated"),
    (r"\p{^L}+", "isolated"), (r"\P{L}+", "isolated"), (r"\p{Han}+|\p{Hiragana}+", "isolated"), (r"\p{Greek}+", "isolated"), (r"\p{M}", "merged_with_previous"),
    (r"[a-z&&[^aeiou]]+", "isolated"), (r"[\p{L}--[a-z]]+", "isolated"), (r"\X", "isolated"), (r"\R", "isolated"), (r"\N+", "isolated"), (r"\O", "isolated"),
    # Anchors and options.
    (r"^", "isolated"), (r"$", "isolated"), (r"^.", "isolated"), (r".$", "isolated"), (r"\A\w|\w\z|\n\Z", "isolated"), (r"(?m).+", "isolated"), (r"(?i)ss|σ", "isolated"),
    (r"(?x) \w   # word", "isolated"), (r"(?<=\s)\S", "isolated"), (r"(?<!\w)\w", "isolated"), (r"(\w)\1", "isolated"), (r"(?<l>l)\k<l>", "isolated"), (r"", "isolated"),
    (r"\x{6f22}|\u6f22|\x61", "isolated"), (r"\Ga", "isolated"), (r"a\Kb?", "isolated"), (r"(?:ab|a(?=n))", "isolated"),
]  # fmt: skip


def ranges(pattern: str, behavior: str) -> list:
    split = pre_tokenizers.Split(Regex(pattern), behavior)
    of_texts = []
    for text in TEXTS:
        places = [len(text[:place].encode()) for place in range(len(text) + 1)]
        of_texts.append([[places[begin], places[end]] for _, (begin, end) in split.pre_tokenize_str(text)])
    return of_texts


def main() -> None:
    patterns, replaced = [], []
    for pattern, behavior in PATTERNS:
        try:
            Regex(pattern)
        except Exception as error:
            print(f"{pattern}: {error}")
            patterns.append({"pattern": pattern, "behavior": behavior, "ranges": None})
            continue
        patterns.append({"pattern": pattern, "behavior": behavior, "ranges": ranges(pattern, behavior)})
        replace = normalizers.Replace(Regex(pattern), "|")
        replaced.append({"pattern": pattern, "texts": [replace.normalize_str(text) for text in TEXTS]})
    text = json.dumps({"texts": TEXTS, "patterns": patterns, "replaced": replaced[::4]}, ensure_ascii=False, separators=(",", ":"))
    FILE.write_text(text)
    print(f"{len(patterns)} patterns, {len(text)} bytes")


if __name__ == "__main__":
    main()
