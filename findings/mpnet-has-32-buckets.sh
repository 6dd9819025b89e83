#!/usr/bin/env bash
# MPNet's option for the number of attention buckets.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0
TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" -W ignore - <<'PYTHON'
import torch
import transformers
from transformers import MPNetConfig, MPNetModel

print("torch", torch.__version__, "transformers", transformers.__version__)
sizes = dict(vocab_size=40, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=200)
torch.manual_seed(0)
model = MPNetModel(MPNetConfig(relative_attention_num_buckets=64, **sizes)).eval()
table = model.encoder.relative_attention_bias.weight
tokens = torch.randint(2, 40, (1, 180))
with torch.no_grad():
    before = model(tokens).last_hidden_state
    table[32:] = 1000.0
    after = model(tokens).last_hidden_state
    table[:32] += torch.randn(32, 2)
    other = model(tokens).last_hidden_state
print("guess: relative_attention_num_buckets=64 divides the distances of 180 tokens into 64 buckets")
print("seen: shape of the table", tuple(table.shape), "- change of the output by rows 32 to 63:", (after - before).abs().max().item(),
      "- by rows 0 to 31:", (other - after).abs().max().item())
assert torch.equal(before, after) and not torch.equal(after, other), "changed"
print("compute_position_bias always has 32 buckets")
PYTHON
