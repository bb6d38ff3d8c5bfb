"""Trains the LoRA adapter with which texts are linked to ESCO, and saves it as PEFT does.

Needs the folders of ESCO, the default encoder all-MiniLM-L6-v2 and a processor; an hour on
two cores. What is learned from, and nothing else: the preferred, alternative and hidden
labels of ESCO's skills and occupations in English and French, the first sentence of their
English descriptions, and which skill group or ISCO group they belong to.

Two losses are summed. InfoNCE (van den Oord et al. 2018), both ways, at temperature 0.05,
over pairs of labels of one concept; a batch holds groups of up to four concepts of one
group, so that each pair has near misses beside it, and titles carry noise such as "Senior"
and "(m/f)". And an anchor: four times one minus the cosine of an English label with its
vector by the plain encoder, and of a French label with that of the concept's English one
(multilingual distillation, Reimers and Gurevych 2020), so that what the encoder knew of
English stays.

The adapter that comes with Vivier was trained by this recipe with the same settings, but by an
earlier script with other draws: a run of this one gives other bytes.

The saved update can be scaled by --scale (Wortsman et al. 2022, WiSE-FT): with the anchor, half
and three quarters of it found no more on the validation sets than the whole.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import random
import re
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

LAYERS, HIDDEN, HEADS, VOCABULARY = 6, 384, 12, 30_522
LINEAR = [
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
]
RANK, TABLE_RANK = 16, 24
TEMPERATURE, ANCHOR = 0.05, 4.0
BEFORE = ["Senior", "Junior", "Lead", "Assistant", "Trainee", "Intern", "Internship", "Urgent",
          "Full time", "Part time", "Head of", "Chief", "Experienced", "Stage", "Alternance",
          "Apprenti", "Vacancy for", "Freelance"]
BEHIND = ["(m/f)", "(h/f)", "H/F", "(m/w/d)", "- full time", "- part time", "- HQ", "II", "III",
          "(contract)", "- remote", "- London", "- Paris", "(CDI)", "CDD", "@ Kuala Lumpur",
          "- R12345", "(night shift)", "h/f/x", "(urgent)", "Executive", "team"]


@dataclass
class Concept:
    """A skill or an occupation with its words."""

    is_occupation: bool
    groups: list[str] = field(default_factory=list)
    preferred: str = ""
    english: list[str] = field(default_factory=list)
    french: list[str] = field(default_factory=list)
    description: str = ""


def rows(path: Path) -> list[dict[str, str]]:
    """Reads a CSV file of ESCO."""
    csv.field_size_limit(10**9)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def read(folders: list[Path]) -> list[Concept]:
    """Merges the labels of all folders by URI; concepts without an English label go."""
    concepts: dict[str, Concept] = {}
    files = sorted(
        (path for folder in folders for path in folder.glob("*.csv")),
        # Lists of labels alone add to known concepts.
        key=lambda path: "conceptType" not in path.open(encoding="utf-8-sig").readline(),
    )
    for path in files:
        kind = re.match(r"(skills|occupations)_(en|fr)", path.name)
        if not kind:
            continue
        for row in rows(path):
            uri = row["conceptUri"]
            if "conceptType" in row or uri in concepts:
                concept = concepts.setdefault(uri, Concept(kind[1] == "occupations"))
                add(concept, kind[2], row)
    for folder in folders:
        for path in folder.glob("broaderRelationsSkillPillar*.csv"):
            for row in rows(path):
                if row["conceptUri"] in concepts:
                    concepts[row["conceptUri"]].groups.append(row["broaderUri"])
    return [concept for concept in concepts.values() if concept.english]


def add(concept: Concept, language: str, row: dict[str, str]) -> None:
    """Adds the words of one row."""
    labels = concept.english if language == "en" else concept.french
    others = f"{row.get('altLabels') or ''}\n{row.get('hiddenLabels') or ''}"
    for label in [row["preferredLabel"], *re.split(r"[\n|]", others)]:
        label = (label or "").strip()
        if label and label not in labels:
            labels.append(label)
    if language == "en":
        concept.preferred = concept.preferred or row["preferredLabel"].strip()
        concept.description = concept.description or (row.get("description") or "").strip()
        if concept.is_occupation and row.get("code"):
            concept.groups.append("isco " + row["code"].split(".")[0])


class Encoder(torch.nn.Module):
    """all-MiniLM-L6-v2 with low-rank updates of its linear layers and its word table."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.weights = {k: v.float() for k, v in load_file(folder / "model.safetensors").items()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.a, self.b = torch.nn.ParameterDict(), torch.nn.ParameterDict()
        for layer in range(LAYERS):
            for name in LINEAR:
                outputs, inputs = self.weights[f"encoder.layer.{layer}.{name}.weight"].shape
                key = f"{layer}|{name}".replace(".", "_")
                self.a[key] = torch.nn.Parameter(torch.randn(RANK, inputs) / inputs**0.5)
                self.b[key] = torch.nn.Parameter(torch.zeros(outputs, RANK))
        self.table_a = torch.nn.Parameter(torch.zeros(VOCABULARY, TABLE_RANK))
        spread = 0.3 / TABLE_RANK**0.5
        self.table_b = torch.nn.Parameter(torch.randn(TABLE_RANK, HIDDEN) * spread)
        self.adapted = True

    def linear(self, x: Tensor, layer: int, name: str) -> Tensor:
        full = f"encoder.layer.{layer}.{name}"
        weight = self.weights[f"{full}.weight"]
        if self.adapted:
            key = f"{layer}|{name}".replace(".", "_")
            weight = weight + self.b[key] @ self.a[key]
        return functional.linear(x, weight, self.weights[f"{full}.bias"])

    def norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        return functional.layer_norm(x, (HIDDEN,), weight, bias, 1e-12)

    def forward(self, texts: list[str], most: int = 24) -> Tensor:
        """Returns unit vectors, [texts, 384]."""
        ids = [one.ids for one in self.tokenizer.encode_batch(texts)]
        ids = [one if len(one) <= most else one[: most - 1] + [one[-1]] for one in ids]
        order = sorted(range(len(ids)), key=lambda at: len(ids[at]))
        parts = [self.block([ids[at] for at in order[i : i + 64]]) for i in range(0, len(ids), 64)]
        back = torch.empty(len(ids), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(ids))
        return torch.cat(parts)[back]

    def block(self, ids: list[list[int]]) -> Tensor:
        count, length = len(ids), max(map(len, ids))
        tokens = torch.zeros(count, length, dtype=torch.long)
        mask = torch.zeros(count, length, dtype=torch.bool)
        for row, one in enumerate(ids):
            tokens[row, : len(one)] = torch.tensor(one)
            mask[row, : len(one)] = True
        x = functional.embedding(tokens, self.weights["embeddings.word_embeddings.weight"])
        if self.adapted:
            x = x + functional.embedding(tokens, self.table_a) @ self.table_b
        x = x + self.weights["embeddings.position_embeddings.weight"][:length]
        x = x + self.weights["embeddings.token_type_embeddings.weight"][0]
        x = self.norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            heads = [
                self.linear(x, layer, f"attention.self.{name}")
                .view(count, length, HEADS, HIDDEN // HEADS)
                .transpose(1, 2)
                for name in ("query", "key", "value")
            ]
            mixed = functional.scaled_dot_product_attention(*heads, attn_mask=mask[:, None, None])
            mixed = mixed.transpose(1, 2).reshape(count, length, HIDDEN)
            full = f"encoder.layer.{layer}"
            mixed = self.linear(mixed, layer, "attention.output.dense")
            x = self.norm(x + mixed, f"{full}.attention.output.LayerNorm")
            inner = functional.gelu(self.linear(x, layer, "intermediate.dense"))
            x = self.norm(x + self.linear(inner, layer, "output.dense"), f"{full}.output.LayerNorm")
        kept = mask[:, :, None].float()
        return functional.normalize((x * kept).sum(1) / kept.sum(1), dim=1)

    def plain(self, texts: list[str]) -> Tensor:
        """Returns the vectors of the encoder as it was."""
        self.adapted = False
        with torch.no_grad():
            vectors = self(texts, most=48)
        self.adapted = True
        return vectors

    def save(self, folder: Path, scale: float) -> None:
        """Writes the two files of PEFT, in half precision."""
        root = "base_model.model"
        tensors = {
            f"{root}.embeddings.word_embeddings.lora_embedding_A": self.table_a.T,
            f"{root}.embeddings.word_embeddings.lora_embedding_B": self.table_b.T * scale,
        }
        for layer in range(LAYERS):
            for name in LINEAR:
                key = f"{layer}|{name}".replace(".", "_")
                module = f"{root}.encoder.layer.{layer}.{name}"
                tensors[f"{module}.lora_A.weight"] = self.a[key]
                tensors[f"{module}.lora_B.weight"] = self.b[key] * scale
        folder.mkdir(parents=True, exist_ok=True)
        halves = {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}
        save_file(halves, folder / "adapter_model.safetensors")
        config = {
            "peft_type": "LORA",
            "base_model_name_or_path": "sentence-transformers/all-MiniLM-L6-v2",
            "r": RANK,
            "lora_alpha": RANK,
            "rank_pattern": {"word_embeddings": TABLE_RANK},
            "alpha_pattern": {"word_embeddings": TABLE_RANK},
            "target_modules": ["query", "key", "value", "dense", "word_embeddings"],
            "bias": "none",
        }
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=1) + "\n")


def noisy(title: str, draw: random.Random) -> str:
    """Writes a title as adverts do."""
    if draw.random() < 0.25:
        title = f"{draw.choice(BEFORE)} {title}"
    if draw.random() < 0.3:
        title = f"{title} {draw.choice(BEHIND)}"
    words = title.split()
    if len(words) > 2 and draw.random() < 0.15:
        words.pop(draw.randrange(len(words)))
    if len(words) > 1 and draw.random() < 0.08:
        at = draw.randrange(len(words))
        if len(word := words[at]) > 4:
            swap = draw.randrange(1, len(word) - 2)
            words[at] = word[:swap] + word[swap + 1] + word[swap] + word[swap + 2 :]
    return " ".join(words)


def words_of(concept: Concept, draw: random.Random) -> str:
    """Draws a label, or the first sentence of the description."""
    chance = draw.random()
    if concept.french and chance < 0.42:
        return draw.choice(concept.french)
    if chance > 0.86 and concept.description:
        return concept.description.split(". ")[0][:160]
    return concept.preferred if chance < 0.6 else draw.choice(concept.english)


def batch(concepts: list[Concept], members: dict[str, list[int]], size: int,
          draw: random.Random) -> list[int]:
    """Draws concepts, each with up to three of one of its groups."""
    occupations = [at for at, concept in enumerate(concepts) if concept.is_occupation]
    chosen: dict[int, None] = {}
    while len(chosen) < size:
        any_of = range(len(concepts)) if draw.random() < 0.72 else occupations
        at = draw.choice(any_of)
        beside = [at]
        if groups := concepts[at].groups:
            group = members[draw.choice(groups)]
            beside += draw.sample(group, min(3, len(group)))
        for one in beside:
            if len(chosen) < size:
                chosen.setdefault(one)
    return list(chosen)


def loss_of(encoder: Encoder, concepts: list[Concept], draw: random.Random) -> tuple[Tensor, Tensor]:
    """Returns InfoNCE and the anchor of one batch."""
    left = [words_of(concept, draw) for concept in concepts]
    right = []
    for concept, text in zip(concepts, left):
        others = (words_of(concept, draw) for _ in range(6))
        right.append(next((other for other in others if other != text), text))
    asked = [noisy(t, draw) if c.is_occupation else t for c, t in zip(concepts, left)]
    vectors = encoder([*asked, *right])
    count = len(concepts)
    scores = vectors[:count] @ vectors[count:].T / TEMPERATURE
    labels = [{label.lower() for label in c.english + c.french} for c in concepts]
    same = torch.tensor([
        [i != j and (right[j].lower() in labels[i] or left[i].lower() in labels[j])
         for j in range(count)]
        for i in range(count)
    ])
    scores = scores.masked_fill(same, -1e4)
    places = torch.arange(count)
    contrast = (functional.cross_entropy(scores, places)
                + functional.cross_entropy(scores.T.contiguous(), places)) / 2
    held, targets = [], []
    for at, (concept, text) in enumerate(zip([*concepts, *concepts], [*left, *right])):
        if text in concept.english or text in concept.french:
            held.append(at)
            targets.append(text if text in concept.english else concept.preferred)
    anchor = (1 - (vectors[held] * encoder.plain(targets)).sum(1)).mean()
    return contrast, anchor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--esco", required=True, help="folders, separated by commas")
    parser.add_argument("--model", type=Path, required=True, help="folder of all-MiniLM-L6-v2")
    parser.add_argument("--out", type=Path, required=True, help="folder of the adapter")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--size", type=int, default=96, help="pairs of a batch")
    parser.add_argument("--scale", type=float, default=1.0, help="of the saved update")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    draw = random.Random(args.seed)
    concepts = read([Path(folder) for folder in args.esco.split(",")])
    members: dict[str, list[int]] = {}
    for at, concept in enumerate(concepts):
        for group in concept.groups:
            members.setdefault(group, []).append(at)
    encoder = Encoder(args.model)
    usual, table = 6e-4, 2e-3
    groups = [
        {"params": [*encoder.a.values(), *encoder.b.values(), encoder.table_b], "lr": usual},
        {"params": [encoder.table_a], "lr": table},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    begun = time.monotonic()
    for step in range(args.steps):
        share = min(1, step / 50) * 0.5 * (1 + math.cos(math.pi * step / args.steps)) + 1e-3
        for group, rate in zip(optimizer.param_groups, (usual, table)):
            group["lr"] = rate * share
        chosen = batch(concepts, members, args.size, draw)
        contrast, anchor = loss_of(encoder, [concepts[at] for at in chosen], draw)
        optimizer.zero_grad()
        (contrast + ANCHOR * anchor).backward()
        optimizer.step()
        if step % 20 == 0 or step + 1 == args.steps:
            print(f"step {step} of {args.steps}: contrast {contrast:.3f}, anchor {anchor:.3f}, "
                  f"{time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    encoder.save(args.out, args.scale)


if __name__ == "__main__":
    main()
