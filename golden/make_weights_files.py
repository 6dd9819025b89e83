"""Writes model-cnn/tests/fixtures/weights/: one thin SimpleCnn in the forms that weight files come in.

Every file has the weights of expected.safetensors, except hostile_*, which must be refused, and whole_model.pth, which is
not a state dict. All weights are multiples of 1/64 below 2, exact in float16 and bfloat16. Files of torch.save differ
from run to run in names and checksums, not in content.
"""

import argparse
import collections
import copy
import io
import os
import pickle
import struct
import zipfile
from pathlib import Path

import torch
from safetensors.torch import save_file
from simple_cnn import SimpleCnn
from torch import Tensor

FOLDER = Path(__file__).resolve().parent.parent / "model-cnn/tests/fixtures/weights"
CONFIG = {"channels": (2, 3), "hidden": 4, "num_classes": 3, "in_channels": 3, "image_size": 8}


class Settings(dict):
    """A dict subclass, as configuration libraries define."""


class Command:
    def __reduce__(self):
        return os.system, ("echo this must never be run",)


class Expression:
    def __reduce__(self):
        return eval, ("1 + 1",)


def weights() -> dict[str, Tensor]:
    model = SimpleCnn(**CONFIG)
    for parameter in model.parameters():
        parameter.data = torch.randint(-127, 128, parameter.shape) / 64
    return model.state_dict()


def cast(state: dict[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: tensor.to(dtype) for name, tensor in state.items()}


def prefixed(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return collections.OrderedDict((prefix + name, tensor) for name, tensor in state.items())


def counted(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Adds the buffers of batch norms."""
    return dict(state) | {"bn1.num_batches_tracked": torch.tensor(7)}


def strided(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Equal tensors with other memory layouts."""
    state = dict(state)
    state["conv1.weight"] = state["conv1.weight"].to(memory_format=torch.channels_last)
    state["fc1.weight"] = state["fc1.weight"].t().contiguous().t()
    padded = torch.full((3, 6), 9.0)
    padded[:, 1:5] = state["fc2.weight"]
    state["fc2.weight"] = padded[:, 1:5]
    biases = torch.cat([state["fc1.bias"], state["fc2.bias"]])
    state["fc1.bias"], state["fc2.bias"] = biases[:4], biases[4:]
    assert not state["fc1.weight"].is_contiguous() and not state["fc2.weight"].is_contiguous()
    return state


def averaged(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As `AveragedModel.state_dict()`."""
    return {"n_averaged": torch.tensor(5)} | prefixed(state, "module.")


def other(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor + 1 for name, tensor in state.items()}


def metrics() -> dict[str, Tensor]:
    return {"accuracy.correct": torch.tensor(3.0), "criterion.weight": torch.ones(3), "step": torch.tensor(7)}


def lightning(state: dict[str, Tensor], prefix: str, beside: dict[str, Tensor] | None = None) -> dict:
    """Checkpoint of a LightningModule that has the network as an attribute."""
    return {
        "epoch": 1,
        "global_step": 10,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": prefixed(state, prefix) | (beside or {}),
        "loops": {},
        "callbacks": {},
        "optimizer_states": [torch.optim.Adam([torch.ones(2)]).state_dict()],
        "lr_schedulers": [],
        "hyper_parameters": {"lr": 1e-3},
    }


def expanded(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A tensor that repeats one element, beside the weights."""
    return {"state_dict": dict(state) | {"fc2.num_batches_tracked": torch.zeros(1).expand(4, 50)}}


def with_attributes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    state = {name: tensor.clone() for name, tensor in state.items()}
    for tensor in state.values():
        tensor.origin = "elsewhere"
    parameter = torch.nn.Parameter(state["fc1.weight"])
    parameter.is_shared = False
    return state | {"fc1.weight": parameter}


def integers() -> dict[str, Tensor]:
    return {
        "position_ids": torch.arange(8).expand(2, 8),
        "mask": torch.tensor([[True, False]]),
        "small": torch.tensor([-3, 4], dtype=torch.int8).expand(3, 2),
        "unsigned": torch.tensor([65535], dtype=torch.uint16),
        "eight_bits": torch.tensor([0.5, -2.0]).to(torch.float8_e4m3fn),
    }


def training(state: dict[str, Tensor]) -> dict:
    """Checkpoint of a training script."""
    model = SimpleCnn(**CONFIG)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.randn(2, 3, 8, 8)).sum().backward()
    optimizer.step()
    return {
        "epoch": 90,
        "arch": "simple_cnn",
        "args": argparse.Namespace(lr=0.1, device=torch.device("cpu"), milestones={30, 60}, seed=2**70),
        "settings": Settings(depth=20, nested=Settings(a=[1, None])),
        "scheduler": {"milestones": collections.Counter({30: 1}), ("a", 1): None},
        "history": collections.defaultdict(list, loss=[2.5, float("nan")]),
        "best_acc1": torch.tensor(76.1, dtype=torch.float64),
        "optimizer": optimizer.state_dict(),
        "state_dict": prefixed(counted(state), "module."),
    }


def inject(path: Path, code: bytes) -> None:
    """Prepends instructions to the pickle of a file."""
    source = io.BytesIO(path.read_bytes())
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(path, "w") as new:
        for entry in old.infolist():
            content = old.read(entry)
            if entry.filename.endswith("/data.pkl"):
                content = content[:2] + code + content[2:]
            new.writestr(entry.filename, content)


def write_bomb(path: Path, state: dict[str, Tensor]) -> None:
    """A file with compressed entries, one of them a thousandfold."""
    buffer = io.BytesIO()
    torch.save(dict(state) | {"zeros": torch.zeros(1 << 20)}, buffer)
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as new:
        for entry in old.infolist():
            new.writestr(entry.filename, old.read(entry))


def write_python2(path: Path, state: dict[str, Tensor]) -> None:
    """The format of PyTorch 0.3 under Python 2: an OrderedDict from a list of pairs, names as byte strings."""

    def text(value: str) -> bytes:
        return b"U" + bytes([len(value)]) + value.encode()

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    pairs, storages = b"", b""
    for key, (name, tensor) in enumerate(state.items()):
        storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(str(key)) + text("cpu")
        storage += number(tensor.numel()) + b"NtQ"
        shape = b"(" + b"".join(map(number, tensor.shape)) + b"t"
        strides = b"(" + b"".join(map(number, tensor.stride())) + b"t"
        call = b"ctorch._utils\n_rebuild_tensor\n(" + storage + number(0) + shape + strides + b"tR"
        pairs += b"(" + text(name) + call + b"l"
        storages += struct.pack("<q", tensor.numel()) + tensor.contiguous().numpy().tobytes()
    root = b"\x80\x02ccollections\nOrderedDict\n(](" + pairs + b"etR."
    keys = [str(key) for key in range(len(state))]
    header = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True}]
    header = b"".join(pickle.dumps(value, protocol=2) for value in header)
    path.write_bytes(header + root + pickle.dumps(keys, protocol=2) + storages)


def main() -> None:
    torch.manual_seed(3)
    FOLDER.mkdir(parents=True, exist_ok=True)
    state = weights()
    save_file(state, FOLDER / "expected.safetensors")
    save_file(cast(prefixed(counted(state), "module."), torch.bfloat16), FOLDER / "bf16.safetensors")
    old = {"_use_new_zipfile_serialization": False}
    files = {
        "bare.pth": (state, {}),
        "training.pth": (training(state), {}),
        "model_half.pt": ({"model": cast(state, torch.float16), "model_ema": cast(state, torch.float64)}, {}),
        "net_bfloat16.th": ({"net": cast(state, torch.bfloat16), "acc": 91.2}, {}),
        "double_compiled.pth": (cast(prefixed(state, "_orig_mod."), torch.float64), {}),
        "strided.pth": (strided(state), {}),
        "twice.pth": ({"best": state, "model_state_dict": state}, {}),
        "parameters.pth": ({name: torch.nn.Parameter(tensor) for name, tensor in state.items()}, {}),
        "protocol5.pth": (training(state), {"pickle_protocol": 5}),
        "legacy.pth": (state, old),
        "legacy_training.th": (training(state), old),
        "legacy_strided.pth": (strided(state), old),
        "averaged.pth": (averaged(state), {}),
        "averaged_nested.pth": ({"model_ema": averaged(state), "epoch": 3}, {}),
        "lightning.ckpt": (lightning(state, "model."), {}),
        "lightning_beside.ckpt": (lightning(state, "backbone.net.", metrics()), {}),
        "lightning_two.ckpt": (lightning(state, "student.", prefixed(other(state), "teacher.")), {}),
        "opacus.pth": (prefixed(state, "_module."), {}),
        "compiled_averaged.pth": (averaged(prefixed(state, "_orig_mod.")), {}),
        "other_key.pth": ({"weights": state, "epoch": 4, "statistics": {"mean": torch.ones(3)}}, {}),
        "deeper.pth": ({"trainer": {"network": state, "step": 7}}, {}),
        "rivals.pth": ({"model": state, "model_ema": other(state)}, {}),
        "expanded.pth": (expanded(state), {}),
        "with_attributes.pth": (with_attributes(state), {}),
        "whole_model_nested.pth": ({"epoch": 1, "model": copy.deepcopy(SimpleCnn(**CONFIG))}, {}),
        "integers.pth": (state | integers(), {}),
        "whole_model.pth": (copy.deepcopy(SimpleCnn(**CONFIG)), {}),
        "hostile_beside.pth": ({"state_dict": state, "args": Command()}, {}),
        "hostile_root.pth": (Expression(), {}),
        "hostile_legacy.pth": ({"state_dict": state, "args": Command()}, old),
        "hostile_injected.pth": (state, {}),
    }
    for name, (value, options) in files.items():
        torch.save(value, FOLDER / name, **options)
    # Its result is discarded, so the loaded object looks normal.
    inject(FOLDER / "hostile_injected.pth", b"cposix\nsystem\n(X\x04\x00\x00\x00truetR0")
    (FOLDER / "hostile_plain.pth").write_bytes(pickle.dumps(Command(), protocol=4))
    write_bomb(FOLDER / "hostile_bomb.pth", state)
    write_python2(FOLDER / "legacy_python2.pth", state)
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:6} {path.name}")


if __name__ == "__main__":
    main()
