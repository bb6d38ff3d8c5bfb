//! Turns the texts of profiles into vectors, in as few calls as fit.

use std::collections::BTreeMap;
use std::time::Duration;

use vivier_proto::v1;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::ProfileKind;

use crate::clients::Embedder;
use crate::cluster::{Cluster, Encoder};
use crate::error::{CallError, GatewayError};

/// Wait before a shed call is tried again when the embedder gives no delay.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// What one profile has to embed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EmbedJob {
    /// Side of the match.
    pub(crate) kind: ProfileKind,
    /// The serialised profile; empty when there is nothing to embed.
    pub(crate) text: String,
    /// Names of the skills.
    pub(crate) skills: Vec<String>,
}

/// The vectors of one profile.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProfileVectors {
    /// Vector of the text, if it has one.
    pub(crate) text: Option<Vec<f32>>,
    /// Mean of the vectors of the skill names, L2-normalised, if there are any.
    pub(crate) skills: Option<Vec<f32>>,
    /// Tokens of the text that the vector rests on.
    pub(crate) used_tokens: u32,
    /// Tokens of the text.
    pub(crate) input_tokens: u32,
}

/// Embeds the texts and the skill names of several profiles; a
/// skill that several name is embedded once. Answers in the order of `jobs`.
///
/// # Errors
/// When the embedder fails, keeps shedding until the deadline, or answers with
/// another model than `encoder`.
pub(crate) async fn embed_profiles(
    cluster: &Cluster,
    encoder: &Encoder,
    work: Work<'_>,
    deadline: Deadline,
) -> Result<Vec<ProfileVectors>, GatewayError> {
    let plan = Plan::new(work.jobs);
    let batches = batches(
        &plan.inputs,
        encoder.max_batch_inputs,
        cluster.config.embed_call_bytes,
    );
    let mut embeddings = Vec::with_capacity(plan.inputs.len());
    for batch in batches {
        let count = batch.len();
        let request = v1::EmbedRequest {
            inputs: batch.to_vec(),
            model: encoder.version.name.clone(),
            truncation: v1::Truncation::Windows.into(),
            max_text_tokens: work.max_text_tokens,
            priority: work.priority.into(),
            ..Default::default()
        };
        let embedder = &cluster.embedders[encoder.embedder];
        let response = embed_patiently(embedder, request, deadline).await?;
        embeddings.extend(check_response(response, count, encoder)?);
    }
    Ok(plan.vectors(work.jobs, &embeddings))
}

/// What is to be embedded, and who waits for it.
#[derive(Clone, Copy)]
pub(crate) struct Work<'a> {
    /// Texts and skills, profile by profile.
    pub(crate) jobs: &'a [EmbedJob],
    /// Interactive or bulk.
    pub(crate) priority: v1::Priority,
    /// Most tokens of a text; `None` for all.
    pub(crate) max_text_tokens: Option<u32>,
}

/// Calls the embedder again after its delay for as long as it sheds the call
/// and the deadline allows. A call that was shed before time ran out fails as
/// shed: the caller learns that a retry may help.
async fn embed_patiently(
    embedder: &Embedder,
    request: v1::EmbedRequest,
    deadline: Deadline,
) -> Result<v1::EmbedResponse, CallError> {
    let mut shed = None;
    loop {
        let error = match embedder.embed(request.clone(), deadline).await {
            Ok(response) => return Ok(response),
            Err(error) => error,
        };
        match error.code {
            ErrorCode::ResourceExhausted => {}
            ErrorCode::DeadlineExceeded => return Err(shed.unwrap_or(error)),
            ErrorCode::InvalidArgument
            | ErrorCode::NotFound
            | ErrorCode::FailedPrecondition
            | ErrorCode::Unavailable
            | ErrorCode::Internal => return Err(error),
        }
        let delay = error.retry_after.unwrap_or(DEFAULT_RETRY_DELAY);
        if delay >= deadline.remaining() {
            return Err(error);
        }
        shed = Some(error);
        tokio::time::sleep(delay).await;
    }
}

fn check_response(
    response: v1::EmbedResponse,
    expected: usize,
    encoder: &Encoder,
) -> Result<Vec<v1::Embedding>, GatewayError> {
    let protocol = |problem| GatewayError::Protocol {
        service: "embedder",
        problem,
    };
    let found = response
        .model
        .map(|model| model.fingerprint)
        .unwrap_or_default();
    if found != encoder.version.fingerprint {
        let expected = encoder.version.fingerprint.clone();
        return Err(GatewayError::ModelChanged { expected, found });
    }
    if response.embeddings.len() != expected {
        let count = response.embeddings.len();
        return Err(protocol(format!("{count} vectors for {expected} texts")));
    }
    let dim = usize::try_from(encoder.dim).unwrap_or(usize::MAX);
    for embedding in &response.embeddings {
        if embedding.values.len() != dim || !embedding.values.iter().all(|value| value.is_finite())
        {
            return Err(protocol(format!("a vector is not {dim} finite values")));
        }
    }
    Ok(response.embeddings)
}

/// The inputs of a call and how they go back to the profiles.
struct Plan {
    inputs: Vec<v1::EmbedInput>,
    /// Place of each profile's text among the inputs.
    texts: Vec<Option<usize>>,
    /// Place of each skill name among the inputs.
    skills: BTreeMap<String, usize>,
}

impl Plan {
    fn new(jobs: &[EmbedJob]) -> Self {
        let mut plan = Self {
            inputs: Vec::new(),
            texts: Vec::new(),
            skills: BTreeMap::new(),
        };
        for job in jobs {
            let place =
                (!job.text.trim().is_empty()).then(|| plan.push(&job.text, text_kind(job.kind)));
            plan.texts.push(place);
        }
        for name in jobs.iter().flat_map(|job| &job.skills) {
            if !name.trim().is_empty() && !plan.skills.contains_key(name) {
                let place = plan.push(name, v1::InputKind::Skill);
                plan.skills.insert(name.clone(), place);
            }
        }
        plan
    }

    fn push(&mut self, text: &str, kind: v1::InputKind) -> usize {
        self.inputs.push(v1::EmbedInput {
            text: text.to_owned(),
            kind: kind.into(),
        });
        self.inputs.len() - 1
    }

    fn vectors(&self, jobs: &[EmbedJob], embeddings: &[v1::Embedding]) -> Vec<ProfileVectors> {
        let vector = |job: (&EmbedJob, &Option<usize>)| {
            let text = job.1.map(|place| &embeddings[place]);
            let skills: Vec<&[f32]> = job
                .0
                .skills
                .iter()
                .filter_map(|name| self.skills.get(name))
                .map(|place| embeddings[*place].values.as_slice())
                .collect();
            ProfileVectors {
                text: text.map(|embedding| embedding.values.clone()),
                skills: unit_mean(&skills),
                used_tokens: text.map_or(0, |embedding| embedding.used_tokens),
                input_tokens: text.map_or(0, |embedding| embedding.input_tokens),
            }
        };
        jobs.iter().zip(&self.texts).map(vector).collect()
    }
}

fn text_kind(kind: ProfileKind) -> v1::InputKind {
    match kind {
        ProfileKind::Candidate => v1::InputKind::Candidate,
        ProfileKind::Vacancy => v1::InputKind::Vacancy,
    }
}

/// Returns the mean of the vectors, L2-normalised; `None` when there is none or
/// they cancel out.
fn unit_mean(vectors: &[&[f32]]) -> Option<Vec<f32>> {
    let mut sum = vectors.first()?.to_vec();
    for vector in &vectors[1..] {
        sum.iter_mut()
            .zip(*vector)
            .for_each(|(sum, value)| *sum += value);
    }
    let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm < 1e-6 {
        return None;
    }
    sum.iter_mut().for_each(|value| *value /= norm);
    Some(sum)
}

/// Splits inputs into runs of at most `max_inputs`, each of about `max_bytes`
/// of text at most; an input larger than that goes alone.
fn batches(
    inputs: &[v1::EmbedInput],
    max_inputs: usize,
    max_bytes: usize,
) -> Vec<&[v1::EmbedInput]> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, input) in inputs.iter().enumerate() {
        let full = index - start >= max_inputs || bytes + input.text.len() > max_bytes;
        if full && index > start {
            batches.push(&inputs[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += input.text.len();
    }
    if start < inputs.len() {
        batches.push(&inputs[start..]);
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn job(text: &str, skills: &[&str]) -> EmbedJob {
        EmbedJob {
            kind: ProfileKind::Candidate,
            text: text.to_owned(),
            skills: skills.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn embedding(values: &[f32]) -> v1::Embedding {
        v1::Embedding {
            values: values.to_vec(),
            input_tokens: 9,
            used_tokens: 7,
            windows: 1,
            ..Default::default()
        }
    }

    #[test]
    fn a_skill_is_embedded_once_and_goes_to_all_who_name_it() {
        let jobs = [job("A", &["x", "y"]), job("", &["y"]), job("C", &[])];
        let plan = Plan::new(&jobs);
        let texts: Vec<&str> = plan
            .inputs
            .iter()
            .map(|input| input.text.as_str())
            .collect();
        assert_eq!(texts, ["A", "C", "x", "y"]);
        let embeddings: Vec<v1::Embedding> = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]
            .iter()
            .map(|v| embedding(v))
            .collect();
        let vectors = plan.vectors(&jobs, &embeddings);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(vectors[0].text, Some(vec![1.0, 0.0]));
        let mean = vectors[0].skills.clone().unwrap();
        assert!(
            mean.iter().all(|value| (value - half).abs() < 1e-6),
            "{mean:?}"
        );
        assert_eq!(
            (vectors[1].text.clone(), vectors[1].input_tokens),
            (None, 0)
        );
        assert_eq!(vectors[1].skills, Some(vec![0.0, 1.0]));
        assert_eq!(
            (vectors[2].text.clone(), vectors[2].skills.clone()),
            (Some(vec![0.0, 1.0]), None)
        );
    }

    #[test]
    fn opposite_skills_have_no_mean() {
        assert_eq!(unit_mean(&[&[1.0, 0.0], &[-1.0, 0.0]]), None);
        assert_eq!(unit_mean(&[]), None);
    }

    proptest! {
        #[test]
        fn batches_keep_order_and_bounds(
            sizes in prop::collection::vec(0_usize..50, 0..80),
            max_inputs in 1_usize..10,
            max_bytes in 1_usize..100,
        ) {
            let inputs: Vec<v1::EmbedInput> = sizes
                .iter()
                .map(|size| v1::EmbedInput { text: "x".repeat(*size), kind: 0 })
                .collect();
            let batches = batches(&inputs, max_inputs, max_bytes);
            let joined: Vec<v1::EmbedInput> = batches.concat();
            prop_assert_eq!(&joined, &inputs);
            for batch in batches {
                prop_assert!(!batch.is_empty() && batch.len() <= max_inputs);
                let bytes: usize = batch.iter().map(|input| input.text.len()).sum();
                prop_assert!(bytes <= max_bytes || batch.len() == 1);
            }
        }
    }
}
