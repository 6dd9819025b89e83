"""Reference values for transforms and augmentation operations: torchvision's results on small images.

Pinned: torch==2.15.0, torchvision==0.29.2, pillow==13.0.0, numpy.

    python golden/transforms.py

writes data/tests/fixtures/transforms-{rgb,grey,photo,tall}.png, transforms.json and operations.json beside them.
data/tests/transforms_golden.rs compares with them: antialiased resizing to within 1 (bicubic 2), the rest exactly.
"""

import base64
import json
import math
import zlib
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision import transforms
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as F

FIXTURES = Path(__file__).resolve().parent.parent / "data" / "tests" / "fixtures"


def picture(width: int, height: int, channels: int, seed: int) -> Image.Image:
    """Smooth waves with noise and a hard edge, which reveal both rounding and filters."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    planes = []
    for channel in range(channels):
        wave = 127 + 80 * np.sin(x / (3 + channel) + y / 5) + rng.normal(0, 20, (height, width))
        wave[:, width // 2] = 255 * (channel % 2)
        planes.append(wave.clip(0, 255).astype(np.uint8))
    return Image.fromarray(np.stack(planes, -1) if channels == 3 else planes[0])


def photograph(width: int, height: int) -> Image.Image:
    """An image with the statistics of photographs: amplitude 1 / frequency, correlated channels, edges."""
    rng = np.random.default_rng(3)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf

    def clouds() -> np.ndarray:
        spectrum = np.fft.rfft2(rng.normal(size=(height, width))) / frequency
        texture = np.fft.irfft2(spectrum, s=(height, width))
        return texture / texture.std()

    light = clouds()
    y, x = np.mgrid[0:height, 0:width]
    light[(x - width * 0.6) ** 2 + (y - height * 0.5) ** 2 < (height * 0.3) ** 2] += 2
    light[y > height * 0.8] -= 1.5
    planes = [110 + 20 * channel + 45 * light + 10 * clouds() for channel in range(3)]
    return Image.fromarray(np.stack(planes, -1).clip(0, 255).astype(np.uint8))


def pack(image: Image.Image) -> dict:
    pixels = zlib.compress(np.asarray(image).tobytes(), 9)
    return {"width": image.width, "height": image.height, "pixels": base64.b64encode(pixels).decode()}


def cases():
    bilinear = InterpolationMode.BILINEAR
    for size in [7, 16, 23, 31, 48]:
        yield {"resize": {"size": size}}, transforms.Resize(size, bilinear, antialias=True)
        exact = {"resize": {"size": size, "exact": True}}
        yield exact, transforms.Resize((size, size), bilinear, antialias=True)
    for size in [1, 8, 15, 22, 24, 37, 50]:
        yield {"center_crop": {"size": size}}, transforms.CenterCrop(size)


def resizes(sizes: list[int], interpolations: list[str]):
    for size in sizes:
        for name in interpolations:
            mode = InterpolationMode(name)
            resize = {"size": size, "interpolation": name}
            yield {"resize": resize}, transforms.Resize(size, mode, antialias=True)


def exact_resizes(sizes: list[int], interpolations: list[str]):
    for size in sizes:
        for name in interpolations:
            mode = InterpolationMode(name)
            resize = {"size": size, "exact": True, "interpolation": name}
            yield {"resize": resize}, transforms.Resize((size, size), mode, antialias=True)


def affine(image: Image.Image, translate=(0, 0), shear=(0.0, 0.0), center=None) -> Image.Image:
    return F.affine(image, 0.0, list(translate), 1.0, list(shear), center=center)


def degrees(magnitude: float) -> float:
    """Arguments of `affine` for a magnitude, as in torchvision's policies."""
    return math.degrees(math.atan(magnitude))


OPERATIONS = {
    "shear_x": (lambda im, v: affine(im, shear=(degrees(v), 0.0), center=[0, 0]), [-0.99, -0.297, 0.1, 0.66]),
    "shear_y": (lambda im, v: affine(im, shear=(0.0, degrees(v)), center=[0, 0]), [-0.66, 0.033, 0.297, 0.99]),
    "translate_x": (lambda im, v: affine(im, translate=(v, 0)), [-5, 3, 40]),
    "translate_y": (lambda im, v: affine(im, translate=(0, v)), [-5, 3]),
    "rotate": (F.rotate, [-135.0, -40.5, 4.5, 30.0, 90.0, 180.0]),
    "brightness": (F.adjust_brightness, [0.0, 0.01, 0.73, 1.27, 1.99]),
    "contrast": (F.adjust_contrast, [0.0, 0.01, 0.73, 1.27, 1.99]),
    "saturation": (F.adjust_saturation, [0.0, 0.01, 0.73, 1.27, 1.99]),
    "sharpness": (F.adjust_sharpness, [0.0, 0.01, 0.73, 1.27, 1.99]),
    "hue": (F.adjust_hue, [-0.5, -0.1, 0.03, 0.25, 0.5]),
    "posterize": (F.posterize, [1, 2, 5, 8]),
    "solarize": (F.solarize, [0.0, 93.5, 178.5, 255.0]),
}

def sampled(name: str, magnitude: float, interpolation: InterpolationMode, fill):
    """An operation with other interpolation and fill than the default."""
    options = {"interpolation": interpolation, "fill": fill}
    if name == "rotate":
        return lambda image: F.rotate(image, magnitude, **options)
    translate = [0, 0] if name.startswith("shear") else [magnitude, 0] if name == "translate_x" else [0, magnitude]
    shear = [degrees(magnitude) if name == f"shear_{axis}" else 0.0 for axis in "xy"]
    center = [0, 0] if name.startswith("shear") else None
    return lambda image: F.affine(image, 0.0, translate, 1.0, shear, center=center, **options)


SAMPLED = [("shear_x", 0.297), ("shear_x", -0.66), ("shear_y", 0.99), ("translate_x", -5), ("translate_y", 3)]
SAMPLED += [("rotate", -40.5), ("rotate", 4.5), ("rotate", 90.0)]
FILLS = [("nearest", 77), ("bilinear", 0), ("bilinear", [124, 116, 104]), ("bicubic", 255), ("bicubic", [9, 200, 31])]

POLICIES = {
    "trivial_augment_wide": lambda bins: transforms.TrivialAugmentWide(bins)._augmentation_space(bins),
    "rand_augment": lambda bins: transforms.RandAugment(2, 0, bins)._augmentation_space(bins, (23, 37)),
}
# Torchvision's names.
KINDS = {"ShearX": "shear_x", "TranslateX": "translate_x", "Rotate": "rotate", "Posterize": "posterize", "Solarize": "solarize"}
KINDS |= {"TranslateY": "translate_y", "Sharpness": "sharpness"}


def magnitudes():
    """The magnitudes of every bin, without their signs."""
    for policy, space in POLICIES.items():
        for bins in [2, 5, 9, 10, 16, 31, 100]:
            of_bins = space(bins)
            values = {name: of_bins[kind][0].tolist() for kind, name in KINDS.items()}
            yield {"policy": policy, "bins": bins, "magnitudes": values}


WITHOUT_MAGNITUDE = {
    "identity": lambda image: image,
    "auto_contrast": F.autocontrast,
    "equalize": F.equalize,
    "invert": F.invert,
}


def operations():
    for name, (function, magnitudes) in OPERATIONS.items():
        for magnitude in magnitudes:
            yield {name: magnitude}, lambda image, f=function, v=magnitude: f(image, v)


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    pictures = {"rgb": picture(37, 23, 3, 1), "grey": picture(48, 64, 1, 2), "photo": photograph(57, 41)}
    # Pillow 13 scales the columns of tall images first, earlier versions never do.
    pictures["tall"] = picture(40, 91, 3, 4)
    pictures = {f"transforms-{name}.png": image for name, image in pictures.items()}
    for file, image in pictures.items():
        image.save(FIXTURES / file)
    rgb, grey, photo, tall = pictures

    transformed = []
    for files, references in [
        ([rgb, grey], cases()),
        ([rgb, grey], resizes([7, 31], ["bicubic", "nearest"])),
        ([photo], resizes([9, 23, 47], ["bilinear", "bicubic"])),
        ([tall], resizes([9, 23, 39, 47], ["bilinear", "bicubic"])),
        ([tall], exact_resizes([16, 60], ["bilinear", "bicubic"])),
    ]:
        for transform, reference in references:
            for file in files:
                output = pack(reference(pictures[file]))
                transformed.append({"input": file, "transform": transform, "output": output})
    lines = ",\n".join(json.dumps(case) for case in transformed)
    (FIXTURES / "transforms.json").write_text(f"[\n{lines}\n]\n")

    # Small for the many cases, whole where histograms matter.
    small = {rgb: pictures[rgb].crop((11, 2, 26, 13)), grey: pictures[grey].crop((15, 9, 28, 22))}
    inputs, operated = {}, []
    for pictures, references in [(small, operations()), (pictures, WITHOUT_MAGNITUDE.items())]:
        for operation, reference in references:
            for file in [rgb, grey]:
                # Not so dark or bright that the histogram cannot be stretched.
                image = pictures[file].point(lambda sample: 30 + sample * 7 // 10)
                name = f"{image.mode} {image.width}x{image.height}"
                inputs[name] = pack(image)
                operated.append({"input": name, "operation": operation, "output": pack(reference(image))})
    for name, magnitude in SAMPLED:
        for interpolation, fill in FILLS:
            for file in [rgb, grey]:
                if file == grey and isinstance(fill, list):
                    continue
                image = small[file].point(lambda sample: 30 + sample * 7 // 10)
                output = pack(sampled(name, magnitude, InterpolationMode(interpolation), fill)(image))
                case = {"input": f"{image.mode} {image.width}x{image.height}", "operation": {name: magnitude}}
                operated.append(case | {"interpolation": interpolation, "fill": fill, "output": output})
    lines = ",\n".join(json.dumps(case) for case in operated)
    bins = json.dumps(list(magnitudes()))
    inputs = json.dumps(inputs)
    text = f'{{"inputs": {inputs}, "bins": {bins}, "cases": [\n{lines}\n]}}\n'
    (FIXTURES / "operations.json").write_text(text)


if __name__ == "__main__":
    main()
