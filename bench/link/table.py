"""Prints how well `vivier eval link` does on the public sets, beside what is known of others.

Expects the sets in one folder, each in its publisher's format: esco/, skill_mapping/,
titles/, melo/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ESCO = ["v1.2.0_en", "v1.2.0_fr", "v1.1.1_en", "labels_fr"]
# Name, arguments, and for MRR and hit@10 the frozen all-MiniLM-L6-v2, BM25, the best
# published, and the goal.
SETS = [
    ("spans of tech adverts to skills",
     ["--skills", "skill_mapping/tech_test_annotations.csv"],
     ("0.604", "0.850"), ("0.426", "0.578"), ("", ""), (0.72, 0.93)),
    ("spans of other adverts to skills",
     ["--skills", "skill_mapping/house_test_annotations.csv"],
     ("0.567", "0.851"), ("0.365", "0.557"), ("", ""), (0.68, 0.92)),
    ("titles to occupations",
     ["--titles", "titles/titles_en.csv", "--first", "3000"],
     ("0.263", "0.454"), ("0.217", "0.367"), ("", ""), (0.40, 0.62)),
    ("MELO, French to French",
     ["--lang", "fr", "--melo", "melo/bel_q_fr_c_fr"],
     ("0.464", ""), ("0.448", ""), ("0.578", ""), (0.60, None)),
    ("MELO, French to English",
     ["--lang", "fr", "--melo", "melo/bel_q_fr_c_en"],
     ("0.168", ""), ("0.053", ""), ("0.574", ""), (0.60, None)),
    ("MELO, US English to English",
     ["--melo", "melo/usa_q_en_c_en"],
     ("0.624", ""), ("0.289", ""), ("0.684", ""), (0.70, None)),
]
ROW = "{:34} {:>9} {:>6} {:>7} {:>6} {:>10} {:>6} {:>7} {:>9}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--vivier", type=Path, default=Path("target/release/vivier"))
    parser.add_argument("rest", nargs="*", help="given to every `vivier eval link`")
    args = parser.parse_args()
    if not args.data.is_dir():
        sys.exit(f"no such folder: {args.data}; give one with DATA=DIR")
    esco = ",".join(str(args.data / "esco" / folder) for folder in ESCO)
    print(ROW.format("", "", "frozen", "", "best", "", "", "", ""))
    print(ROW.format("set", "measure", "MiniLM", "BM25", "publ.", "Vivier", "goal", "", "questions"))
    begun = time.monotonic()
    for name, asked, frozen, bm25, best, goals in SETS:
        asked = [str(args.data / value) if "/" in value else value for value in asked]
        command = [args.vivier, "eval", "link", "--esco", esco, "--json", *asked, *args.rest]
        ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found = json.loads(ran.stdout)
        for at, measure in enumerate(("mrr", "hit_10")):
            goal = goals[at]
            against = "" if goal is None else "reached" if found[measure] >= goal else "missed"
            print(ROW.format(name if at == 0 else "", measure, frozen[at], bm25[at], best[at],
                             f"{found[measure]:.3f}", goal or "", against,
                             found["questions"] if at == 0 else ""), flush=True)
    print(f"in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
