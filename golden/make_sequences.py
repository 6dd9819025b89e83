"""Writes data/tests/fixtures/sequences/: encoder inputs by transformers.

    roberta/         byte-level BPE with RoBERTa's special tokens: vocab.json, merges.txt; read by RobertaTokenizer
    expected.json    for BERT (../tokenizers/bert) and RoBERTa: texts, pairs and words, truncated and in windows; the rows
                     with ids, token type ids, and for each token its text, bytes and word
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from transformers import BertTokenizer, RobertaTokenizer

FIXTURES = Path(__file__).resolve().parent.parent / "data/tests/fixtures"
FOLDER = FIXTURES / "sequences"

SHORT = "The keeper's lamp didn't burn."
LONG = "He counted the ships: one, two, three, seven, twelve. Then he counted them again, and there were thirteen."
NASTY = "café cafe\u0301 🎉 漢字kanji \u200bzero\u200b ﬁ ½ İstanbul\u00a0x  👩‍👩‍👧‍👦 مرحبا \x01\ufffd tab\tend "
MANY = " ".join(["lamp", "ghosts", "naïf", "1987", "the", "waiting"] * 5)
SPECIAL = "a [MASK] b [SEP] c <mask> d </s> e"
WORDS = [
    ["He", "left", "the", "lamp", "burning", "."],
    ["l'été", "🎉", "\u200b", "U.S.", "漢字kanji", "didn't"],
    MANY.split(),
    [],
]


def cases() -> list[dict]:
    texts = ["", " ", SHORT, LONG, NASTY, MANY, SPECIAL]
    plain = [{"text": text, "max_length": length} for text in texts for length in (6, 16, 512)]
    pairs = [
        {"text": a, "pair": b, "max_length": length}
        for a, b in [(SHORT, LONG), (LONG, SHORT), (NASTY, NASTY), (MANY, LONG), ("", SHORT), (SHORT, ""), ("", "")]
        for length in (7, 8, 33, 512)
    ]
    windows = [
        {"text": text, "max_length": length, "stride": stride}
        for text in [LONG, MANY, NASTY, ""]
        for length, stride in [(10, 0), (16, 9), (33, 8), (512, 128)]
    ]
    pair_windows = [
        {"text": "Who waited?", "pair": text, "max_length": length, "stride": stride}
        for text in [LONG, MANY, NASTY, ""]
        for length, stride in [(40, 3), (64, 20), (512, 128)]
    ]
    words = [{"words": words, "max_length": length} for words in WORDS for length in (8, 512)]
    return plain + pairs + windows + pair_windows + words


def rows(tokenizer, case: dict) -> list[dict]:
    pair = case.get("pair")
    stride = case.get("stride")
    settings = {"truncation": True}
    if stride is not None:
        strategy = "only_first" if pair is None else "only_second"
        settings = {"truncation": strategy, "stride": stride, "return_overflowing_tokens": True}
    # A batch of one: without a batch, transformers treats an empty second text as absent.
    result = tokenizer(
        [case.get("words", case.get("text"))],
        None if pair is None else [pair],
        is_split_into_words="words" in case,
        max_length=case["max_length"],
        return_offsets_mapping=True,
        **settings,
    )
    return [row(encoding, case) for encoding in result.encodings]


def row(encoding, case: dict) -> dict:
    sources = [case.get("text"), case.get("pair")]
    pieces = []
    for text, word, (begin, end) in zip(encoding.sequence_ids, encoding.word_ids, encoding.offsets):
        if text is None:
            pieces.append(None)
            continue
        source = case["words"][word] if "words" in case else sources[text]
        pieces.append([text, len(source[:begin].encode()), len(source[:end].encode()), word])
    return {"ids": encoding.ids, "segments": encoding.type_ids, "pieces": pieces}


def roberta() -> Path:
    text = (FIXTURES / "tokenizers/text.txt").read_text()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        min_frequency=2,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    folder = FOLDER / "roberta"
    folder.mkdir(exist_ok=True)
    tokenizer.model.save(str(folder))
    return folder


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    folder = roberta()
    # As in the published tokenizer.json: `<mask>` swallows the space before it.
    mask = AddedToken("<mask>", lstrip=True, special=True)
    tokenizers = {
        "bert": (BertTokenizer.from_pretrained(FIXTURES / "tokenizers/bert"), None),
        "roberta": (
            RobertaTokenizer.from_pretrained(folder, mask_token=mask),
            # Pre-split words need a leading space, which this setting of RoBERTa adds.
            RobertaTokenizer.from_pretrained(folder, mask_token=mask, add_prefix_space=True),
        ),
    }
    expected = {}
    for name, (tokenizer, for_words) in tokenizers.items():
        results = []
        for case in cases():
            chosen = for_words if for_words and "words" in case else tokenizer
            results.append(case | {"rows": rows(chosen, case)})
        expected[name] = results
        print(f"{name}: {len(results)} cases, {sum(len(case['rows']) for case in results)} rows")
    (FOLDER / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


if __name__ == "__main__":
    main()
