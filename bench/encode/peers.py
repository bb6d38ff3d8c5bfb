"""The engines that Vivier is timed beside: ONNX Runtime and PyTorch, on one model.

Each takes a batch of token ids, padded, and returns one mean-pooled vector for each
sequence. The model must pool by the mean, as all-MiniLM-L6-v2 does.
"""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import Protocol

# What the libraries have to say concerns their developers; the model is a folder.
os.environ.update(TRANSFORMERS_VERBOSITY="error", HF_HUB_OFFLINE="1")
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import AutoModel
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()


class Peer(Protocol):
    """An engine under comparison."""

    name: str
    precision: str

    def encode(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Returns [batch, dim] for ids and mask of [batch, tokens], int64."""


class MeanPooled(torch.nn.Module):
    """A transformer and the mean of the states that the mask keeps."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states = self.model(input_ids=input_ids, attention_mask=attention_mask)[0]
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return (states * mask).sum(1) / mask.sum(1)


class OnnxRuntime:
    """ONNX Runtime on the CPU, all optimisations on, as they are by default."""

    def __init__(self, path: Path, precision: str, threads: int) -> None:
        self.name = f"ONNX Runtime {precision}"
        self.precision = precision
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        providers = ["CPUExecutionProvider"]
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)

    def encode(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return self.session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


class PyTorch:
    """PyTorch on the CPU, eager, with its fused attention."""

    def __init__(self, model_dir: Path, precision: str) -> None:
        self.name = f"PyTorch {precision}"
        self.precision = precision
        model = AutoModel.from_pretrained(model_dir).eval()
        if precision == "bf16":
            model = model.to(torch.bfloat16)
        self.model = MeanPooled(model)

    def encode(self, ids: np.ndarray, mask: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return self.model(torch.from_numpy(ids), torch.from_numpy(mask)).float().numpy()


def export(model_dir: Path, folder: Path) -> tuple[Path, Path]:
    """Writes the model as ONNX in f32 and in dynamic int8, unless it is there."""
    exact, quantized = folder / "f32.onnx", folder / "int8.onnx"
    if quantized.exists():
        return exact, quantized
    folder.mkdir(parents=True, exist_ok=True)
    model = AutoModel.from_pretrained(model_dir, attn_implementation="eager").eval()
    ids = torch.ones(2, 16, dtype=torch.long)
    rows, columns = {0: "batch"}, {0: "batch", 1: "tokens"}
    torch.onnx.export(
        MeanPooled(model),
        (ids, torch.ones_like(ids)),
        str(exact),
        input_names=["input_ids", "attention_mask"],
        output_names=["vectors"],
        dynamic_axes={"input_ids": columns, "attention_mask": columns, "vectors": rows},
        opset_version=17,
        dynamo=False,
    )
    quantize_dynamic(exact, quantized, weight_type=QuantType.QInt8)
    return exact, quantized


def load(model_dir: Path, folder: Path, threads: int) -> list[Peer]:
    """Loads every peer."""
    torch.set_num_threads(threads)
    exact, quantized = export(model_dir, folder)
    return [
        OnnxRuntime(exact, "f32", threads),
        OnnxRuntime(quantized, "int8", threads),
        PyTorch(model_dir, "f32"),
        PyTorch(model_dir, "bf16"),
    ]


def padded(sequences: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Pads sequences to the longest; returns ids and mask."""
    longest = max(map(len, sequences))
    ids = np.zeros((len(sequences), longest), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return ids, mask


def batches(sequences: list[list[int]], size: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Sorts sequences by length and pads each batch for itself."""
    ordered = sorted(sequences, key=len)
    return [padded(ordered[at : at + size]) for at in range(0, len(ordered), size)]


def vectors(peer: Peer, sequences: list[list[int]], size: int = 16) -> np.ndarray:
    """Returns the vector of each sequence, in the given order."""
    order = sorted(range(len(sequences)), key=lambda at: len(sequences[at]))
    found: list[np.ndarray] = [np.empty(0)] * len(sequences)
    for at in range(0, len(order), size):
        places = order[at : at + size]
        ids, mask = padded([sequences[place] for place in places])
        for place, vector in zip(places, peer.encode(ids, mask)):
            found[place] = vector
    return np.stack(found)
