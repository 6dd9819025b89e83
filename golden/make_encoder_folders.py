"""Writes cli/tests/fixtures/encoders, which cli/tests/encoder_use/published.rs compares with: folders of thin random
networks, and what transformers and sentence-transformers make of them.

    BASE/            config, weights and tokenizer as `save_pretrained` writes them; of sentence encoders also the weights
                     of further steps, in folders that `modules.json` has yet to name
    expected.json    cases: `base`, `files` (JSON files put into a copy of it; null removes one, and an object changes the
                     entries of a file that is there), `arguments` of the command line, and
                     `vectors` of the texts by `embed` or `scores` in the order of the labels by `predict`
                     `measures`: `data`, a file and its text, and the `metrics` of the folder on it by `eval`
"""

import json
import os
import random
import shutil
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy
import torch
import transformers
from safetensors.torch import save_file
from scipy.stats import pearsonr, spearmanr
from sentence_transformers import CrossEncoder, SentenceTransformer
from seqeval.metrics import f1_score as entity_f1
from sklearn.metrics import accuracy_score, f1_score
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    AutoModel,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    MPNetConfig,
    MPNetModel,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
)

FIXTURES = Path(__file__).resolve().parent.parent / "cli/tests/fixtures/encoders"
WORDS = "the cat sat on a mat and dog ran to hill red fox The Fox".split()
TEXTS = ["The cat sat", "a red Fox ran to the hill and the dog sat on a mat", "dog"]
PAIRS = ["a dog", "the mat", "the cat ran"]
TAGS = ["I-PER", "O", "B-PER"]
SIZES = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12, max_position_embeddings=24)
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def tokenizer(special: list[str], **settings) -> PreTrainedTokenizerFast:
    """Whole words; `special` are padding, unknown, beginning, end and mask, in the order of their ids."""
    ids = {token: id for id, token in enumerate(special + WORDS)}
    by_role = {role: next(token for token in special if role in token.lower()) for role in ("pad", "unk", "mask")}
    begin = next(token for token in special if token in ("[CLS]", "<s>"))
    end = next(token for token in special if token in ("[SEP]", "</s>"))
    made = Tokenizer(models.WordPiece(ids, unk_token=by_role["unk"]))
    made.normalizer = normalizers.BertNormalizer(lowercase=False)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single=f"{begin} $A {end}",
        pair=f"{begin} $A {end} $B:1 {end}:1" if begin == "[CLS]" else f"{begin} $A {end} {end} $B {end}",
        special_tokens=[(begin, ids[begin]), (end, ids[end])],
    )
    names = {f"{role}_token": token for role, token in by_role.items()}
    inputs = ["input_ids", "token_type_ids", "attention_mask"] if begin == "[CLS]" else ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=made, cls_token=begin, sep_token=end, model_input_names=inputs, **names, **settings
    )


def base(name: str, model: torch.nn.Module, special: list[str]) -> None:
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.4)
        else:
            parameter.data += 0.1 * torch.randn_like(parameter)
    folder = FIXTURES / name
    model.eval().save_pretrained(folder)
    tokenizer(special).save_pretrained(folder)


def bases() -> None:
    size = len(BERT) + len(WORDS)
    fairseq = ["<unk>", "<s>", "</s>", "<pad>", "<mask>"]
    base("sentence", BertModel(BertConfig(vocab_size=size, **SIZES)), BERT)
    base("three", BertForSequenceClassification(BertConfig(vocab_size=size, num_labels=3, **SIZES)), BERT)
    base("one", BertForSequenceClassification(BertConfig(vocab_size=size, num_labels=1, **SIZES)), BERT)
    tags = dict(enumerate(TAGS))
    base("tags", BertForTokenClassification(BertConfig(vocab_size=size, id2label=tags, **SIZES)), BERT)
    # The configuration's padding token is the tokenizer's <s>.
    roberta = RobertaConfig(vocab_size=size, type_vocab_size=1, pad_token_id=1, **SIZES)
    base("roberta", RobertaModel(roberta), fairseq)
    mpnet = MPNetConfig(vocab_size=size, **{**SIZES, "max_position_embeddings": 26})
    base("mpnet", MPNetModel(mpnet), ["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    for name, tensors in {
        "dense": {"linear.weight": torch.randn(4, 8), "linear.bias": torch.randn(4)},
        "residual": {"linear.weight": torch.randn(4, 8), "residual.weight": torch.randn(4, 8)},
    }.items():
        (FIXTURES / "sentence" / name).mkdir()
        save_file(tensors, FIXTURES / "sentence" / name / "model.safetensors")


# Variants of the folders.


def put(folder: Path, files: dict) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        if content is None:
            path.unlink()
            continue
        if path.exists() and isinstance(content, dict):
            content = {**json.loads(path.read_text()), **content}
        path.write_text(json.dumps(content, indent=1))


def steps(*kinds: str, library: str = "sentence_transformers.models") -> dict:
    """`modules.json` of Transformer, Pooling and further steps KIND:FOLDER."""
    paths = ["Transformer:", "Pooling:1_Pooling", *kinds]
    of = lambda step: dict(path=step.split(":")[1], type=f"{library}.{step.split(':')[0]}")
    return {"modules.json": [dict(idx=i, name=str(i), **of(step)) for i, step in enumerate(paths)]}


def pooling(**settings) -> dict:
    return {"1_Pooling/config.json": dict(word_embedding_dimension=8, **settings)}


def dense(folder: str, activation: str = "torch.nn.modules.activation.Tanh", **more) -> dict:
    settings = dict(in_features=8, out_features=4, bias=True, activation_function=activation, **more)
    return {f"{folder}/config.json": settings}


MEAN = pooling(pooling_mode_cls_token=False, pooling_mode_mean_tokens=True)
NORMALIZE = "Normalize:9_Normalize"
PROMPTS = {
    "config_sentence_transformers.json": dict(prompts=dict(query="the cat ", passage="a "), default_prompt_name="query")
}
ALL = pooling(pooling_mode=["lasttoken", "weightedmean", "mean_sqrt_len_tokens", "max", "cls", "mean"])
NOT_PROMPTS = pooling(pooling_mode=["mean", "cls", "max", "weightedmean", "lasttoken"], include_prompt=False)
SENTENCES = {
    "several poolings": steps() | ALL,
    "the mean divided by the root of the length": steps(NORMALIZE) | pooling(pooling_mode_mean_sqrt_len_tokens=True),
    "a default prompt": steps() | MEAN | PROMPTS,
    "a prompt that does not count": steps() | NOT_PROMPTS | PROMPTS,
    "dense": steps("Dense:dense") | MEAN | dense("dense"),
    "dense without an activation, normalised before and after":
        steps(NORMALIZE, "Dense:dense", NORMALIZE) | MEAN | dense("dense", "torch.nn.modules.linear.Identity"),
    "dense with a residual connection, after dropout":
        steps("Dropout:2_Dropout", "Dense:residual") | MEAN | {"2_Dropout/config.json": dict(dropout=0.5)}
        | dense("residual", "torch.nn.modules.activation.GELU", use_residual=True)
        | {"residual/config.json": dict(in_features=8, out_features=4, bias=False, use_residual=True,
                                        activation_function="torch.nn.modules.activation.GELU")},
    "max_seq_length": steps() | MEAN | {"sentence_xlm-roberta_config.json": dict(max_seq_length=7)},
    "the tokenizer's length": steps() | MEAN | {"tokenizer_config.json": dict(model_max_length=6)},
    "the length of a call": steps() | MEAN | {
        "sentence_bert_config.json": dict(max_seq_length=9, processing_kwargs=dict(text=dict(max_length=5)))},
    "no truncation": steps() | MEAN | {
        "sentence_bert_config.json": dict(max_seq_length=9, processing_kwargs=dict(text=dict(truncation=False)))},
    "lower case": steps() | MEAN | {"sentence_bert_config.json": dict(max_seq_length=20, do_lower_case=True)},
    "the first features alone": steps(NORMALIZE) | MEAN | {"config_sentence_transformers.json": dict(truncate_dim=3)},
}
ACTIVATIONS = ["quick_gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "tanh", "relu", "silu", "relu2", "leaky_relu"]
RELEASE_6 = {
    "modules.json": [dict(idx=0, name="0", path="", type="sentence_transformers.base.modules.transformer.Transformer")],
    "sentence_bert_config.json": dict(
        transformer_task="sequence-classification", module_output_name="scores",
        modality_config=dict(text=dict(method="forward", method_output_name="logits"))),
}


def of_release_6(activation: str, **more) -> dict:
    settings = dict(model_type="CrossEncoder", activation_fn=f"torch.nn.modules.{activation}", **more)
    return RELEASE_6 | {"config_sentence_transformers.json": settings}


CLASSIFIERS = [
    ("three", {}, False),
    ("three", {"config.json": dict(id2label={"0": 0, "1": 1.5, "2": True}, label2id={})}, False),
    ("three", {"config.json": dict(problem_type="multi_label_classification")}, False),
    ("three", {"config.json": dict(problem_type="regression")}, False),
    ("three", {"config.json": dict(sentence_transformers=dict(activation_fn="torch.nn.modules.linear.Identity"))}, True),
    ("one", {}, False),
    ("one", {"config.json": dict(problem_type="regression")}, False),
    ("one", {"config.json": dict(sbert_ce_default_activation_function="torch.nn.modules.linear.Identity")}, True),
    ("one", {"config.json": dict(sentence_transformers=dict(activation_fn="torch.nn.modules.activation.Tanh"))}, True),
    ("one", of_release_6("activation.Sigmoid"), True),
    ("one", of_release_6("linear.Identity", prompts=dict(rank="a red "), default_prompt_name="rank"), True),
    ("one", of_release_6("linear.Identity") | {"tokenizer_config.json": dict(model_max_length=9)}, True),
]


# Answers of the reference.


def mean(folder: Path) -> list:
    """Mean over the tokens of each text, by transformers."""
    names, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        return [model(**names(text, return_tensors="pt")).last_hidden_state[0].mean(0).tolist() for text in TEXTS]


def scores(folder: Path, is_cross: bool) -> list:
    if is_cross:
        said = CrossEncoder(str(folder), device="cpu").predict(list(zip(TEXTS, PAIRS)))
        return said.reshape(len(TEXTS), -1).tolist()
    names = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    pipeline = transformers.TextClassificationPipeline(model=model, tokenizer=names, device="cpu")
    said = pipeline([dict(text=a, text_pair=b) for a, b in zip(TEXTS, PAIRS)], top_k=None)
    places = {label: place for place, label in model.config.id2label.items()}
    return [[one["score"] for one in sorted(all, key=lambda one: places[one["label"]])] for all in said]


def case(name: str, base: str, files: dict, arguments: list, **answers) -> dict:
    """`answers` are functions of the folder."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        shutil.copytree(FIXTURES / base, folder)
        put(folder, files)
        said = {key: answer(folder) for key, answer in answers.items()}
    return dict(name=name, base=base, files=files, arguments=arguments) | said


def cases():
    encode = lambda folder, **more: SentenceTransformer(str(folder), device="cpu").encode(TEXTS, **more).tolist()
    for name, files in SENTENCES.items():
        yield case(name, "sentence", files, [], vectors=encode)
    named = steps() | MEAN | PROMPTS
    yield case("--prompt-name", "sentence", named, ["--prompt-name", "passage"],
               vectors=lambda folder: encode(folder, prompt_name="passage"))
    yield case("--prompt", "sentence", named, ["--prompt", "red fox "], vectors=lambda folder: encode(folder, prompt="red fox "))
    for name in ACTIVATIONS:
        yield case(f"hidden_act {name}", "sentence", {"config.json": dict(hidden_act=name)}, [], vectors=mean)
    for name in ("roberta", "xlm-roberta", "camembert"):
        yield case(name, "roberta", {"config.json": dict(model_type=name)}, [], vectors=mean)
    yield case("mpnet", "mpnet", {}, [], vectors=mean)
    for number, (base, files, is_cross) in enumerate(CLASSIFIERS):
        yield case(f"classifier {number}", base, files, [], scores=lambda folder: scores(folder, is_cross))


# Data to measure a folder on.


def measures():
    rng = random.Random(3)
    texts = [" ".join(rng.choices(WORDS, k=rng.randrange(2, 9))) for _ in range(24)]
    numbers = [round(rng.uniform(0, 5), 3) for _ in texts]
    labels = ["cat", "Dog", "fox"]
    chosen = [rng.choice(labels) for _ in texts]
    sets = [[label for label in labels if rng.random() < 0.5] for _ in texts]
    words = [text.split() for text in texts]
    tags = [[rng.choice(TAGS) for _ in row] for row in words]
    names = dict(id2label={"0": "fox", "1": "CAT", "2": "dog"}, label2id={})
    order = ["fox", "cat", "Dog"]
    several = {"config.json": dict(problem_type="multi_label_classification", **names)}

    tsv = lambda values: "sentence\tlabel\n" + "".join(f"{a}\t{b}\n" for a, b in zip(texts, values))
    lists = "".join(json.dumps(dict(text=text, label=labels)) + "\n" for text, labels in zip(texts, sets))
    columns = "text," + ",".join(labels) + "\n"
    columns += "".join(f"{text}," + ",".join(str(int(one in row)) for one in labels) + "\n" for text, row in zip(texts, sets))
    conll = "\n".join("".join(f"{word} {tag}\n" for word, tag in zip(*row)) for row in zip(words, tags))

    def logits(folder: Path, kind=AutoModelForSequenceClassification) -> list:
        names, model = AutoTokenizer.from_pretrained(folder), kind.from_pretrained(folder, dtype=torch.float32).eval()
        with torch.no_grad():
            return [model(**names(text, return_tensors="pt")).logits[0] for text in texts]

    def of_numbers(folder: Path) -> dict:
        said = torch.cat(logits(folder)).double().numpy()
        loss = float(((said - numpy.array(numbers)) ** 2).mean())
        return dict(loss=loss, pearson=float(pearsonr(said, numbers)[0]), spearman=float(spearmanr(said, numbers)[0]))

    def of_classes(folder: Path) -> dict:
        said, right = torch.stack(logits(folder)), torch.tensor([order.index(label) for label in chosen])
        best = said.argmax(-1)
        loss = torch.nn.functional.cross_entropy(said, right).item()
        return dict(loss=loss, accuracy=accuracy_score(right, best), f1=f1_score(right, best, average="macro"))

    def of_sets(folder: Path) -> dict:
        said, right = torch.stack(logits(folder)), torch.tensor([[int(one in row) for one in order] for row in sets])
        best = (said > 0).int()
        f1 = lambda average: float(f1_score(right, best, average=average, zero_division=0))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(said, right.float()).item()
        return dict(loss=loss, accuracy=accuracy_score(right, best), f1=f1("micro"), f1_macro=f1("macro"))

    def of_tags(folder: Path) -> dict:
        said = [[TAGS[place] for place in row[1:-1].argmax(-1)] for row in logits(folder, AutoModelForTokenClassification)]
        return dict(accuracy=accuracy_score(sum(tags, []), sum(said, [])), f1=float(entity_f1(tags, said)))

    regression = {"config.json": dict(problem_type="regression")}
    by_columns = ["--set", f"data.columns.labels={json.dumps(labels)}"]
    for name, base, files, data, arguments, metrics in [
        ("numbers", "one", regression, ["numbers.tsv", tsv(numbers)], [], of_numbers),
        ("numbers without a problem type", "one", {}, ["numbers.tsv", tsv(numbers)], [], of_numbers),
        ("classes", "three", {"config.json": names}, ["classes.tsv", tsv(chosen)], [], of_classes),
        ("lists of labels", "three", several, ["lists.jsonl", lists], [], of_sets),
        ("columns of labels", "three", several, ["columns.csv", columns], by_columns, of_sets),
        ("tags", "tags", {}, ["tags.conll", conll], [], of_tags),
    ]:
        yield case(name, base, files, arguments, metrics=metrics) | dict(data=data)


def main() -> None:
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    torch.manual_seed(5)
    shutil.rmtree(FIXTURES, ignore_errors=True)
    FIXTURES.mkdir(parents=True)
    bases()
    made = [json.dumps(one) for one in cases()]
    measured = [json.dumps(one) for one in measures()]
    head = f'"texts": {json.dumps(TEXTS)}, "pairs": {json.dumps(PAIRS)}'
    (FIXTURES / "expected.json").write_text("{" + head + ', "cases": [\n' + ",\n".join(made) + '\n], "measures": [\n' + ",\n".join(measured) + "\n]}\n")
    print(f"{len(made)} cases, {sum(path.stat().st_size for path in FIXTURES.rglob('*') if path.is_file())} bytes")


if __name__ == "__main__":
    main()
