#!/usr/bin/env bash
# transformers' TokenClassificationPipeline with a byte-level tokenizer, aggregation "first": which token's tag a word has.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 tokenizers==0.23.3 numpy==2.4.6
cd "$folder"
HF_HUB_OFFLINE=1 PYTHONWARNINGS=ignore TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" - <<'PYTHON'
import tokenizers
import torch
import transformers
from tokenizers import pre_tokenizers
from transformers import RobertaConfig, RobertaForTokenClassification, RobertaTokenizer, TokenClassificationPipeline

# RoBERTa's tokenizer with its bytes and four merges: " М" is a token of its first byte (with the space), and one of its second.
space, first, second = "\u0120", "\u00d0", "\u013e"
pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(pre_tokenizers.ByteLevel.alphabet()), space + first, space + "i", "in"]
tokenizer = RobertaTokenizer(vocab={piece: place for place, piece in enumerate(pieces)},
                             merges=[(space, first), (space, "i"), ("i", "n")], add_prefix_space=True)
config = RobertaConfig(vocab_size=len(pieces), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
                       id2label={0: "O", 1: "FIRST", 2: "LATER"}, label2id={"O": 0, "FIRST": 1, "LATER": 2})
model = RobertaForTokenClassification(config).eval()
tagger = TokenClassificationPipeline(model=model, tokenizer=tokenizer)
text = "in Москва"
tokens = tokenizer(text)
word = tokens.word_ids().index(1)  # the first token of the second word, whose tag a training script learns
logits = torch.full((1, len(tokens.input_ids), 3), -9.0)
logits[0, :, 0] = 0.0
logits[0, word, 1], logits[0, word + 1:-1, 2] = 9.0, 9.0
model.forward = lambda **_: {"logits": logits}
entities = [(e["entity_group"], text[e["start"]:e["end"]]) for e in tagger(text, aggregation_strategy="first")]
print("transformers", transformers.__version__, "tokenizers", tokenizers.__version__)
print("guess:", [("FIRST", "Москва")], "since", repr(tokenizer.convert_ids_to_tokens(tokens.input_ids[word])), "is the first token of the word")
print("seen: ", entities, "; both tokens of the letter have a space before their text, and begin a word")
assert entities == [("FIRST", "М"), ("LATER", "Москва")], "changed"
PYTHON
