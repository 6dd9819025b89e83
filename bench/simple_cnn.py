"""The PyTorch peer of the SimpleCnn benchmark: it does blocks of the same work, one for each line it is sent.

The Rust benchmark starts this process once and alternates its own blocks with the peer's, so that both meet the same
machine. On standard input `train N` or `infer N` asks for a block of N steps and `quit` ends the process; the answer
to each block is one line of JSON on standard output.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from simple_cnn import SimpleCnn  # noqa: E402

WARMUP_STEPS = 10


def make_work(batch: int) -> dict[str, Callable[[], None]]:
    """The two kinds of step, on one fixed random batch."""
    torch.manual_seed(0)
    model = SimpleCnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    images = torch.randn(batch, 3, 24, 24)
    target = torch.randint(10, (batch,))

    def train() -> None:
        optimizer.zero_grad()
        F.cross_entropy(model(images), target).backward()
        optimizer.step()

    @torch.inference_mode()
    def infer() -> None:
        model(images)

    return {"train": train, "infer": infer}


def run_block(step: Callable[[], None], steps: int) -> float:
    started = time.perf_counter()
    for _ in range(steps):
        step()
    return time.perf_counter() - started


def peak_rss_mb() -> float:
    """The most memory this process has held; Linux counts it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def say(**message: object) -> None:
    print(json.dumps(message), flush=True)


def serve(work: dict[str, Callable[[], None]], rounds: int | None) -> None:
    """Answers lines until `quit`, the end of the input, or `rounds` blocks."""
    done = 0
    while rounds is None or done < rounds:
        match sys.stdin.readline().split():
            case [] | ["quit"]:
                return
            case [kind, count] if kind in work and count.isdecimal():
                steps = int(count)
                seconds = run_block(work[kind], steps)
                say(steps=steps, seconds=seconds, rss_mb=round(peak_rss_mb(), 1))
                done += 1
            case other:
                say(error=f"expected 'train N', 'infer N' or 'quit', got '{' '.join(other)}'")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, help="leave after this many blocks (default: when told to)")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    work = make_work(args.batch)
    for step in work.values():
        run_block(step, WARMUP_STEPS)
    say(ready=True, torch=torch.__version__.split("+")[0])
    serve(work, args.rounds)


if __name__ == "__main__":
    main()
