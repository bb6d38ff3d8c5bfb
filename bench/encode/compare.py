"""Times `vivier bench encode` beside ONNX Runtime and PyTorch and prints one table.

All engines get the same token ids, which vivier makes from real text, and the same
number of threads. They take turns, for several rounds, so that what else the machine
does falls on all of them; the table has the medians of the rounds, then their range. On
CVs of mixed length each peer sorts by length, pads each batch for itself and uses the
batch size that is best for it; tokenizing is left out everywhere.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np
import onnxruntime
import peers
import torch

ROOT = Path(__file__).resolve().parents[2]
POOL = ROOT / "../shared/data/pools/candidates.jsonl"

SHAPES = [(1, 16), (1, 128), (32, 128), (8, 512)]
PRECISIONS = ["f32", "bf16", "int8"]
HEAD_TOKENS = 256
BATCH_SIZES = [4, 8, 16, 32, 64]
YARDSTICK = "ONNX Runtime int8"
CVS, WHOLE = "CVs", "whole CVs"


class Vivier:
    """Our binary: every measurement is one run of `vivier bench encode`."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.binary = args.vivier
        self.common = ["--model", str(args.model), "--threads", str(args.threads)]
        self.folder = args.work

    def bench(self, *arguments: str) -> dict:
        """Returns the printed fields; raises with what vivier said."""
        command = [str(self.binary), "bench", "encode", "--json", *self.common, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def saved(self, name: str, *arguments: str) -> list[dict]:
        """Returns the token ids and reference vectors that vivier makes."""
        path = self.folder / f"{name}.jsonl"
        self.bench("--save", str(path), "--seconds", "0.01", *arguments)
        return [json.loads(line) for line in path.read_text().splitlines()]

    def knows(self, precision: str) -> bool:
        """Says whether this build has a precision, and why not."""
        tiny = ["--batch", "1", "--tokens", "8", "--seconds", "0.01", "--compare", "0"]
        try:
            self.bench("--precision", precision, *tiny)
        except RuntimeError as error:
            note(f"Vivier {precision} is left out: {error}")
            return False
        return True


class Rounds:
    """Values by engine and column, one for each round."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, engine: str, column: str, value: float) -> None:
        self.values[engine, column].append(value)

    def median(self, engine: str, column: str) -> float | None:
        values = self.values.get((engine, column))
        return statistics.median(values) if values else None

    def cell(self, engine: str, column: str) -> str:
        """Returns the median, and its ratio to the yardstick."""
        middle = self.median(engine, column)
        if middle is None:
            return ""
        yardstick = self.median(YARDSTICK, column)
        ratio = f" **{middle / yardstick:.2f}**" if yardstick else ""
        return shown(middle, column) + ratio

    def span(self, engine: str, column: str) -> str:
        """Returns the lowest and the highest value."""
        values = self.values.get((engine, column))
        if not values:
            return ""
        return f"{shown(min(values), column)} to {shown(max(values), column)}"


def shown(value: float, column: str) -> str:
    digits = 2 if column.startswith("1 x") else 1 if "CVs" in column else 0
    return f"{value:,.{digits}f}"


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def column_of(batch: int, tokens: int) -> str:
    return f"{batch} x {tokens}"


def timed(call, least_seconds: float) -> float:
    """Returns the median seconds of a call after one that does not count."""
    call()
    runs: list[float] = []
    begun = time.perf_counter()
    while len(runs) < 5 or time.perf_counter() - begun < least_seconds:
        started = time.perf_counter()
        call()
        runs.append(time.perf_counter() - started)
        if time.perf_counter() - begun > 4 * least_seconds:
            break
    return statistics.median(runs)


def pass_over(peer, batches) -> None:
    for ids, mask in batches:
        peer.encode(ids, mask)


def best_batching(peer, sequences: list[list[int]]) -> int:
    """Returns the batch size with which a peer is fastest on every fifth text."""
    some = sequences[::5]
    times = {}
    for size in BATCH_SIZES:
        made = peers.batches(some, size)
        times[size] = min(timed(lambda: pass_over(peer, made), 0.01) for _ in range(2))
    return min(times, key=times.__getitem__)


def measure_ours(vivier: Vivier, precision: str, args: argparse.Namespace, rounds: Rounds) -> None:
    """Adds one round of ours."""
    name = f"Vivier {precision}"
    common = ["--precision", precision, "--compare", "0", "--seconds", str(args.seconds)]
    text = ["--texts", str(args.texts), "--max-texts", str(args.cvs)]
    for batch, tokens in SHAPES:
        shape = ["--batch", str(batch), "--tokens", str(tokens)]
        found = vivier.bench(*common, *text[:2], *shape)
        column = column_of(batch, tokens)
        rounds.add(name, column, found["ms"] if batch == 1 else found["tokens_per_second"])
        rounds.add(precision, f"bound {column}", found["bound_tokens_per_second"])
    found = vivier.bench(*common, *text, "--tokens", str(HEAD_TOKENS))
    rounds.add(name, CVS, found["docs_per_second"])
    # Peers cut; only we encode whole CVs, in windows.
    found = vivier.bench(*common, *text)
    rounds.add(name, WHOLE, found["docs_per_second"])


def measure_peer(peer, inputs: dict, args: argparse.Namespace, rounds: Rounds) -> None:
    """Adds one round of a peer."""
    for batch, tokens in SHAPES:
        column = column_of(batch, tokens)
        ids, mask = inputs[column]
        seconds = timed(lambda: peer.encode(ids, mask), args.seconds)
        rounds.add(peer.name, column, seconds * 1e3 if batch == 1 else batch * tokens / seconds)
    batches = inputs[CVS, peer.name]
    count = sum(len(ids) for ids, _ in batches)
    seconds = timed(lambda: pass_over(peer, batches), args.seconds)
    rounds.add(peer.name, CVS, count / seconds)


def cosines(found: np.ndarray, expected: np.ndarray) -> tuple[float, float]:
    """Returns mean and lowest cosine of pairs of rows."""
    found, expected = found.astype(np.float64), expected.astype(np.float64)
    products = (found * expected).sum(1)
    products /= np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    return float(products.mean()), float(products.min())


def compare_vectors(vivier: Vivier, precisions, others, args) -> dict[str, tuple[float, float]]:
    """Returns the cosines of every engine to our f32 reference on the same real texts."""
    count = str(args.compare)
    texts = ["--texts", str(args.texts), "--max-texts", count, "--compare", count]
    texts += ["--tokens", str(HEAD_TOKENS), "--seconds", "0.01"]
    found = {}
    saved = args.work / "reference.jsonl"
    for precision in precisions:
        note(f"vectors of Vivier {precision} on {count} texts")
        fields = vivier.bench("--precision", precision, "--save", str(saved), *texts)
        found[f"Vivier {precision}"] = (fields["cosine_mean"], fields["cosine_min"])
    lines = [json.loads(line) for line in saved.read_text().splitlines()]
    sequences = [line["sequences"][0] for line in lines]
    expected = np.array([line["vector"] for line in lines])
    for peer in others:
        note(f"vectors of {peer.name}")
        found[peer.name] = cosines(peers.vectors(peer, sequences), expected)
    return found


def inputs_for(vivier: Vivier, others, args: argparse.Namespace) -> dict:
    """Returns what peers encode, from the token ids that vivier encodes."""
    inputs: dict = {}
    for batch, tokens in SHAPES:
        column = column_of(batch, tokens)
        shape = ["--batch", str(batch), "--tokens", str(tokens), "--compare", "0"]
        lines = vivier.saved(column.replace(" ", ""), "--texts", str(args.texts), *shape)
        inputs[column] = peers.padded([line["sequences"][0] for line in lines[:batch]])
    texts = ["--texts", str(args.texts), "--max-texts", str(args.cvs), "--compare", "0"]
    lines = vivier.saved("cvs", *texts, "--tokens", str(HEAD_TOKENS))
    sequences = [line["sequences"][0] for line in lines]
    for peer in others:
        size = best_batching(peer, sequences)
        note(f"{peer.name}: batches of {size} are its best on CVs")
        inputs[CVS, peer.name] = peers.batches(sequences, size)
    return inputs


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def tables(engines: list[tuple[str, str]], rounds: Rounds, agreement: dict) -> list[str]:
    """Returns the lines of the table, and of the ranges; engines have precisions."""
    columns = [*(column_of(*shape) for shape in SHAPES), CVS, WHOLE]
    units = ["ms" if batch == 1 else "tokens/s" for batch, _ in SHAPES]
    titles = [f"{column}, {unit}" for column, unit in zip(columns, units)]
    titles += [f"CVs to {HEAD_TOKENS} tokens, CVs/s", "whole CVs, CVs/s"]
    more = ["of the bound at 32 x 128", "cosine, mean", "cosine, lowest"]
    lines = [row(["", *titles, *more]), "|---" * (len(titles) + 4) + "|"]
    for name, precision in engines:
        cells = [name, *(rounds.cell(name, column) for column in columns)]
        speed, bound = rounds.median(name, "32 x 128"), rounds.median(precision, "bound 32 x 128")
        cells.append(f"{speed / bound:.0%}" if speed and bound else "")
        cells += [f"{cosine:.5f}" for cosine in agreement[name]]
        lines.append(row(cells))
    lines += ["", "Lowest and highest of the rounds:", ""]
    lines += [row(["", *titles]), "|---" * (len(titles) + 1) + "|"]
    for name, _ in engines:
        lines.append(row([name, *(rounds.span(name, column) for column in columns)]))
    return lines


def processor() -> str:
    """Returns the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def header(args: argparse.Namespace) -> str:
    """Says what was measured, where and how."""
    torch_version = torch.__version__.split("+")[0]
    return (
        f"{date.today()}, {processor()}, {args.threads} threads, load {os.getloadavg()[0]:.1f} "
        f"at the start. ONNX Runtime {onnxruntime.__version__}, PyTorch {torch_version}, "
        f"{args.model.name}. Medians of {args.rounds} rounds; in bold the ratio to {YARDSTICK}. "
        f"{args.cvs} CVs; cosines to the f32 reference on {args.compare} texts."
    )


def arguments() -> argparse.Namespace:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--vivier", type=Path, default=ROOT / "target/release/vivier")
    parser.add_argument("--model", type=Path, default=cache / "vivier/models/all-MiniLM-L6-v2")
    parser.add_argument("--texts", type=Path, help="JSON lines with a field text")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement, at least")
    parser.add_argument("--cvs", type=int, default=300, help="CVs that are timed")
    parser.add_argument("--compare", type=int, default=1000, help="texts for the cosines")
    parser.add_argument("--work", type=Path, default=ROOT / "target/bench-encode")
    return parser.parse_args()


def texts_file(args: argparse.Namespace) -> Path:
    """Returns the file of texts: the one asked for, else the pool, else a sample."""
    if args.texts:
        return args.texts
    if POOL.exists():
        return POOL
    note("no pool of real CVs here: using the synthetic sample")
    folder = args.work / "sample"
    subprocess.run([args.vivier, "sample", "--out", folder], check=True, capture_output=True)
    return folder / "candidates.jsonl"


def main() -> None:
    args = arguments()
    args.work.mkdir(parents=True, exist_ok=True)
    args.texts = texts_file(args)
    title = header(args)
    note(title)
    vivier = Vivier(args)
    precisions = [precision for precision in PRECISIONS if vivier.knows(precision)]
    others = peers.load(args.model, args.work / "onnx", args.threads)
    inputs = inputs_for(vivier, others, args)
    rounds = Rounds()
    for number in range(1, args.rounds + 1):
        note(f"round {number} of {args.rounds}")
        # Ours and theirs in turn.
        for precision, peer in itertools.zip_longest(precisions, others):
            if precision:
                measure_ours(vivier, precision, args, rounds)
            if peer:
                measure_peer(peer, inputs, args, rounds)
    agreement = compare_vectors(vivier, precisions, others, args)
    engines = [(f"Vivier {precision}", precision) for precision in precisions]
    engines += [(peer.name, peer.precision) for peer in others]
    text = "\n".join([title, "", *tables(engines, rounds, agreement)])
    (args.work / "table.md").write_text(text + "\n")
    values = {" | ".join(key): value for key, value in rounds.values.items()}
    results = {"title": title, "rounds": values, "cosines": agreement}
    (args.work / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
