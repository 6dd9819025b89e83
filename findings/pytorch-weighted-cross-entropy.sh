#!/usr/bin/env bash
# PyTorch's weighted cross-entropy of classes, and of the same classes as one-hot probabilities.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import torch

print("torch", torch.__version__)
logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 3.0, 0.0]])
classes = torch.tensor([1, 2])
one_hot = torch.nn.functional.one_hot(classes, 3).float()
plain = torch.nn.CrossEntropyLoss()
weighted = torch.nn.CrossEntropyLoss(weight=torch.tensor([0.5, 2.0, 1.25]))
print("without weights:", plain(logits, classes).item(), plain(logits, one_hot).item())
assert torch.isclose(plain(logits, classes), plain(logits, one_hot))
print("guess: with weights they are equal as well")
on_classes, on_one_hot = weighted(logits, classes).item(), weighted(logits, one_hot).item()
print("seen:", on_classes, on_one_hot, "- the mean of classes divides by the sum of their weights, that of probabilities by the batch")
assert abs(on_one_hot / on_classes - (2.0 + 1.25) / 2) < 1e-5, "changed"
PYTHON
