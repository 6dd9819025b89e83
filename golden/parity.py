"""Every named image model at full size against its PyTorch reference, in both directions.

Import: the reference gets random weights and statistics, which are saved; `model-cnn` reads the file, and both compute
the logits of the same two images. Export: `tinderbox train` takes twenty steps, `tinderbox export` writes the weights,
the reference reads them with `load_state_dict(strict=True)`, and both compute the logits again. The table is printed
and, after a run over all models, written to golden/PARITY.md. The exit code is 1 if anything differs by more than
rounding.

    just parity
    just parity --models resnet18 vgg11_bn
"""

import argparse
import datetime
import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import torchvision
from families import CifarBlock, CifarResNet
from make_families import randomise, state
from safetensors.torch import load_file, save_file
from simple_cnn import SimpleCnn
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models.convnext import CNBlock
from torchvision.models.resnet import BasicBlock, Bottleneck

REPORT = Path(__file__).resolve().parent / "PARITY.md"
# Tolerance for rounding in another order, relative to the largest logit.
TOLERANCE = 1e-4
# A recipe of twenty steps.
TRAINING = """
[model]
name = "{name}"
num_classes = {num_classes}
{options}
[data]
source = "shapes"
train_size = 80
val_size = 4
image_size = {image_size}
train_transforms = []
val_transforms = []

[optimizer]
learning_rate = 0.01

[train]
epochs = 1
batch_size = 4
"""
# By family. In twenty steps, ConvNeXt's blocks would not affect the logits with the published initial scale of 1e-6,
# and the running statistics of deep ResNets would not settle without zero-initialised residuals.
TRAINING_OPTIONS = {
    "cifar_resnet": "zero_init_residual = true",
    "convnext": "layer_scale = 0.5",
    "resnet": "zero_init_residual = true",
}


@dataclass
class Difference:
    """Difference between two sets of logits."""

    largest_difference: float
    largest_logit: float

    @property
    def ratio(self) -> float:
        return self.largest_difference / self.largest_logit

    @property
    def is_rounding(self) -> bool:
        return math.isfinite(self.largest_logit) and self.ratio <= TOLERANCE

    def cells(self) -> list[str]:
        return [f"{self.largest_difference:.1e}", f"{self.largest_logit:.3g}", f"{self.ratio:.1e}"]


def difference(ours: Tensor, theirs: Tensor) -> Difference:
    """Compares logits `[2, num_classes]`."""
    if ours.shape != theirs.shape:
        raise ValueError(f"our logits are {list(ours.shape)}, the reference's {list(theirs.shape)}")
    compared = Difference((ours - theirs).abs().max().item(), theirs.abs().max().item())
    # Logits that hardly depend on the image would agree for any network.
    spread = (theirs[0] - theirs[1]).abs().max().item()
    if spread < 10 * TOLERANCE * compared.largest_logit:
        raise ValueError(f"the logits of both images are the same to {spread}: nothing was compared")
    return compared


@dataclass
class Programs:
    """The two Tinderbox programs."""

    logits: Path
    tinderbox: Path

    def models(self) -> list[dict]:
        return json.loads(run(self.tinderbox, "models", "--json"))

    def forward(self, name: str, weights: Path, images: Tensor, folder: Path) -> Tensor:
        given, computed = folder / "images.safetensors", folder / "logits.safetensors"
        save_file({"images": images}, given)
        run(self.logits, name, weights, given, computed)
        return load_file(computed)["logits"]

    def train_and_export(self, model: dict, folder: Path) -> Path:
        recipe, directory, weights = folder / "recipe.toml", folder / "run", folder / "trained.safetensors"
        options = model["options"]
        recipe.write_text(
            TRAINING.format(
                name=model["name"],
                num_classes=options["num_classes"],
                image_size=min(model["image_size"], 64),
                options=TRAINING_OPTIONS.get(options["family"], ""),
            )
        )
        run(self.tinderbox, "train", recipe, "--run-dir", directory, "--ui", "quiet")
        run(self.tinderbox, "export", directory, weights)
        return weights


def run(*command: str | Path) -> bytes:
    words = [str(word) for word in command]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


def reference(model: dict) -> nn.Module | None:
    """The model in PyTorch, or None if neither torchvision nor this folder has it."""
    name, options = model["name"], model["options"]
    if name in torchvision.models.list_models(torchvision.models):
        return torchvision.models.get_model(name)
    if options["family"] == "cifar_resnet":
        return CifarResNet(options["layers"])
    if name == "simple_cnn":
        return SimpleCnn()
    return None


def images(size: int) -> Tensor:
    """Two images that differ in large patches as well as in single pixels, `[2, 3, size, size]`."""
    patches = F.interpolate(torch.randn(2, 3, 4, 4), size=size, mode="bicubic")
    return patches + 0.3 * torch.randn(2, 3, size, size)


def randomise_deep(model: nn.Module, batch: Tensor) -> None:
    """Like `randomise`, for deep networks: residual branches are weaker than the skip connection, as in trained
    networks, so that rounding does not grow from block to block; statistics are those of `batch`, slightly perturbed.
    """
    randomise(model)
    for module in model.modules():
        match module:
            case Bottleneck():
                nn.init.uniform_(module.bn3.weight, 0.1, 0.5)
            case BasicBlock() | CifarBlock():
                nn.init.uniform_(module.bn2.weight, 0.1, 0.5)
            case CNBlock():
                nn.init.uniform_(module.layer_scale, 0.1, 0.5)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
        norm.momentum = 1.0
    forward(model, batch)
    for norm in norms:
        norm.eval()
        norm.running_mean += norm.running_var.sqrt() * torch.empty_like(norm.running_mean).uniform_(-0.1, 0.1)
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)


@torch.inference_mode()
def forward(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch)


def imported(model: dict, net: nn.Module, batch: Tensor, programs: Programs, file_format: str) -> Difference:
    randomise_deep(net, batch)
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / f"weights.{file_format}"
        if file_format == "pth":
            torch.save(net.state_dict(), weights)
        else:
            save_file(state(net), weights)
        ours = programs.forward(model["name"], weights, batch, Path(folder))
    return difference(ours, forward(net, batch))


def exported(model: dict, net: nn.Module, batch: Tensor, programs: Programs) -> Difference:
    with tempfile.TemporaryDirectory() as folder:
        weights = programs.train_and_export(model, Path(folder))
        ours = programs.forward(model["name"], weights, batch, Path(folder))
        net.load_state_dict(load_file(weights), strict=True)
    return difference(ours, forward(net, batch))


def compare(model: dict, net: nn.Module, programs: Programs, file_format: str) -> list[Difference]:
    """Differences of import and export."""
    parameters = sum(parameter.numel() for parameter in net.parameters())
    if parameters != model["parameters"]:
        raise ValueError(f"{parameters} parameters in the reference, {model['parameters']} in the registry")
    batch = images(model["image_size"])
    return [imported(model, net, batch, programs, file_format), exported(model, net, batch, programs)]


def row(model: dict, programs: Programs, file_format: str) -> tuple[str, bool]:
    """Table row, and true if both directions agree."""
    name = model["name"]
    torch.manual_seed(7)
    net = reference(model)
    if net is None:
        return f"| {name} | no reference |", True
    try:
        differences = compare(model, net.eval(), programs, file_format)
    except (ValueError, RuntimeError, subprocess.CalledProcessError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return f"| {name} | failed |", False
    cells = [name, f"{model['parameters']:,}", *(cell for d in differences for cell in d.cells())]
    return f"| {' | '.join(cells)} |", all(d.is_rounding for d in differences)


def header(file_format: str) -> str:
    versions = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}"
    return f"""# Agreement with PyTorch at full size

`just parity` on {datetime.date.today().isoformat()}: {versions}, on the CPU in float32,
two images of the model's input size.

*Import*: random weights and statistics made by PyTorch, in a .{file_format} file, read by Tinderbox. *Export*: twenty
steps of `tinderbox train`, `tinderbox export`, read by PyTorch with `load_state_dict(strict=True)`. The *difference* is
the largest between the logits of both programs, *largest* is the largest logit, *relative* their ratio: at most {TOLERANCE:g}
where both agree.

| model | parameters | import: difference | largest | relative | export: difference | largest | relative |
|---|--:|--:|--:|--:|--:|--:|--:|
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="folder of the built programs")
    parser.add_argument("--format", choices=["pth", "safetensors"], default="pth", help="format of the imported file")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="compare only these models; the report is not written")
    parser.add_argument("--threads", type=int, default=2, help="PyTorch threads")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    programs = Programs(args.programs / "examples/logits", args.programs / "tinderbox")
    known = {model["name"]: model for model in programs.models()}
    if unknown := set(args.models or []) - known.keys():
        parser.error(f"no model is called {', '.join(sorted(unknown))}")
    report, wrong = header(args.format), []
    print(report, end="", flush=True)
    for name in args.models or known:
        line, right = row(known[name], programs, args.format)
        print(line, flush=True)
        report += line + "\n"
        wrong += [] if right else [name]
    if not args.models:
        REPORT.write_text(report)
    if wrong:
        sys.exit(f"not equal: {', '.join(wrong)}")


if __name__ == "__main__":
    main()
