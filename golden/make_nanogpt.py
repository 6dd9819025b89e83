"""Writes model-transformer/tests/fixtures/nanogpt/: thin checkpoints as nanoGPT's train.py saves them, and their logits.

    ckpt.pt           without biases, compiled; a padded vocabulary
    bias.pt           with biases, not compiled
    logits.safetensors
                      tokens [2, 12]; NAME.logits of each
    meta.pkl          the characters, as data/shakespeare_char/prepare.py saves them
    hugging_face.safetensors
                      the weights of bias.pt in Hugging Face's layout

The network is that of nanoGPT's model.py (MIT, https://github.com/karpathy/nanoGPT), as far as inference needs it.
"""

import math
import pickle
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parent.parent / "model-transformer/tests/fixtures/nanogpt"
CHARACTERS = sorted("\n !abcdefghijklmnopqrstuvwxyzü")
MATRICES = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")


class LayerNorm(nn.Module):
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.c_attn = nn.Linear(width, 3 * width, bias=bias)
        self.c_proj = nn.Linear(width, width, bias=bias)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        q, k, v = (
            part.view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(batch, time, width))


class Mlp(nn.Module):
    def __init__(self, width: int, bias: bool) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width, bias=bias)
        self.c_proj = nn.Linear(4 * width, width, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, bias: bool) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(width, bias)
        self.attn = Attention(width, heads, bias)
        self.ln_2 = LayerNorm(width, bias)
        self.mlp = Mlp(width, bias)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, n_layer: int, n_head: int, n_embd: int, block_size: int, bias: bool, vocab_size: int) -> None:
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd),
                "wpe": nn.Embedding(block_size, n_embd),
                "h": nn.ModuleList(Block(n_embd, n_head, bias) for _ in range(n_layer)),
                "ln_f": LayerNorm(n_embd, bias),
            }
        )
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.transformer.wte(tokens) + self.transformer.wpe(torch.arange(tokens.shape[1]))
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def checkpoint(name: str, prefix: str, sizes: dict) -> tuple[Gpt, dict]:
    model = Gpt(**sizes).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    state = {prefix + key: value for key, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters())
    content = {
        "model": state,
        "optimizer": optimizer.state_dict(),
        "model_args": sizes,
        "iter_num": 5,
        "best_val_loss": torch.tensor(math.log(20)),
        "config": {"dataset": "shakespeare_char", "batch_size": 12, "compile": bool(prefix), "learning_rate": 1e-3},
    }
    torch.save(content, FOLDER / name)
    return model, state


def main() -> None:
    torch.manual_seed(5)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tokens = torch.randint(0, len(CHARACTERS), (2, 12))
    tensors = {"tokens": tokens}
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "block_size": 16, "vocab_size": 64}
    model, _ = checkpoint("ckpt.pt", "_orig_mod.", sizes | {"bias": False})
    with torch.no_grad():
        tensors["ckpt.logits"] = model(tokens)
    model, state = checkpoint("bias.pt", "", sizes | {"bias": True, "n_layer": 1, "vocab_size": len(CHARACTERS)})
    with torch.no_grad():
        tensors["bias.logits"] = model(tokens)
    save_file(tensors, FOLDER / "logits.safetensors")
    hugging_face = {
        key: value.t().contiguous() if key.endswith(MATRICES) else value.clone()
        for key, value in state.items()
        if key != "lm_head.weight"
    }
    save_file(hugging_face, FOLDER / "hugging_face.safetensors")
    meta = {
        "vocab_size": len(CHARACTERS),
        "itos": dict(enumerate(CHARACTERS)),
        "stoi": {character: number for number, character in enumerate(CHARACTERS)},
    }
    (FOLDER / "meta.pkl").write_bytes(pickle.dumps(meta))
    for path in sorted(FOLDER.iterdir()):
        print(f"{path.stat().st_size:6} {path.name}")


if __name__ == "__main__":
    main()
