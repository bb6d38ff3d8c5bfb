"""Times `vivier bench encode` on a graphics card beside sentence-transformers in fp16.

Both get the same token ids, which vivier makes from real text, and take turns for
several rounds; the table has the medians. sentence-transformers gets what favours it:
no tokenizing, batches sorted by length, and on texts of mixed length the batch size
that is best for it. Its copies to and from the card are timed, as ours are.

The card's matrix rate is measured with one large fp16 product in torch. The share is
tokens per second times the operations that one token needs, over that rate.

Ends with an error when there is no card, or when the mean cosine of our vectors to
f32 on the processor is below 0.999.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
MODEL = CACHE / "vivier/models/all-MiniLM-L6-v2"
POOL = ROOT / "../shared/data/pools/candidates.jsonl"

SHAPES = [(32, 128), (8, 512), (64, 256), (1, 16)]
BATCH_SIZES = [16, 32, 64, 128, 256]
HEAD_TOKENS = 256
LEAST_COSINE = 0.999
GOAL = 1.5


def fail(message: str) -> None:
    """Ends with an error."""
    sys.exit(f"error: {message}")


class Vivier:
    """Our binary: every measurement is one run of `vivier bench encode`."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.binary = str(args.vivier)
        self.common = ["--model", str(args.model), "--device", args.device]
        self.common += ["--precision", args.precision, "--seconds", str(args.seconds)]
        self.environment = dict(os.environ)
        libraries = self.environment.pop("VIVIER_LIBRARIES", "")
        known = self.environment.get("LD_LIBRARY_PATH", "")
        paths = [path for path in (libraries, known) if path]
        self.environment["LD_LIBRARY_PATH"] = ":".join(paths)

    def bench(self, *arguments: str) -> dict:
        """Returns the printed fields."""
        command = [self.binary, "bench", "encode", "--json", *self.common, *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=self.environment
        )
        if done.returncode != 0:
            fail(f"{' '.join(command)}:\n{done.stderr.strip()}")
        return json.loads(done.stdout)


class SentenceTransformers:
    """The peer: its own forward pass, from token ids on the processor to vectors there."""

    def __init__(self, args: argparse.Namespace) -> None:
        from sentence_transformers import SentenceTransformer

        self.device = torch.device(args.device)
        half = self.device.type == "cuda"
        self.dtype = torch.float16 if half else torch.float32
        model = SentenceTransformer(str(args.model), device=str(self.device), local_files_only=True)
        self.model = model.to(self.dtype).eval()

    def encode(self, sequences: list[list[int]]) -> torch.Tensor:
        """Returns [sequences, dim], in f32 on the processor."""
        longest = max(map(len, sequences))
        ids = torch.zeros((len(sequences), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence)] = 1
        features = {"input_ids": ids.to(self.device), "attention_mask": mask.to(self.device)}
        with torch.inference_mode():
            return self.model(features)["sentence_embedding"].float().cpu()

    def run(self, sequences: list[list[int]], size: int) -> torch.Tensor:
        """Encodes all, in batches of near-equal lengths; returns them in order."""
        order = sorted(range(len(sequences)), key=lambda at: len(sequences[at]))
        found: list[torch.Tensor] = [torch.empty(0)] * len(sequences)
        for at in range(0, len(order), size):
            places = order[at : at + size]
            vectors = self.encode([sequences[place] for place in places])
            for place, vector in zip(places, vectors):
                found[place] = vector
        return torch.stack(found)

    def seconds(self, sequences: list[list[int]], size: int, least: float) -> float:
        """Returns the median time of one run, over at least so many seconds."""
        self.run(sequences, size)
        times: list[float] = []
        while sum(times) < least or len(times) < 3:
            started = time.perf_counter()
            self.run(sequences, size)
            times.append(time.perf_counter() - started)
        return statistics.median(times)


def matrix_rate(device: torch.device) -> float:
    """Returns the operations a second of a large product, the best of several."""
    size = 8192 if device.type == "cuda" else 1024
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    left = torch.randn(size, size, dtype=dtype, device=device)
    right = torch.randn(size, size, dtype=dtype, device=device)
    best = float("inf")
    for _ in range(10):
        started = time.perf_counter()
        for _ in range(5):
            left @ right
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, (time.perf_counter() - started) / 5)
    return 2 * size**3 / best


def cosines(found: torch.Tensor, expected: list[list[float]]) -> tuple[float, float]:
    """Returns the mean and the least cosine of the first vectors to the expected."""
    expected_rows = torch.tensor(expected)
    pairs = torch.nn.functional.cosine_similarity(found[: len(expected)], expected_rows)
    return pairs.mean().item(), pairs.min().item()


def compare(
    name: str, arguments: list[str], ours: Vivier, peer: SentenceTransformers, args: argparse.Namespace
) -> dict:
    """Measures one shape, or texts, on both; returns a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "sequences.jsonl"
        parity = ours.bench(*arguments, "--compare", "256", "--save", str(saved))
        lines = [json.loads(line) for line in saved.read_text().splitlines()]
    sequences = [sequence for line in lines for sequence in line["sequences"]]
    expected = [line["vector"] for line in lines if line["vector"] is not None]
    if parity["cosine_mean"] is None:
        fail(f"{name}: vivier compared nothing")
    if all(len(line["sequences"]) == 1 for line in lines):
        theirs = cosines(peer.run(sequences, BATCH_SIZES[0]), expected)
    else:
        # Windows of a text are joined by vivier alone.
        theirs = (float("nan"), float("nan"))
    fixed = "batch" in parity
    sizes = [parity["batch"]] if fixed else BATCH_SIZES
    # Of a fixed shape more sequences may have been compared than one batch has.
    timed = sequences[: sizes[0]] if fixed else sequences
    tries = {size: peer.seconds(timed, size, 0.0) for size in sizes}
    size = min(tries, key=tries.__getitem__)
    tokens = sum(map(len, timed))
    our_rates, their_rates = [], []
    for _ in range(args.rounds):
        our_rates.append(ours.bench(*arguments, "--compare", "0")["tokens_per_second"])
        their_rates.append(tokens / peer.seconds(timed, size, args.seconds))
    return {
        "name": name,
        "ours": statistics.median(our_rates),
        "theirs": statistics.median(their_rates),
        "docs": None if fixed else len(lines) / tokens,
        "size": size,
        "operations": parity["operations_per_token"],
        "cosine": (parity["cosine_mean"], parity["cosine_min"]),
        "their_cosine": theirs,
    }


def print_table(rows: list[dict], rate: float, precision: str) -> None:
    """Prints tokens/s, texts/s, ratio, share of the matrix rate and cosines."""
    print(f"matrix rate, measured: {rate / 1e12:.1f} T operations/s\n")
    head = f"{'':14}{'Vivier ' + precision:>16}{'ST':>14}{'ratio':>8}{'texts/s':>18}"
    print(f"{head}{'share of rate':>16}{'cosine mean, least':>22}{'ST mean':>10}")
    for row in rows:
        docs = row["docs"]
        texts = f"{row['ours'] * docs:.0f} / {row['theirs'] * docs:.0f}" if docs else ""
        shares = [row[side] * row["operations"] / rate for side in ("ours", "theirs")]
        share = f"{shares[0]:.1%} / {shares[1]:.1%}"
        cosine = f"{row['cosine'][0]:.6f}, {row['cosine'][1]:.6f}"
        print(
            f"{row['name']:14}{row['ours']:>12,.0f} t/s{row['theirs']:>10,.0f} t/s"
            f"{row['ours'] / row['theirs']:>8.2f}{texts:>18}{share:>16}{cosine:>22}"
            f"{row['their_cosine'][0]:>10.6f}"
        )
    sizes = ", ".join(f"{row['name']}: {row['size']}" for row in rows)
    print(f"\nbatch sizes of sentence-transformers: {sizes}; goal: a ratio of {GOAL}")


def arguments() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivier", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--texts", type=Path, help="CVs, one JSON object a line")
    parser.add_argument("--max-texts", type=int, default=1000)
    parser.add_argument("--batch-tokens", type=int, default=16384)
    parser.add_argument("--precision", default="f16")
    parser.add_argument("--device", default="cuda:0", help="cpu only to try this script")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    return parser.parse_args()


def main() -> None:
    """Measures everything and prints the table."""
    args = arguments()
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        fail(f"torch {torch.__version__} finds no graphics card")
    device = torch.device(args.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(f"{name}, torch {torch.__version__}, model {args.model.name}")
    rate = matrix_rate(device)
    ours, peer = Vivier(args), SentenceTransformers(args)
    work = [(f"{b} x {t}", ["--batch", str(b), "--tokens", str(t)]) for b, t in SHAPES]
    texts = args.texts or (POOL if POOL.exists() else None)
    if texts is None:
        print("no CVs: give --texts FILE to measure texts of mixed length")
    else:
        common = ["--texts", str(texts), "--max-texts", str(args.max_texts)]
        common += ["--batch-tokens", str(args.batch_tokens)]
        work.append(("CVs", [*common, "--tokens", str(HEAD_TOKENS)]))
        work.append(("whole CVs", common))
    rows = [compare(label, given, ours, peer, args) for label, given in work]
    print_table(rows, rate, args.precision)
    low = [row["name"] for row in rows if row["cosine"][0] < LEAST_COSINE]
    if low:
        fail(f"mean cosine to f32 on the processor below {LEAST_COSINE}: {', '.join(low)}")


if __name__ == "__main__":
    main()
