"""Random legal image files and the pixels that Pillow reads from them.

Pinned: pillow==13.0.0, numpy; and `cjpeg` of libjpeg-turbo (Debian's libjpeg-turbo-progs, 2.1.5), which writes the
files with several scans and unusual sampling factors. Pillow alone decides what is right.

    python golden/make_image_variants.py

writes data/tests/fixtures/image-variants.tar.gz: 150 JPEG files, 150 PNG files and 150 of other formats, and
expected.json with the SHA-256 of the RGB samples of `Image.open(file).convert("RGB")`. data/tests/decode_golden.rs
compares with them. Four small JPEG files, which the tests of the crate jpeg damage, go to jpeg/tests/fixtures.
"""

import gzip
import hashlib
import io
import json
import random
import struct
import subprocess
import tarfile
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FIXTURE = ROOT / "data" / "tests" / "fixtures" / "image-variants.tar.gz"
JPEGS = ROOT / "jpeg" / "tests" / "fixtures"
COUNT = 150

draw = random.Random(17)
noise = np.random.default_rng(17)


def planes(width: int, height: int, channels: int) -> np.ndarray:
    """Smooth waves with one hard edge, and noise now and then."""
    y, x = np.mgrid[0:height, 0:width]
    waves = np.stack([127 + 120 * np.sin(x / (4 + c) + y / (9 - c) + 2 * c) for c in range(channels)], -1)
    waves[:, width // 2 :, 0] = 230
    if draw.random() < 0.3:
        waves += noise.normal(0, 25, waves.shape)
    return waves.clip(0, 255).astype(np.uint8)


def size() -> tuple[int, int]:
    return draw.choice([(1, 1), (1, 9), (2, 17), (17, 2), (3, 3), (8, 8), (draw.randint(9, 40), draw.randint(9, 40))] * 2 + [(33, 35)] * 6)


def save(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# JPEG


def scans(components: int) -> str:
    """A random legal progression: every bit of every coefficient, once."""
    lines = []
    low = draw.randint(0, 2)
    every = ",".join(map(str, range(components)))
    groups = [every] if draw.random() < 0.6 else list(map(str, range(components)))
    lines += [f"{group}: 0-0, 0, {low};" for group in groups]
    refinements = [f"{every}: 0-0, {bit + 1}, {bit};" for bit in reversed(range(low))]
    for component in range(components):
        cuts = sorted(draw.sample(range(2, 63), draw.randint(0, 2)))
        for first, last in zip([1, *cuts], [cut - 1 for cut in cuts] + [63]):
            bits = draw.randint(0, 2)
            lines.append(f"{component}: {first}-{last}, 0, {bits};")
            refinements += [f"{component}: {first}-{last}, {bit + 1}, {bit};" for bit in reversed(range(bits))]
    return "\n".join(lines + refinements)


def sequential(components: int) -> str:
    return draw.choice(["0;\n1;\n2;", "0 1;\n2;", "0;\n1 2;", "0 1 2;"]) if components == 3 else "0;"


FACTORS = "1x1 2x1 1x2 2x2 4x1 4x2 1x4 2x4 3x1 1x3 3x2".split()
FACTORS += "2x2,1x2,1x2 1x2,1x2,1x2 2x1,2x1,2x1 2x2,2x1,1x2 2x2,1x1,2x2 1x1,2x2,1x1 4x1,2x1,1x1 1x4,1x2,1x1".split()


def cjpeg() -> bytes:
    width, height = size()
    is_grey = draw.random() < 0.15
    pixels = planes(width, height, 3)
    command = ["cjpeg", "-quality", str(draw.choice([30, 75, 90, 97, 100])), "-sample", draw.choice(FACTORS)]
    command += draw.choice([[], [], ["-restart", str(draw.randint(1, 2))], ["-restart", f"{draw.randint(1, 9)}B"]])
    if is_grey:
        command.append("-grayscale")
    elif draw.random() < 0.15:
        command.append("-rgb")
    with tempfile.NamedTemporaryFile("w") as script:
        kind = draw.choice(["one scan", "optimal", "progressive", "scans", "scans", "progression", "progression"])
        if kind == "optimal":
            command.append("-optimize")
        elif kind == "progressive":
            command.append("-progressive")
        elif kind in ["scans", "progression"]:
            write = sequential if kind == "scans" else scans
            script.write(write(1 if is_grey else 3))
            script.flush()
            command += ["-scans", script.name]
        image = save(Image.fromarray(pixels), "PPM")
        return subprocess.run(command, input=image, capture_output=True, check=True).stdout


def pillow_jpeg() -> bytes:
    width, height = size()
    image = Image.fromarray(planes(width, height, 4), mode="CMYK")
    options = {"quality": draw.choice([50, 90, 98]), "progressive": draw.random() < 0.4}
    if draw.random() < 0.5:
        options["restart_marker_blocks"] = draw.randint(1, 4)
    file = save(image, "JPEG", **options)
    place = file.index(b"\xff\xee")
    kind = draw.choice(["CMYK", "YCCK", "no Adobe segment"])
    if kind == "YCCK":
        return file[: place + 15] + b"\2" + file[place + 16 :]
    if kind == "no Adobe segment":
        return file[:place] + file[place + 16 :]
    return file


def marked_jpeg() -> bytes:
    """Colour spaces by markers and identifiers, in every combination."""
    width, height = size()
    file = save(Image.fromarray(planes(width, height, 3)), "JPEG", subsampling=draw.choice([0, 1, 2]))
    jfif, rest = file[2:20], file[20:]
    start = file[:2] + (jfif if draw.random() < 0.5 else b"")
    if draw.random() < 0.5:
        start += b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([draw.choice([0, 1, 2])])
    file = bytearray(start + rest)
    names = draw.choice([b"\1\2\3", b"RGB", b"rgb", b"\0\1\2", b"\1\1\1"])
    frame, scan = file.index(b"\xff\xc0"), file.index(b"\xff\xda")
    for component in range(3):
        file[frame + 10 + 3 * component] = names[component]
        file[scan + 5 + 2 * component] = names[component]
    return bytes(file)


def jpeg() -> tuple[bytes, str]:
    return draw.choice([cjpeg] * 7 + [pillow_jpeg, marked_jpeg])(), "jpg"


# PNG


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


def packed(samples: np.ndarray, bits: int) -> list[bytes]:
    """Rows of samples `[height, width * channels]`, most significant bit first."""
    if bits == 16:
        return [row.astype(">u2").tobytes() for row in samples]
    if bits == 8:
        return [row.astype(np.uint8).tobytes() for row in samples]
    spread = (samples[:, :, None] >> np.arange(bits - 1, -1, -1)) & 1
    return [np.packbits(row.reshape(-1).astype(np.uint8)).tobytes() for row in spread]


def filtered(rows: list[bytes], step: int) -> bytes:
    before, result = bytes(len(rows[0]) if rows else 0), b""
    for row in rows:
        kind = draw.randint(0, 4)
        line = bytearray()
        for at, value in enumerate(row):
            a = row[at - step] if at >= step else 0
            b = before[at]
            c = before[at - step] if at >= step else 0
            p = a + b - c
            paeth = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))[2]
            line.append((value - [0, a, b, (a + b) // 2, paeth][kind]) & 255)
        result += bytes([kind]) + bytes(line)
        before = row
    return result


def png() -> tuple[bytes, str]:
    width, height = size()
    colour, bits = draw.choice([(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (4, 16), (6, 8), (6, 16)])
    channels, step = CHANNELS[colour], max(1, CHANNELS[colour] * bits // 8)
    colours = draw.randint(1, 2**bits) if colour == 3 else 2**bits
    samples = noise.integers(0, colours, (height, width, channels))
    if draw.random() < 0.5 and bits >= 8 and colour != 3:
        samples = planes(width, height, channels).astype(int) * (257 if bits == 16 else 1)
    is_interlaced = draw.random() < 0.4
    passes = ADAM7 if is_interlaced else [(0, 0, 1, 1)]
    raw = b""
    for x, y, across, down in passes:
        part = samples[y::down, x::across]
        if part.size:
            raw += filtered(packed(part.reshape(part.shape[0], -1), bits), step)
    extra = b""
    if draw.random() < 0.2:
        extra += chunk(b"gAMA", struct.pack(">I", 45455))
    if draw.random() < 0.2:
        extra += chunk(b"tEXt", b"Comment\0variant")
    if colour == 3:
        extra += chunk(b"PLTE", noise.integers(0, 256, 3 * colours).astype(np.uint8).tobytes())
    if draw.random() < 0.3 and colour in (0, 2, 3):
        transparent = bytes(noise.integers(0, 256, draw.randint(1, colours)).astype(np.uint8))
        extra += chunk(b"tRNS", transparent if colour == 3 else samples[0, 0].astype(">u2").tobytes())
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, is_interlaced)
    data = zlib.compress(raw, draw.choice([0, 1, 9]))
    cut = draw.randint(0, len(data))
    parts = chunk(b"IDAT", data[:cut]) + chunk(b"IDAT", data[cut:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + parts + chunk(b"IEND", b""), "png"


# Other formats


def webp() -> tuple[bytes, str]:
    width, height = size()
    channels = draw.choice([3, 3, 4])
    images = [Image.fromarray(planes(width, height, channels)) for _ in range(draw.choice([1, 1, 1, 2]))]
    options = {"lossless": draw.random() < 0.4, "quality": draw.choice([10, 60, 95]), "exact": draw.random() < 0.5}
    return save(images[0], "WEBP", method=4, save_all=len(images) > 1, append_images=images[1:], **options), "webp"


def bmp() -> tuple[bytes, str]:
    width, height = size()
    bits = draw.choice([1, 4, 8, 16, 24, 32, "rle4", "rle8"])
    colours = {"rle4": 16, "rle8": 256}.get(bits) or (2**bits if bits <= 8 else 0)
    palette = noise.integers(0, 256, 4 * colours).astype(np.uint8).tobytes()
    compression, direction = 0, draw.choice([1, -1])
    if isinstance(bits, str):
        compression, direction = (2 if bits == "rle4" else 1), 1
        data = run_lengths(width, height, bits == "rle4")
        bits = int(bits[3:])
    else:
        data = noise.integers(0, 256, height * ((width * bits + 31) // 32 * 4)).astype(np.uint8).tobytes()
    masks = b""
    if bits in (16, 32) and draw.random() < 0.6:
        compression = 3
        known = [(0xF800, 0x7E0, 0x1F), (0x7C00, 0x3E0, 0x1F)] if bits == 16 else [(0xFF0000, 0xFF00, 0xFF), (0xFF000000, 0xFF0000, 0xFF00)]
        masks = struct.pack("<III", *draw.choice(known))
    info = struct.pack("<IiiHHIIiiII", 40, width, direction * height, 1, bits, compression, len(data), 0, 0, colours, 0)
    start = 14 + len(info) + len(masks) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + info + masks + palette + data, "bmp"


def run_lengths(width: int, height: int, is_four_bit: bool) -> bytes:
    data = b""
    for _ in range(height):
        x = 0
        while x < width:
            count = min(draw.randint(1, 9), width - x)
            if count >= 3 and draw.random() < 0.5:
                stored = (count + 1) // 2 if is_four_bit else count
                data += bytes([0, count]) + noise.integers(0, 256, stored).astype(np.uint8).tobytes() + bytes(stored % 2)
            else:
                data += bytes([count, draw.randint(0, 255)])
            x += count
        data += b"\0\0"
    return data + b"\0\1"


def tiff() -> tuple[bytes, str]:
    width, height = size()
    a = planes(width, height, 4)
    image = {
        "1": lambda: Image.fromarray(a[:, :, :3].copy()).convert("1"),
        "L": lambda: Image.fromarray(a[:, :, 0]),
        "P": lambda: Image.fromarray(a[:, :, :3].copy()).quantize(30),
        "RGB": lambda: Image.fromarray(a[:, :, :3].copy()),
        "RGBA": lambda: Image.fromarray(a),
        "CMYK": lambda: Image.fromarray(a, mode="CMYK"),
        "I;16": lambda: Image.fromarray(noise.integers(0, 400, (height, width)).astype(np.uint16)),
        "F": lambda: Image.fromarray((noise.random((height, width)) * 300 - 20).astype(np.float32)),
    }
    mode = draw.choice(list(image))
    kinds = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]
    kinds += {"1": ["group4"], "L": ["jpeg"], "RGB": ["jpeg", "jpeg"]}.get(mode, [])
    options = {"compression": draw.choice(kinds), "tiffinfo": {274: draw.choice([1, 1, 1, 2, 3, 4, 5, 6, 7, 8])}}
    if options["compression"] in ("tiff_lzw", "tiff_adobe_deflate") and mode in ("L", "RGB", "RGBA", "I;16"):
        options["tiffinfo"][317] = draw.choice([1, 2])
    return save(image[mode](), "TIFF", **options), "tif"


def gif() -> tuple[bytes, str]:
    width, height = size()
    image = Image.fromarray(planes(width, height, 3)).quantize(draw.choice([2, 7, 60, 256]))
    more = [Image.fromarray(planes(width, height, 3)).quantize(5)] if draw.random() < 0.3 else []
    options = {"transparency": 1} if draw.random() < 0.3 else {}
    return save(image, "GIF", interlace=draw.randint(0, 1), save_all=bool(more), append_images=more, **options), "gif"


def pnm() -> tuple[bytes, str]:
    width, height = size()
    kind = draw.randint(1, 6)
    channels = 3 if kind in (3, 6) else 1
    largest = 1 if kind in (1, 4) else draw.choice([1, 15, 100, 255, 256, 4095, 65535])
    values = noise.integers(0, largest + 1, (height, width * channels))
    header = f"P{kind}\n# variant\n{width} {height}\n".encode() + (b"" if kind in (1, 4) else f"{largest}\n".encode())
    if kind <= 3:
        body = "\n".join(" ".join(map(str, row)) for row in values).encode() + b"\n"
    elif kind == 4:
        body = b"".join(packed(values, 1))
    else:
        body = values.astype(">u2" if largest > 255 else np.uint8).tobytes()
    return header + body, ["pbm", "pgm", "ppm"][(kind - 1) % 3]


def main() -> None:
    makers = [(jpeg, COUNT), (png, COUNT)] + [(maker, COUNT // 5) for maker in [webp, bmp, tiff, gif, pnm]]
    files, expected = {}, {}
    for maker, count in makers:
        for _ in range(count):
            content, extension = maker()
            name = f"{len(files):03}.{extension}"
            image = Image.open(io.BytesIO(content)).convert("RGB")
            files[name] = content
            expected[name] = {"width": image.width, "height": image.height, "sha256": hashlib.sha256(np.asarray(image).tobytes()).hexdigest()}
    files["expected.json"] = json.dumps(expected, indent=0).encode()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    FIXTURE.write_bytes(gzip.compress(archive.getvalue(), 9, mtime=0))


def small_jpegs() -> None:
    image = save(Image.fromarray(planes(27, 19, 3)), "PPM")
    JPEGS.mkdir(exist_ok=True)
    for name, options in {
        "progressive": ["-progressive", "-restart", "1"],
        "scans": ["-sample", "2x2"],
        "factors": ["-sample", "2x2,1x2,1x2"],
    }.items():
        with tempfile.NamedTemporaryFile("w") as script:
            if name == "scans":
                script.write("0;\n1;\n2;")
                script.flush()
                options = [*options, "-scans", script.name]
            file = subprocess.run(["cjpeg", *options], input=image, capture_output=True, check=True).stdout
        (JPEGS / f"{name}.jpg").write_bytes(file)
    (JPEGS / "cmyk.jpg").write_bytes(save(Image.fromarray(planes(27, 19, 4), mode="CMYK"), "JPEG", progressive=True))


if __name__ == "__main__":
    main()
    small_jpegs()
