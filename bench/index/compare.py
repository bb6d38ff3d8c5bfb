"""Times `vivier bench index` beside hnswlib and FAISS and prints one table.

All engines get the same vectors, queries and truth, which vivier makes, the same m and
ef_construction, two threads to build and one to search. They take turns, each a process
of its own. Speeds are compared at equal recall: interpolated between the widths of the
search on either side. Beside the clock, the processor time of the searching thread is
counted, which what else the machine does disturbs less.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
YARDSTICK = "hnswlib"
PEERS = {"hnswlib": [100, 200, 300, 400, 600, 800], "faiss": [100, 200, 300, 400, 600]}
OURS = "100,150,200,250,300,350,400,500"


def note(text: str) -> None:
    """Prints progress to standard error."""
    print(text, file=sys.stderr, flush=True)


def resident_bytes() -> int:
    """Returns the resident memory of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def make_index(engine: str, dim: int, count: int, m: int, ef_construction: int, threads: int):
    """Returns functions that add vectors, set the width, and search for one query."""
    if engine == "hnswlib":
        import hnswlib

        index = hnswlib.Index(space="ip", dim=dim)
        index.init_index(count, M=m, ef_construction=ef_construction)
        index.set_num_threads(threads)

        def search(query, k):
            return index.knn_query(query, k=k, num_threads=1)[0][0]

        return index.add_items, index.set_ef, search

    import faiss

    faiss.omp_set_num_threads(threads)
    index = faiss.IndexHNSWFlat(dim, m, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = ef_construction

    def set_width(width):
        faiss.omp_set_num_threads(1)
        index.hnsw.efSearch = width

    return index.add, set_width, lambda query, k: index.search(query, k)[1][0]


def run_peer(args: argparse.Namespace) -> None:
    """Builds and searches one peer, and prints lines as vivier does."""
    queries = np.fromfile(args.work / "q.bin", "f4").reshape(-1, args.dim)
    truth = np.fromfile(args.work / "gt.bin", "i4").reshape(len(queries), -1)
    vectors = np.fromfile(args.work / "x.bin", "f4").reshape(-1, args.dim)
    __import__(args.peer)
    before = resident_bytes()
    add, set_width, search = make_index(
        args.peer, args.dim, len(vectors), args.m, args.ef_construction, args.threads
    )
    start, cpu = time.perf_counter(), time.process_time()
    add(vectors)
    first = {
        "engine": args.peer,
        "build_s": time.perf_counter() - start,
        "build_cpu_s": time.process_time() - cpu,
        "rss_bytes_per_point": (resident_bytes() - before) / len(vectors),
    }
    print(json.dumps(first), flush=True)
    k = truth.shape[1]
    for width in PEERS[args.peer]:
        set_width(width)
        for query in queries[:100]:
            search(query[None], k)
        times, found, cpu = [], [], time.thread_time()
        for query in queries:
            start = time.perf_counter()
            found.append(search(query[None], k))
            times.append(time.perf_counter() - start)
        cpu = time.thread_time() - cpu
        hits = [len(set(a.tolist()) & set(b.tolist())) for a, b in zip(found, truth)]
        times.sort()
        row = {
            "engine": args.peer,
            "ef": width,
            "recall": sum(hits) / (k * len(queries)),
            "qps": len(queries) / sum(times),
            "cpu_qps": len(queries) / cpu,
            "p50_ms": times[len(times) // 2] * 1e3,
            "p99_ms": times[len(times) * 99 // 100] * 1e3,
        }
        print(json.dumps(row), flush=True)


def lines_of(command: list[str]) -> list[dict]:
    """Runs a command and returns the JSON lines that it prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"failed: {' '.join(command)}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def at_recall(rows: list[dict], recall: float, field: str) -> float | None:
    """Returns a figure at a recall, between the two widths on either side of it.

    Speed falls with the logarithm of what is still missed, so that is the scale."""
    missed = lambda row: math.log(max(1 - row["recall"], 1e-6))
    goal = math.log(1 - recall)
    rows = sorted(rows, key=lambda row: row["recall"])
    for low, high in zip(rows, rows[1:]):
        if low["recall"] <= recall <= high["recall"] and missed(low) != missed(high):
            share = (goal - missed(low)) / (missed(high) - missed(low))
            return low[field] + share * (high[field] - low[field])
    return None


def processor() -> str:
    """Returns the name of the processor."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def figure(value: float | None, digits: int = 0) -> str:
    """Returns a number as the table shows it."""
    return "-" if value is None else f"{value:,.{digits}f}"


def table(results: dict[str, list[dict]], recall: float) -> list[str]:
    """Returns the lines of the table."""
    yard = results.get(YARDSTICK)
    base = at_recall(yard[1:], recall, "cpu_qps") if yard else None
    lines = [
        "| engine | build s | CPU s | bytes a vector | resident | QPS | QPS of CPU time | p50 ms | p99 ms "
        f"| of {YARDSTICK} |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for engine, (first, *rows) in results.items():
        speed = at_recall(rows, recall, "cpu_qps")
        ratio = speed / base if speed and base else None
        cells = [
            engine,
            figure(first["build_s"], 1),
            figure(first.get("build_cpu_s"), 1),
            figure(first.get("bytes_per_point")),
            figure(first.get("rss_bytes_per_point")),
            figure(at_recall(rows, recall, "qps")),
            figure(speed),
            figure(at_recall(rows, recall, "p50_ms"), 3),
            figure(at_recall(rows, recall, "p99_ms"), 3),
            figure(ratio, 2),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def arguments() -> argparse.Namespace:
    """Returns the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vivier", type=Path, default=ROOT / "target/release/vivier")
    parser.add_argument("--work", type=Path, default=ROOT / "target/bench-index", help="folder of the files")
    parser.add_argument("--count", type=int, default=200_000, help="vectors")
    parser.add_argument("--dim", type=int, default=256, help="values of a vector")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=200)
    parser.add_argument("--threads", type=int, default=2, help="threads that build")
    parser.add_argument("--recall", type=float, default=0.99, help="where speeds are compared")
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--peer", choices=list(PEERS), help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Runs all engines and prints the table."""
    args = arguments()
    if args.peer:
        run_peer(args)
        return
    build = ["--m", str(args.m), "--ef-construction", str(args.ef_construction), "--threads", str(args.threads)]
    shape = f"{args.count},{args.dim}"
    note(f"vivier: {shape}")
    ours = [str(args.vivier), "bench", "index", "--json", "--ef", OURS, *build]
    ours += ["--synthetic", shape, "--out", str(args.work)]
    results = {"vivier": lines_of(ours)}
    for peer in args.peers:
        note(peer)
        same = ["--work", str(args.work), "--dim", str(args.dim), *build]
        results[peer] = lines_of([sys.executable, __file__, "--peer", peer, *same])
    print(
        f"{date.today()}, {processor()}, {args.count:,} x {args.dim}, m {args.m}, "
        f"ef_construction {args.ef_construction}, load {os.getloadavg()[0]:.1f}; "
        f"speeds at recall {args.recall}"
    )
    print()
    print("\n".join(table(results, args.recall)))
    print()
    for rows in results.values():
        for row in rows[1:]:
            print(json.dumps(row))


if __name__ == "__main__":
    main()
