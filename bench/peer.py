"""The PyTorch peer of the benchmark: it does blocks of the same work, one for each line it is sent.

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
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from simple_cnn import SimpleCnn  # noqa: E402

WARMUP_STEPS = 10
VOCAB = 10_000

Work = Callable[[], None]


def article_cnn(batch: int) -> dict[str, Work]:
    """The article's network: SGD 0.001, momentum 0.9."""
    model = SimpleCnn()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    images = torch.randn(batch, 3, 24, 24)
    target = torch.randint(10, (batch,))
    return work(optimizer, lambda: model(images), target)


class LstmLm(nn.Module):
    """Embedding, two LSTM layers of 200 units, linear."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Embedding(VOCAB, 200)
        self.rnn = nn.LSTM(200, 200, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(200, VOCAB)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.rnn(self.encoder(words))[0])


class Block(nn.Module):
    """GPT-2's layer, with PyTorch's fused attention."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, time, width = x.shape
        split = (batch, time, self.heads, width // self.heads)
        q, k, v = (part.view(split).transpose(1, 2) for part in self.c_attn(self.ln_1(x)).chunk(3, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).reshape(x.shape))
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """Six layers of width 384, head tied to the embeddings."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(VOCAB, 384), nn.Embedding(256, 384)
        self.h = nn.Sequential(*(Block(384, 6) for _ in range(6)))
        self.ln_f = nn.LayerNorm(384)

    def forward(self, words: torch.Tensor) -> torch.Tensor:
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1]))
        return F.linear(self.ln_f(self.h(x)), self.wte.weight)


def language(model: nn.Module, shape: tuple[int, int], optimizer: torch.optim.Optimizer) -> dict[str, Work]:
    words = torch.randint(VOCAB, shape)
    target = torch.randint(VOCAB, shape).flatten()
    return work(optimizer, lambda: model(words).flatten(0, 1), target)


def lstm() -> dict[str, Work]:
    model = LstmLm()
    return language(model, (20, 20), torch.optim.SGD(model.parameters(), lr=0.001))


def gpt() -> dict[str, Work]:
    model = Gpt()
    return language(model, (4, 256), torch.optim.AdamW(model.parameters(), lr=0.001, weight_decay=0.0))


def work(optimizer: torch.optim.Optimizer, forward: Callable[[], torch.Tensor], target: torch.Tensor) -> dict[str, Work]:
    """The two kinds of step, on one fixed random batch."""

    def train() -> None:
        optimizer.zero_grad()
        loss = F.cross_entropy(forward(), target)
        loss.backward()
        optimizer.step()
        loss.item()

    @torch.inference_mode()
    def infer() -> None:
        forward()

    return {"train": train, "infer": infer}


def make_work(workload: str, batch: int) -> dict[str, Work]:
    torch.manual_seed(0)
    match workload:
        case "article-cnn":
            return article_cnn(batch)
        case "lstm-2x200":
            return lstm()
        case "gpt-6x384":
            return gpt()
        case other:
            raise SystemExit(f"there is no workload {other!r}")


def run_block(step: Work, steps: int) -> float:
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


def serve(work: dict[str, Work], rounds: int | None) -> None:
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
    parser.add_argument("--workload", default="article-cnn")
    parser.add_argument("--batch", type=int, default=64, help="images per batch")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, help="leave after this many blocks (default: when told to)")
    args = parser.parse_args()

    torch.set_num_threads(args.threads)
    work = make_work(args.workload, args.batch)
    for step in work.values():
        run_block(step, WARMUP_STEPS)
    say(ready=True, torch=torch.__version__.split("+")[0])
    serve(work, args.rounds)


if __name__ == "__main__":
    main()
