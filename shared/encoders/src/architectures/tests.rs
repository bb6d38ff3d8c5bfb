//! Every loader against PyTorch, through the plain forward pass of `naive.rs`: the
//! mapping of names and settings is proven whatever engine runs it.
//!
//! The models and vectors were made by `tests/golden/make_architectures.py`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::load;
use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::naive;
use crate::prepare::InputKind;
use crate::transformer::Transformer;

#[derive(Deserialize)]
struct Case {
    kind: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

fn golden(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/architectures");
    Path::new(folder).join(name)
}

fn kind(name: &str) -> InputKind {
    let named = InputKind::ALL.into_iter();
    let mut named = named.filter(|kind| format!("{kind:?}").to_lowercase() == name);
    named.next().unwrap()
}

/// Compares a loaded model with the golden vectors of a folder.
fn compare(name: &str, model: &Transformer, folder: &ModelFolder) {
    let text = std::fs::read_to_string(golden(name).join("golden.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 8, "{name}");
    let mut worst = 0.0_f32;
    for case in &cases {
        let found = naive::forward(model, &case.ids, kind(&case.kind), folder.rules.pooling);
        assert_eq!(found.len(), case.vector.len());
        for (found, expected) in found.iter().zip(&case.vector) {
            worst = worst.max((found - expected).abs());
        }
    }
    eprintln!("{name}: largest difference {worst:.1e}");
    assert!(worst < 1e-5, "{name} differs by {worst}");
}

fn check(name: &str) {
    let mut folder = ModelFolder::open(&golden(name)).unwrap();
    let model = load(&mut folder).unwrap();
    compare(name, &model, &folder);
}

/// Loads a golden model with some settings of its config replaced; null removes one.
fn changed(name: &str, changes: &Value) -> (Result<Transformer, LoadError>, ModelFolder) {
    let mut folder = ModelFolder::open(&golden(name)).unwrap();
    let config = folder.config.as_object_mut().unwrap();
    for (key, value) in changes.as_object().unwrap() {
        if value.is_null() {
            config.remove(key);
        } else {
            config.insert(key.clone(), value.clone());
        }
    }
    (load(&mut folder), folder)
}

#[test]
fn bert_equals_pytorch() {
    check("bert");
}

#[test]
fn distilbert_equals_pytorch() {
    check("distilbert");
}

#[test]
fn xlm_roberta_equals_pytorch() {
    check("xlm_roberta");
}

#[test]
fn mpnet_equals_pytorch() {
    check("mpnet");
}

#[test]
fn jina_bert_equals_pytorch() {
    check("jina_bert");
}

#[test]
fn jina_v3_equals_pytorch_for_every_kind() {
    check("jina_v3");
}

#[test]
fn modernbert_equals_pytorch() {
    check("modernbert");
}

#[test]
fn nomic_bert_equals_pytorch() {
    check("nomic_bert");
}

#[test]
fn qwen3_equals_pytorch() {
    check("qwen3");
}

#[test]
fn both_forms_of_a_config_give_the_same_model() {
    let base = |theta: f32| json!({"rope_type": "default", "rope_theta": theta});
    let cases = [
        (
            "nomic_bert",
            json!({
                "n_embd": null, "n_layer": null, "n_head": null, "n_inner": null,
                "max_trained_positions": null, "activation_function": null,
                "layer_norm_epsilon": null, "rotary_emb_base": null,
                "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
                "intermediate_size": 48, "max_position_embeddings": 160, "hidden_act": "silu",
                "layer_norm_eps": 1e-12, "rope_parameters": base(1000.0),
            }),
        ),
        (
            "modernbert",
            json!({
                "global_attn_every_n_layers": null, "global_rope_theta": null,
                "local_rope_theta": null,
                "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
                "rope_parameters": {
                    "full_attention": base(160_000.0), "sliding_attention": base(10_000.0),
                },
            }),
        ),
        (
            "qwen3",
            json!({"rope_parameters": null, "rope_theta": 1_000_000.0}),
        ),
        ("xlm_roberta", json!({"model_type": "roberta"})),
        (
            "xlm_roberta",
            json!({"model_type": "camembert", "pad_token_id": null}),
        ),
    ];
    for (name, changes) in cases {
        let (model, folder) = changed(name, &changes);
        compare(name, &model.unwrap(), &folder);
    }
}

/// Settings that would change the result and that no loader computes.
const REFUSED: &str = r#"[
    ["bert", {"is_decoder": true}, "is_decoder = true"],
    ["bert", {"position_embedding_type": "relative_key_query"}, "relative_key_query"],
    ["bert", {"hidden_act": "tanh"}, "hidden_act: unknown variant `tanh`"],
    ["bert", {"num_attention_heads": 5}, "hidden_size 32 is no multiple of num_attention_heads 5"],
    ["bert", {"max_position_embeddings": 4000000}, "over the limit of 1048576"],
    ["distilbert", {"activation": "tanh"}, "activation: unknown variant `tanh`"],
    ["distilbert", {"n_heads": 0}, "n_heads is 0"],
    ["xlm_roberta", {"pad_token_id": 500}, "no position after pad_token_id 500"],
    ["mpnet", {"relative_attention_num_buckets": 64}, "relative_attention_num_buckets 64"],
    ["jina_bert", {"feed_forward_type": "original"}, "feed_forward_type: unknown variant `original`"],
    ["jina_bert", {"emb_pooler": "cls"}, "emb_pooler = \"cls\""],
    ["jina_v3", {"lora_adaptations": ["separation"]}, "no task retrieval.passage or text-matching"],
    ["jina_v3", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling"],
    ["modernbert", {"layer_types": ["full_attention"]}, "layer_types has 1 entries"],
    ["modernbert", {"rope_parameters": {"rope_type": "default", "rope_theta": 1.0}}, "rope_parameters without"],
    ["modernbert", {"rope_parameters": {"full_attention": {"rope_type": "yarn", "factor": 4.0}}}, "rope_parameters: factor = 4.0"],
    ["nomic_bert", {"rotary_emb_interleaved": true}, "rotary_emb_interleaved = true"],
    ["nomic_bert", {"rotary_emb_fraction": 0.5}, "rotary_emb_fraction = 0.5"],
    ["nomic_bert", {"moe_every_n_layers": 2}, "moe_every_n_layers = 2"],
    ["nomic_bert", {"prenorm": true}, "prenorm = true"],
    ["nomic_bert", {"activation_function": "gelu"}, "activation_function = \"gelu\""],
    ["nomic_bert", {"n_embd": null}, "n_embd or hidden_size is missing"],
    ["qwen3", {"use_sliding_window": true}, "use_sliding_window = true"],
    ["qwen3", {"layer_types": ["sliding_attention", "full_attention"]}, "layer_types"],
    ["qwen3", {"num_key_value_heads": 3}, "num_key_value_heads 3"],
    ["qwen3", {"head_dim": 15}, "width 15"],
    ["qwen3", {"rope_scaling": {"rope_type": "yarn"}}, "rope_scaling"],
    ["qwen3", {"rope_parameters": {"rope_theta": -1.0}}, "rotary base -1"]
]"#;

#[test]
fn settings_that_are_not_computed_are_refused_by_name() {
    let cases: Vec<(String, Value, String)> = serde_json::from_str(REFUSED).unwrap();
    for (name, changes, expected) in cases {
        let error = changed(&name, &changes).0.unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, LoadError::BadConfig { .. }) && message.contains(&expected),
            "{name} {changes}: {message}"
        );
    }
}

#[test]
fn other_sizes_than_the_tensors_have_are_refused_by_the_tensor() {
    let sizes = [
        ("bert", "intermediate_size", 40, "intermediate.dense.weight"),
        ("distilbert", "vocab_size", 61, "word_embeddings.weight"),
        (
            "mpnet",
            "max_position_embeddings",
            100,
            "position_embeddings.weight",
        ),
        (
            "jina_bert",
            "intermediate_size",
            40,
            "mlp.gated_layers.weight",
        ),
        ("jina_v3", "lora_rank", 3, "lora_A"),
        ("modernbert", "intermediate_size", 40, "mlp.Wi.weight"),
        ("nomic_bert", "n_inner", 40, "mlp.fc12.weight"),
        ("qwen3", "num_key_value_heads", 1, "k_proj.weight"),
    ];
    for (name, key, value, tensor) in sizes {
        let error = changed(name, &json!({key: value})).0.unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, LoadError::TensorShape { .. }) && message.contains(tensor),
            "{name}: {message}"
        );
    }
    let layers = [
        ("bert", "num_hidden_layers", "bert.encoder.layer.2."),
        ("distilbert", "n_layers", "distilbert.transformer.layer.2."),
        ("modernbert", "num_hidden_layers", "model.layers.3."),
        ("jina_v3", "num_hidden_layers", "roberta.encoder.layers.2."),
    ];
    for (name, key, tensor) in layers {
        let error = changed(name, &json!({key: 4})).0.unwrap_err();
        let message = error.to_string();
        assert!(
            matches!(error, LoadError::TensorMissing { .. }) && message.contains(tensor),
            "{name}: {message}"
        );
    }
}
