"""Writes the golden vectors that `tests/it/parity.rs` compares with.

Takes 200 real texts by seeded choice of their ids, encodes them with
sentence-transformers (f32, CPU, truncated at the model's 256 tokens) and writes
the ids and the vectors. The texts themselves stay in the data folder.

Usage, with sentence-transformers installed:

    python make_minilm_golden.py POOLS_FOLDER MODEL_FOLDER

POOLS_FOLDER holds candidates.jsonl and vacancies.jsonl. Each text is cut to
`chars` characters (null: not cut), so that short, middling and long texts occur.
"""

import json
import pathlib
import random
import sys

import torch
from safetensors.torch import save_file
from sentence_transformers import SentenceTransformer

SEED = 20261121
PER_POOL = 100
LENGTHS = [20, 80, 200, 500, 1000, None]


def choose(pool: pathlib.Path, rng: random.Random) -> list[tuple[dict, str]]:
    """Returns (entry, text) of PER_POOL records of one pool."""
    with pool.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    chosen = []
    for record in rng.sample(records, PER_POOL):
        chars = rng.choice(LENGTHS)
        text = record["text"] if chars is None else record["text"][:chars]
        chosen.append(({"pool": pool.name, "id": record["id"], "chars": chars}, text))
    return chosen


def main() -> None:
    pools, model_folder = map(pathlib.Path, sys.argv[1:3])
    rng = random.Random(SEED)
    chosen = [c for name in ("candidates.jsonl", "vacancies.jsonl") for c in choose(pools / name, rng)]
    model = SentenceTransformer(str(model_folder), device="cpu").float()
    assert model.max_seq_length == 256, model.max_seq_length
    with torch.inference_mode():
        # One at a time: no padding takes part in the reference.
        vectors = torch.stack([model.encode(text, convert_to_tensor=True) for _, text in chosen])
    here = pathlib.Path(__file__).parent
    save_file({"vectors": vectors.float().contiguous()}, here / "minilm.safetensors")
    with (here / "minilm.json").open("w", encoding="utf-8") as out:
        json.dump([entry for entry, _ in chosen], out, indent=0)
        out.write("\n")


if __name__ == "__main__":
    main()
