"""The benchmark's models in idiomatic PyTorch: PyTorch's layers, fused attention, no dropout."""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
from simple_cnn import SimpleCnn  # noqa: E402

VOCAB = 10_000
WORD_PIECES = 30_522


def image_classifier(name: str, size: int) -> tuple[nn.Module, int]:
    """Network and number of classes."""
    if name == "article-cnn":
        return SimpleCnn(image_size=size), 10
    # Memory is measured too, so torchvision is imported only where needed.
    from families import CifarResNet
    from torchvision.models import resnet18, vgg11

    match name:
        case "resnet20":
            return CifarResNet((3, 3, 3)), 10
        case "resnet18":
            return resnet18(), 1000
        case "vgg11":
            return vgg11(dropout=0.0), 1000
        case other:
            raise ValueError(other)


class LstmLm(nn.Module):
    """Embedding, two LSTM layers, linear."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Embedding(VOCAB, width)
        self.rnn = nn.LSTM(width, width, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(width, VOCAB)

    def forward(self, words: Tensor) -> Tensor:
        return self.decoder(self.rnn(self.encoder(words))[0])


class Attention(nn.Module):
    """`cache` is None or `[2, batch, heads, positions, head_dim]`, valid below `start`."""

    def __init__(self, width: int, heads: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, cache: Tensor | None = None, start: int = 0) -> Tensor:
        batch, time, width = x.shape
        split = (batch, time, self.heads, width // self.heads)
        q, k, v = (part.view(split).transpose(1, 2) for part in self.c_attn(x).chunk(3, 2))
        if cache is not None:
            cache[0, :, :, start : start + time] = k
            cache[1, :, :, start : start + time] = v
            k, v = cache[:, :, :, : start + time]
        # A prompt starts at 0 and is causal; a single token attends to the whole cache.
        y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal and time > 1)
        return self.c_proj(y.transpose(1, 2).reshape(x.shape))


class GptBlock(nn.Module):
    """GPT-2 block: pre-norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads, causal=True)
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, cache: Tensor | None = None, start: int = 0) -> Tensor:
        x = x + self.attn(self.ln_1(x), cache, start)
        return x + self.c_out(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt(nn.Module):
    """GPT of six layers of width 384, head tied to the embeddings."""

    def __init__(self, positions: int, layers: int = 6, width: int = 384, heads: int = 6) -> None:
        super().__init__()
        self.positions, self.heads = positions, heads
        self.wte, self.wpe = nn.Embedding(VOCAB, width), nn.Embedding(positions, width)
        self.h = nn.ModuleList(GptBlock(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Tensor:
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1]))
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)

    def new_cache(self, batch: int) -> Tensor:
        width = self.wte.embedding_dim
        return torch.empty(len(self.h), 2, batch, self.heads, self.positions, width // self.heads)

    def forward_next(self, words: Tensor, cache: Tensor, start: int) -> Tensor:
        """Logits of the token after `words`, which begin at position `start`."""
        x = self.wte(words) + self.wpe(torch.arange(start, start + words.shape[1]))
        for block, slot in zip(self.h, cache):
            x = block(x, slot, start)
        return F.linear(self.ln_f(x[:, -1]), self.wte.weight)


class BertBlock(nn.Module):
    """BERT block: post-norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = Attention(width, heads, causal=False)
        self.ln_1, self.ln_2 = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)
        self.c_fc, self.c_out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        x = self.ln_1(x + self.attn(x))
        return self.ln_2(x + self.c_out(F.gelu(self.c_fc(x))))


class Bert(nn.Module):
    """BERT-small with a two-class head."""

    def __init__(self, positions: int, layers: int = 4, width: int = 512, heads: int = 8) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(WORD_PIECES, width), nn.Embedding(positions, width)
        self.segments = nn.Embedding(2, width)
        self.ln = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.Sequential(*(BertBlock(width, heads) for _ in range(layers)))
        self.pooler, self.classifier = nn.Linear(width, width), nn.Linear(width, 2)

    def forward(self, words: Tensor) -> Tensor:
        positions = torch.arange(words.shape[1])
        x = self.words(words) + self.positions(positions) + self.segments(torch.zeros_like(words))
        x = self.layers(self.ln(x))
        return self.classifier(self.pooler(x[:, 0]).tanh())
