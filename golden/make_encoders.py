"""Writes what model-transformer/tests/encoder_golden.rs and encoder_huggingface.rs compare with:

    bert.safetensors, distilbert.safetensors, mpnet.safetensors, roberta.safetensors
                                    thin random Hugging Face models with every head: outputs, gradients, steps
    huggingface/bert, huggingface/distilbert, huggingface/roberta
                                    save_pretrained folders, each with another head
    huggingface/bert_hub            the same BERT in the form of the first ones on the hub: a pickle with both
                                    pre-training heads, norms' gamma and beta, constants, and tied tensors twice

The keys of each model file:
    init.NAME                   initial weights; a name means the same for every head
    CASE.tokens, .segments, .real
                                inputs: token ids, token type ids, attention mask. `plain` has one length and no token
                                types, `padded` is padded at the end, `left` at the beginning
    CASE.features, CASE.pooled  outputs of the model without a head; CASE.attention.LAYER its probabilities
    CASE.HEAD.logits            for question answering, start and end in the last dimension
    HEAD.labels                 targets of `padded`, below zero where ignored
    HEAD.loss, HEAD.grad.NAME, HEAD.step2.NAME
                                of `padded`; the weights after two AdamW steps: learning rate 0.01, decay 0.1 on everything
"""

import zlib
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import BertConfig, DistilBertConfig, MPNetConfig, RobertaConfig

FIXTURES = Path(__file__).resolve().parent.parent / "model-transformer/tests/fixtures"
VOCABULARY, PLACES, WIDTH, INNER, LAYERS, HEADS, LABELS = 50, 24, 8, 12, 2, 2, 3
LENGTHS = [11, 7, 4]
LOWEST = -65504.0
CLASSES = {
    "none": "Model",
    "masked_lm": "ForMaskedLM",
    "sequence": "ForSequenceClassification",
    "token": "ForTokenClassification",
    "span": "ForQuestionAnswering",
}


def bert() -> BertConfig:
    return BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=PLACES,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def distilbert() -> DistilBertConfig:
    return DistilBertConfig(
        vocab_size=VOCABULARY,
        dim=WIDTH,
        n_layers=LAYERS,
        n_heads=HEADS,
        hidden_dim=INNER,
        max_position_embeddings=PLACES,
        dropout=0.0,
        attention_dropout=0.0,
        qa_dropout=0.0,
        seq_classif_dropout=0.0,
    )


def roberta() -> RobertaConfig:
    return RobertaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=PLACES,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )


def mpnet() -> MPNetConfig:
    return MPNetConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=INNER,
        max_position_embeddings=PLACES,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        bos_token_id=None,
        eos_token_id=None,
    )


FAMILIES = {"Bert": bert, "DistilBert": distilbert, "Roberta": roberta, "MPNet": mpnet}


def randomise(model: nn.Module) -> None:
    """Fills every parameter with distinct values that depend on its name alone and preserve the signal's scale."""
    for name, parameter in model.named_parameters():
        name = name.removeprefix(f"{model.base_model_prefix}.")
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        if parameter.ndim == 2:
            values = 0.5 * torch.randn(parameter.shape, generator=generator)
        elif name.endswith("weight"):
            values = 0.5 + torch.rand(parameter.shape, generator=generator)
        else:
            values = 0.4 * torch.rand(parameter.shape, generator=generator) - 0.2
        parameter.data = values


def make(family: str, head: str) -> nn.Module:
    config = FAMILIES[family]()
    config.num_labels = 2 if head == "span" else LABELS
    config._attn_implementation = "eager"
    model = getattr(transformers, family + CLASSES[head])(config)
    randomise(model)
    return model


def prefixed(model: nn.Module, name: str) -> str:
    """Parameter name in a model with a head."""
    prefix = f"{model.base_model_prefix}."
    return prefix + name if type(model).__name__.endswith("Model") else name


def cases(config) -> dict[str, dict[str, Tensor]]:
    time = max(LENGTHS)
    tokens = torch.randint(5, VOCABULARY, (len(LENGTHS), time))
    real = torch.arange(time) < torch.tensor(LENGTHS)[:, None]
    segments = (torch.arange(time) >= torch.tensor(LENGTHS)[:, None] // 2) & real
    filled = {"tokens": tokens.where(real, config.pad_token_id), "real": real, "segments": segments.long()}
    return {
        "plain": {"tokens": torch.randint(5, VOCABULARY, (2, 9))},
        "padded": filled,
        "left": {name: tensor.flip(1) for name, tensor in filled.items()},
    }


def read(family: str, model: nn.Module, case: dict[str, Tensor], **more):
    inputs = {"input_ids": case["tokens"]}
    if "real" in case:
        inputs["attention_mask"] = case["real"].long()
    if family == "Bert" and "segments" in case:
        inputs["token_type_ids"] = case["segments"]
    return model(**inputs, **more)


def logits(head: str, output) -> Tensor:
    return torch.stack([output.start_logits, output.end_logits], -1) if head == "span" else output.logits


def labels(head: str, case: dict[str, Tensor]) -> Tensor:
    """`[batch]`, `[batch, time]`, or for question answering `[batch, 2]`."""
    real = case["real"]
    if head == "sequence":
        return torch.randint(LABELS, (real.shape[0],))
    if head == "span":
        return torch.stack([torch.randint(length, (2,)) for length in LENGTHS])
    wanted = real & (torch.rand(real.shape) < 0.5) if head == "masked_lm" else real
    wanted[:, 1] = True
    return torch.randint(VOCABULARY if head == "masked_lm" else LABELS, real.shape).where(wanted, -100)


def loss(head: str, output, labels: Tensor, real: Tensor) -> Tensor:
    said = logits(head, output)
    if head == "sequence":
        return F.cross_entropy(said, labels)
    if head == "span":
        said = said.masked_fill(~real[..., None], LOWEST)
        return F.cross_entropy(said.transpose(1, 2).flatten(0, 1), labels.flatten())
    return F.cross_entropy(said.flatten(0, 1), labels.flatten(), ignore_index=-100)


def learning(family: str, head: str, case: dict[str, Tensor]) -> dict[str, Tensor]:
    model = make(family, head).train()
    wanted = labels(head, case)
    tensors = {f"{head}.labels": wanted}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)
    for step in (1, 2):
        optimizer.zero_grad()
        lost = loss(head, read(family, model, case), wanted, case["real"])
        lost.backward()
        if step == 1:
            tensors[f"{head}.loss"] = lost
            tensors |= {f"{head}.grad.{name}": p.grad for name, p in model.named_parameters()}
        optimizer.step()
    return tensors | {f"{head}.step2.{name}": p for name, p in model.named_parameters()}


def reading(family: str, batches: dict[str, dict[str, Tensor]]) -> dict[str, Tensor]:
    tensors = {}
    for head in CLASSES:
        model = make(family, head).eval()
        tensors |= {f"init.{prefixed(model, name)}": p for name, p in model.named_parameters()}
        for name, case in batches.items():
            with torch.no_grad():
                output = read(family, model, case, output_attentions=True)
            if head != "none":
                tensors[f"{name}.{head}.logits"] = logits(head, output)
                continue
            tensors[f"{name}.features"] = output.last_hidden_state
            if family != "DistilBert":
                tensors[f"{name}.pooled"] = output.pooler_output
            tensors |= {f"{name}.attention.{layer}": p for layer, p in enumerate(output.attentions)}
    return tensors


def family(name: str) -> None:
    torch.manual_seed(13)
    batches = cases(FAMILIES[name]())
    tensors = {f"{case}.{key}": tensor for case, batch in batches.items() for key, tensor in batch.items()}
    tensors |= reading(name, batches)
    for head in CLASSES:
        if head != "none":
            tensors |= learning(name, head, batches["padded"])
    path = FIXTURES / f"{name.lower()}.safetensors"
    save_file({key: tensor.detach().contiguous().clone() for key, tensor in tensors.items()}, path)
    print(f"{path.name}: {path.stat().st_size} bytes")


def folders() -> None:
    for name, head in [("Bert", "masked_lm"), ("DistilBert", "sequence"), ("Roberta", "token")]:
        model = make(name, head)
        if head != "masked_lm":
            model.config.id2label = dict(enumerate(["bad", "middling", "good"]))
            model.config.label2id = {label: id for id, label in model.config.id2label.items()}
        model.save_pretrained(FIXTURES / "huggingface" / name.lower())


def hub() -> None:
    """State dict as Google's first checkpoints were converted: their names for norms, tied tensors twice."""
    model = transformers.BertForPreTraining(bert())
    randomise(model)
    folder = FIXTURES / "huggingface/bert_hub"
    folder.mkdir(parents=True, exist_ok=True)
    old = lambda name: name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    tensors = {old(name): tensor.clone() for name, tensor in model.state_dict().items()}
    tensors["bert.embeddings.position_ids"] = torch.arange(PLACES)[None]
    torch.save(tensors, folder / "pytorch_model.bin")
    model.config.architectures = ["BertForPreTraining"]
    model.config.save_pretrained(folder)


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    for name in FAMILIES:
        family(name)
    folders()
    hub()


if __name__ == "__main__":
    main()
