//! The bytes of records and operations in the log, the checkpoint and the
//! store: little-endian, lengths before contents, a version byte first.

use std::collections::BTreeMap;

use crate::model::{FacetKind, FacetSpec, Operation, Record, Spec, Value, Words};

/// Version of every encoding below.
const VERSION: u8 = 1;

/// Why bytes are no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("version {0} is not supported, expected {VERSION}")]
    Version(u8),
    #[error("ends early: {wanted} bytes wanted for {what}, {left} left")]
    Short {
        what: &'static str,
        wanted: usize,
        left: usize,
    },
    #[error("unknown tag {tag} of {what}")]
    Tag { what: &'static str, tag: u8 },
    #[error("a text is not UTF-8")]
    Utf8,
    #[error("{0} bytes follow the end")]
    Trailing(usize),
    #[error("the {0} do not fit their count")]
    Misfit(&'static str),
}

// === impl Writer ===

/// Appends values to a buffer.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    /// Starts a buffer with the version byte.
    pub(crate) fn new() -> Self {
        Self {
            bytes: vec![VERSION],
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn tag(&mut self, tag: u8) {
        self.bytes.push(tag);
    }

    /// Writes a length. Requests are bounded far below 4 GiB; a longer one is
    /// written as `u32::MAX`, which no reader accepts.
    pub(crate) fn length(&mut self, length: usize) {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }

    pub(crate) fn blob(&mut self, blob: &[u8]) {
        self.length(blob.len());
        self.bytes.extend_from_slice(blob);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.blob(text.as_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn f64(&mut self, value: f64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn f32(&mut self, value: f32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    fn vector(&mut self, vector: &[f32]) {
        self.length(vector.len());
        for value in vector {
            self.f32(*value);
        }
    }

    pub(crate) fn vectors(&mut self, vectors: &BTreeMap<String, Vec<f32>>) {
        self.length(vectors.len());
        for (facet, vector) in vectors {
            self.text(facet);
            self.vector(vector);
        }
    }

    fn words_value(&mut self, words: &Words) {
        self.text(&words.text);
        self.text(&words.lang);
    }

    pub(crate) fn words(&mut self, words: &BTreeMap<String, Words>) {
        self.length(words.len());
        for (facet, words) in words {
            self.text(facet);
            self.words_value(words);
        }
    }

    pub(crate) fn payload(&mut self, payload: &BTreeMap<String, Value>) {
        self.length(payload.len());
        for (column, value) in payload {
            self.text(column);
            self.value(value);
        }
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Strings(strings) => {
                self.tag(1);
                self.length(strings.len());
                for string in strings {
                    self.text(string);
                }
            }
            Value::Number(number) => {
                self.tag(2);
                self.f64(*number);
            }
            Value::Boolean(boolean) => {
                self.tag(3);
                self.tag(u8::from(*boolean));
            }
            Value::Date(days) => {
                self.tag(4);
                self.bytes.extend_from_slice(&days.to_le_bytes());
            }
            Value::Coordinates {
                latitude,
                longitude,
            } => {
                self.tag(5);
                self.f64(*latitude);
                self.f64(*longitude);
            }
        }
    }

    pub(crate) fn record(&mut self, record: &Record) {
        self.text(&record.id);
        self.vectors(&record.vectors);
        self.words(&record.words);
        self.payload(&record.payload);
        self.blob(&record.summary);
        self.blob(&record.document);
        self.blob(&record.revision);
    }

    pub(crate) fn spec(&mut self, spec: &Spec) {
        self.text(&spec.name);
        self.text(&spec.model_fingerprint);
        self.length(spec.facets.len());
        for (name, facet) in &spec.facets {
            self.text(name);
            self.facet(facet);
        }
    }

    fn facet(&mut self, facet: &FacetSpec) {
        self.f32(facet.default_weight);
        match facet.kind {
            FacetKind::Dense(dim) => {
                self.tag(1);
                self.length(dim);
            }
            FacetKind::Words => self.tag(2),
        }
    }

    pub(crate) fn texts<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a String>) {
        self.length(texts.len());
        texts.for_each(|text| self.text(text));
    }

    /// Writes pairs of texts, such as aliases and their collections.
    pub(crate) fn pairs(&mut self, pairs: &BTreeMap<String, String>) {
        self.length(pairs.len());
        for (key, value) in pairs {
            self.text(key);
            self.text(value);
        }
    }
}

// === impl Reader ===

/// Takes values from bytes; never panics, whatever the bytes.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Checks the version byte and stands behind it.
    pub(crate) fn new(bytes: &'a [u8]) -> Result<Self, CodecError> {
        let mut reader = Self { bytes };
        match reader.tag("version")? {
            VERSION => Ok(reader),
            other => Err(CodecError::Version(other)),
        }
    }

    /// Checks that nothing is left.
    pub(crate) fn finish(self) -> Result<(), CodecError> {
        match self.bytes.len() {
            0 => Ok(()),
            left => Err(CodecError::Trailing(left)),
        }
    }

    fn take(&mut self, what: &'static str, count: usize) -> Result<&'a [u8], CodecError> {
        let Some((head, tail)) = self.bytes.split_at_checked(count) else {
            let left = self.bytes.len();
            return Err(CodecError::Short {
                what,
                wanted: count,
                left,
            });
        };
        self.bytes = tail;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(what, N)?);
        Ok(array)
    }

    pub(crate) fn tag(&mut self, what: &'static str) -> Result<u8, CodecError> {
        Ok(self.array::<1>(what)?[0])
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> Result<u64, CodecError> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    fn f64(&mut self, what: &'static str) -> Result<f64, CodecError> {
        Ok(f64::from_le_bytes(self.array(what)?))
    }

    /// Reads a count of things that take at least `least` bytes each, so that
    /// a damaged count can't ask for much memory.
    pub(crate) fn count(&mut self, what: &'static str, least: usize) -> Result<usize, CodecError> {
        let raw = u32::from_le_bytes(self.array(what)?);
        let count = usize::try_from(raw).unwrap_or(usize::MAX);
        let wanted = count.saturating_mul(least);
        let left = self.bytes.len();
        if wanted > left {
            return Err(CodecError::Short { what, wanted, left });
        }
        Ok(count)
    }

    pub(crate) fn blob(&mut self, what: &'static str) -> Result<Vec<u8>, CodecError> {
        let length = self.count(what, 1)?;
        Ok(self.take(what, length)?.to_vec())
    }

    pub(crate) fn text(&mut self, what: &'static str) -> Result<String, CodecError> {
        String::from_utf8(self.blob(what)?).map_err(|_| CodecError::Utf8)
    }

    fn vector(&mut self) -> Result<Vec<f32>, CodecError> {
        let length = self.count("vector", 4)?;
        (0..length)
            .map(|_| Ok(f32::from_le_bytes(self.array("vector")?)))
            .collect()
    }

    pub(crate) fn vectors(&mut self) -> Result<BTreeMap<String, Vec<f32>>, CodecError> {
        let count = self.count("vectors", 8)?;
        (0..count)
            .map(|_| Ok((self.text("facet")?, self.vector()?)))
            .collect()
    }

    pub(crate) fn words(&mut self) -> Result<BTreeMap<String, Words>, CodecError> {
        let count = self.count("words", 12)?;
        (0..count)
            .map(|_| {
                let facet = self.text("facet")?;
                let text = self.text("words")?;
                let lang = self.text("lang")?;
                Ok((facet, Words { text, lang }))
            })
            .collect()
    }

    pub(crate) fn payload(&mut self) -> Result<BTreeMap<String, Value>, CodecError> {
        let count = self.count("payload", 6)?;
        (0..count)
            .map(|_| Ok((self.text("column")?, self.value()?)))
            .collect()
    }

    fn value(&mut self) -> Result<Value, CodecError> {
        Ok(match self.tag("value")? {
            1 => {
                let count = self.count("strings", 4)?;
                let strings = (0..count).map(|_| self.text("string"));
                Value::Strings(strings.collect::<Result<_, _>>()?)
            }
            2 => Value::Number(self.f64("number")?),
            3 => Value::Boolean(self.tag("boolean")? != 0),
            4 => Value::Date(i32::from_le_bytes(self.array("date")?)),
            5 => Value::Coordinates {
                latitude: self.f64("latitude")?,
                longitude: self.f64("longitude")?,
            },
            tag => return Err(CodecError::Tag { what: "value", tag }),
        })
    }

    pub(crate) fn record(&mut self) -> Result<Record, CodecError> {
        Ok(Record {
            id: self.text("id")?,
            vectors: self.vectors()?,
            words: self.words()?,
            payload: self.payload()?,
            summary: self.blob("summary")?,
            document: self.blob("document")?,
            revision: self.blob("revision")?,
        })
    }

    pub(crate) fn spec(&mut self) -> Result<Spec, CodecError> {
        let name = self.text("collection")?;
        let model_fingerprint = self.text("fingerprint")?;
        let count = self.count("facets", 9)?;
        let facets = (0..count)
            .map(|_| Ok((self.text("facet")?, self.facet()?)))
            .collect::<Result<_, CodecError>>()?;
        Ok(Spec {
            name,
            facets,
            model_fingerprint,
        })
    }

    pub(crate) fn texts(&mut self, what: &'static str) -> Result<Vec<String>, CodecError> {
        let count = self.count(what, 4)?;
        (0..count).map(|_| self.text(what)).collect()
    }

    pub(crate) fn pairs(
        &mut self,
        what: &'static str,
    ) -> Result<BTreeMap<String, String>, CodecError> {
        let count = self.count(what, 8)?;
        (0..count)
            .map(|_| Ok((self.text(what)?, self.text(what)?)))
            .collect()
    }

    fn facet(&mut self) -> Result<FacetSpec, CodecError> {
        let default_weight = f32::from_le_bytes(self.array("weight")?);
        let kind = match self.tag("facet kind")? {
            1 => {
                let dim = u32::from_le_bytes(self.array("dim")?);
                FacetKind::Dense(usize::try_from(dim).unwrap_or(usize::MAX))
            }
            2 => FacetKind::Words,
            tag => {
                let what = "facet kind";
                return Err(CodecError::Tag { what, tag });
            }
        };
        Ok(FacetSpec {
            kind,
            default_weight,
        })
    }
}

/// Encodes one operation.
pub(crate) fn encode_operation(operation: &Operation) -> Vec<u8> {
    let mut writer = Writer::new();
    match operation {
        Operation::Create(spec) => {
            writer.tag(1);
            writer.spec(spec);
        }
        Operation::Upsert {
            collection,
            records,
        } => {
            writer.tag(2);
            writer.text(collection);
            writer.length(records.len());
            for record in records {
                writer.record(record);
            }
        }
        Operation::Delete { collection, ids } => {
            writer.tag(3);
            writer.text(collection);
            writer.texts(ids.iter());
        }
        Operation::AddFacet {
            collection,
            facet,
            spec,
        } => {
            writer.tag(4);
            writer.text(collection);
            writer.text(facet);
            writer.facet(spec);
        }
        Operation::SetAliases(aliases) => {
            writer.tag(5);
            writer.pairs(aliases);
        }
        Operation::RemoveAlias(alias) => {
            writer.tag(6);
            writer.text(alias);
        }
        Operation::Drop(collection) => {
            writer.tag(7);
            writer.text(collection);
        }
    }
    writer.finish()
}

/// Decodes what [`encode_operation`] wrote.
pub(crate) fn decode_operation(bytes: &[u8]) -> Result<Operation, CodecError> {
    let mut reader = Reader::new(bytes)?;
    let operation = match reader.tag("operation")? {
        1 => Operation::Create(reader.spec()?),
        2 => {
            let collection = reader.text("collection")?;
            // A record is at least seven lengths.
            let count = reader.count("records", 28)?;
            let records = (0..count).map(|_| reader.record());
            Operation::Upsert {
                collection,
                records: records.collect::<Result<_, _>>()?,
            }
        }
        3 => {
            let collection = reader.text("collection")?;
            let ids = reader.texts("ids")?;
            Operation::Delete { collection, ids }
        }
        4 => Operation::AddFacet {
            collection: reader.text("collection")?,
            facet: reader.text("facet")?,
            spec: reader.facet()?,
        },
        5 => Operation::SetAliases(reader.pairs("aliases")?),
        6 => Operation::RemoveAlias(reader.text("alias")?),
        7 => Operation::Drop(reader.text("collection")?),
        tag => {
            let what = "operation";
            return Err(CodecError::Tag { what, tag });
        }
    };
    reader.finish()?;
    Ok(operation)
}

#[cfg(test)]
#[path = "codec_tests.rs"]
pub(crate) mod tests;
