"""The recipes `sst2` and `sst2-scratch` in PyTorch: fine-tunes a BERT on SST-2, or trains one from scratch.

The recipes' settings: AdamW with weight decay on matrices only, linear warm-up and linear decay to 0, gradient clipping
at norm 1, dropout 0.1, batches of sentences of similar length, padded to the longest. Accuracy is printed after every
epoch, with the training time in seconds.

    python bench/sst2.py --data DATA --model FOLDER
    python bench/sst2.py --data DATA --model runs/sst2-scratch --from-scratch 2,128,2 --lr 5e-4 --epochs 3 \\
        --warmup-fraction 0.0333
"""

import argparse
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification
from transformers import PreTrainedTokenizerFast
from transformers.utils import logging

# Batches per length-sorted pool, and minimum number of pools per epoch.
POOL, LEAST_POOLS = 50, 4
TEXT_COLUMNS = ("sentence", "text", "content")


@dataclass
class Sentences:
    """Token ids with special tokens, and labels."""

    rows: list[list[int]]
    labels: list[int]
    pad: int

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, places: list[int]) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """Batch, padded to the longest text."""
        rows = [self.rows[place] for place in places]
        time = max(map(len, rows))
        ids = torch.tensor([row + [self.pad] * (time - len(row)) for row in rows])
        real = torch.tensor([[1] * len(row) + [0] * (time - len(row)) for row in rows])
        return {"input_ids": ids, "attention_mask": real}, torch.tensor([self.labels[place] for place in places])


def read(path: Path, tokenizer, max_length: int) -> Sentences:
    """Reads a TSV with a header; quotes are ordinary characters."""
    header, *lines = path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    names = header.split("\t")
    text = next(names.index(name) for name in TEXT_COLUMNS if name in names)
    label = names.index("label")
    columns = [line.split("\t") for line in lines]
    ids = tokenizer([row[text] for row in columns], add_special_tokens=False)["input_ids"]
    rows = [[tokenizer.cls_token_id, *row[: max_length - 2], tokenizer.sep_token_id] for row in ids]
    return Sentences(rows, [int(row[label]) for row in columns], tokenizer.pad_token_id)


def open_tokenizer(folder: Path):
    """Tokenizer of a Hugging Face model folder, or of a run directory, which has only tokenizer.json."""
    if (folder / "config.json").exists() or not (folder / "tokenizer.json").exists():
        return AutoTokenizer.from_pretrained(folder)
    special = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    return PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **special)


def make_model(args: argparse.Namespace, vocab_size: int) -> nn.Module:
    if not args.from_scratch:
        return AutoModelForSequenceClassification.from_pretrained(args.model, num_labels=2)
    layers, width, heads = map(int, args.from_scratch.split(","))
    config = BertConfig(
        vocab_size=vocab_size,
        num_hidden_layers=layers,
        hidden_size=width,
        num_attention_heads=heads,
        intermediate_size=4 * width,
        num_labels=2,
    )
    return BertForSequenceClassification(config)


def bucketed(sentences: Sentences, batch_size: int, rng: random.Random) -> list[list[int]]:
    """Batches of an epoch: shuffled, sorted by length within pools, and the batches shuffled again."""
    order = rng.sample(range(len(sentences)), len(sentences))
    whole = len(order) - len(order) % batch_size
    order, rest = order[:whole], order[whole:]
    pool = max(1, min(POOL, whole // batch_size // LEAST_POOLS)) * batch_size
    for begin in range(0, whole, pool):
        order[begin : begin + pool] = sorted(order[begin : begin + pool], key=lambda place: len(sentences.rows[place]))
    batches = [order[begin : begin + batch_size] for begin in range(0, whole, batch_size)]
    rng.shuffle(batches)
    return batches + ([rest] if rest else [])


def rate_factor(step: int, warmup: int, total: int) -> float:
    if step < warmup:
        return (step + 1) / warmup
    return 1 - (step - warmup) / max(1, total - warmup)


def make_optimizer(model: nn.Module, args: argparse.Namespace) -> torch.optim.Optimizer:
    matrices = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": args.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.999), eps=1e-8)


@torch.inference_mode()
def accuracy(model: nn.Module, sentences: Sentences) -> float:
    model.eval()
    order = sorted(range(len(sentences)), key=lambda place: len(sentences.rows[place]))
    correct = 0
    for begin in range(0, len(order), 64):
        inputs, labels = sentences.batch(order[begin : begin + 64])
        correct += (model(**inputs).logits.argmax(1) == labels).sum().item()
    model.train()
    return correct / len(sentences)


def train(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    logging.set_verbosity_error()  # the warning about a new classifier head is expected
    logging.disable_progress_bar()
    rng = random.Random(args.seed)
    tokenizer = open_tokenizer(args.model)
    sentences = read(args.data / "train.tsv", tokenizer, args.max_length)
    validation = read(args.data / "dev.tsv", tokenizer, args.max_length)
    if args.limit:
        kept = sorted(rng.sample(range(len(sentences)), min(args.limit, len(sentences))))
        rows, labels = ([column[place] for place in kept] for column in (sentences.rows, sentences.labels))
        sentences = Sentences(rows, labels, sentences.pad)

    model = make_model(args, len(tokenizer)).train()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{parameters:,} parameters, {len(sentences):,} sentences, {len(validation):,} for validation", flush=True)
    optimizer = make_optimizer(model, args)
    steps = args.epochs * math.ceil(len(sentences) / args.batch_size)
    warmup = round(args.warmup_fraction * steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate_factor(step, warmup, steps))

    for epoch in range(1, args.epochs + 1):
        started, total_loss = time.perf_counter(), 0.0
        for places in bucketed(sentences, args.batch_size, rng):
            inputs, labels = sentences.batch(places)
            loss = F.cross_entropy(model(**inputs).logits, labels)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), args.clip_norm)
            optimizer.step()
            schedule.step()
            total_loss += loss.item() * len(places)
        seconds = time.perf_counter() - started
        print(
            f"epoch {epoch}  loss {total_loss / len(sentences):.4f}  validation accuracy "
            f"{accuracy(model, validation):.4f}  {seconds:.1f} s  {len(sentences) / seconds:.1f} sentences/s",
            flush=True,
        )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of train.tsv and dev.tsv")
    parser.add_argument("--model", type=Path, required=True, help="Hugging Face model folder; with --from-scratch only its tokenizer is used")
    parser.add_argument("--from-scratch", metavar="LAYERS,WIDTH,HEADS", help="train a model of this size from random weights")
    parser.add_argument("--limit", type=int, help="use this many training sentences, drawn at random")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--warmup-fraction", type=float, default=0.06, help="fraction of all steps")
    parser.add_argument("--weight-decay", type=float, default=0.01, help="for matrices, not for biases and norms")
    parser.add_argument("--clip-norm", type=float, default=1.0)
    parser.add_argument("--max-length", type=int, default=64, help="maximum tokens per sentence, special tokens included")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    train(parse_args())
