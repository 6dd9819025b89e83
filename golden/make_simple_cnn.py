"""Writes model-cnn/tests/fixtures/simple_cnn.safetensors: outputs, gradients and steps of a thin SimpleCnn.

The keys of the file:
    init.*                              initial weights
    input, target                       one batch of four
    features, logits, loss, loss_smoothed
    grad.*                              gradient of `loss`
    sgd2.*, sgd2_wd.*, adam2.*, adamw2.*, clip2.*   weights after two steps on that batch (see RECIPES)
    clip_norm                           the two gradient norms that `clip2` measured before clipping
    accum.*                             weights after one step on the mean gradient of two half-batches
The thin model's configuration is in the file's metadata.
"""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from simple_cnn import SimpleCnn, decay_groups
from torch import Tensor
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW, Optimizer

FIXTURE = Path(__file__).resolve().parent.parent / "model-cnn/tests/fixtures/simple_cnn.safetensors"
CONFIG = {"channels": (8, 16), "hidden": 16, "num_classes": 5, "in_channels": 3, "image_size": 24}
SEED = 22  # a seed without gradients so near zero that rounding decides the sign of an Adam step
CLIP = 0.25

# Weight decay applies to weights, not to biases.
RECIPES: dict[str, Callable[[SimpleCnn], Optimizer]] = {
    "sgd2": lambda m: SGD(m.parameters(), lr=0.05, momentum=0.9),
    "sgd2_wd": lambda m: SGD(decay_groups(m, 5e-4), lr=0.05, momentum=0.9, nesterov=True),
    "adam2": lambda m: Adam(decay_groups(m, 0.01), lr=1e-3, betas=(0.9, 0.999), eps=1e-8),
    "adamw2": lambda m: AdamW(decay_groups(m, 0.05), lr=1e-3, betas=(0.9, 0.999), eps=1e-8),
}


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in tensors.items()}


def initial_weights() -> dict[str, Tensor]:
    """Kaiming initialisation: PyTorch's default is so small that the four logit rows would hardly differ."""
    model = SimpleCnn(**CONFIG)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="linear")
    return model.state_dict()


def fresh(init: dict[str, Tensor]) -> SimpleCnn:
    model = SimpleCnn(**CONFIG)
    model.load_state_dict(init)
    return model


def step(model: SimpleCnn, optimizer: Optimizer, images: Tensor, target: Tensor, clip: float | None = None):
    """Takes one step on the mean cross-entropy; returns the gradient norm before clipping, if it clips."""
    optimizer.zero_grad()
    F.cross_entropy(model(images), target).backward()
    norm = None if clip is None else torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    return norm


def forward_and_gradient(init: dict[str, Tensor], images: Tensor, target: Tensor) -> dict[str, Tensor]:
    model = fresh(init)
    features = model.forward_features(images)
    logits = model.forward_head(features)
    loss = F.cross_entropy(logits, target)
    loss.backward()
    values = {
        "features": features,
        "logits": logits,
        "loss": loss,
        "loss_smoothed": F.cross_entropy(logits, target, label_smoothing=0.1),
    }
    gradients = {name: p.grad for name, p in model.named_parameters()}
    return {key: value.detach() for key, value in values.items()} | named("grad", gradients)


def two_steps(init: dict[str, Tensor], images: Tensor, target: Tensor) -> dict[str, Tensor]:
    out = {}
    for name, make_optimizer in RECIPES.items():
        model = fresh(init)
        optimizer = make_optimizer(model)
        for _ in range(2):
            step(model, optimizer, images, target)
        out |= named(name, model.state_dict())
    return out


def two_clipped_steps(init: dict[str, Tensor], images: Tensor, target: Tensor) -> dict[str, Tensor]:
    model = fresh(init)
    optimizer = SGD(model.parameters(), lr=0.05, momentum=0.9)
    norms = torch.stack([step(model, optimizer, images, target, CLIP) for _ in range(2)])
    assert (norms > CLIP).all(), "a clip that does nothing proves nothing"
    return named("clip2", model.state_dict()) | {"clip_norm": norms}


def accumulated_step(init: dict[str, Tensor], images: Tensor, target: Tensor) -> dict[str, Tensor]:
    model = fresh(init)
    halves = list(zip(images.chunk(2), target.chunk(2)))
    for half_images, half_target in halves:
        (F.cross_entropy(model(half_images), half_target) / len(halves)).backward()
    SGD(model.parameters(), lr=0.05).step()
    return named("accum", model.state_dict())


def main() -> None:
    torch.set_num_threads(1)  # the order of a sum, and so its last bit, depends on the number of threads
    torch.manual_seed(SEED)
    init = initial_weights()
    images = torch.randn(4, CONFIG["in_channels"], CONFIG["image_size"], CONFIG["image_size"])
    target = torch.randint(CONFIG["num_classes"], (4,))

    tensors = named("init", init) | {"input": images, "target": target}
    for part in (forward_and_gradient, two_steps, two_clipped_steps, accumulated_step):
        tensors |= part(init, images, target)

    FIXTURE.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, FIXTURE, metadata={"config": json.dumps(CONFIG)})
    print(f"{FIXTURE.name}: {len(tensors)} tensors, {FIXTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
