//! The wire: code generated from `proto/vivier/v1` and its conversions to and
//! from the values of `vivier-types`.

mod convert;

/// Generated messages, clients and servers of `vivier.v1`.
#[expect(
    missing_docs,
    reason = "generated from proto/vivier/v1, documented there"
)]
#[expect(
    clippy::all,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated code"
)]
pub mod v1 {
    tonic::include_proto!("vivier.v1");
}

/// The encoded descriptor set of every file, for server reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/vivier.v1.bin"));
