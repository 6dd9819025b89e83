"""Writes model-cnn/src/weights/known/torchvision.rs: torchvision's ImageNet weights, as listed in its sources."""

import math
from pathlib import Path
from urllib.parse import urlparse

import torchvision
from torchvision.models import get_model_weights
from torchvision.transforms import InterpolationMode

TABLE = Path(__file__).resolve().parent.parent / "model-cnn/src/weights/known/torchvision.rs"
MODELS = """
    alexnet convnext_tiny resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d squeezenet1_0
    squeezenet1_1 vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn wide_resnet50_2 wide_resnet101_2
""".split()


def entry(model: str, weights) -> str | None:
    metrics = weights.meta["_metrics"]["ImageNet-1K"]
    if math.isnan(metrics["acc@1"]):
        return None  # features without a classifier
    preset = weights.transforms()
    assert preset.interpolation == InterpolationMode.BILINEAR and preset.antialias is True
    assert preset.mean == [0.485, 0.456, 0.406] and preset.std == [0.229, 0.224, 0.225]
    file_name = Path(urlparse(weights.url).path).name
    sha256 = file_name.removesuffix(".pth").rsplit("-", 1)[1]
    assert len(sha256) == 8 and int(sha256, 16) >= 0
    parameters = f"{weights.meta['num_params']:_}"
    return f"""    KnownWeights {{
        name: "{model}.{weights.name.lower()}",
        model: "{model}",
        url: "{weights.url}",
        sha256: "{sha256}",
        parameters: {parameters},
        top1: {metrics["acc@1"]:.3f},
        top5: {metrics["acc@5"]:.3f},
        resize: {preset.resize_size[0]},
        crop: {preset.crop_size[0]},
    }},
"""


def main() -> None:
    entries = [entry(model, weights) for model in MODELS for weights in get_model_weights(model)]
    entries = [entry for entry in entries if entry is not None]
    version = torchvision.__version__.split("+")[0]
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text(
        f"//! Written by golden/make_known_weights.py from `torchvision.models` {version}.\n\n"
        "use super::KnownWeights;\n\n"
        "pub(super) const TORCHVISION: &[KnownWeights] = &[\n" + "".join(entries) + "];\n"
    )
    print(f"{TABLE.name}: {len(entries)} files")


if __name__ == "__main__":
    main()
