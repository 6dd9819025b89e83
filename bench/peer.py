"""The PyTorch side of the benchmark: takes steps of the same workload on request.

The Rust benchmark starts this process for one workload and one kind of step, and alternates its own blocks of steps with
the peer's, so that both run under the same conditions. Once model and batch are ready, the peer prints a line of JSON to
standard output. On standard input `steps N` requests N steps, answered by a line with the seconds of each; `quit` ends
the process.

PyTorch's speed options can be set in the benchmark's `--peer`: `--channels-last`, `--autocast` (bfloat16), `--compile`,
`--device cuda`.
"""

import argparse
import contextlib
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROMPT = 16
IMAGES = ("article-cnn", "resnet20", "resnet18", "vgg11")

Step = Callable[[], None]


def model_step(args: argparse.Namespace, model: nn.Module, forward: Callable[[], Tensor], target: Tensor) -> Step:
    """Training step or forward pass on one fixed batch."""
    model.train(args.kind == "train")
    match args.workload:
        case "gpt-6x384" | "bert-small":
            optimizer = torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.0)
        case "lstm-2x200" | "lstm-2x650":
            optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
        case _:
            optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)

    def train() -> None:
        optimizer.zero_grad()
        with autocast(args):
            loss = F.cross_entropy(forward(), target)
        loss.backward()
        optimizer.step()
        loss.item()

    @torch.inference_mode()
    def infer() -> None:
        with autocast(args):
            forward()
        synchronize(args)

    return {"train": train, "infer": infer}[args.kind]


def images(args: argparse.Namespace) -> Step:
    from models import image_classifier

    model, classes = image_classifier(args.workload, args.size)
    batch = torch.randn(args.batch, 3, args.size, args.size)
    if args.channels_last:
        model = model.to(memory_format=torch.channels_last)
        batch = batch.to(memory_format=torch.channels_last)
    run = compiled(args, model)
    return model_step(args, model, lambda: run(batch), torch.randint(classes, (args.batch,)))


def texts(args: argparse.Namespace) -> Step:
    from models import VOCAB, Gpt, LstmLm

    match args.workload:
        case "gpt-6x384":
            model = Gpt(args.size)
        case lstm:
            model = LstmLm(int(lstm.removeprefix("lstm-2x")))
    words = torch.randint(VOCAB, (args.batch, args.size))
    target = torch.randint(VOCAB, (args.batch * args.size,))
    run = compiled(args, model)
    return model_step(args, model, lambda: run(words).flatten(0, 1), target)


def encoder(args: argparse.Namespace) -> Step:
    from models import WORD_PIECES, Bert

    model = Bert(max(args.size, 512))
    words = torch.randint(WORD_PIECES, (args.batch, args.size))
    run = compiled(args, model)
    return model_step(args, model, lambda: run(words), torch.randint(2, (args.batch,)))


def generation(args: argparse.Namespace) -> Step:
    """Greedy generation of texts of `size` tokens, one at a time."""
    from models import Gpt

    model = Gpt(max(256, PROMPT + args.size)).eval()
    prompt = torch.arange(PROMPT)[None]

    @torch.inference_mode()
    def write() -> None:
        for _ in range(args.batch):
            cache, new, start = model.new_cache(1), prompt, 0
            for _ in range(args.size):
                with autocast(args):
                    logits = model.forward_next(new, cache, start)
                start += new.shape[1]
                new = logits.argmax(1, keepdim=True)
        new.item()

    return write


def matmul(args: argparse.Namespace) -> Step:
    left, right = torch.rand(args.size, args.size), torch.rand(args.size, args.size)

    @torch.inference_mode()
    def multiply() -> None:
        left @ right
        synchronize(args)

    return multiply


def loading(args: argparse.Namespace) -> Step:
    from loading import pipelines

    load = pipelines(str(args.images / "train"), args.batch, args.size)[args.kind]
    return lambda: load(1)


def make_step(args: argparse.Namespace) -> Step:
    torch.manual_seed(0)
    match args.workload:
        case name if name in IMAGES:
            return images(args)
        case "lstm-2x200" | "lstm-2x650" | "gpt-6x384":
            return texts(args)
        case "bert-small":
            return encoder(args)
        case "generation":
            return generation(args)
        case "matmul":
            return matmul(args)
        case "load-folder" | "load-shards":
            return loading(args)
        case other:
            raise SystemExit(f"there is no workload {other!r}")


def autocast(args: argparse.Namespace) -> contextlib.AbstractContextManager:
    return torch.autocast(args.device, torch.bfloat16) if args.autocast else contextlib.nullcontext()


def compiled(args: argparse.Namespace, model: nn.Module) -> Callable[[Tensor], Tensor]:
    return torch.compile(model) if args.compile else model


def synchronize(args: argparse.Namespace) -> None:
    if args.device == "cuda":
        torch.cuda.synchronize()


def timed(step: Step) -> float:
    started = time.perf_counter()
    step()
    return time.perf_counter() - started


def peak_mb() -> float:
    """Peak memory of this process; Linux reports KiB, macOS bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def resident_mb() -> float:
    """Current memory, where the system reports it."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_mb()
    return pages * resource.getpagesize() / 2**20


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def serve(step: Step) -> None:
    """Answers requests until `quit` or the end of input."""
    while True:
        match sys.stdin.readline().split():
            case [] | ["quit"]:
                return
            case ["steps", count] if count.isdecimal():
                say(seconds=[timed(step) for _ in range(int(count))], peak_mb=peak_mb())
            case other:
                say(error=f"expected 'steps N' or 'quit', got '{' '.join(other)}'")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--kind", choices=["train", "infer", "pil", "turbo"], required=True)
    parser.add_argument("--batch", type=int, required=True, help="batch size")
    parser.add_argument("--size", type=int, required=True, help="size of images, texts or matrices")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--images", type=Path, help="folder of JPEG files to load: train/CLASS/NAME.jpg")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--channels-last", action="store_true", help="channels-last memory format")
    parser.add_argument("--autocast", action="store_true", help="autocast to bfloat16")
    parser.add_argument("--compile", action="store_true", help="use torch.compile")
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    if args.device != "cpu":
        # Not for the CPU, the default: the mode costs every operation some microseconds.
        torch.set_default_device(args.device)
    step = make_step(args)
    say(version=f"PyTorch {torch.__version__.split('+')[0]}", rss_mb=resident_mb())
    serve(step)


if __name__ == "__main__":
    main()
