"""The CIFAR-10 recipes in PyTorch: the article's settings by default, the other recipes by options.

The article (centre crop, SGD 0.001, batch 64, ten epochs), and the best of the settings tried for `cnn-cifar10`:

    python bench/cifar10.py --data DIR
    python bench/cifar10.py --data DIR --augment --lr 0.03 --nesterov --weight-decay 5e-4 \\
        --schedule linear --warmup 0.05

`resnet20-cifar10-short`:

    python bench/cifar10.py --data DIR --model resnet20 --augment --pad 4 --lr 0.1 --weight-decay 1e-4 --batch 128 \\
        --schedule cosine --warmup 0.125 --epochs 2
"""

import argparse
import copy
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from families import CifarResNet  # noqa: E402
from simple_cnn import SimpleCnn, decay_groups  # noqa: E402

# Model, and height and width of its input.
MODELS = {"simple_cnn": (SimpleCnn, 24), "resnet20": (lambda: CifarResNet((3, 3, 3)), 32)}
MEAN = torch.tensor([0.4914, 0.4822, 0.4465]).view(1, 3, 1, 1)
STD = torch.tensor([0.2470, 0.2435, 0.2616]).view(1, 3, 1, 1)


@dataclass
class Images:
    """Images kept as bytes in memory; each batch is cropped, flipped and normalised on demand."""

    pixels: Tensor  # uint8 [N, 3, H, W]
    labels: Tensor  # int64 [N]

    def __len__(self) -> int:
        return len(self.labels)


def read_batches(files: list[Path]) -> Images:
    """Reads binary CIFAR-10: records of one label byte and 3 x 32 x 32 pixel bytes."""
    records = np.concatenate([np.fromfile(f, np.uint8).reshape(-1, 1 + 3 * 32 * 32) for f in files])
    pixels = records[:, 1:].reshape(-1, 3, 32, 32).copy()
    return Images(torch.from_numpy(pixels), torch.from_numpy(records[:, 0].astype(np.int64)))


def normalise(pixels: Tensor) -> Tensor:
    return (pixels.float() / 255 - MEAN) / STD


def centre_crop(pixels: Tensor, size: int) -> Tensor:
    top = (pixels.shape[-2] - size) // 2
    left = (pixels.shape[-1] - size) // 2
    return pixels[..., top : top + size, left : left + size]


def random_crop_flip(pixels: Tensor, index: Tensor, size: int, draw: torch.Generator) -> Tensor:
    """Random crop and flip, drawn for each image, in one gather."""
    count, (height, width) = len(index), pixels.shape[-2:]
    rows = torch.randint(height - size + 1, (count, 1), generator=draw) + torch.arange(size)
    cols = torch.randint(width - size + 1, (count, 1), generator=draw) + torch.arange(size)
    flip = torch.rand(count, 1, generator=draw) < 0.5
    cols = torch.where(flip, cols.flip(1), cols)
    channels = torch.arange(3).view(1, 3, 1, 1)
    return pixels[index.view(-1, 1, 1, 1), channels, rows[:, None, :, None], cols[:, None, None, :]]


def rate_factor(step: int, schedule: str, warmup: int, total: int) -> float:
    """Learning-rate factor: a linear warm-up, then the schedule over the remaining steps."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, total - warmup)
    return {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[schedule]


def make_optimizer(model: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    groups = decay_groups(model, args.weight_decay)
    if args.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=args.lr)
    return torch.optim.SGD(groups, lr=args.lr, momentum=args.momentum, nesterov=args.nesterov)


@torch.no_grad()
def update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mean, now in zip(average.parameters(), model.parameters()):
        mean.lerp_(now, 1 - decay)


@torch.no_grad()
def accuracy(model: nn.Module, images: Images, size: int) -> float:
    """Accuracy on centre crops."""
    model.eval()
    correct = 0
    for pixels, labels in zip(images.pixels.split(500), images.labels.split(500)):
        correct += (model(normalise(centre_crop(pixels, size))).argmax(1) == labels).sum().item()
    model.train()
    return correct / len(images)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    make_model, size = MODELS[args.model]
    draw = torch.Generator().manual_seed(args.seed)
    images = read_batches([args.data / f"data_batch_{i}.bin" for i in range(1, 6)])
    test = read_batches([args.data / "test_batch.bin"])
    if args.augment:
        pixels = F.pad(images.pixels, [args.pad] * 4)
    else:
        pixels = centre_crop(images.pixels, size).contiguous()

    model = make_model().to(memory_format=torch.channels_last)  # about a third faster on a CPU
    average = copy.deepcopy(model) if args.ema else None
    optimizer = make_optimizer(model, args)
    steps = args.epochs * math.ceil(len(images) / args.batch)
    warmup = round(args.warmup * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step, args.schedule, warmup, steps)
    )

    for epoch in range(1, args.epochs + 1):
        started, total_loss = time.perf_counter(), 0.0
        for index in torch.randperm(len(images), generator=draw).split(args.batch):
            batch = random_crop_flip(pixels, index, size, draw) if args.augment else pixels[index]
            logits = model(normalise(batch))
            loss = F.cross_entropy(logits, images.labels[index], label_smoothing=args.label_smoothing)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            if average is not None:
                update_average(average, model, args.ema)
            total_loss += loss.item() * len(index)
        seconds = time.perf_counter() - started
        line = f"epoch {epoch:2}  loss {total_loss / len(images):.4f}  test accuracy {accuracy(model, test, size):.4f}"
        if average is not None:
            line += f"  averaged {accuracy(average, test, size):.4f}"
        print(f"{line}  {seconds:.1f} s", flush=True)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of data_batch_*.bin and test_batch.bin")
    parser.add_argument("--model", choices=MODELS, default="simple_cnn")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--optimizer", choices=["sgd", "adamw"], default="sgd")
    parser.add_argument("--lr", type=float, default=0.001)
    parser.add_argument("--momentum", type=float, default=0.9)
    parser.add_argument("--nesterov", action="store_true")
    parser.add_argument("--weight-decay", type=float, default=0.0, help="for weights, not for biases")
    parser.add_argument("--schedule", choices=["constant", "linear", "cosine"], default="constant")
    parser.add_argument("--warmup", type=float, default=0.0, help="fraction of all steps")
    parser.add_argument("--label-smoothing", type=float, default=0.0)
    parser.add_argument("--augment", action="store_true", help="random crop and horizontal flip")
    parser.add_argument("--pad", type=int, default=0, help="zero padding before the random crop")
    parser.add_argument("--ema", type=float, default=0.0, help="EMA decay of the weights; 0 disables it")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    train(parse_args())
