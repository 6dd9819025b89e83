"""Reference pixels for the image decoder: Pillow's output for the kinds of files found in real image folders.

Pinned: pillow==13.0.0, numpy.

    python golden/make_decode.py

writes data/tests/fixtures/decode.json: for each case the file's bytes and the pixels of
`Image.open(f).convert("RGB")`, torchvision's default loader, or none where Pillow rejects the file.
data/tests/decode_golden.rs compares with it.
"""

import base64
import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

FIXTURE = Path(__file__).resolve().parent.parent / "data" / "tests" / "fixtures" / "decode.json"


def planes(width: int, height: int, channels: int) -> np.ndarray:
    """Smooth waves of all colours with one hard edge, which reveals the chroma upsampling."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [127 + 120 * np.sin(x / (4 + c) + y / (9 - c) + 2 * c) for c in range(channels)]
    waves[0][:, width // 2 :] = 230
    return np.stack(waves, -1).astype(np.uint8)


def rgb(width: int = 37, height: int = 21) -> Image.Image:
    return Image.fromarray(planes(width, height, 3))


def noise(width: int = 59, height: int = 43) -> Image.Image:
    """Rare and long Huffman codes, and samples outside 0..255."""
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def grey(width: int = 21, height: int = 19) -> Image.Image:
    return Image.fromarray(planes(width, height, 1)[:, :, 0])


def cmyk(width: int = 23, height: int = 19) -> Image.Image:
    return Image.fromarray(planes(width, height, 4), mode="CMYK")


def save(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def segments(jpeg: bytes):
    """(marker, start, end) of every segment up to the first scan."""
    at = 2
    while True:
        (length,) = struct.unpack(">H", jpeg[at + 2 : at + 4])
        yield jpeg[at + 1], at, at + 2 + length
        if jpeg[at + 1] == 0xDA:
            return
        at += 2 + length


def without(jpeg: bytes, marker: int) -> bytes:
    for kind, start, end in segments(jpeg):
        if kind == marker:
            return jpeg[:start] + jpeg[end:]
    raise ValueError("no such segment")


def patched(jpeg: bytes, marker: int, offset: int, value: int) -> bytes:
    """Replaces one byte of a segment, counted from its marker."""
    for kind, start, _ in segments(jpeg):
        if kind == marker:
            return jpeg[: start + offset] + bytes([value]) + jpeg[start + offset + 1 :]
    raise ValueError("no such segment")


def with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    return jpeg[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def ycck(**options) -> bytes:
    """YCCK, which Pillow cannot write: four planes written as CMYK, then relabelled in the Adobe segment."""
    ycc = np.asarray(rgb(23, 19).convert("YCbCr"))
    k = planes(23, 19, 4)[:, :, 3:]
    # Pillow inverts CMYK when it writes.
    four = Image.fromarray(255 - np.concatenate([ycc, k], -1), mode="CMYK")
    return patched(save(four, **options), 0xEE, 15, 2)


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


def png(width: int, height: int, bits: int, colour: int, rows: np.ndarray, extra: bytes = b"") -> bytes:
    """A hand-made PNG file, for the kinds that Pillow reads but does not write."""
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9)) + chunk(b"IEND", b"")
    )


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def sixteen(width: int, height: int, channels: int) -> np.ndarray:
    values = np.arange(width * height * channels).reshape(height, width * channels)
    return (values * 65535 // values.max()).astype(">u2")


def jpeg_cases():
    for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
        yield f"jpeg {subsampling}", save(rgb(), subsampling=subsampling, quality=90)
    yield "jpeg progressive 4:2:0", save(rgb(), progressive=True)
    yield "jpeg with restart markers", save(rgb(), restart_marker_blocks=1)
    yield "jpeg of RGB without YCbCr", save(rgb(17, 11), keep_rgb=True)
    yield "jpeg of 1x1", save(rgb(1, 1))
    yield "jpeg of 1x40 4:2:0", save(rgb(1, 40))
    yield "jpeg of 1x40 4:4:4", save(rgb(1, 40), subsampling="4:4:4")
    yield "jpeg of 12x8 4:2:0", save(rgb(12, 8))
    yield "jpeg of 40x1", save(rgb(40, 1))
    yield "jpeg of 17x2 progressive", save(rgb(17, 2), progressive=True)
    yield "jpeg grey", save(grey())
    yield "jpeg grey progressive", save(grey(), progressive=True)
    # Subsampling factors mean nothing for one component; some encoders write 2x2 all the same.
    yield "jpeg grey that says 2x2", patched(save(grey()), 0xC0, 11, 0x22)
    yield "jpeg grey 1x5", save(grey(1, 5))
    yield "jpeg of 2x40 4:2:0", save(rgb(2, 40))
    yield "jpeg of 5x3 4:2:0", save(rgb(5, 3))
    for subsampling in ["4:4:4", "4:2:2", "4:2:0"]:
        yield f"jpeg noise {subsampling}", save(noise(), subsampling=subsampling, quality=97)
    yield "jpeg noise with its own codes", save(noise(), optimize=True, quality=97)
    yield "jpeg noise with restart markers", save(noise(), restart_marker_blocks=3)
    # 4:4:0, which Pillow cannot write: the blocks of 4:2:2, relabelled as stacked instead of side by side.
    yield "jpeg 4:4:0", patched(save(rgb(48, 48), subsampling="4:2:2"), 0xC0, 11, 0x12)
    yield "jpeg CMYK", save(cmyk())
    yield "jpeg CMYK progressive", save(cmyk(), progressive=True)
    yield "jpeg CMYK without Adobe segment", without(save(cmyk()), 0xEE)
    yield "jpeg YCCK", ycck()
    yield "jpeg YCCK progressive", ycck(progressive=True)
    yield from odd_jpegs()


def odd_jpegs():
    # No subsampling, so that only the oddity under test can make a difference.
    small = rgb(12, 8)
    plain = save(small, subsampling="4:4:4")
    head, tail = plain[:20], plain[20:]
    yield "jpeg with EXIF orientation 6", save(small, subsampling="4:4:4", exif=exif(6))
    yield "jpeg with EXIF cut short", save(small, subsampling="4:4:4", exif=exif(6)[:-9])
    yield "jpeg with EXIF of nonsense", with_segment(plain, 0xE1, b"Exif\0\0II*\0\xff\xff\xff\xff\xff\xff")
    yield "jpeg with EXIF of nothing", with_segment(plain, 0xE1, b"Exif\0\0")
    yield "jpeg with an empty APP1", with_segment(plain, 0xE1, b"")
    yield "jpeg with XMP cut short", with_segment(plain, 0xE1, b"http://ns.adobe.com/xmp/extension/\0short")
    yield "jpeg with a short APP14", with_segment(plain, 0xEE, b"Ado")
    yield "jpeg with a cut Adobe segment", with_segment(plain, 0xEE, b"Adobe\0d")
    yield "jpeg with an unknown Adobe transform", with_segment(plain, 0xEE, b"Adobe\0d\0\0\0\0\x07")
    yield "jpeg with ICC of nonsense", with_segment(plain, 0xE2, b"ICC_PROFILE\0\x01\x01nonsense")
    yield "jpeg with bytes between segments", head + b"abcdef" + tail
    yield "jpeg with fill bytes between segments", head + b"\xff\xff\xff" + tail
    yield "jpeg with bytes before the end", plain[:-2] + b"\x12\x34\x56\x78" + plain[-2:]
    yield "jpeg with 200 bytes after it", plain + bytes(range(200))
    yield "jpeg with a cut jpeg after it", plain + plain[:300]
    yield "mpo", save(small, "MPO", subsampling="4:4:4", save_all=True, append_images=[rgb(8, 12)])
    yield "jpeg without end", plain[:-2]
    yield "jpeg cut in half", plain[: 2 * len(plain) // 3]
    yield "jpeg progressive cut in half", save(rgb(), progressive=True)[:-100]


def png_cases():
    yield "png grey", save(grey(), "PNG")
    yield "png RGB", save(rgb(12, 8), "PNG")
    yield "png RGBA", save(Image.fromarray(planes(9, 7, 4)), "PNG")
    yield "png LA", save(Image.fromarray(planes(9, 7, 2)), "PNG")
    yield "png 1 bit", save(grey(9, 7).convert("1"), "PNG")
    for bits in [1, 2, 4, 8]:
        palette = rgb(9, 7).quantize(min(2**bits, 50))
        yield f"png palette of {bits} bits", save(palette, "PNG", bits=bits)
    yield "png palette with transparency", save(rgb(9, 7).quantize(8), "PNG", transparency=bytes([0, 128, 255]))
    yield "png grey with a transparent value", save(grey(9, 7), "PNG", transparency=7)
    rows = np.array([[0b00011011, 0b11000000], [0b11100100, 0b01000000]], np.uint8)
    yield "png grey of 2 bits", png(5, 2, 2, 0, rows)
    yield "png grey of 4 bits", png(4, 2, 4, 0, np.array([[0x01, 0x8F], [0xF7, 0x3A]], np.uint8))
    yield "png grey of 16 bits", png(16, 8, 16, 0, sixteen(16, 8, 1))
    yield "png LA of 16 bits", png(8, 8, 16, 4, sixteen(8, 8, 2))
    yield "png RGB of 16 bits", png(8, 8, 16, 2, sixteen(8, 8, 3))
    yield "png RGBA of 16 bits", png(8, 8, 16, 6, sixteen(8, 8, 4))
    row = np.arange(18, dtype=np.uint8).reshape(1, 18) * 14
    yield "png with gamma", png(6, 1, 8, 2, row, chunk(b"gAMA", struct.pack(">I", 100000)))
    yield "png with ICC of nonsense", png(6, 1, 8, 2, row, chunk(b"iCCP", b"a\0\0nonsense"))
    yield "png with a text of nonsense", png(6, 1, 8, 2, row, chunk(b"zTXt", b"a\0\0nonsense"))
    yield "png with bytes after it", save(rgb(9, 7), "PNG") + b"ending"
    yield "png cut in half", save(rgb(12, 8), "PNG")[:-60]


def pixels(file: bytes):
    try:
        image = Image.open(io.BytesIO(file)).convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"
    return image, None


def case(name: str, file: bytes) -> dict:
    image, error = pixels(file)
    packed = lambda data: base64.b64encode(data).decode()
    result = {"name": name, "file": packed(file)}
    if image is None:
        return result | {"error": error}
    samples = zlib.compress(np.asarray(image).tobytes(), 9)
    return result | {"width": image.width, "height": image.height, "pixels": packed(samples)}


def main() -> None:
    cases = [case(name, file) for name, file in [*jpeg_cases(), *png_cases()]]
    lines = ",\n".join(json.dumps(case) for case in cases)
    FIXTURE.write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
