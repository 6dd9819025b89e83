#!/usr/bin/env bash
# transformers' Trainer resumed with more examples than it was trained on: where the next epoch begins and how many steps it takes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 transformers==5.23.0 accelerate==1.15.0 numpy==2.4.6
cd "$folder"
HF_HUB_OFFLINE=1 "$folder/venv/bin/python" - <<'PYTHON'
import torch
import transformers
from torch import nn
from transformers import Trainer, TrainingArguments


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x=None, labels=None):
        logits = self.linear(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Examples(list):
    seen = []

    def __getitem__(self, index):
        self.seen.append(index)
        return super().__getitem__(index)


def steps(examples, epochs, resume):
    arguments = TrainingArguments("out", num_train_epochs=epochs, per_device_train_batch_size=4, save_strategy="epoch",
                                  report_to=[], disable_tqdm=True, use_cpu=True, logging_strategy="no")
    data = Examples({"x": torch.tensor([i / 10, 1.0]), "labels": i % 2} for i in range(examples))
    trainer = Trainer(Net(), arguments, train_dataset=data)
    trainer.train(resume_from_checkpoint=resume)
    return trainer.state.global_step


print("transformers", transformers.__version__, "torch", torch.__version__)
before = steps(12, 2, None)
print("two epochs of 12 examples in batches of 4:", before, "steps")
print("guess: resumed with 16 examples and num_train_epochs=3, one epoch of 4 steps is left, and it ends at step 10")
Examples.seen.clear()
after = steps(16, 3, True)
print("seen: it ends at step", after, "after", len(Examples.seen), "examples; the position was computed anew, as the middle of the second epoch")
assert (before, after, len(Examples.seen)) == (6, 12, 24), "changed"
PYTHON
