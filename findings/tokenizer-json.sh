#!/usr/bin/env bash
# transformers 5: a model folder's tokenizer.json is not all that counts, and not all of it counts.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 tokenizers==0.23.3
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error venv/bin/python - <<'PYTHON'
import json, os
import tokenizers, transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import AutoTokenizer

print("transformers", transformers.__version__, "tokenizers", tokenizers.__version__)
pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "The", "the", "cat"]
tokenizer = Tokenizer(models.WordPiece({piece: id for id, piece in enumerate(pieces)}, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
failed = False


def folder(name, **files):
    os.makedirs(name)
    tokenizer.save(f"{name}/tokenizer.json")
    for file, content in files.items():
        with open(f"{name}/{file}.json", "w") as out:
            json.dump(content, out)
    return AutoTokenizer.from_pretrained(name)("The cat").input_ids


def finding(what, guess, seen, expected):
    global failed
    failed |= seen != expected
    print(f"\n{what}\n  guessed: {guess}\n  seen:    {seen}" + ("" if seen == expected else f"\n  CHANGED: it was {expected}"))


alone = tokenizer.encode("The cat").ids
finding(
    "A cased tokenizer.json that puts only [CLS] before texts, beside config.json of a BERT and no tokenizer_config.json:\n"
    "BertTokenizer is built anew, in lower case and with [SEP]; only the vocabulary is taken from the file.",
    alone, folder("bert", config={"model_type": "bert"}), [2, 6, 7, 3],
)  # fmt: skip
finding(
    "The same file beside tokenizer_config.json with add_bos_token, as a PreTrainedTokenizerFast: the setting is dropped,\n"
    "because there is a tokenizer.json.",
    [2, *alone], folder("fast", config={"model_type": "llama"}, tokenizer_config={
        "tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "[CLS]", "add_bos_token": True, "add_eos_token": False}), [2, 5, 7],
)  # fmt: skip
added = {"content": "cat", "special": False}
finding(
    "special_tokens_map.json names another mask token, and tokenizer_config.json has added_tokens_decoder: the map is not read.",
    "the", (folder("map", config={"model_type": "bert"}, special_tokens_map={"mask_token": "the"}, tokenizer_config={
        "tokenizer_class": "BertTokenizer", "added_tokens_decoder": {"7": added}}), AutoTokenizer.from_pretrained("map").mask_token)[1], "[MASK]",
)  # fmt: skip
raise SystemExit(failed)
PYTHON
