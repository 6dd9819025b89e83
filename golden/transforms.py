"""Reference values for data's transforms: what torchvision makes of two small pictures.

Pinned: torch==2.15.0, torchvision==0.29.2, pillow==13.0.0, numpy.

    python golden/transforms.py

writes data/tests/fixtures/transforms-{rgb,grey}.png and data/tests/fixtures/transforms.json, which
data/tests/transforms_golden.rs compares with: resizing to within 1, cropping exactly.
"""

import base64
import json
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode

FIXTURES = Path(__file__).resolve().parent.parent / "data" / "tests" / "fixtures"


def picture(width: int, height: int, channels: int, seed: int) -> Image.Image:
    """Smooth waves with noise and a hard edge, so that both rounding and filters show."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for channel in range(channels):
        wave = 127 + 80 * np.sin(x / (3 + channel) + y / 5) + rng.normal(0, 20, (height, width))
        wave[:, width // 2] = 255 * (channel % 2)
        planes.append(wave.clip(0, 255).astype(np.uint8))
    return Image.fromarray(np.stack(planes, -1) if channels == 3 else planes[0])


def pack(image: Image.Image) -> dict:
    pixels = zlib.compress(np.asarray(image).tobytes(), 9)
    return {"width": image.width, "height": image.height, "pixels": base64.b64encode(pixels).decode()}


def cases(name: str, image: Image.Image):
    bilinear = InterpolationMode.BILINEAR
    for size in [7, 16, 23, 31, 48]:
        yield {"resize": {"size": size}}, transforms.Resize(size, bilinear, antialias=True)
        exact = {"resize": {"size": size, "exact": True}}
        yield exact, transforms.Resize((size, size), bilinear, antialias=True)
    for size in [1, 8, 15, 22, 24, 37, 50]:
        yield {"center_crop": {"size": size}}, transforms.CenterCrop(size)


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    fixture = []
    for name, image in [("rgb", picture(37, 23, 3, 1)), ("grey", picture(40, 64, 1, 2))]:
        file = f"transforms-{name}.png"
        image.save(FIXTURES / file)
        for transform, reference in cases(name, image):
            fixture.append({"input": file, "transform": transform, "output": pack(reference(image))})
    lines = ",\n".join(json.dumps(case) for case in fixture)
    (FIXTURES / "transforms.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
