//! Tests of the codec: all comes back, and nothing else is read.

use proptest::prelude::*;

use super::*;

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::collection::vec(".{0,8}", 0..3).prop_map(Value::Strings),
        (-1e9..1e9).prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        any::<i32>().prop_map(Value::Date),
        (-90.0..90.0, -180.0..180.0).prop_map(|(latitude, longitude)| Value::Coordinates {
            latitude,
            longitude
        }),
    ]
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let vector = prop::collection::vec(-1e3_f32..1e3, 0..6);
    let words = (".{0,12}", "[a-z]{0,2}").prop_map(|(text, lang)| Words { text, lang });
    let bytes = || prop::collection::vec(any::<u8>(), 0..9);
    (
        ".{1,8}",
        prop::collection::btree_map("[a-z]{1,4}", vector, 0..3),
        prop::collection::btree_map("[a-z]{1,4}", words, 0..2),
        prop::collection::btree_map("[a-z]{1,4}", value(), 0..4),
        (bytes(), bytes(), bytes()),
    )
        .prop_map(
            |(id, vectors, words, payload, (summary, document, revision))| Record {
                id,
                vectors,
                words,
                payload,
                summary,
                document,
                revision,
            },
        )
}

/// Any operation.
pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    let facet = prop_oneof![
        (1_usize..900).prop_map(FacetKind::Dense),
        Just(FacetKind::Words)
    ];
    let facet = (facet, 0.0_f32..9.0).prop_map(|(kind, default_weight)| FacetSpec {
        kind,
        default_weight,
    });
    let facets = prop::collection::btree_map("[a-z]{1,4}", facet.clone(), 0..3);
    let name = "[a-z]{1,8}";
    let aliases = prop::collection::btree_map(name, name, 0..4);
    prop_oneof![
        (name, name, facet).prop_map(|(collection, facet, spec)| Operation::AddFacet {
            collection,
            facet,
            spec
        }),
        aliases.prop_map(Operation::SetAliases),
        name.prop_map(Operation::RemoveAlias),
        name.prop_map(Operation::Drop),
        ("[a-z]{1,8}", facets, "[0-9a-f]{0,8}").prop_map(|(name, facets, model_fingerprint)| {
            Operation::Create(Spec {
                name,
                facets,
                model_fingerprint,
            })
        }),
        ("[a-z]{1,8}", prop::collection::vec(record(), 0..4)).prop_map(|(collection, records)| {
            Operation::Upsert {
                collection,
                records,
            }
        }),
        ("[a-z]{1,8}", prop::collection::vec(".{1,8}", 0..4))
            .prop_map(|(collection, ids)| Operation::Delete { collection, ids }),
    ]
}

proptest! {
    #[test]
    fn operations_round_trip(operation in operation()) {
        let bytes = encode_operation(&operation);
        prop_assert_eq!(decode_operation(&bytes), Ok(operation));
    }

    #[test]
    fn a_cut_encoding_is_refused(operation in operation(), cut in any::<prop::sample::Index>()) {
        let bytes = encode_operation(&operation);
        let cut = cut.index(bytes.len());
        prop_assert!(decode_operation(&bytes[..cut]).is_err());
    }

    #[test]
    fn any_bytes_decode_or_fail(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = bytes;
        bytes.insert(0, VERSION);
        // Only that it returns matters here.
        drop(decode_operation(&bytes));
    }
}

#[test]
fn another_version_is_named() {
    assert_eq!(decode_operation(&[9, 1]), Err(CodecError::Version(9)));
}
