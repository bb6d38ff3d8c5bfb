#!/usr/bin/env python3
"""Writes transport.json: costs of entropic transport plans by POT (Python Optimal
Transport), to hold the Rust code against.

    pip install pot==0.9.6.post1 numpy && python make_transport_golden.py
"""
import json
import pathlib

import numpy as np
import ot

rng = np.random.default_rng(7)
cases = []
for rows, columns, epsilon in [
    (1, 1, 0.4), (1, 4, 0.4), (3, 3, 0.4), (5, 2, 0.4), (7, 11, 1.0), (20, 20, 0.4),
    (20, 20, 2.0), (6, 9, 0.1),
]:
    costs = rng.choice([0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0], size=(rows, columns))
    p, q = np.full(rows, 1 / rows), np.full(columns, 1 / columns)
    plan = ot.sinkhorn(p, q, costs, epsilon, method="sinkhorn_log",
                       numItermax=1_000_000, stopThr=1e-13)
    cases.append({
        "rows": rows, "columns": columns, "epsilon": epsilon,
        "costs": costs.ravel().tolist(),
        "cost": float((plan * costs).sum()),
        "exact": float(ot.emd2(p, q, costs)),
    })
path = pathlib.Path(__file__).with_name("transport.json")
path.write_text(json.dumps({"pot": ot.__version__, "cases": cases}, indent=1) + "\n")
