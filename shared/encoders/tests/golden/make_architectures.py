"""Writes the tiny models and golden vectors that the tests of the architectures read.

For each architecture: a random model, seeded, that PyTorch `transformers` runs, its
files under the names that published checkpoints use, token sequences, and the pooled
vectors (not normalised) that the model gives for them, padded into one batch with a
mask. Made with torch 2.15 and transformers 5.23:

    python make_architectures.py

Two references are not a class of `transformers` as it stands:

- JinaBERT v2 lives in remote code only. `JinaBert` below is written from the paper
  (arXiv 2310.19923) and the published `modeling_bert.py`, in plain PyTorch.
- The adapters of jina-embeddings-v3 are merged here, W + (alpha / rank) B A, into one
  `JinaEmbeddingsV3Model` for each task. The Rust code never merges them.
"""

import json
import math
import pathlib
import shutil

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    JinaEmbeddingsV3Config,
    JinaEmbeddingsV3Model,
    ModernBertConfig,
    ModernBertModel,
    MPNetConfig,
    MPNetModel,
    NomicBertConfig,
    NomicBertModel,
    Qwen3Config,
    Qwen3Model,
    XLMRobertaConfig,
    XLMRobertaModel,
)

HERE = pathlib.Path(__file__).parent / "architectures"
VOCABULARY, HIDDEN, INNER, LAYERS, HEADS, POSITIONS = 60, 32, 48, 2, 4, 160
# Past the last bucket of MPNet (128), past every window of ModernBERT.
LENGTHS = [1, 2, 5, 9, 17, 40, 97, 150]
KINDS = ["candidate", "vacancy", "query", "skill"]
BASE = dict(vocab_size=VOCABULARY, hidden_size=HIDDEN, num_hidden_layers=LAYERS,
            num_attention_heads=HEADS, intermediate_size=INNER)


def randomise(model: nn.Module) -> None:
    """Gives every parameter values that matter: attention far from uniform, norms
    with weights other than 1."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 1:
            shift = 0.0 if name.endswith("bias") else 1.0
            parameter.data.normal_(shift, 0.2)
        elif "embed" in name or "relative_attention_bias" in name:
            parameter.data.normal_(0.0, 1.0)
        else:
            parameter.data.normal_(0.0, 1.4 / math.sqrt(parameter.shape[1]))


def round_to(model: nn.Module, dtype: torch.dtype) -> None:
    """Rounds the parameters to what the file will hold. Not `model.to`: it rounds the
    rotary tables too."""
    for parameter in model.parameters():
        parameter.data = parameter.data.to(dtype).float()


def sequences() -> list[list[int]]:
    """Returns token sequences without special tokens: ids 0 to 3 pad in one model or
    another."""
    return [torch.randint(4, VOCABULARY, (length,)).tolist() for length in LENGTHS]


def pooled(states: torch.Tensor, mask: torch.Tensor, rule: str) -> torch.Tensor:
    if rule == "cls":
        return states[:, 0]
    if rule == "lasttoken":
        return states[torch.arange(len(states)), mask.sum(1) - 1]
    weights = mask.unsqueeze(-1).float()
    return (states * weights).sum(1) / weights.sum(1)


@torch.inference_mode()
def run(model: nn.Module, texts: list[list[int]], pad: int, rule: str) -> torch.Tensor:
    """Runs the texts as one padded batch."""
    longest = max(map(len, texts))
    ids = torch.tensor([text + [pad] * (longest - len(text)) for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    states = model.eval()(input_ids=ids, attention_mask=mask).last_hidden_state
    return pooled(states, mask, rule)


def write(name: str, config: dict, tensors: dict, cases: list[dict], rule: str, shards: int = 1) -> None:
    """Writes one model folder and its golden file."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "1_Pooling").mkdir(parents=True)

    def put(file: str, value: object) -> None:
        (folder / file).write_text(json.dumps(value, sort_keys=True) + "\n", encoding="utf-8")

    tensors = {key: value.detach().contiguous().clone() for key, value in tensors.items()}
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
    else:
        names, weight_map = sorted(tensors), {}
        for shard in range(shards):
            file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
            mine = names[shard::shards]
            save_file({key: tensors[key] for key in mine}, folder / file)
            weight_map |= dict.fromkeys(mine, file)
        put("model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    put("config.json", config)
    put("tokenizer.json", tokenizer())
    put("modules.json", [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ])
    put("1_Pooling/config.json", {"embedding_dimension": HIDDEN, "pooling_mode": rule})
    put("golden.json", cases)
    print(name, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()), "bytes")


def tokenizer() -> dict:
    """Returns a tokenizer that knows a word for each id."""
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "unk_token": "w0", "vocab": {f"w{i}": i for i in range(VOCABULARY)}},
    }


def case(text: list[int], vector: torch.Tensor, kind: str = "candidate") -> dict:
    return {"kind": kind, "ids": text, "vector": [float(f"{value:.8g}") for value in vector.tolist()]}


def stock(name: str, model: nn.Module, rule: str, *, config: dict | None = None, prefix: str = "",
          rename: dict[str, str] | None = None, dtype: torch.dtype = torch.float32, shards: int = 1) -> None:
    """Writes a model that `transformers` runs, under the names of published files."""
    randomise(model)
    round_to(model, dtype)
    texts = sequences()
    vectors = run(model, texts, model.config.pad_token_id or 0, rule)
    tensors = {}
    for key, value in model.state_dict().items():
        if key.startswith("pooler."):
            continue
        for old, new in (rename or {}).items():
            key = key.replace(old, new)
        tensors[prefix + key] = value.to(dtype)
    write(name, config or model.config.to_dict(), tensors, list(map(case, texts, vectors)), rule, shards)


def join_qkv(tensors: dict, old: str, new: str) -> dict:
    """Puts q_proj, k_proj and v_proj of each layer into one tensor, as published."""
    joined = dict(tensors)
    for key in tensors:
        if f"{old}.q_proj." in key:
            parts = [joined.pop(key.replace("q_proj", part)) for part in ("q_proj", "k_proj", "v_proj")]
            joined[key.replace(f"{old}.q_proj", new)] = torch.cat(parts)
    return joined


def bert() -> None:
    config = BertConfig(**BASE, max_position_embeddings=POSITIONS, attn_implementation="eager")
    stock("bert", BertModel(config), "mean", prefix="bert.")


def distilbert() -> None:
    config = DistilBertConfig(vocab_size=VOCABULARY, dim=HIDDEN, n_layers=LAYERS, n_heads=HEADS,
                              hidden_dim=INNER, max_position_embeddings=POSITIONS)
    stock("distilbert", DistilBertModel(config), "mean", prefix="distilbert.")


def xlm_roberta() -> None:
    config = XLMRobertaConfig(**BASE, max_position_embeddings=POSITIONS + 2, type_vocab_size=1,
                              pad_token_id=1, layer_norm_eps=1e-5)
    stock("xlm_roberta", XLMRobertaModel(config), "cls", prefix="roberta.")


def mpnet() -> None:
    config = MPNetConfig(**BASE, max_position_embeddings=POSITIONS + 2, layer_norm_eps=1e-5, pad_token_id=1)
    stock("mpnet", MPNetModel(config), "mean", prefix="mpnet.")


def modernbert() -> None:
    config = ModernBertConfig(**(BASE | {"num_hidden_layers": 3}), max_position_embeddings=POSITIONS,
                              local_attention=16, pad_token_id=0, bos_token_id=1, eos_token_id=2,
                              cls_token_id=1, sep_token_id=2, attn_implementation="eager")
    # The form that published checkpoints have.
    published = {key: value for key, value in config.to_dict().items()
                 if key not in ("rope_parameters", "layer_types")}
    published |= {"global_attn_every_n_layers": 3, "global_rope_theta": 160000.0, "local_rope_theta": 10000.0}
    stock("modernbert", ModernBertModel(config), "mean", config=published, prefix="model.", dtype=torch.float16)


def qwen3() -> None:
    config = Qwen3Config(**BASE, num_key_value_heads=2, head_dim=16, max_position_embeddings=POSITIONS,
                         rope_parameters={"rope_type": "default", "rope_theta": 1000000.0})
    stock("qwen3", Qwen3Model(config), "lasttoken", shards=2)


def nomic_bert() -> None:
    config = NomicBertConfig(**BASE, max_position_embeddings=POSITIONS, layer_norm_eps=1e-12, type_vocab_size=2,
                             rope_parameters={"rope_type": "default", "rope_theta": 1000.0})
    model = NomicBertModel(config)
    randomise(model)
    texts = sequences()
    vectors = run(model, texts, 0, "mean")
    tensors = {key: value for key, value in model.state_dict().items() if not key.startswith("pooler.")}
    tensors = join_qkv(tensors, "self_attn", "attn.Wqkv")
    names = {"embeddings.LayerNorm": "emb_ln", "self_attn.o_proj": "attn.out_proj", "up_proj": "fc11",
             "gate_proj": "fc12", "down_proj": "fc2", "post_attention_layernorm": "norm1",
             "post_mlp_layernorm": "norm2", "layers.": "encoder.layers."}
    published = {}
    for key, value in tensors.items():
        for old, new in names.items():
            key = key.replace(old, new)
        published[key] = value
    form = {"model_type": "nomic_bert", "vocab_size": VOCABULARY, "type_vocab_size": 2, "n_embd": HIDDEN,
            "n_layer": LAYERS, "n_head": HEADS, "n_inner": INNER, "n_positions": 8192,
            "max_trained_positions": POSITIONS, "activation_function": "swiglu", "layer_norm_epsilon": 1e-12,
            "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0, "rotary_emb_interleaved": False,
            "rotary_emb_scale_base": None, "rotary_scaling_factor": None, "prenorm": False, "causal": False,
            "qkv_proj_bias": False, "mlp_fc1_bias": False, "mlp_fc2_bias": False, "use_rms_norm": False}
    write("nomic_bert", form, published, list(map(case, texts, vectors)), "mean")


class JinaBert(nn.Module):
    """JinaBERT v2, after the paper and the published code."""

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.word_embeddings = nn.Embedding(VOCABULARY, HIDDEN)
        self.token_type_embeddings = nn.Embedding(2, HIDDEN)
        self.norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.layers = nn.ModuleList(JinaBertLayer() for _ in range(LAYERS))

    def slopes(self) -> torch.Tensor:
        def power(count: int) -> list[float]:
            start = 2.0 ** (-(2.0 ** -(math.log2(count) - 3)))
            return [start * start**place for place in range(count)]

        if math.log2(self.heads).is_integer():
            return torch.tensor(power(self.heads))
        closest = 2 ** math.floor(math.log2(self.heads))
        return torch.tensor(power(closest) + power(2 * closest)[0::2][: self.heads - closest])

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> object:
        count = input_ids.shape[1]
        types = self.token_type_embeddings(torch.zeros_like(input_ids))
        states = self.norm(self.word_embeddings(input_ids) + types)
        places = torch.arange(count)
        distances = (places[:, None] - places[None, :]).abs()
        bias = -self.slopes()[:, None, None] * distances[None]
        bias = bias[None] + (1.0 - attention_mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        for layer in self.layers:
            states = layer(states, bias, self.heads)
        return type("Output", (), {"last_hidden_state": states})


class JinaBertLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(HIDDEN, HIDDEN) for _ in range(3))
        self.output = nn.Linear(HIDDEN, HIDDEN)
        self.output_norm = nn.LayerNorm(HIDDEN, eps=1e-12)
        self.gated_layers = nn.Linear(HIDDEN, 2 * INNER, bias=False)
        self.wo = nn.Linear(INNER, HIDDEN)
        self.layernorm = nn.LayerNorm(HIDDEN, eps=1e-12)

    def forward(self, states: torch.Tensor, bias: torch.Tensor, heads: int) -> torch.Tensor:
        batch, count, _ = states.shape

        def split(values: torch.Tensor) -> torch.Tensor:
            return values.view(batch, count, heads, -1).transpose(1, 2)

        query, key, value = split(self.query(states)), split(self.key(states)), split(self.value(states))
        scores = query @ key.transpose(-1, -2) / math.sqrt(HIDDEN // heads) + bias
        context = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, count, HIDDEN)
        states = self.output_norm(self.output(context) + states)
        gated = self.gated_layers(states)
        hidden = nn.functional.gelu(gated[..., :INNER]) * gated[..., INNER:]
        return self.layernorm(self.wo(hidden) + states)


def jina_bert() -> None:
    heads = 2 * HEADS - 2  # Six: no power of two.
    global HIDDEN
    saved, HIDDEN = HIDDEN, 36
    model = JinaBert(heads)
    randomise(model)
    texts = sequences()
    vectors = run(model, texts, 0, "mean")
    tensors = {}
    for key, value in model.state_dict().items():
        head, _, rest = key.partition(".")
        if head == "layers":
            index, _, rest = rest.partition(".")
            part = rest.split(".")[0]
            new = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
                   "output": "attention.output.dense", "output_norm": "attention.output.LayerNorm",
                   "gated_layers": "mlp.gated_layers", "wo": "mlp.wo", "layernorm": "mlp.layernorm"}[part]
            tensors[f"encoder.layer.{index}.{new}{rest[len(part):]}"] = value
        elif head == "norm":
            tensors[f"embeddings.LayerNorm.{rest}"] = value
        else:
            tensors[f"embeddings.{key}"] = value
    form = {"model_type": "bert", "position_embedding_type": "alibi", "feed_forward_type": "geglu",
            "emb_pooler": "mean", "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
            "num_attention_heads": heads, "intermediate_size": INNER, "hidden_act": "gelu",
            "max_position_embeddings": 8192, "type_vocab_size": 2, "layer_norm_eps": 1e-12, "pad_token_id": 0}
    write("jina_bert", form, tensors, list(map(case, texts, vectors)), "mean")
    HIDDEN = saved


TASKS = ["retrieval.query", "retrieval.passage", "separation", "classification", "text-matching"]
# The task of each kind, in the order of KINDS.
CHOSEN = ["retrieval.passage", "retrieval.passage", "retrieval.query", "text-matching"]
RANK, ALPHA = 2, 1.0


def jina_v3() -> None:
    config = JinaEmbeddingsV3Config(**BASE, max_position_embeddings=POSITIONS, type_vocab_size=1, pad_token_id=1,
                                    rope_parameters={"rope_type": "default", "rope_theta": 20000.0})
    model = JinaEmbeddingsV3Model(config, add_pooling_layer=False)
    randomise(model)
    round_to(model, torch.bfloat16)
    tensors = join_qkv(model.state_dict(), "self_attn", "mixer.Wqkv")
    names = {"embeddings.LayerNorm": "emb_ln", "self_attn.o_proj": "mixer.out_proj",
             "post_attention_layernorm": "norm1", "post_mlp_layernorm": "norm2", "layers.": "encoder.layers."}
    published, adapters = {}, {}
    for key, value in tensors.items():
        for old, new in names.items():
            key = key.replace(old, new)
        if value.dim() == 1:
            published[key] = value
            continue
        outer, inner = value.shape
        embedding = "embeddings" in key
        shapes = ((outer, RANK), (RANK, inner)) if embedding else ((RANK, inner), (outer, RANK))
        factors = [torch.randn(len(TASKS), *shape).to(torch.bfloat16).float() * 0.5 for shape in shapes]
        adapters[key] = factors if embedding else factors[::-1]
        base = key.removesuffix(".weight") + ".parametrizations.weight"
        published |= {f"{base}.original": value, f"{base}.0.lora_A": factors[0], f"{base}.0.lora_B": factors[1]}

    def merged(task: int) -> nn.Module:
        """Returns the model with the adapters of a task in its weights."""
        weights = {key: value.clone() for key, value in tensors.items()}
        for key in weights:
            new = key
            for old, other in names.items():
                new = new.replace(old, other)
            if new in adapters:
                left, right = adapters[new]
                weights[key] += ALPHA / RANK * (left[task] @ right[task])
        split = {}
        for key, value in weights.items():
            if "mixer.Wqkv" in key:
                for part, rows in zip(("q_proj", "k_proj", "v_proj"), value.chunk(3)):
                    split[key.replace("mixer.Wqkv", f"self_attn.{part}")] = rows
            else:
                split[key] = value
        other = JinaEmbeddingsV3Model(config, add_pooling_layer=False)
        other.load_state_dict(split)
        return other

    cases = []
    for kind, task in zip(KINDS, CHOSEN):
        texts = sequences()
        vectors = run(merged(TASKS.index(task)), texts, 1, "mean")
        cases += [case(text, vector, kind) for text, vector in zip(texts, vectors)]
    form = {"model_type": "xlm-roberta", "position_embedding_type": "rotary", "rotary_emb_base": 20000.0,
            "vocab_size": VOCABULARY, "hidden_size": HIDDEN, "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS, "intermediate_size": INNER, "hidden_act": "gelu",
            "max_position_embeddings": POSITIONS, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1,
            "lora_adaptations": TASKS, "lora_rank": RANK, "lora_alpha": ALPHA,
            "matryoshka_dimensions": [8, 16, 32]}
    published = {f"roberta.{key}": value.to(torch.bfloat16) for key, value in published.items()}
    write("jina_v3", form, published, cases, "mean")


def main() -> None:
    makers = [bert, distilbert, xlm_roberta, mpnet, jina_bert, jina_v3, modernbert, nomic_bert, qwen3]
    for seed, make in enumerate(makers):
        torch.manual_seed(seed)
        make()


if __name__ == "__main__":
    main()
