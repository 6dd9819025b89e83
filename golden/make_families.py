"""Writes model-cnn/tests/fixtures/<family>.safetensors: outputs, gradients and steps of thin networks.

The keys of each file:
    init.*                initial weights and running statistics
    shape, target         the input's shape and the labels; the input itself is `pattern`, here and in the tests
    logits                in evaluation mode: running statistics
    train_logits, loss    in training mode: batch statistics; no dropout, no stochastic depth
    grad.*                gradient of `loss`
    step1.*               running statistics after one training step
    step2.*               weights and statistics after two SGD steps: learning rate 0.02, momentum 0.9, decay 0.01 on everything
"""

from pathlib import Path

import torch
from families import THIN
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

FIXTURES = Path(__file__).resolve().parent.parent / "model-cnn/tests/fixtures"
BATCH = 4


def pattern(shape: tuple[int, ...]) -> Tensor:
    """Values in [-1, 1] without structure that a network could ignore."""
    index = torch.arange(torch.Size(shape).numel(), dtype=torch.float64)
    return ((index * 7919) % 1009 / 504 - 1).to(torch.float32).reshape(shape)


def randomise(model: nn.Module) -> None:
    """Fills parameters and statistics with distinct values that preserve the signal's scale."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.uniform_(module.bias, -0.2, 0.2)
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.2, 0.2)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 1.5)


def state(model: nn.Module) -> dict[str, Tensor]:
    """State dict without the unused step counters."""
    items = model.state_dict().items()
    return {name: t.detach().clone() for name, t in items if not name.endswith("num_batches_tracked")}


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in tensors.items()}


def fixture(make, size: tuple[int, int]) -> dict[str, Tensor]:
    model = make()
    randomise(model)
    shape = (BATCH, 3, *size)
    images, target = pattern(shape), torch.tensor([3, 0, 4, 1])
    tensors = named("init", state(model)) | {"shape": torch.tensor(shape), "target": target}
    with torch.no_grad():
        tensors["logits"] = model.eval()(images)
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=0.01)
    for step in (1, 2):
        optimizer.zero_grad()
        logits = model(images)
        loss = F.cross_entropy(logits, target)
        loss.backward()
        if step == 1:
            tensors |= {"train_logits": logits.detach(), "loss": loss.detach()}
            tensors |= named("grad", {name: p.grad for name, p in model.named_parameters()})
            running = {name: t for name, t in state(model).items() if ".running_" in name}
            tensors |= named("step1", running)
        optimizer.step()
    return tensors | named("step2", state(model))


def main() -> None:
    torch.set_num_threads(1)
    for name, (make, size) in THIN.items():
        torch.manual_seed(7)
        tensors = fixture(make, size)
        save_file(tensors, FIXTURES / f"{name}.safetensors")
        spread = tensors["logits"].std(0).mean().item()
        size = (FIXTURES / f"{name}.safetensors").stat().st_size
        print(f"{name}: {size} bytes, loss {tensors['loss'].item():.3f}, logits differ by {spread:.3f}")


if __name__ == "__main__":
    main()
