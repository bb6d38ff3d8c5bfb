"""Writes adapter.json: texts and their vectors by the adapted encoder, by PEFT and PyTorch.

    pip install torch transformers peft
    python make_adapter.py FOLDER_OF_MINILM FOLDER_OF_ADAPTER

The vectors are means over tokens, brought to length 1, in f32.
"""

import json
import sys
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModel, AutoTokenizer

TEXTS = [
    "work in teams",
    "technicien d’engins agricoles",
    "Senior Java developer (m/f), remote",
    "prune vines",
    "conseiller en formation professionnelle",
]


def main() -> None:
    model_folder, adapter_folder = sys.argv[1:]
    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModel.from_pretrained(model_folder, torch_dtype=torch.float32)
    model = PeftModel.from_pretrained(model, adapter_folder).eval()
    vectors = []
    for text in TEXTS:
        with torch.no_grad():
            tokens = model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]
        vector = torch.nn.functional.normalize(tokens.mean(0), dim=0)
        vectors.append([round(value, 7) for value in vector.tolist()])
    golden = {"texts": TEXTS, "vectors": vectors}
    path = Path(__file__).with_name("adapter.json")
    path.write_text(json.dumps(golden, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
