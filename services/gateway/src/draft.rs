//! A profile on its way into the index: decoded, checked, placed, and compared
//! with what is stored.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use prost::bytes::Bytes;
use sha2::{Digest, Sha256};
use vivier_features::{Description, Knowledge};
use vivier_proto::v1;
use vivier_proto::v1::profile::Kind;
use vivier_types::{Profile, ProfileKind, Violation};

use crate::cluster::{Cluster, Encoder};
use crate::validate::check_profile;

/// One accepted profile of a batch.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Place in the request.
    pub(crate) slot: usize,
    /// The profile, without sensitive attributes.
    pub(crate) profile: Profile,
    /// Shard on which it lives.
    pub(crate) shard: usize,
    /// Encoded record, without sensitive attributes.
    pub(crate) document: Bytes,
    /// Stands for record, model and features.
    pub(crate) revision: Bytes,
    /// Sensitive attributes, when there are any.
    pub(crate) sensitive: Option<Sensitive>,
    /// What is embedded and indexed; made only when the point is written.
    pub(crate) description: Option<Description>,
    /// What was stripped and what is doubtful, for the answer.
    pub(crate) told: Told,
    /// Whether the profile was stored before.
    pub(crate) existed: bool,
    /// Whether the point must be written.
    pub(crate) write: bool,
    /// What must happen to the sensitive attributes.
    pub(crate) sensitive_change: SensitiveChange,
}

/// What is told of a profile that was read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told {
    removed: BTreeMap<String, u32>,
    remarks: Vec<v1::FieldViolation>,
}

impl Told {
    /// Takes from a description what is told.
    pub(crate) fn of(description: &Description) -> Self {
        let removed = description.removed.iter();
        Self {
            removed: removed
                .map(|(kind, count)| (kind.as_str().to_owned(), count))
                .collect(),
            remarks: description.doubts.iter().cloned().map(on_wire).collect(),
        }
    }
}

fn on_wire(violation: Violation) -> v1::FieldViolation {
    v1::FieldViolation {
        field: violation.field,
        value: violation.value,
        reason: violation.reason,
    }
}

/// Sensitive attributes as they are stored.
#[derive(Clone, Debug)]
pub(crate) struct Sensitive {
    /// Encoded `v1.SensitiveAttributes`.
    pub(crate) document: Bytes,
    /// Stands for the attributes.
    pub(crate) revision: Bytes,
}

/// What must happen to stored sensitive attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SensitiveChange {
    /// Nothing.
    Keep,
    /// They are written.
    Set,
    /// They are removed: the new record has none.
    Remove,
}

impl Draft {
    /// Returns the kind of the profile.
    pub(crate) fn kind(&self) -> ProfileKind {
        self.profile.kind()
    }

    /// Returns the identifier of the profile.
    pub(crate) fn id(&self) -> &str {
        self.profile.id().as_str()
    }

    /// Decides what must be written, given the revisions that are stored.
    pub(crate) fn compare(&mut self, point: Option<&Bytes>, sensitive: Option<&Bytes>) {
        self.existed = point.is_some();
        self.write = point != Some(&self.revision);
        let wanted = self.sensitive.as_ref().map(|sensitive| &sensitive.revision);
        self.sensitive_change = match (wanted, sensitive) {
            (Some(_), None) => SensitiveChange::Set,
            (Some(wanted), Some(stored)) if wanted != stored => SensitiveChange::Set,
            (None, Some(_)) => SensitiveChange::Remove,
            (Some(_), Some(_)) | (None, None) => SensitiveChange::Keep,
        };
    }

    /// Returns the answer for the profile once everything is written.
    pub(crate) fn accepted(&self) -> v1::UpsertResult {
        let outcome = if !self.existed {
            v1::UpsertOutcome::Inserted
        } else if self.write || self.sensitive_change != SensitiveChange::Keep {
            v1::UpsertOutcome::Replaced
        } else {
            v1::UpsertOutcome::Unchanged
        };
        v1::UpsertResult {
            id: self.id().to_owned(),
            outcome: outcome.into(),
            violation: None,
            removed: self.told.removed.clone(),
            remarks: self.told.remarks.clone(),
        }
    }
}

/// Returns the answer for a refused profile.
pub(crate) fn rejected(id: String, violation: Violation) -> v1::UpsertResult {
    v1::UpsertResult {
        id,
        outcome: v1::UpsertOutcome::Rejected.into(),
        violation: Some(on_wire(violation)),
        ..Default::default()
    }
}

/// Decodes and checks every profile of a request. The results hold the
/// refusals; the others are filled in when their drafts are written.
pub(crate) fn prepare_batch(
    cluster: &Cluster,
    encoder: &Encoder,
    profiles: Vec<v1::Profile>,
) -> (Vec<v1::UpsertResult>, Vec<Draft>) {
    let mut results = Vec::with_capacity(profiles.len());
    let mut drafts = Vec::with_capacity(profiles.len());
    let mut seen = BTreeSet::new();
    for (slot, wire) in profiles.into_iter().enumerate() {
        let id = wire_id(&wire).to_owned();
        match prepare(cluster, encoder, wire).and_then(|draft| once(draft, &mut seen)) {
            Ok(draft) => {
                drafts.push(Draft { slot, ..draft });
                results.push(v1::UpsertResult {
                    id,
                    ..Default::default()
                });
            }
            Err(violation) => results.push(rejected(id, violation)),
        }
    }
    (results, drafts)
}

/// Returns the id of a profile that is not checked yet.
pub(crate) fn wire_id(wire: &v1::Profile) -> &str {
    match &wire.kind {
        Some(Kind::Candidate(candidate)) => &candidate.id,
        Some(Kind::Vacancy(vacancy)) => &vacancy.id,
        None => "",
    }
}

fn once(draft: Draft, seen: &mut BTreeSet<(ProfileKind, String)>) -> Result<Draft, Violation> {
    if seen.insert((draft.kind(), draft.id().to_owned())) {
        return Ok(draft);
    }
    Err(Violation::new(
        "id",
        draft.id(),
        "appears twice in one request",
    ))
}

fn prepare(cluster: &Cluster, encoder: &Encoder, wire: v1::Profile) -> Result<Draft, Violation> {
    let limit = cluster.config.max_profile_bytes;
    let size = wire.encoded_len();
    if size > limit {
        return Err(Violation::new(
            "profile",
            size,
            format!("has {size} bytes, limit {limit}"),
        ));
    }
    let mut profile = Profile::try_from(wire)?;
    check_profile(&profile, &cluster.config.limits)?;
    let sensitive = take_sensitive(&mut profile);
    let document = encode_document(&profile);
    Ok(Draft {
        slot: 0,
        shard: cluster.placement.shard_of(profile.id().as_str()),
        revision: revision(profile.kind(), &document, (encoder, &cluster.knowledge)),
        profile,
        document,
        sensitive,
        description: None,
        told: Told::default(),
        existed: false,
        write: true,
        sensitive_change: SensitiveChange::Keep,
    })
}

/// Takes the sensitive attributes out, so that nothing later can see them.
fn take_sensitive(profile: &mut Profile) -> Option<Sensitive> {
    let Profile::Candidate(candidate) = profile else {
        return None;
    };
    let values = std::mem::take(&mut candidate.sensitive);
    if values.is_empty() {
        return None;
    }
    let document = Bytes::from(v1::SensitiveAttributes { values }.encode_to_vec());
    let revision = Bytes::copy_from_slice(&Sha256::digest(&document));
    Some(Sensitive { document, revision })
}

/// Encodes the record that is stored; equal profiles give equal bytes.
fn encode_document(profile: &Profile) -> Bytes {
    let bytes = match profile.clone() {
        Profile::Candidate(candidate) => v1::Candidate::from(*candidate).encode_to_vec(),
        Profile::Vacancy(vacancy) => v1::Vacancy::from(*vacancy).encode_to_vec(),
    };
    Bytes::from(bytes)
}

/// Hashes everything that decides a point: the record, the encoder and the
/// version of the features, and the ontology and places by which it was read. Each part is preceded by its length.
pub(crate) fn revision(
    kind: ProfileKind,
    document: &[u8],
    (encoder, knowledge): (&Encoder, &Knowledge),
) -> Bytes {
    let features = vivier_features::FEATURES_VERSION.to_string();
    let mut hash = Sha256::new();
    for part in [
        kind.plural().as_bytes(),
        encoder.version.fingerprint.as_bytes(),
        features.as_bytes(),
        knowledge.fingerprint().as_bytes(),
        document,
    ] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Bytes::copy_from_slice(&hash.finalize())
}
