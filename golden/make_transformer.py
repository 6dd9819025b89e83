"""Writes what model-transformer/tests compares with:

    attention.safetensors           scaled_dot_product_attention with every mask, and its gradients
    layers.safetensors              positions, norms, activations
    gpt2.safetensors, llama.safetensors, llama3.safetensors
                                    thin random Hugging Face models: outputs, gradients, steps, generation
    huggingface/gpt2, huggingface/llama
                                    save_pretrained folders, the second with several weight files
    huggingface/hub                 the same GPT-2 in the hub's form: a pickle, without the prefix, with constant masks
    llama2c.bin                     a thin Llama in llama2.c's format; llama2c.safetensors has its logits

The keys of each model file:
    init.*       initial weights
    tokens       [batch, time + 1]; all but the last are inputs, all but the first are targets
    logits, loss, grad.*
    step2.*      weights after two AdamW steps: learning rate 0.01, decay 0.1 on everything
    prompt, written
                 a prompt, and its greedy continuation
"""

import struct
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

FIXTURES = Path(__file__).resolve().parent.parent / "model-transformer/tests/fixtures"
VOCABULARY, CONTEXT, WIDTH = 61, 40, 16
LLAMA3_SCALING = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 20,
}


def save(name: str, tensors: dict[str, Tensor]) -> None:
    path = FIXTURES / f"{name}.safetensors"
    save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}, path)
    print(f"{path.name}: {path.stat().st_size} bytes")


# Attention


def masks(queries: int, keys: int) -> dict[str, Tensor | None]:
    """Boolean mask, true where a query may attend to a key."""
    causal = torch.ones(queries, keys, dtype=torch.bool).tril(keys - queries)[None, None]
    real = torch.ones(2, 1, 1, keys, dtype=torch.bool)
    real[0, ..., -2:] = False
    real[1, ..., 0] = False
    by_head = torch.rand(1, 4, queries, keys) < 0.6
    by_batch = torch.rand(2, 1, queries, keys) < 0.6
    by_head[..., 0] = True
    by_batch[..., 1] = True
    nothing = by_batch.clone()
    nothing[0, :, -1] = False
    return {
        "none": None,
        "causal": causal,
        "padding": real,
        # Position 0 is padding in one sequence: its own query attends to nothing.
        "causal_padding": causal & real,
        "by_head": by_head,
        "by_batch": by_batch,
        "nothing": nothing,
    }


def reference(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """PyTorch's attention; zeros where a query attends to nothing."""
    if mask is None:
        return F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    blind = ~mask.any(-1, keepdim=True)
    seen = F.scaled_dot_product_attention(q, k, v, attn_mask=mask | blind, enable_gqa=True)
    return seen.masked_fill(blind, 0.0)


def attention() -> dict[str, Tensor]:
    tensors = {}
    for kv_heads, queries, keys in [(4, 6, 6), (4, 3, 7), (4, 1, 7), (2, 6, 6), (2, 3, 7), (1, 1, 7)]:
        case = f"{kv_heads}_{queries}_{keys}"
        q, k, v = (torch.randn(2, heads, time, 4) for heads, time in [(4, queries), (kv_heads, keys), (kv_heads, keys)])
        weight = torch.randn(2, 4, queries, 4)
        tensors |= {f"{case}.q": q, f"{case}.k": k, f"{case}.v": v, f"{case}.weight": weight}
        for name, mask in masks(queries, keys).items():
            inputs = [x.clone().requires_grad_() for x in (q, k, v)]
            output = reference(*inputs, mask)
            (output * weight).sum().backward()
            tensors[f"{case}.{name}.output"] = output
            for letter, x in zip("qkv", inputs, strict=True):
                tensors[f"{case}.{name}.grad_{letter}"] = x.grad
            if mask is not None:
                tensors[f"{case}.{name}.mask"] = mask.to(torch.float32)
    return tensors


# Layers


def rotated_neighbours(x: Tensor) -> Tensor:
    """Rotary embedding as complex multiplication of neighbours, as in the paper and Meta's code. x [batch, time, heads, dim]."""
    half = x.shape[-1] // 2
    angles = torch.arange(x.shape[1])[:, None] / 10000 ** (torch.arange(half) / half)
    turns = torch.polar(torch.ones_like(angles), angles)
    pairs = torch.view_as_complex(x.reshape(*x.shape[:-1], half, 2))
    return torch.view_as_real(pairs * turns[None, :, None]).flatten(3)


def rotated_halves(x: Tensor, start: int, config: LlamaConfig) -> Tensor:
    positions = torch.arange(start, start + x.shape[1])[None]
    cos, sin = LlamaRotaryEmbedding(config)(x, positions)
    return apply_rotary_pos_emb(x, x, cos, sin, unsqueeze_dim=2)[0]


def layers() -> dict[str, Tensor]:
    x = torch.randn(2, 5, 16)
    heads = torch.randn(2, 5, 3, 16)
    weight, bias = torch.randn(16), torch.randn(16)
    grad = torch.randn(2, 5, 16)
    tensors = {"x": x, "heads": heads, "weight": weight, "bias": bias, "grad": grad}
    functions = {
        "layer_norm": lambda x: F.layer_norm(x, (16,), weight, bias, 1e-5),
        "layer_norm_without_bias": lambda x: F.layer_norm(x, (16,), weight, None, 1e-5),
        "rms_norm": lambda x: F.rms_norm(x, (16,), weight, 1e-5),
        "gelu": F.gelu,
        "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
        "silu": F.silu,
        "relu": F.relu,
        "swiglu": lambda x: F.silu(x) * x.flip(-1),
    }
    for name, function in functions.items():
        # Large values too, where a naive formula overflows.
        input = (4 * x).clone().requires_grad_()
        output = function(input)
        (output * grad).sum().backward()
        tensors |= {name: output, f"{name}.grad": input.grad}
    config = LlamaConfig(hidden_size=16, num_attention_heads=1, head_dim=16, max_position_embeddings=80)
    scaled = LlamaConfig(
        hidden_size=16,
        num_attention_heads=1,
        head_dim=16,
        max_position_embeddings=80,
        rope_parameters=LLAMA3_SCALING | {"rope_theta": 10000.0},
    )
    angles = torch.arange(7)[:, None] / 10000 ** (torch.arange(0, 10, 2) / 10)
    return tensors | {
        "halves": rotated_halves(heads, 0, config),
        "halves_from_60": rotated_halves(heads, 60, config),
        "halves_llama3": rotated_halves(heads, 60, scaled),
        "neighbours": rotated_neighbours(heads),
        "sinusoidal": torch.stack([angles.sin(), angles.cos()], -1).flatten(1),
    }


# Models


def randomise(model: nn.Module) -> None:
    """Fills every parameter with distinct values that preserve the signal's scale."""
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:
            nn.init.normal_(parameter, std=0.35)
        elif name.endswith("weight"):
            nn.init.uniform_(parameter, 0.5, 1.5)
        else:
            nn.init.uniform_(parameter, -0.2, 0.2)


def state(model: nn.Module) -> dict[str, Tensor]:
    """State dict without the second name of a tied matrix."""
    return {name: parameter for name, parameter in model.named_parameters()}


def named(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": tensor.detach().clone() for name, tensor in tensors.items()}


def learning(model: nn.Module) -> dict[str, Tensor]:
    model.train()
    tokens = torch.randint(VOCABULARY, (3, 18))
    tensors = named("init", state(model)) | {"tokens": tokens}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for step in (1, 2):
        optimizer.zero_grad()
        logits = model(tokens[:, :-1]).logits
        loss = F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
        loss.backward()
        if step == 1:
            tensors |= {"logits": logits.detach(), "loss": loss.detach()}
            tensors |= named("grad", {name: p.grad for name, p in model.named_parameters()})
        optimizer.step()
    return tensors | named("step2", state(model))


def writing(model: nn.Module) -> dict[str, Tensor]:
    model.eval()
    prompt = torch.randint(VOCABULARY, (2, 4))
    with torch.no_grad():
        written = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=CONTEXT - 4, pad_token_id=0
        )
        best = model(written).logits.topk(2).values
    print(f"  least distance of the best token from the second: {(best[..., 0] - best[..., 1]).min().item():.4f}")
    return {"prompt": prompt, "written": written[:, 4:]}


def gpt2() -> GPT2LMHeadModel:
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=2,
        n_head=4,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )
    return GPT2LMHeadModel(config)


def llama(**more) -> LlamaForCausalLM:
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        max_position_embeddings=CONTEXT,
        hidden_size=WIDTH,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        rms_norm_eps=1e-5,
        bos_token_id=None,
        eos_token_id=None,
        **more,
    )
    return LlamaForCausalLM(config)


def model(name: str, make, folder: str | None = None, **how) -> None:
    torch.manual_seed(7)
    model = make()
    randomise(model)
    if folder is not None:
        model.save_pretrained(FIXTURES / "huggingface" / folder, **how)
    save(name, writing(model) | learning(model))


def hub(folder: Path) -> None:
    """The GPT-2 of `gpt2` in the form of OpenAI's on the hub."""
    folder.mkdir(parents=True, exist_ok=True)
    model = GPT2LMHeadModel.from_pretrained(FIXTURES / "huggingface/gpt2")
    tensors = {name.removeprefix("transformer."): tensor for name, tensor in model.state_dict().items()}
    causal = torch.ones(CONTEXT, CONTEXT, dtype=torch.uint8).tril()[None, None]
    for layer in range(model.config.n_layer):
        tensors[f"h.{layer}.attn.bias"] = causal
        tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "config.json").write_text((FIXTURES / "huggingface/gpt2/config.json").read_text())


# llama2.c


def neighbours(weight: Tensor, heads: int) -> Tensor:
    """Permutes rows of queries or keys from Hugging Face's order to Meta's."""
    return weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)


def meta_logits(t: dict[str, Tensor], tokens: Tensor, layers: int, heads: int, kv_heads: int) -> Tensor:
    """Independent Llama on the tensors of a llama2.c file; neighbours are rotated together."""
    batch, time = tokens.shape
    norm = lambda x, w: F.rms_norm(x, (x.shape[-1],), w, 1e-5)
    split = lambda x, n: x.view(batch, time, n, -1)
    x = t["tok_embeddings"][tokens]
    for i in range(layers):
        h = norm(x, t["rms_att"][i])
        q = rotated_neighbours(split(h @ t["wq"][i].T, heads)).transpose(1, 2)
        k = rotated_neighbours(split(h @ t["wk"][i].T, kv_heads)).transpose(1, 2)
        v = split(h @ t["wv"][i].T, kv_heads).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        x = x + mixed.transpose(1, 2).flatten(2) @ t["wo"][i].T
        h = norm(x, t["rms_ffn"][i])
        x = x + (F.silu(h @ t["w1"][i].T) * (h @ t["w3"][i].T)) @ t["w2"][i].T
    return norm(x, t["rms_final"]) @ t["head"].T


def llama2c() -> None:
    torch.manual_seed(11)
    model = llama(num_key_value_heads=2).eval()
    randomise(model)
    config, weights = model.config, model.state_dict()
    every = lambda name: torch.stack([weights[f"model.layers.{i}.{name}.weight"] for i in range(config.num_hidden_layers)])
    rows = lambda name, heads: torch.stack([neighbours(w, heads) for w in every(name)])
    head_dim = config.hidden_size // config.num_attention_heads
    tensors = {
        "tok_embeddings": weights["model.embed_tokens.weight"],
        "rms_att": every("input_layernorm"),
        "wq": rows("self_attn.q_proj", config.num_attention_heads),
        "wk": rows("self_attn.k_proj", config.num_key_value_heads),
        "wv": every("self_attn.v_proj"),
        "wo": every("self_attn.o_proj"),
        "rms_ffn": every("post_attention_layernorm"),
        "w1": every("mlp.gate_proj"),
        "w2": every("mlp.down_proj"),
        "w3": every("mlp.up_proj"),
        "rms_final": weights["model.norm.weight"],
        "freq_cis": torch.zeros(2, CONTEXT, head_dim // 2),
        "head": weights["lm_head.weight"],
    }
    header = (
        config.hidden_size,
        config.intermediate_size,
        config.num_hidden_layers,
        config.num_attention_heads,
        config.num_key_value_heads,
        -config.vocab_size,
        CONTEXT,
    )
    body = b"".join(tensor.contiguous().numpy().astype("<f4").tobytes() for tensor in tensors.values())
    (FIXTURES / "llama2c.bin").write_bytes(struct.pack("<7i", *header) + body)
    tokens = torch.randint(VOCABULARY, (2, 17))
    with torch.no_grad():
        logits = model(tokens).logits
        anew = meta_logits(tensors, tokens, config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads)
    torch.testing.assert_close(anew, logits, atol=1e-4, rtol=1e-4)
    save("llama2c", {"tokens": tokens, "logits": logits})


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(7)
    save("attention", attention())
    save("layers", layers())
    model("gpt2", gpt2, "gpt2")
    model("llama", lambda: llama(num_key_value_heads=2), "llama", max_shard_size="12KB")
    scaled = LLAMA3_SCALING | {"rope_theta": 500.0}
    more = {"tie_word_embeddings": True, "attention_bias": True, "mlp_bias": True, "head_dim": 6}
    model("llama3", lambda: llama(num_key_value_heads=1, rope_parameters=scaled, **more))
    hub(FIXTURES / "huggingface/hub")
    llama2c()


if __name__ == "__main__":
    main()
