#!/usr/bin/env bash
# The translation of TrivialAugmentWide's middle bin, half of 32 pixels, with and without the
# processor's fused multiplication.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2 numpy==2.4.6
for capability in avx2 default; do
  ATEN_CPU_CAPABILITY=$capability "$folder/venv/bin/python" - <<'PYTHON'
import torch
import torchvision
from torchvision.transforms import TrivialAugmentWide

capability = torch.backends.cpu.get_cpu_capability()
print("torch", torch.__version__, "torchvision", torchvision.__version__, "on", capability)
magnitudes, _ = TrivialAugmentWide()._augmentation_space(31)["TranslateX"]
value = float(magnitudes[15].item())
print("guess: bin 15 of 0 to 30 moves the image by 16 of 32 pixels, on every processor")
print("seen: linspace(0, 32, 31)[15] is", value, "and int() of it", int(value))
assert int(value) == (16 if capability == "DEFAULT" else 15), "changed"
PYTHON
done
