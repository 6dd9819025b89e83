"""Writes data/tests/fixtures/tables.json: tables with the texts and labels that pandas (CSV) and datasets (JSON) read.

Labels are written as Python writes them, booleans as JSON does. Texts that pandas takes for missing values ("NA", "null",
an empty field) are not among them: here they are texts.
"""

import json
import os
import tempfile
from pathlib import Path

os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import pandas as pd
from datasets import load_dataset
from datasets.utils.logging import disable_progress_bar, set_verbosity_error

FIXTURE = Path(__file__).resolve().parent.parent / "data/tests/fixtures/tables.json"
ROWS = '{"text": "a", "label": 1, "idx": 0}\n{"text": "b \\ud83d\\ude00", "label": 0, "idx": 1}\n'
CASES = [
    ("x.csv", "text,label\na,x\nb,y\n"),
    ("x.csv", "\ufefftext,label\r\na,x\r\nb,y\r\n"),
    ("x.csv", '\ufeff"text","label"\n"a","x"\n'),
    ("x.csv", 'text,label\n"a\nb",x\n"c\r\nd",y\n'),
    ("x.csv", 'text,label\r\n"a\r\nb",x\r\n\r\n\r\nc,y\r\n'),
    ("x.csv", 'text,label\n"say ""hi"", you",x\nb "c" d,y\n"e"f,z\n'),
    ("x.csv", "text,label,,,\na,x,,,\nb,y,,,\nc,z\n"),
    ("x.csv", ",text,label\n0,a,x\n1,b,y\n"),
    ("x.csv", "label,text\nx, a \ny,b\t\n"),
    ("x.csv", "text,label\na,1\nb,0\nc,10\n"),
    ("x.csv", "text,label\na,1\nb,0.5\nc,2\n"),
    ("x.csv", "text,label\na, 1\nb,01\n"),
    ("x.csv", "text,label,a,a\na,x,1,2\n"),
    ("x.json", ROWS),
    ("x.jsonl", ROWS.replace("\n", "\r\n")),
    ("x.json", "\ufeff" + ROWS),
    ("x.json", "[" + ROWS.replace("}\n{", "},\n{") + "]"),
    ("x.jsonl", "[" + ROWS.replace("}\n{", "},\n{") + "]"),
    ("x.json", ROWS.replace(": 1,", ": true,").replace(": 0,", ": false,", 1)),
    ("x.json", ROWS.replace('"label": 1', '"label": 1.5')),
    ("x.json", '{"text": "\\u00e9\\n\\\\ud800", "label": "\\"q\\""}\n'),
]


def label(value, column) -> str:
    if str(column.dtype) == "bool":
        return "true" if value else "false"
    if str(column.dtype) == "float64" and float(value).is_integer():
        return str(int(value))
    return str(value)


def rows(name: str, text: str) -> list[list[str]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(text.encode())
        if name.endswith(".csv"):
            table = pd.read_csv(path)
        else:
            table = load_dataset("json", data_files=str(path), split="train", cache_dir=folder).to_pandas()
    return [[str(a), label(b, table["label"])] for a, b in zip(table["text"], table["label"])]


def main() -> None:
    disable_progress_bar()
    set_verbosity_error()
    cases = [{"name": name, "text": text, "rows": rows(name, text)} for name, text in CASES]
    FIXTURE.write_text(json.dumps(cases, ensure_ascii=False, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
