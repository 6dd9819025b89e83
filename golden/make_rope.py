"""Writes model-transformer/tests/fixtures/rope.safetensors: rotary embeddings with every scaling of Hugging Face's Llama.

    heads             [1, 5, 3, 16], rotated below from position `START` on
    NAME.rotated      the same, rotated
    NAME.inv_freq     frequencies
    tokens            [1, 24]
    NAME.logits       a thin Llama with a context of 16 and that scaling, on all 24 tokens (dynamic) or on 16
    weights.*         its weights

rope.json has the configurations, in the spelling of Transformers 4 or 5.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding, apply_rotary_pos_emb

FIXTURES = Path(__file__).resolve().parent.parent / "model-transformer/tests/fixtures"
START = 9
SIZES = dict(
    vocab_size=31, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
    num_key_value_heads=1, head_dim=16, max_position_embeddings=16, tie_word_embeddings=True,
)
CONFIGS = {
    "linear": {"rope_scaling": {"type": "linear", "factor": 4.0}, "rope_theta": 500.0},
    "dynamic": {"rope_scaling": {"type": "dynamic", "factor": 2.0}},
    "yarn": {"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1000.0, "original_max_position_embeddings": 8}},
    "yarn_every_option": {
        "rope_scaling": {
            "rope_type": "yarn", "factor": 8.0, "original_max_position_embeddings": 64, "beta_fast": 4.0, "beta_slow": 0.5,
            "mscale": 0.707, "mscale_all_dim": 1.2, "truncate": False,
        },
        "rope_theta": 200.0,
    },
    "yarn_attention_factor": {"rope_scaling": {"type": "yarn", "factor": 2.0, "attention_factor": 1.5, "beta_fast": 0}},
    "llama3": {
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
        "original_max_position_embeddings": 8, "rope_theta": 300.0,
    },
    "both": {"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 5.0}},
    "gelu": {"hidden_act": "gelu", "rope_parameters": {"rope_type": "default", "rope_theta": 700.0}},
}


def main() -> None:
    torch.manual_seed(11)
    heads = torch.randn(1, 5, 3, 16)
    tokens = torch.randint(0, 31, (1, 24))
    tensors = {"heads": heads, "tokens": tokens}
    for name, options in CONFIGS.items():
        config = LlamaConfig.from_dict(json.loads(json.dumps(SIZES | options)))
        rotary = LlamaRotaryEmbedding(config)
        cos, sin = rotary(heads, torch.arange(START, START + 5)[None])
        tensors[f"{name}.rotated"] = apply_rotary_pos_emb(heads, heads, cos, sin, unsqueeze_dim=2)[0]
        torch.manual_seed(12)
        model = LlamaForCausalLM(config).eval()
        for parameter in model.parameters():
            if parameter.dim() > 1:
                torch.nn.init.normal_(parameter, std=0.3)
        length = 24 if name == "dynamic" else 16
        with torch.no_grad():
            tensors[f"{name}.logits"] = model(tokens[:, :length]).logits
        state = {key: value for key, value in model.state_dict().items() if key != "lm_head.weight"}
    # All models have the same weights.
    tensors |= {f"weights.{key}": value for key, value in state.items()}
    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    save_file(tensors, FIXTURES / "rope.safetensors")
    configs = {name: {"model_type": "llama", **SIZES, **options} for name, options in CONFIGS.items()}
    (FIXTURES / "rope.json").write_text(json.dumps(configs, indent=1) + "\n")
    print((FIXTURES / "rope.safetensors").stat().st_size, "bytes")


if __name__ == "__main__":
    main()
