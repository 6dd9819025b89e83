#!/usr/bin/env bash
# Of two places for a setting of a model, transformers reads one whole, and does not fill its gaps from the other.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0
cd "$folder"
HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error "$folder/venv/bin/python" - <<'PYTHON'
import json
import os

import transformers
from transformers import GenerationConfig, LlamaConfig

print("transformers", transformers.__version__)
os.makedirs("model")


def ends(config, generation):
    """The end of text that `from_pretrained` of a model gives its `generate`."""
    with open("model/config.json", "w") as file:
        json.dump({"model_type": "llama", **config}, file)
    if generation is None:
        return GenerationConfig.from_pretrained("model", config_file_name="config.json", _from_model_config=True).eos_token_id
    with open("model/generation_config.json", "w") as file:
        json.dump(generation, file)
    return GenerationConfig.from_pretrained("model").eos_token_id


print("eos_token_id 5 in config.json alone:", ends({"eos_token_id": 5}, None))
print("guess: the same beside a generation_config.json that does not mention it")
seen = ends({"eos_token_id": 5}, {"do_sample": True, "temperature": 0.6})
print("seen:", seen, "- such a model never ends a text")
assert seen is None, "changed"

both = {"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
print("guess: rope_parameters, the newer entry, counts before rope_scaling, or at least its rope_theta of 500")
rope = LlamaConfig.from_dict(both).rope_parameters
print("seen:", rope)
assert rope["rope_type"] == "linear" and rope["rope_theta"] == 10000.0, "changed"
PYTHON
