"""Writes data/tests/fixtures/tags.json and train/tests/fixtures/tags.json: words and entities of transformers'
TokenClassificationPipeline.

    data/    texts with the words that the aggregation "first" tags, as characters of the text, for the tokenizers of
             ../tokenizers/bert and ../sequences/roberta (make_tokenizers.py, make_sequences.py). With RoBERTa's the
             pipeline tags a character of several tokens several times; here words with the same start are one, and
             those of white space alone are left out
    train/   tags of words with the entities that they make
"""

import json
import random
import warnings
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig, BertForTokenClassification, BertTokenizer, RobertaTokenizer, TokenClassificationPipeline

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "data/tests/fixtures"
TEXTS = [
    "",
    " ",
    "The keeper's lamp didn't burn.",
    "He counted the ships: one, two, three, seven, twelve.",
    "The U.N. met at 10:30, in St.-Denis (O'Neil's).",
    "  lamp \t the\nghosts  naïf  ",
    "café cafe\u0301 漢字kanji \u200bzero\u200b ﬁ ½ İstanbul x",
    "Маяк в тумане, привет",
    "مرحبا שלום",
    "台灣 の幽霊、守る。",
    "a [MASK] b",
]
SCHEMES = [
    ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    ["O", "I-PER", "I-LOC"],
    ["O", "B-PER", "I-PER", "E-PER", "S-PER"],
    ["NOUN", "VERB", "O"],
    ["LABEL_0", "LABEL_1"],
]


class Words(TokenClassificationPipeline):
    """The pipeline, without joining words to entities."""

    def group_entities(self, entities: list[dict]) -> list[dict]:
        return entities


def tagger(tokenizer, kind=Words, labels=("A", "B")):
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        max_position_embeddings=512, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)},
    )
    return kind(model=BertForTokenClassification(config).eval(), tokenizer=tokenizer)


def words(tokenizer) -> list[dict]:
    pipeline = tagger(tokenizer)
    found = []
    for text in TEXTS:
        entities = pipeline(text, aggregation_strategy="first", ignore_labels=[])
        spans = []
        for entity in entities:
            start, end = int(entity["start"]), int(entity["end"])
            if spans and spans[-1][0] == start:
                spans[-1][1] = end
            else:
                spans.append([start, end])
        found.append({"text": text, "words": [span for span in spans if text[slice(*span)].strip()]})
    return found


def groups(tokenizer) -> list[dict]:
    draw = random.Random(0)
    found = []
    for labels in SCHEMES:
        pipeline = tagger(tokenizer, TokenClassificationPipeline, labels)
        for _ in range(12):
            tags = [draw.choice(labels) for _ in range(draw.randrange(1, 9))]
            entities = [
                {"entity": tag, "score": np.float32(1), "word": "x", "start": 2 * place, "end": 2 * place + 1}
                for place, tag in enumerate(tags)
            ]
            grouped = [
                [entity["entity_group"], entity["start"] // 2, entity["end"] // 2 + 1]
                for entity in pipeline.group_entities(entities)
                if entity["entity_group"] != "O"
            ]
            found.append({"tags": tags, "entities": grouped})
    return found


def write(path: Path, value) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


def main() -> None:
    warnings.simplefilter("ignore")
    bert = BertTokenizer.from_pretrained(FIXTURES / "tokenizers/bert")
    roberta = RobertaTokenizer.from_pretrained(FIXTURES / "sequences/roberta")
    write(FIXTURES / "tags.json", {"bert": words(bert), "roberta": words(roberta)})
    write(ROOT / "train/tests/fixtures/tags.json", groups(bert))


if __name__ == "__main__":
    main()
