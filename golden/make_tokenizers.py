"""Writes data/tests/fixtures/tokenizers/: small tokenizers, and Python's encodings of difficult texts.

    text.txt                   training text
    gpt2/                      byte-level BPE: vocab.json, merges.txt; read by transformers' GPT2Tokenizer
    bert/                      WordPiece: vocab.txt; read by transformers' BertTokenizer
    bert-cased/                the same with tokenizer_config.json
    metaspace.json             BPE with spaces as `▁`, byte fallback, and a leading `<s>`
    unigram.json               Unigram, NFKC
    words.json, characters.json    closed vocabularies, with `<unk>`
    llama2c/tokenizer.bin      llama2.c's format; encoded by a transcription of its `encode`
    expected.json              the texts, and for each tokenizer the ids, their decoding and, where Python reports them,
                               the byte range of each token
"""

import json
import math
import struct
import unicodedata
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizer, GPT2Tokenizer

FOLDER = Path(__file__).resolve().parent.parent / "data/tests/fixtures/tokenizers"

# Written for this fixture: several scripts, and enough repetition for merges.
TEXT = """The old lighthouse keeper didn't believe in ghosts, but he'd left the lamp burning anyway.
"It's the ships I'm thinking of," he said. "They've nothing else to steer by."

In the winter of 1987 the sea rose 12 feet above the harbour wall; nobody had seen the like before.
The fishermen said they'd wait. They waited. The waiting was the worst of it, they'll tell you now.

    def lamp(hours):
        return hours * 3600

Der Leuchtturmwärter glaubte nicht an Gespenster, ließ aber die Lampe über Nacht brennen.
Le gardien du phare n'était pas naïf : il préférait être sûr. Où étaient les bateaux ?
Смотритель маяка не верил в привидения, но лампу оставлял гореть.
灯台守は幽霊を信じなかった。しかし、ランプは消さなかった。
لم يكن حارس المنارة يؤمن بالأشباح.
שומר המגדלור לא האמין ברוחות.
The keeper's lamp, the keeper's boat, the keeper's tea: everything in the lighthouse was the keeper's.
He counted the ships: one, two, three, seven, twelve. Then he counted them again, and there were thirteen.
Nothing, he thought, is ever quite the same when it is counted twice. 🙂🎉 The end.
"""

TEXTS = [
    "",
    " ",
    "\n",
    "\n\n",
    "a",
    "The keeper's lamp didn't burn.",
    "THE KEEPER'S LAMP DIDN'T BURN, they'll say WE'VE seen it.",
    "one  two   three    four",
    "   before and after   ",
    "tab\tand\t\ttabs\n\n\nlines \n \n x",
    "Windows\r\nline\r\n\r\nends\r",
    "trailing newline\n",
    "café cafe\u0301 — same letters, other characters",
    "e\u0301\u0302\u0303\u0304 many marks; \u0301alone",
    "ﬁ ﬂ ligatures, ½ ² Ⅷ ㍍, full-width ＡＢＣ１２",
    "İstanbul ıI ẞ ß Ǆ ὈΔΥΣΣΕΎΣ",
    "灯台守は幽霊を信じなかった。漢字kanji混在",
    "𠀀𠁁 beyond the basic plane",
    "안녕하세요 한국어",
    "مرحبا بالعالم 123 ١٢٣",
    "שָׁלוֹם עולם",
    "हिन्दी की पंक्ति",
    "ภาษาไทยไม่มีช่องว่าง",
    "👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷 ❤️ 1️⃣",
    "\u200bzero\u200bwidth\u200c\u200d\u2060\ufeff",
    "no\u00a0break\u2003em\u2028line\u2029paragraph\u0085next\u3000wide\u1680ogham",
    "control \x01\x02\x07\x08\x0b\x0c\x1b\x1c\x1f\x7f\x80\x9f characters",
    "NUL \x00 inside\x00",
    "\ufffd replacement \ufffd\ufffd",
    "\u202eright to left\u202c \u2066isolated\u2069 soft\u00adhyphen \ufdfa\u1112\u1161\u11ab \u0345\u0f71\u0f72",
    "private \ue000\uf8ff and unassigned \u0378 \U000e0001",
    "<|endoftext|>",
    "before<|endoftext|>after <|endoftext|> <|endoftext|>",
    "[CLS] a [SEP] b [MASK]. [UNK][PAD] [cls]",
    "<s> x </s> <unk> <eos> <0x41> ▁",
    "the <unk> of <eos> it",
    "Ġ Ċ ## ##ing the##re",
    "long" * 60,
    "w" * 200 + " " + "灯台" * 101 + " " + "e\u0301" * 100,
    "x" * 101 + " " + "the" * 40,
    "3.14159 1,000,000 12:30 1/2 -5 +6 1e10 0x1F $5 50% #1",
    "https://example.org/a?b=c&d=%20e#f user@example.org",
    "a.b,c;d:e!f?g(h)[i]{j}<k>\"l\"'m'`n`~o@p#q$r%s^t&u*v_w+x=y|z\\",
    "''' `` \"\" '' ... !!! ??? --- ***",
    "'s 't 're 've 'm 'll 'd 'S 'T I'M",
    "don't do not , . ? ! he 's 'm n't",
    "def f(x):\n    if x:\n\treturn x\n        \n    # done",
    "word-with-hyphens and_under_scores CamelCase mixedUP123abc",
    "   \n   \n",
    " \t \n \r\n ",
    "The sea rose 12 feet above the harbour wall; nobody had seen the like before.\nThe fishermen said.",
]

LETTERS = "".join(sorted({character for text in TEXTS[5:12] for character in text}))


def expected(encode, decode) -> dict:
    ids = [encode(text) for text in TEXTS]
    return {"ids": ids, "decoded": [decode(row) for row in ids]}


def ranges(tokenizer: Tokenizer) -> dict:
    """Python's offsets count code points."""
    of_texts = []
    for text in TEXTS:
        places = [len(text[:place].encode()) for place in range(len(text) + 1)]
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        of_texts.append([[places[begin], places[end]] for begin, end in offsets])
    return {"ranges": of_texts}


def by_tokenizers(tokenizer: Tokenizer) -> dict:
    return ranges(tokenizer) | expected(
        lambda text: tokenizer.encode(text, add_special_tokens=False).ids,
        lambda ids: tokenizer.decode(ids, skip_special_tokens=False),
    )


def by_transformers(tokenizer) -> dict:
    return ranges(tokenizer.backend_tokenizer) | expected(
        lambda text: tokenizer.encode(text, add_special_tokens=False),
        lambda ids: tokenizer.backend_tokenizer.decode(ids, skip_special_tokens=False),
    )


def save_model(tokenizer: Tokenizer, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    tokenizer.model.save(str(folder))


def gpt2() -> dict:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        min_frequency=2,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    save_model(tokenizer, FOLDER / "gpt2")
    return by_transformers(GPT2Tokenizer.from_pretrained(FOLDER / "gpt2"))


def bert(name: str, lowercase: bool, special: list[str]) -> dict:
    """Most frequent pieces of the text, and its letters. (Hugging Face's trainer is not deterministic.)"""
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    splitter = pre_tokenizers.BertPreTokenizer()
    counts: dict[str, int] = {}
    for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(TEXT)):
        for begin in range(len(word)):
            for end in range(begin + 1, len(word) + 1):
                piece = ("##" if begin else "") + word[begin:end]
                counts[piece] = counts.get(piece, 0) + 1
    letters = sorted(piece for piece in counts if len(piece.removeprefix("##")) == 1)
    longer = sorted((p for p in counts if p not in letters), key=lambda p: (-counts[p], p))[:200]
    folder = FOLDER / name
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in special + letters + longer))
    if not lowercase:
        config = {"do_lower_case": False, "tokenize_chinese_chars": False, "model_max_length": 512}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return by_transformers(
        BertTokenizer.from_pretrained(folder, do_lower_case=lowercase, tokenize_chinese_chars=lowercase)
    )


def metaspace() -> dict:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>"]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, min_frequency=2, special_tokens=special + bytes_, show_progress=False
    )
    tokenizer.train_from_iterator([TEXT.encode("ascii", "ignore").decode()], trainer)
    # The trainer made special tokens of the bytes; they are ordinary tokens.
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = [token for token in data["added_tokens"] if token["content"] in special]
    data["post_processor"] = json.loads(
        processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)]).__getstate__()
    )
    # Padding and truncation settings, which must not affect a corpus.
    data["truncation"] = {"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0}
    data["padding"] = {
        "strategy": {"Fixed": 8},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "<unk>",
    }
    (FOLDER / "metaspace.json").write_text(json.dumps(data, ensure_ascii=False))
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return by_tokenizers(tokenizer)


def unigram() -> dict:
    """Pieces with their log-frequencies. (Hugging Face's trainer is not deterministic.)"""
    counts: dict[str, int] = {}
    for word in unicodedata.normalize("NFKC", TEXT).split():
        word = "▁" + word
        for begin in range(len(word)):
            for end in range(begin + 1, min(begin + 6, len(word)) + 1):
                counts[word[begin:end]] = counts.get(word[begin:end], 0) + 1
    pieces = sorted((p for p in counts if len(p) == 1 or counts[p] > 3), key=lambda p: (-counts[p], p))
    vocabulary = [("<unk>", 0.0), ("</s>", 0.0)]
    vocabulary += [(piece, round(math.log(counts[piece]) - 9 - 0.001 * rank, 3)) for rank, piece in enumerate(pieces)]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<unk>", "</s>"])
    tokenizer.save(str(FOLDER / "unigram.json"), pretty=False)
    return by_tokenizers(tokenizer)


def words() -> dict:
    vocabulary = ["<unk>", "<eos>"] + sorted(set(TEXT.split()))[:150]
    tokenizer = Tokenizer(models.WordLevel({word: id for id, word in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace("\n", " <eos> ")
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Sequence(
        [decoders.WordPiece(prefix=" ", cleanup=False), decoders.Fuse(), decoders.Replace(Regex(" ?<eos> ?"), "\n")]
    )
    tokenizer.save(str(FOLDER / "words.json"), pretty=True)
    return by_tokenizers(tokenizer)


def characters() -> dict:
    vocabulary = [*LETTERS, "<unk>"]
    tokenizer = Tokenizer(models.WordLevel({letter: id for id, letter in enumerate(vocabulary)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[\\s\\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.save(str(FOLDER / "characters.json"), pretty=True)
    return by_tokenizers(tokenizer)


def llama2c() -> dict:
    """Vocabulary by frequency, with ambiguous segmentations and some tied scores."""
    counts: dict[str, int] = {}
    for word in TEXT.replace("\n", " ").split(" "):
        word = " " + word
        for begin in range(len(word)):
            for end in range(begin + 1, len(word) + 1):
                counts[word[begin:end]] = counts.get(word[begin:end], 0) + 1
    by_count = sorted(counts, key=lambda piece: (-counts[piece], piece))
    letters = [piece for piece in by_count if len(piece) == 1][:50]
    longer = [piece for piece in by_count if len(piece) > 1][:300]
    pieces = ["<unk>", "\n<s>\n", "\n</s>\n"] + [f"<0x{byte:02X}>" for byte in range(256)] + longer + letters
    scores = [0.0] * 259 + [float(-(rank // 3)) for rank in range(len(longer))] + [-1e6] * len(letters)
    encoded = [piece.encode() for piece in pieces]
    data = struct.pack("<i", max(map(len, encoded)))
    for score, piece in zip(scores, encoded):
        data += struct.pack("<fi", score, len(piece)) + piece
    (FOLDER / "llama2c").mkdir(exist_ok=True)
    (FOLDER / "llama2c/tokenizer.bin").write_bytes(data)
    ids = {piece: id for id, piece in reversed(list(enumerate(pieces)))}

    def encode(text: str) -> list[int]:
        tokens: list[int] = []
        for character in " " + text if text else "":
            tokens += [ids[character]] if character in ids else [3 + byte for byte in character.encode()]
        while True:
            best, at = -1e10, None
            for i in range(len(tokens) - 1):
                id = ids.get(pieces[tokens[i]] + pieces[tokens[i + 1]])
                if id is not None and scores[id] > best:
                    best, at, new = scores[id], i, id
            if at is None:
                return tokens
            tokens[at : at + 2] = [new]

    def decode(tokens: list[int]) -> str:
        text = b""
        for previous, token in zip([1, *tokens], tokens):
            piece = encoded[token]
            if 3 <= token < 259:
                piece = bytes([token - 3])
            elif previous == 1:
                piece = piece.removeprefix(b" ")
            text += piece
        return text.decode(errors="replace")

    return expected(encode, decode)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "text.txt").write_text(TEXT)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    results = {
        "gpt2": gpt2(),
        "bert": bert("bert", True, special),
        "bert-cased": bert("bert-cased", False, special),
        "metaspace.json": metaspace(),
        "unigram.json": unigram(),
        "words.json": words(),
        "characters.json": characters(),
        "llama2c": llama2c(),
    }
    # Lone surrogates cannot occur; everything else is written unescaped, so that diffs are readable.
    text = json.dumps({"texts": TEXTS, "tokenizers": results}, ensure_ascii=False, separators=(",", ":"))
    (FOLDER / "expected.json").write_text(text)
    for name, result in results.items():
        same = sum(a == b for a, b in zip(TEXTS, result["decoded"]))
        print(f"{name}: {sum(map(len, result['ids']))} tokens, {same} of {len(TEXTS)} texts come back")


if __name__ == "__main__":
    main()
