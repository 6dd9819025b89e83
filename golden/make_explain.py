"""Writes model-cnn/tests/fixtures/explain.safetensors: attributions of thin networks by PyTorch's autograd.

The networks and weights are those of the fixtures of `make_families.py`, in evaluation mode. The keys:
    FAMILY.grad_cam.LAYER     Grad-CAM (Selvaraju et al. 2017) of the layer's output, divided by its maximum
    FAMILY.input_gradient     maximum absolute gradient over the channels (Simonyan et al. 2013), divided by its maximum
    classes                   the class explained for each image
The input is the first images of `pattern`.
"""

import torch
from families import THIN
from make_families import FIXTURES, pattern
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

# Classes with a non-zero map in both networks.
CLASSES = torch.tensor([4, 1])
LAYERS = {"resnet_basic": ("layer2", "layer4"), "vgg": ("features.9", "features.15")}


def trained(family: str) -> tuple[nn.Module, Tensor]:
    """Network of a fixture, and input images."""
    make, size = THIN[family]
    fixture = load_file(FIXTURES / f"{family}.safetensors")
    weights = {name.removeprefix("init."): t for name, t in fixture.items() if name.startswith("init.")}
    model = make()
    # Only the unused step counters of batch norm are missing.
    model.load_state_dict(weights, strict=False)
    return model.eval(), pattern((len(CLASSES), 3, *size))


def normalised(maps: Tensor) -> Tensor:
    return maps / maps.amax(dim=(1, 2), keepdim=True)


def logits_of_classes(model: nn.Module, images: Tensor) -> Tensor:
    return model(images).gather(1, CLASSES[:, None]).sum()


def grad_cam(model: nn.Module, images: Tensor, layer: str) -> Tensor:
    outputs = []
    hook = model.get_submodule(layer).register_forward_hook(lambda _module, _input, output: outputs.append(output))
    (gradient,) = torch.autograd.grad(logits_of_classes(model, images), outputs)
    hook.remove()
    alpha = gradient.mean(dim=(2, 3), keepdim=True)
    return normalised((alpha * outputs[0]).sum(1).relu()).detach()


def input_gradient(model: nn.Module, images: Tensor) -> Tensor:
    images = images.requires_grad_()
    (gradient,) = torch.autograd.grad(logits_of_classes(model, images), [images])
    return normalised(gradient.abs().amax(1))


def main() -> None:
    torch.set_num_threads(1)
    tensors = {}
    for family, layers in LAYERS.items():
        model, images = trained(family)
        for layer in layers:
            tensors[f"{family}.grad_cam.{layer}"] = grad_cam(model, images, layer)
        tensors[f"{family}.input_gradient"] = input_gradient(model, images)
    # An all-zero or undivided map would make the comparison meaningless.
    assert all(0 < t.mean(dim=(1, 2)).min() < 1 for t in tensors.values())
    save_file(tensors | {"classes": CLASSES}, FIXTURES / "explain.safetensors")
    print({name: tuple(t.shape) for name, t in tensors.items()})
    print((FIXTURES / "explain.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
