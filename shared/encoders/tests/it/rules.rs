//! What the files of sentence-transformers say, and the options that replace it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vivier_encoders::{
    Batch, ByKind, Encoder, EncoderOptions, InputKind, LoadError, Pooling, Precision, PrepareError,
    Truncation,
};

use crate::tiny;

/// The tiny model in a folder of its own, with some files changed.
struct Model {
    folder: tempfile::TempDir,
}

impl Model {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        tiny::write_model(folder.path());
        Self { folder }
    }

    /// Copies a golden model.
    fn golden(name: &str) -> Self {
        let all = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/architectures");
        let folder = tempfile::tempdir().unwrap();
        for inside in ["", "1_Pooling"] {
            std::fs::create_dir_all(folder.path().join(inside)).unwrap();
            for entry in std::fs::read_dir(Path::new(all).join(name).join(inside)).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    let to = folder.path().join(inside).join(entry.file_name());
                    std::fs::copy(entry.path(), to).unwrap();
                }
            }
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    fn write(self, file: &str, value: &Value) -> Self {
        tiny::write_json(self.folder.path(), file, value);
        self
    }

    fn edit(self, file: &str, key: &str, value: Value) -> Self {
        let text = std::fs::read_to_string(self.path(file)).unwrap();
        let mut content: Value = serde_json::from_str(&text).unwrap();
        content[key] = value;
        self.write(file, &content)
    }

    fn load(&self, options: &EncoderOptions) -> Result<Encoder, LoadError> {
        Encoder::load(self.folder.path(), options)
    }

    fn plain(&self) -> Encoder {
        self.load(&EncoderOptions::default()).unwrap()
    }

    fn failure(&self, options: &EncoderOptions) -> String {
        self.load(options).err().unwrap().to_string()
    }
}

fn vector(encoder: &Encoder, kind: InputKind) -> Vec<f32> {
    let ids: Vec<u32> = (4..20).collect();
    let batch = Batch::from_iter([(ids.as_slice(), kind)]);
    encoder.encode(&batch).unwrap().remove(0)
}

fn length(vector: &[f32]) -> f32 {
    vector.iter().map(|value| value * value).sum::<f32>().sqrt()
}

fn dim(dim: usize) -> EncoderOptions {
    EncoderOptions {
        dim: Some(dim),
        ..EncoderOptions::default()
    }
}

#[test]
fn the_layout_of_version_six_is_read() {
    let model = Model::new()
        .write(
            "sentence_bert_config.json",
            &json!({"transformer_task": "feature-extraction", "module_output_name": "token_embeddings"}),
        )
        .write("tokenizer_config.json", &json!({"model_max_length": 40}))
        .write(
            "1_Pooling/config.json",
            &json!({"embedding_dimension": 24, "pooling_mode": "cls", "include_prompt": true}),
        )
        .write(
            "config_sentence_transformers.json",
            &json!({"model_type": "SentenceTransformer", "prompts": {"query": "q:", "document": ""},
                    "default_prompt_name": null, "similarity_fn_name": "cosine", "truncate_dim": 8}),
        )
        .write(
            "modules.json",
            &json!([
                {"path": "", "type": "sentence_transformers.base.modules.transformer.Transformer"},
                {"path": "1_Pooling", "type": "sentence_transformers.sentence_transformer.modules.pooling.Pooling"},
                {"path": "2_Normalize", "type": "sentence_transformers.base.modules.normalize.Normalize"},
            ]),
        );
    let encoder = model.plain();
    let spec = encoder.spec();
    assert_eq!(
        (spec.max_tokens, spec.pooling, spec.dim, spec.normalized),
        (40, Pooling::Cls, 8, true)
    );
    assert_eq!(encoder.prompt(InputKind::Query).len(), 2);
    assert_eq!(encoder.prompt(InputKind::Candidate).len(), 0);
    // No limit is written as a huge number.
    let endless = json!({"model_max_length": 1_000_000_000_000_000_019_884_624_838_656.0});
    let model = model.write("tokenizer_config.json", &endless);
    assert_eq!(model.plain().spec().max_tokens, tiny::POSITIONS);
}

#[test]
fn the_layout_of_version_two_is_read_from_a_folder_below() {
    let model = Model::new();
    std::fs::create_dir(model.path("0_Transformer")).unwrap();
    let plain = model.plain();
    for file in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "sentence_bert_config.json",
    ] {
        let below = model.path("0_Transformer").join(file);
        std::fs::rename(model.path(file), below).unwrap();
    }
    let model = model.write(
        "modules.json",
        &json!([
            {"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ]),
    );
    let moved = model.plain();
    assert_eq!(moved.spec().max_tokens, tiny::WINDOW);
    assert_eq!(
        vector(&moved, InputKind::Query),
        vector(&plain, InputKind::Query)
    );
    for path in ["..", "/etc", "a/../.."] {
        let module = json!([{"path": path, "type": "sentence_transformers.models.Transformer"}]);
        let message = Model::new()
            .write("modules.json", &module)
            .failure(&EncoderOptions::default());
        assert!(message.contains("leaves the folder"), "{message}");
    }
}

#[test]
fn vectors_have_length_one_unless_their_length_is_meant() {
    let similarity = |name: &str| {
        let model = Model::new().write(
            "config_sentence_transformers.json",
            &json!({"similarity_fn_name": name}),
        );
        model.plain()
    };
    for (name, expected) in [("cosine", true), ("dot", false), ("euclidean", false)] {
        let encoder = similarity(name);
        assert_eq!(encoder.spec().normalized, expected, "{name}");
        let length = length(&vector(&encoder, InputKind::Query));
        assert_eq!((length - 1.0).abs() < 1e-5, expected, "{name}: {length}");
    }
    let options = EncoderOptions {
        normalize: Some(false),
        ..EncoderOptions::default()
    };
    let model = Model::new();
    let raw = model.load(&options).unwrap();
    let (raw, unit) = (
        vector(&raw, InputKind::Query),
        vector(&model.plain(), InputKind::Query),
    );
    for (raw_value, value) in raw.iter().zip(&unit) {
        assert!((raw_value / length(&raw) - value).abs() < 1e-6);
    }
}

#[test]
fn vectors_are_cut_to_a_length_that_the_model_knows() {
    let model = Model::new();
    let whole = vector(&model.plain(), InputKind::Query);
    let cut = model.load(&dim(8)).unwrap();
    assert_eq!(cut.spec().dim, 8);
    let found = vector(&cut, InputKind::Query);
    let expected: Vec<f32> = whole[..8]
        .iter()
        .map(|value| value / length(&whole[..8]))
        .collect();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6);
    }
    for bad in [0, tiny::DIM + 1] {
        let message = model.failure(&dim(bad));
        assert!(
            message.contains(&format!("dim = {bad}: the model's vectors have 1 to 24")),
            "{message}"
        );
    }
    let listed = [
        model.edit("config.json", "matryoshka_dimensions", json!([8, 16])),
        Model::new().write(
            "config_sentence_transformers.json",
            &json!({"matryoshka_dims": [8, 16]}),
        ),
    ];
    for model in listed {
        for good in [8, 16, tiny::DIM] {
            assert_eq!(model.load(&dim(good)).unwrap().spec().dim, good);
        }
        let message = model.failure(&dim(12));
        assert!(
            message.contains("dim = 12: the model can be cut to 8, 16"),
            "{message}"
        );
    }
}

#[test]
fn options_replace_pooling_and_prompts() {
    let prompts = json!({"prompts": {"query": "q:", "document": "d:"}});
    let model = Model::new().write("config_sentence_transformers.json", &prompts);
    let options = EncoderOptions {
        pooling: Some(Pooling::Last),
        prompts: ByKind {
            query: Some(String::new()),
            skill: Some("a skill:".into()),
            ..ByKind::default()
        },
        ..EncoderOptions::default()
    };
    let encoder = model.load(&options).unwrap();
    assert_eq!(encoder.spec().pooling, Pooling::Last);
    let ids = |text| encoder.tokenizer().tokens(text).unwrap().ids;
    assert!(encoder.prompt(InputKind::Query).is_empty());
    assert_eq!(encoder.prompt(InputKind::Candidate), ids("d:"));
    assert_eq!(encoder.prompt(InputKind::Skill), ids("a skill:"));
    assert_ne!(
        vector(&encoder, InputKind::Query),
        vector(&model.plain(), InputKind::Query)
    );
    let apart = json!({"pooling_mode": "mean", "include_prompt": false});
    let model = model.write("1_Pooling/config.json", &apart);
    let message = model.failure(&EncoderOptions::default());
    assert!(message.contains("include_prompt = false"), "{message}");
    let model = model.write("config_sentence_transformers.json", &json!({}));
    assert!(model.load(&EncoderOptions::default()).is_ok());
}

#[test]
fn lower_case_is_made_where_the_folder_asks_for_it() {
    let text = std::fs::read_to_string(Model::new().path("tokenizer.json")).unwrap();
    let mut tokenizer: Value = serde_json::from_str(&text).unwrap();
    tokenizer["normalizer"]["lowercase"] = json!(false);
    let model = Model::new().write("tokenizer.json", &tokenizer);
    let ids = |model: &Model, text| model.plain().tokenizer().tokens(text).unwrap().ids;
    assert_ne!(ids(&model, "ABC"), ids(&model, "abc"));
    let model = model.edit("sentence_bert_config.json", "do_lower_case", json!(true));
    assert_eq!(ids(&model, "ABC"), ids(&model, "abc"));
    let offsets = model.plain().tokenizer().tokens("É AB").unwrap().offsets;
    assert_eq!(offsets.last(), Some(&(4..5)), "{offsets:?}");
}

#[test]
fn options_that_change_vectors_change_the_fingerprint() {
    let model = Model::new();
    let fingerprint = |change: fn(&mut EncoderOptions)| {
        let mut options = EncoderOptions::default();
        change(&mut options);
        model.load(&options).unwrap().spec().fingerprint.clone()
    };
    let plain = fingerprint(|_| {});
    let same: [fn(&mut EncoderOptions); 4] = [
        |options| options.max_tokens = Some(tiny::WINDOW),
        |options| options.pooling = Some(Pooling::Mean),
        |options| options.normalize = Some(true),
        |options| options.precision = Precision::F32,
    ];
    for (index, change) in same.into_iter().enumerate() {
        assert_eq!(fingerprint(change), plain, "change {index}");
    }
    let others: [fn(&mut EncoderOptions); 8] = [
        |options| options.max_tokens = Some(tiny::WINDOW + 1),
        |options| options.pooling = Some(Pooling::Cls),
        |options| options.normalize = Some(false),
        |options| options.precision = Precision::Bf16,
        |options| options.dim = Some(8),
        |options| options.prompts.query = Some("a".into()),
        |options| options.prompts.vacancy = Some("a".into()),
        |options| options.dim = Some(16),
    ];
    let mut seen = vec![plain];
    for (index, change) in others.into_iter().enumerate() {
        let found = fingerprint(change);
        assert!(!seen.contains(&found), "change {index}");
        seen.push(found);
    }
}

#[test]
fn tasks_are_chosen_by_kind_or_by_the_options() {
    let prompts = json!({"prompts": {"retrieval.query": "w5 w6", "separation": "w7"}});
    let model = Model::golden("jina_v3").write("config_sentence_transformers.json", &prompts);
    let plain = model.plain();
    assert_eq!(plain.prompt(InputKind::Query), [5, 6]);
    assert!(plain.prompt(InputKind::Candidate).is_empty());
    let tasked = |name: &str| EncoderOptions {
        tasks: ByKind {
            candidate: Some(name.into()),
            ..ByKind::default()
        },
        ..EncoderOptions::default()
    };
    let other = model.load(&tasked("separation")).unwrap();
    assert_eq!(other.prompt(InputKind::Candidate), [7]);
    assert_ne!(other.spec().fingerprint, plain.spec().fingerprint);
    assert_ne!(
        vector(&other, InputKind::Candidate),
        vector(&plain, InputKind::Candidate)
    );
    let same = model.load(&tasked("retrieval.query")).unwrap();
    assert_eq!(
        vector(&same, InputKind::Candidate),
        vector(&same, InputKind::Query)
    );
    let message = model.failure(&tasked("sorting"));
    assert!(
        message.contains("no task sorting") && message.contains("text-matching"),
        "{message}"
    );
}

#[test]
fn shards_that_do_not_fit_their_index_are_named() {
    const INDEX: &str = "model.safetensors.index.json";
    const FIRST: &str = "model-00001-of-00002.safetensors";
    const SECOND: &str = "model-00002-of-00002.safetensors";
    let failure = |change: fn(&Model)| {
        let model = Model::golden("qwen3");
        change(&model);
        model.failure(&EncoderOptions::default())
    };
    let map = |model: &Model, name: &str, file: &str| {
        let text = std::fs::read_to_string(model.path(INDEX)).unwrap();
        let mut index: Value = serde_json::from_str(&text).unwrap();
        index["weight_map"][name] = json!(file);
        std::fs::write(model.path(INDEX), index.to_string()).unwrap();
    };
    assert!(
        Model::golden("qwen3")
            .load(&EncoderOptions::default())
            .is_ok()
    );
    let message = failure(|model| std::fs::remove_file(model.path(SECOND)).unwrap());
    assert!(message.contains(&format!("has no {SECOND}")), "{message}");
    let message = failure(|model| std::fs::write(model.path(SECOND), "x").unwrap());
    assert!(
        message.contains(SECOND) && message.contains("cut short"),
        "{message}"
    );
    let message = failure(|model| std::fs::write(model.path(INDEX), "{").unwrap());
    assert!(message.contains(INDEX), "{message}");
    let message =
        failure(|model| std::fs::write(model.path(INDEX), r#"{"weight_map": {}}"#).unwrap());
    assert!(message.contains("weight_map is empty"), "{message}");
    let message = failure(|model| {
        std::fs::copy(model.path(FIRST), model.path(SECOND))
            .map(drop)
            .unwrap();
    });
    assert!(message.contains("lies in another file too"), "{message}");
    for file in ["../x.safetensors", "/x.safetensors", ""] {
        let model = Model::golden("qwen3");
        map(&model, "norm.weight", file);
        let message = model.failure(&EncoderOptions::default());
        assert!(message.contains("is not the name of a file"), "{message}");
    }
    let model = Model::golden("qwen3");
    map(&model, "no.such.tensor", FIRST);
    let message = model.failure(&EncoderOptions::default());
    assert!(
        message.contains("no.such.tensor lies here, and it doesn't") && message.contains(FIRST),
        "{message}"
    );
}

#[test]
fn quantised_weights_are_refused_by_the_tensor() {
    let model = Model::golden("bert");
    let path = model.path("model.safetensors");
    let content = std::fs::read(&path).unwrap();
    let size = usize::try_from(u64::from_le_bytes(content[..8].try_into().unwrap())).unwrap();
    let header = std::str::from_utf8(&content[8..8 + size]).unwrap();
    // As many bytes: an integer for each float.
    let name = "\"bert.embeddings.LayerNorm.bias\":{\"dtype\":\"F32\"";
    assert!(header.contains(name), "{header}");
    let header = header.replace(name, &name.replace("F32", "U32"));
    let changed = [&content[..8], header.as_bytes(), &content[8 + size..]].concat();
    std::fs::write(&path, changed).unwrap();
    let error = model.load(&EncoderOptions::default()).err().unwrap();
    assert!(
        matches!(error, LoadError::TensorType { .. })
            && error.to_string().contains("embeddings.LayerNorm.bias"),
        "{error:?}"
    );
}

/// A tokenizer that marks the start of a word in its pieces, as SentencePiece does: a
/// prompt's last space belongs to the first word of the text.
fn pieces() -> Value {
    let pieces = [
        "<unk>",
        "▁",
        "▁query:",
        "▁a",
        "a",
        "b",
        "▁b",
        ":",
        "▁passage",
        "c",
    ];
    let vocabulary: Vec<Value> = pieces.iter().map(|piece| json!([piece, -1.0])).collect();
    let space =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": null, "pre_tokenizer": space, "post_processor": null, "decoder": null,
        "model": {"type": "Unigram", "unk_id": 0, "vocab": vocabulary, "byte_fallback": false},
    })
}

#[test]
fn a_prompt_and_its_text_are_tokenized_as_one() {
    let prompts = json!({"prompts": {"query": "query: ", "document": "passage:"}});
    let model = Model::new()
        .write("tokenizer.json", &pieces())
        .write("config_sentence_transformers.json", &prompts);
    let encoder = model.plain();
    let ids = |text: &str| encoder.tokenizer().tokens(text).unwrap().ids;
    assert_eq!(ids("query: "), [2, 1], "a piece for the space alone");
    let prepare = |text: &str, kind| {
        encoder.prepare(
            text,
            kind,
            Truncation::Windows {
                overlap: 2,
                most: usize::MAX,
            },
        )
    };
    let query = prepare("a b", InputKind::Query).unwrap();
    assert_eq!(query.sequences, [ids("query: a b")]);
    assert_eq!(query.sequences, [[2, 3, 6]]);
    assert_eq!((query.input_tokens, query.used_tokens), (2, 2));
    // Nothing stands between this prompt and its text.
    let candidate = prepare("a b", InputKind::Candidate).unwrap();
    assert_eq!(candidate.sequences, [ids("passage:a b")]);
    // Each window has the prompt, and holds the tokens of the text as they stand.
    let long = "a b ".repeat(40);
    let split = prepare(long.trim(), InputKind::Query).unwrap();
    assert!(split.sequences.len() > 2);
    assert_eq!(split.used_tokens, 80);
    for sequence in &split.sequences {
        assert_eq!(sequence[0], 2);
        assert!(
            sequence[1..].iter().all(|id| [3, 6].contains(id)),
            "{sequence:?}"
        );
        assert!(sequence.len() <= tiny::WINDOW);
    }
    for text in ["", "  ", "\n"] {
        let error = prepare(text, InputKind::Query).unwrap_err();
        assert_eq!(error, PrepareError::Empty, "{text:?}");
    }
    let cut = encoder.prepare(long.trim(), InputKind::Query, Truncation::Head);
    let cut = cut.unwrap();
    let used = cut.used_tokens;
    assert_eq!(
        cut.cut,
        Some(2 * used - 1..long.trim().len()),
        "of the text, not the prompt"
    );
}
