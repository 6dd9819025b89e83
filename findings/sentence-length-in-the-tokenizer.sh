#!/usr/bin/env bash
# Where sentence-transformers 6.2 saves the maximum length of a text.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 sentence-transformers==6.2.0
TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import json
import tempfile
from pathlib import Path

import sentence_transformers
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

print("sentence-transformers", sentence_transformers.__version__, "transformers", transformers.__version__)
folder = Path(tempfile.mkdtemp())
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b"]
tokenizer = Tokenizer(models.WordPiece({word: id for id, word in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]").save_pretrained(folder)
config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=64)
BertModel(config).save_pretrained(folder)
model = SentenceTransformer(modules=[Transformer(str(folder), max_seq_length=20), Pooling(8, "mean")], device="cpu")
model.save(str(folder / "saved"))
settings = json.loads((folder / "saved/sentence_bert_config.json").read_text())
of_tokenizer = json.loads((folder / "saved/tokenizer_config.json").read_text())
print("guess: sentence_bert_config.json has max_seq_length 20")
print("seen: sentence_bert_config.json has", sorted(settings), "- tokenizer_config.json has model_max_length", of_tokenizer["model_max_length"])
assert "max_seq_length" not in settings and of_tokenizer["model_max_length"] == 20, "changed"
print("a program that reads the first file alone reads texts of up to 64 tokens, and gives other vectors for them")
PYTHON
