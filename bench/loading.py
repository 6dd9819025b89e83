"""torchvision's image loading: JPEG class folder -> random resized crops, flips, normalised float batches.

Two common pipelines: `pil` decodes and transforms Pillow images (`ImageFolder`'s default loader), `turbo` decodes to a
tensor with `decode_jpeg` and uses the v2 transforms on 8-bit tensors. Both load on the calling thread (`num_workers=0`),
which is fastest on one core: no batch crosses between processes.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat

import torch
from torch.utils.data import DataLoader
from torchvision.datasets import ImageFolder
from torchvision.io import ImageReadMode, decode_jpeg, read_file
from torchvision.transforms import v2

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def pil_transforms(size: int) -> v2.Compose:
    return v2.Compose(
        [
            v2.RandomResizedCrop(size),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def turbo_transforms(size: int) -> v2.Compose:
    return v2.Compose(
        [
            v2.RandomResizedCrop(size, antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(MEAN, STD),
        ]
    )


def turbo_loader(path: str) -> torch.Tensor:
    return decode_jpeg(read_file(path), mode=ImageReadMode.RGB)


def endless(dataset: ImageFolder, batch: int) -> Iterator[list[torch.Tensor]]:
    """Batches of successive shuffled epochs."""
    loader = DataLoader(dataset, batch, shuffle=True, drop_last=True, num_workers=0)
    return chain.from_iterable(repeat(loader))


def pipelines(folder: str, batch: int, size: int) -> dict[str, Callable[[int], None]]:
    """Pipelines by name; each loads the given number of batches."""
    pil = endless(ImageFolder(folder, pil_transforms(size)), batch)
    turbo = endless(ImageFolder(folder, turbo_transforms(size), loader=turbo_loader), batch)

    def load(batches: Iterator[list[torch.Tensor]], count: int) -> None:
        for images, _ in islice(batches, count):
            assert images.dtype == torch.float32

    return {
        "pil": lambda count: load(pil, count),
        "turbo": lambda count: load(turbo, count),
    }
