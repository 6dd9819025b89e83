"""Writes data/tests/fixtures/tokenizer-folders.json.gz: 200 random legal tokenizer folders, and what AutoTokenizer makes of texts.

    bases      tokenizer.json files
    texts      difficult texts
    folders    each: the base and what is changed in it, how it is stored (tokenizer.json, vocab.txt, vocab.json with merges.txt),
               the other files with their contents, and by transformers: the class, the ids of each text, and of some pairs the
               ids and token types, whole and truncated to 12 tokens
"""

import gzip
import json
import random
import shutil
import tempfile
import warnings
from pathlib import Path

import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

FILE = Path(__file__).resolve().parent.parent / "data/tests/fixtures/tokenizer-folders.json.gz"
COUNT = 200
LENGTH = 12

WORDS = "the cat sat on mat and dog ran to hill a red fox saw blue bird near old tree she said that it was late The Red".split()
NAMES = {  # pad, unknown, begin, end, mask
    "bert": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "fairseq": ["<pad>", "<unk>", "<s>", "</s>", "<mask>"],
    "odd": ["<nil>", "<?>", "<go>", "<end>", "<hole>"],
}
ROLES = ["pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
TEXTS = [
    "The cat SAT on the [ENT] mat.",
    "a Red fox, née Café 猫が X2",
    "  two  spaces<x> it's don't 1234 ",
    "the <s> [CLS] </s> <|endoftext|> [SEP] cat<end>",
    "[MASK] sat <mask>  the<mask>cat <hole>bird",
    "she [ent]said <img>that\n\nNEW",
    "",
]


def letters(extra=""):
    return list("abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ" + ".,'!?[]<>" + "0123" + "é猫" + extra)


def unique(pieces):
    return {piece: place for place, piece in enumerate(dict.fromkeys(pieces))}


def word_piece(names):
    pieces = NAMES[names] + letters() + ["##" + c for c in letters()] + WORDS
    tokenizer = Tokenizer(models.WordPiece(unique(pieces), unk_token=NAMES[names][1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def byte_level(names):
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "c"), ("a", "t"), ("Ġc", "at"), ("1", "2"), ("Ġ", "Ġ"), ("'", "t")]
    special = NAMES[names] if names in NAMES else ["<|endoftext|>"]
    vocabulary = unique(special + alphabet + ["".join(merge) for merge in merges])
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def metaspace():
    merges = [("t", "h"), ("th", "e"), ("▁", "the"), ("▁", "c"), ("a", "t"), ("▁c", "at")]
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + letters("▁ ") + ["".join(m) for m in merges]
    tokenizer = Tokenizer(models.BPE(unique(pieces), merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def unigram():
    pieces = ["<s>", "<pad>", "</s>", "<unk>"] + letters("▁") + ["▁" + word for word in WORDS] + ["<mask>"]
    pieces = [(piece, -0.1 * (place % 37) - 1) for piece, place in unique(pieces).items()]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer


BASES = {f"word-piece-{names}": word_piece(names) for names in NAMES}
BASES |= {f"byte-level-{names}": byte_level(names) for names in ("gpt2", "fairseq")}
BASES |= {"metaspace": metaspace(), "unigram": unigram()}

CLASSES = {  # by model type
    "word-piece": {"bert": "BertTokenizer", "distilbert": "DistilBertTokenizer", "electra": "ElectraTokenizer", "mpnet": "MPNetTokenizer"},
    "byte-level": {"gpt2": "GPT2Tokenizer", "roberta": "RobertaTokenizer", "gpt_neox": "GPTNeoXTokenizer", "qwen2": "Qwen2Tokenizer",
                   "codegen": "CodeGenTokenizer", "bart": "BartTokenizer"},
    "metaspace": {"llama": "LlamaTokenizer", "gemma": "GemmaTokenizer", "mistral": "LlamaTokenizer"},
    "unigram": {"xlm-roberta": "XLMRobertaTokenizer", "camembert": "CamembertTokenizer"},
}  # fmt: skip


def added(draw, content):
    flags = {key: draw.random() < 0.3 for key in ("lstrip", "rstrip", "single_word", "normalized", "special")}
    return {"content": content} | flags


def template(draw, vocabulary, names):
    ends = [name for name in names if name in vocabulary] or list(vocabulary)[:2]
    a, b = draw.choice(ends), draw.choice(ends)
    single, pair = draw.choice([
        (f"{a} $A {b}", f"{a} $A {b} $B:1 {b}:1"), (f"{a} $A", f"{a} $A {b} $B:1"), (f"$A {b}", f"$A {b} {b} $B {a}"),
        (f"{a} {b} $A {b} {b}", f"{a} $A:1 {b}:1 $B {b}"), ("$A", f"$A {a} $B:1"),
    ])  # fmt: skip
    return processors.TemplateProcessing(single=single, pair=pair, special_tokens=[(t, vocabulary[t]) for t in dict.fromkeys([a, b])])


def processor(draw, kind, vocabulary, names):
    pair = [names[3], vocabulary.get(names[3], 1)], [names[2], vocabulary.get(names[2], 0)]
    choices = [None, template(draw, vocabulary, names), template(draw, vocabulary, names)]
    if kind == "word-piece":
        choices.append(processors.BertProcessing(*map(tuple, pair)))
    if kind == "byte-level":
        choices += [processors.ByteLevel(trim_offsets=False), processors.RobertaProcessing(*map(tuple, pair), add_prefix_space=False),
                    processors.Sequence([processors.ByteLevel(trim_offsets=True), template(draw, vocabulary, names)])]  # fmt: skip
    choice = draw.choice(choices)
    return None if choice is None else json.loads(choice.__getstate__())


def changes(draw, kind, base, names):
    vocabulary = base["model"]["vocab"]
    vocabulary = vocabulary if isinstance(vocabulary, dict) else {piece: place for place, (piece, _) in enumerate(vocabulary)}
    new = {"post_processor": processor(draw, kind, vocabulary, names)}
    contents = [name for name in names if draw.random() < 0.7] + [c for c in ("[ENT]", "<x>", "cat") if draw.random() < 0.3]
    place = max(vocabulary.values())
    tokens = []
    for content in contents:
        place += content not in vocabulary
        tokens.append({"id": vocabulary.get(content, place)} | added(draw, content))
    new["added_tokens"] = sorted(tokens, key=lambda token: token["id"])
    if kind == "word-piece" and draw.random() < 0.5:
        new["normalizer"] = draw.choice([None, {"type": "Lowercase"}, json.loads(normalizers.BertNormalizer(lowercase=False).__getstate__())])
    if kind == "byte-level" and draw.random() < 0.4:
        split = {"type": "Split", "pattern": {"Regex": draw.choice([r"\p{N}{1,3}+|\p{L}+", r"[[:alpha:]]+|\s", r" ?\w+"])},
                 "behavior": draw.choice(["Isolated", "Removed"]), "invert": draw.random() < 0.3}  # fmt: skip
        level = {"type": "ByteLevel", "add_prefix_space": draw.random() < 0.5, "trim_offsets": True, "use_regex": draw.random() < 0.5}
        new["pre_tokenizer"] = draw.choice([level, {"type": "Sequence", "pretokenizers": [split, level]}])
    if kind == "metaspace" and draw.random() < 0.4:
        new |= {"normalizer": None, "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": draw.choice(["always", "first", "never"]), "split": draw.random() < 0.5}}
    if kind == "unigram" and draw.random() < 0.3:
        new["pre_tokenizer"] = {"type": "Whitespace"}
    if draw.random() < 0.2:
        new["truncation"] = {"direction": draw.choice(["Left", "Right"]), "max_length": 9, "strategy": "LongestFirst", "stride": 0}
    if draw.random() < 0.2:
        token = draw.choice(list(vocabulary)[:5])
        new["padding"] = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": None, "pad_id": vocabulary[token],
                          "pad_type_id": 0, "pad_token": token}  # fmt: skip
    return new


def special_value(draw, content):
    if draw.random() < 0.25:
        return {"__type": "AddedToken"} | added(draw, content)
    return content


def settings(draw, kind, names, class_name):
    config = {}
    if class_name:
        config["tokenizer_class"] = class_name
    flags = ["do_lower_case", "tokenize_chinese_chars", "strip_accents", "add_prefix_space", "add_bos_token", "add_eos_token", "legacy",
             "split_special_tokens", "clean_up_tokenization_spaces", "trim_offsets"]  # fmt: skip
    for flag in flags:
        if draw.random() < 0.25:
            config[flag] = draw.random() < 0.5
    if draw.random() < 0.5:
        for role, name in zip(ROLES, names):
            if draw.random() < 0.8:
                config[role] = special_value(draw, name)
    if draw.random() < 0.3:
        config |= {"bos_token": special_value(draw, draw.choice(names)), "eos_token": special_value(draw, draw.choice(names))}
    if draw.random() < 0.2:
        config["mask_token"] = draw.choice(["fox", "<hole>", "[MASK]"])
    if draw.random() < 0.25:
        config[draw.choice(["additional_special_tokens", "extra_special_tokens"])] = draw.sample(["[ENT]", "<x>", "bird", "<img>"], 2)
    if draw.random() < 0.15:
        config["image_token"] = "<img>"
    if draw.random() < 0.3:
        contents = draw.sample([*names, "[ENT]", "<x>", "cat"], draw.randrange(1, 5))
        config["added_tokens_decoder"] = {str(draw.randrange(400)): added(draw, content) for content in contents}
    if draw.random() < 0.3:
        config["model_input_names"] = draw.choice([["input_ids", "attention_mask"], ["input_ids", "token_type_ids", "attention_mask"]])
    if draw.random() < 0.3:
        config["truncation_side"] = draw.choice(["left", "right"])
    if draw.random() < 0.4:
        config["model_max_length"] = draw.choice([16, 512, 1000000000000000019884624838656, None])
    return config


def folder(draw):
    name = draw.choice(list(BASES))
    kind = next(kind for kind in CLASSES if name.startswith(kind))
    base = json.loads(BASES[name].to_str())
    names = NAMES.get(name.rsplit("-", 1)[-1], NAMES["fairseq"])
    if draw.random() < 0.1:
        names = draw.choice(list(NAMES.values()))
    model = draw.choice([*CLASSES[kind], None, "nosuch"]) if draw.random() < 0.9 else draw.choice(["bert", "gpt2", "llama", "t5"])
    class_name = draw.choice([None, *CLASSES[kind].values(), "PreTrainedTokenizerFast", "TokenizersBackend", "FooTokenizer"])
    if class_name and draw.random() < 0.4 and not class_name.endswith(("Fast", "Backend")):
        class_name += "Fast"
    store = "json"
    if draw.random() < 0.25 and kind in ("word-piece", "byte-level"):
        store = {"word-piece": "txt", "byte-level": "vocab"}[kind]
    files = {}
    if draw.random() < 0.85:
        files["tokenizer_config.json"] = settings(draw, kind, names, class_name)
    if model or draw.random() < 0.5:
        files["config.json"] = {"model_type": model} if model else {"architectures": []}
        if draw.random() < 0.15:
            files["config.json"]["tokenizer_class"] = draw.choice(list(CLASSES[kind].values()))
    if draw.random() < 0.25:
        pick = [(role, draw.choice([name, {"content": name, "lstrip": draw.random() < 0.5, "rstrip": False, "single_word": False, "normalized": draw.random() < 0.5}]))
                for role, name in zip(ROLES, names) if draw.random() < 0.6]  # fmt: skip
        files["special_tokens_map.json"] = dict(pick)
        if draw.random() < 0.3:
            files["special_tokens_map.json"]["additional_special_tokens"] = ["[ENT]", "bird"]
    if draw.random() < 0.25:
        place = len(base["model"]["vocab"])
        files["added_tokens.json"] = {content: place + number for number, content in enumerate(draw.sample(["[ENT]", "<x>", "[SEP]", "<s>"], 2))}
    return {"base": name, "change": changes(draw, kind, base, names) if store == "json" else {}, "store": store, "files": files}


def write(described, path):
    base = json.loads(BASES[described["base"]].to_str()) | described["change"]
    vocabulary = base["model"]["vocab"]
    if described["store"] == "json":
        (path / "tokenizer.json").write_text(json.dumps(base))
    elif described["store"] == "txt":
        (path / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])))
    else:
        (path / "vocab.json").write_text(json.dumps(vocabulary))
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in base["model"]["merges"]]
        (path / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{merge}\n" for merge in merges))
    for name, content in described["files"].items():
        (path / name).write_text(json.dumps(content))


def answers(path):
    tokenizer = AutoTokenizer.from_pretrained(path)
    singles = [tokenizer(text)["input_ids"] for text in TEXTS]
    pairs = []
    for place in range(3):
        pair = TEXTS[place], TEXTS[place + 1]
        for more in ({}, {"truncation": True, "max_length": LENGTH}):
            row = tokenizer(*pair, **more)
            pairs.append([row["input_ids"], "".join(map(str, row.get("token_type_ids", [])))])
    return {"class": type(tokenizer).__name__, "ids": singles, "pairs": pairs}


def main() -> None:
    transformers.logging.set_verbosity_error()
    warnings.simplefilter("ignore")
    draw = random.Random(17)
    folders, refused, classes = [], 0, {}
    while len(folders) < COUNT:
        described = folder(draw)
        path = Path(tempfile.mkdtemp(prefix="tokenizer-"))
        try:
            write(described, path)
            described |= answers(path)
            folders.append(described)
            classes[described["class"]] = classes.get(described["class"], 0) + 1
        except Exception:  # not legal
            refused += 1
        finally:
            shutil.rmtree(path)
    bases = {name: json.loads(tokenizer.to_str()) for name, tokenizer in BASES.items()}
    data = json.dumps({"bases": bases, "texts": TEXTS, "folders": folders}, ensure_ascii=False, separators=(",", ":")).encode()
    FILE.write_bytes(gzip.compress(data, 9, mtime=0))
    print(f"{COUNT} folders, {refused} drawn that transformers does not open; {len(data)} bytes, compressed {FILE.stat().st_size}")
    print(", ".join(f"{name} {count}" for name, count in sorted(classes.items())))


if __name__ == "__main__":
    main()
