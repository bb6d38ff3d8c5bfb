//! A tiny BERT with seeded random weights, written as a model folder: tests that
//! need a model but not its meaning use it, and nothing is downloaded.

use std::path::Path;

use serde_json::{Value, json};

/// Length of the tiny model's vectors.
pub(crate) const DIM: usize = 24;
/// Positions that it knows.
pub(crate) const POSITIONS: usize = 64;
/// Window that its folder asks for, special tokens included.
pub(crate) const WINDOW: usize = 32;

const LAYERS: usize = 2;
const INTERMEDIATE: usize = 40;
const SPECIAL: [&str; 4] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"];

/// Writes the folder: a word is one token for each of its letters, a digit or a
/// punctuation mark is one token.
pub(crate) fn write_model(folder: &Path) {
    let vocabulary = vocabulary();
    let size = vocabulary.len();
    let config = json!({
        "model_type": "bert", "vocab_size": size, "hidden_size": DIM, "num_hidden_layers": LAYERS,
        "num_attention_heads": 3, "intermediate_size": INTERMEDIATE, "hidden_act": "gelu",
        "max_position_embeddings": POSITIONS, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
    });
    write_json(folder, "config.json", &config);
    write_json(folder, "tokenizer.json", &tokenizer(&vocabulary));
    write_json(
        folder,
        "sentence_bert_config.json",
        &json!({"max_seq_length": WINDOW}),
    );
    let modules = json!([
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]);
    write_json(folder, "modules.json", &modules);
    std::fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    write_json(
        folder,
        "1_Pooling/config.json",
        &json!({"pooling_mode_mean_tokens": true}),
    );
    write_weights(folder, &tensors(size));
}

/// Writes one JSON file of a model folder.
pub(crate) fn write_json(folder: &Path, name: &str, value: &Value) {
    std::fs::write(folder.join(name), value.to_string()).unwrap();
}

/// Writes `model.safetensors`: the length of the header, the header, the values.
pub(crate) fn write_weights(folder: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut header = serde_json::Map::new();
    let mut values: Vec<u8> = Vec::new();
    let mut state = 1_u32;
    for (name, shape) in tensors {
        let start = values.len();
        for _ in 0..shape.iter().product() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = ((state >> 16) as f32 / 65536.0 - 0.5) * 0.6;
            values.extend(value.to_le_bytes());
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [start, values.len()]});
        header.insert(name.clone(), entry);
    }
    let header = Value::Object(header).to_string();
    let length = (header.len() as u64).to_le_bytes();
    std::fs::write(
        folder.join("model.safetensors"),
        [&length[..], header.as_bytes(), &values].concat(),
    )
    .unwrap();
}

/// Returns the names and shapes of the tiny model's tensors.
pub(crate) fn tensors(vocabulary: usize) -> Vec<(String, Vec<usize>)> {
    let mut all: Vec<(String, Vec<usize>)> = Vec::new();
    let table = |name: &str, rows| {
        (
            format!("embeddings.{name}_embeddings.weight"),
            vec![rows, DIM],
        )
    };
    all.extend([
        table("word", vocabulary),
        table("position", POSITIONS),
        table("token_type", 2),
    ]);
    let norm =
        |name: &str| ["weight", "bias"].map(|part| (format!("{name}.LayerNorm.{part}"), vec![DIM]));
    all.extend(norm("embeddings"));
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let linears = [
            (name("attention.self.query"), DIM, DIM),
            (name("attention.self.key"), DIM, DIM),
            (name("attention.self.value"), DIM, DIM),
            (name("attention.output.dense"), DIM, DIM),
            (name("intermediate.dense"), INTERMEDIATE, DIM),
            (name("output.dense"), DIM, INTERMEDIATE),
        ];
        for (name, outputs, inputs) in linears {
            all.push((format!("{name}.weight"), vec![outputs, inputs]));
            all.push((format!("{name}.bias"), vec![outputs]));
        }
        all.extend(norm(&name("attention.output")));
        all.extend(norm(&name("output")));
    }
    all
}

fn vocabulary() -> Vec<String> {
    let letters = || ('a'..='z').map(String::from);
    let others = "0123456789.,;:!?-'\"()/+#&@".chars().map(String::from);
    let mut all: Vec<String> = SPECIAL.map(str::to_owned).into();
    all.extend(letters());
    all.extend(letters().map(|letter| format!("##{letter}")));
    all.extend(others);
    all
}

fn tokenizer(vocabulary: &[String]) -> Value {
    let ids: serde_json::Map<String, Value> = vocabulary
        .iter()
        .enumerate()
        .map(|(id, token)| (token.clone(), json!(id)))
        .collect();
    let special = |id: usize| {
        json!({"id": id, "content": SPECIAL[id], "single_word": false, "lstrip": false,
               "rstrip": false, "normalized": false, "special": true})
    };
    let frame = |token: &str| json!({"SpecialToken": {"id": token, "type_id": 0}});
    let text = |which: &str| json!({"Sequence": {"id": which, "type_id": 0}});
    json!({
        "version": "1.0",
        // Switched off by the loader: a window is ours to choose.
        "truncation": {"max_length": 8, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": null,
        "added_tokens": [special(0), special(1), special(2), special(3)],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                       "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [frame("[CLS]"), text("A"), frame("[SEP]")],
            "pair": [frame("[CLS]"), text("A"), frame("[SEP]"), text("B"), frame("[SEP]")],
            "special_tokens": {
                "[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]},
                "[SEP]": {"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]},
            },
        },
        "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": ids},
    })
}
