//! Compiles `proto/vivier/v1` in pure Rust: no `protoc` is needed.

use std::path::PathBuf;

const FILES: [&str; 5] = [
    "vivier/v1/common.proto",
    "vivier/v1/embedder.proto",
    "vivier/v1/index.proto",
    "vivier/v1/reranker.proto",
    "vivier/v1/gateway.proto",
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    for file in FILES {
        println!("cargo:rerun-if-changed={}", root.join(file).display());
    }
    let mut compiler = protox::Compiler::new([&root])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(FILES)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(
        out.join("vivier.v1.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    tonic_prost_build::configure()
        .bytes(".vivier.v1.Point")
        .bytes(".vivier.v1.RerankCandidate")
        .btree_map(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
