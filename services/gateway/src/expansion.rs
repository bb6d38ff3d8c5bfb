//! Adds to a query what ESCO relates to it, for the retrieval alone, and tells what that
//! changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use vivier_features::{Description, EscoReader, match_key};
use vivier_ontology::{ConceptId, ExpansionLimits, Language, Reason, Said, expand};
use vivier_proto::v1;
use vivier_runtime::Deadline;
use vivier_types::{ConceptKey, ProfileKind};

use crate::cluster::{Cluster, Encoder};
use crate::embed::{EmbedJob, Work, embed_profiles};
use crate::error::GatewayError;

/// How much each further rank counts in the overlap of two orders.
const PERSISTENCE: f32 = 0.9;

/// What is added to a query.
#[derive(Clone, Debug, Default)]
pub(crate) struct Additions {
    /// Heaviest first.
    pub(crate) told: Vec<v1::Addition>,
    /// How many the limit has cut off.
    pub(crate) cut: usize,
    /// Skills that the query itself names.
    asked_skills: usize,
    /// What is added to the query's vector of skills, if anything.
    pub(crate) skills: Option<Vec<f32>>,
}

impl Additions {
    /// Returns the words that are added to those of the query.
    pub(crate) fn words(&self) -> Vec<v1::AddedWords> {
        let told = self.told.iter();
        told.map(|one| v1::AddedWords {
            text: one.label.clone(),
            weight: one.weight,
        })
        .collect()
    }

    /// Returns the labels of skills that the query does not name, and their weights.
    fn added_skills(&self) -> Vec<(&str, f32)> {
        let told = self.told.iter();
        let skills = told.filter(|one| one.reason() != v1::AdditionReason::Label);
        skills.map(|one| (one.label.as_str(), one.weight)).collect()
    }

    /// Returns the vector of skills to search with, given the query's own.
    pub(crate) fn widen(&self, asked: Option<&Vec<f32>>) -> Option<Vec<f32>> {
        let (Some(asked), Some(added)) = (asked, &self.skills) else {
            return asked.or(self.skills.as_ref()).cloned();
        };
        Some(asked.iter().zip(added).map(|(a, b)| a + b).collect())
    }
}

/// Finds what the ontology adds to a query.
///
/// # Errors
/// When there is no ontology, or CPU work is lost.
pub(crate) async fn find_additions(
    cluster: &Cluster,
    description: Description,
    limits: ExpansionLimits,
) -> Result<Additions, GatewayError> {
    let knowledge = Arc::clone(&cluster.knowledge);
    let work = move || {
        let reader = knowledge.esco()?;
        Some(additions_of(reader, &description, &limits))
    };
    cluster.pool.run(work).await?.ok_or_else(no_esco)
}

/// Says that there is no ontology to expand with.
pub(crate) fn no_esco() -> GatewayError {
    let text = "options.expansion: the gateway has no ESCO to expand a query with; name its \
        folders in gateway.knowledge.esco.folders (vivier up --esco)";
    GatewayError::NotNow(text.to_owned())
}

fn additions_of(
    reader: &EscoReader,
    description: &Description,
    limits: &ExpansionLimits,
) -> Additions {
    let (esco, summary) = (reader.esco(), &description.summary);
    let concepts = |keys: &[ConceptKey]| -> Vec<ConceptId> {
        keys.iter().filter_map(|key| esco.concept(*key)).collect()
    };
    let mut asked = concepts(&summary.occupation_concepts);
    asked.extend(concepts(&summary.skill_concepts));
    let lang = description.lang.as_deref();
    let known = |language: &Language| Some(language.code()) == lang;
    let language = reader.languages().find(known);
    let language = language.or_else(|| reader.languages().next());
    let language = language.unwrap_or(Language::ENGLISH);
    let words = flat(&description.words);
    let said = Said {
        concepts: &asked,
        others: &concepts(&summary.optional_skill_concepts),
        has_label: &|label| words.contains(&flat(label)),
    };
    let ontology = esco.ontology();
    let found = expand(ontology, esco.distances(), said, language, limits);
    let told = found.added.into_iter().map(|added| {
        let (reason, of, steps) = match added.reason {
            Reason::Label { of } => (v1::AdditionReason::Label, of, 0),
            Reason::Essential { of } => (v1::AdditionReason::EssentialSkill, of, 0),
            Reason::Neighbour { of, steps } => (v1::AdditionReason::Neighbour, of, steps),
        };
        v1::Addition {
            label: added.label.to_owned(),
            uri: ontology.uri(added.concept).to_owned(),
            weight: narrowed(added.weight),
            reason: reason.into(),
            of: Some(v1::EscoConcept {
                label: esco.label(of, language).unwrap_or_default().to_owned(),
                uri: ontology.uri(of).to_owned(),
            }),
            steps: steps.into(),
        }
    });
    Additions {
        told: told.collect(),
        cut: found.cut,
        asked_skills: description.skills.len(),
        skills: None,
    }
}

/// Returns the words of a text without case, accents and punctuation, each between spaces.
fn flat(text: &str) -> String {
    let mut flat = String::from(" ");
    let is_inside = |c: char| c.is_alphanumeric() || c == '+' || c == '#';
    for word in text
        .split(|c| !is_inside(c))
        .filter(|word| !word.is_empty())
    {
        flat.push_str(&match_key(word));
        flat.push(' ');
    }
    flat
}

#[expect(clippy::cast_possible_truncation, reason = "a weight of 0 to 1")]
fn narrowed(weight: f64) -> f32 {
    weight as f32
}

/// Embeds the skills added, if any, with `encoder` or the one that serves; returns which.
///
/// # Errors
/// Those of [`embed_profiles`].
pub(crate) async fn embed_additions(
    cluster: &Cluster,
    additions: &mut Additions,
    (kind, encoder): (ProfileKind, Option<Arc<Encoder>>),
    deadline: Deadline,
) -> Result<Option<Arc<Encoder>>, GatewayError> {
    let skills = additions.added_skills();
    if skills.is_empty() {
        return Ok(None);
    }
    let encoder = match encoder {
        Some(encoder) => encoder,
        None => cluster.encoder(deadline).await?,
    };
    let job = |(label, _): &(&str, f32)| EmbedJob {
        kind,
        text: String::new(),
        skills: vec![(*label).to_owned()],
    };
    let jobs: Vec<EmbedJob> = skills.iter().map(job).collect();
    let work = Work {
        jobs: &jobs,
        priority: v1::Priority::Interactive,
        max_text_tokens: None,
    };
    let vectors = embed_profiles(cluster, &encoder, work, deadline).await?;
    let vectors = vectors.into_iter().map(|vectors| vectors.skills);
    let weights = skills.iter().map(|(_, weight)| *weight);
    let weighted: Vec<(f32, Vec<f32>)> = weights
        .zip(vectors)
        .filter_map(|(weight, vector)| Some((weight, vector?)))
        .collect();
    additions.skills = mean_direction(&weighted, additions.asked_skills);
    Ok(Some(encoder))
}

/// Returns what is added to the unit vector that `asked` skills have together: the weighted
/// sum of the vectors of the skills added over the length of their plain sum, and less in
/// proportion where they are fewer than those asked for. Its length is the mean weight or
/// less, so that many additions do not drown what was asked; `None` when they cancel out.
#[expect(clippy::cast_precision_loss, reason = "counts of skills")]
fn mean_direction(added: &[(f32, Vec<f32>)], asked: usize) -> Option<Vec<f32>> {
    let (_, first) = added.first()?;
    let (mut plain, mut sum) = (vec![0.0; first.len()], vec![0.0; first.len()]);
    for (weight, vector) in added {
        for ((plain, sum), value) in plain.iter_mut().zip(&mut sum).zip(vector) {
            *plain += value;
            *sum += weight * value;
        }
    }
    let norm = plain.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm < 1e-6 {
        return None;
    }
    let share = (added.len() as f32 / asked.max(1) as f32).min(1.0);
    sum.iter_mut().for_each(|value| *value *= share / norm);
    Some(sum)
}

/// Ids of two retrievals, best first.
pub(crate) struct Retrievals {
    /// With the additions.
    pub(crate) with: Vec<String>,
    /// Without; why it is not known otherwise.
    pub(crate) without: Result<Vec<String>, String>,
}

/// Tells what was added and, where it is known, what that changed; gives each of the `k`
/// results wanted its rank in the retrieval without additions.
pub(crate) fn tell(
    additions: &Additions,
    results: &mut [v1::MatchResult],
    (retrievals, k): (&Retrievals, usize),
) -> v1::ExpansionReport {
    let mut report = v1::ExpansionReport {
        additions: additions.told.clone(),
        cut: count(additions.cut),
        ..Default::default()
    };
    let without = match &retrievals.without {
        Ok(without) => without,
        Err(problem) => {
            report.unknown.clone_from(problem);
            return report;
        }
    };
    let rank_of: BTreeMap<&str, usize> = without.iter().map(String::as_str).zip(1..).collect();
    for result in results {
        let rank = rank_of.get(result.id.as_str()).copied();
        result.unexpanded_rank = rank.map(count);
        if rank.is_none() {
            report.found_by_expansion.push(result.id.clone());
        }
        if rank.is_none_or(|rank| rank > k) {
            report.beyond_first_k.push(result.id.clone());
        }
    }
    let with = &retrievals.with;
    let is_new = |id: &&String| !rank_of.contains_key(id.as_str());
    let new = with.iter().filter(is_new).count();
    report.newly_retrieved = count(new);
    // What both found is in both lists once.
    report.no_longer_retrieved = count(without.len().saturating_sub(with.len() - new));
    let [with, without] = [with, without].map(|ids| ids.get(..k).unwrap_or(ids));
    report.rank_biased_overlap = Some(rank_biased_overlap(with, without));
    report
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Returns the rank-biased overlap of two orders with p = [`PERSISTENCE`], extrapolated
/// from their depth k: `X_k / k · p^k + (1 - p) / p · Σ_d X_d / d · p^d`, `X_d` how many the
/// first d of both have in common (Webber, Moffat and Zobel, 2010, equation 23). The
/// shorter of two orders ends early; 1 when both are empty.
#[expect(clippy::cast_precision_loss, reason = "counts of results")]
fn rank_biased_overlap(one: &[String], other: &[String]) -> f32 {
    let (mut seen, mut common) = (BTreeSet::new(), 0_usize);
    let (mut power, mut sum, mut agreement) = (1.0, 0.0, 1.0);
    for depth in 0..one.len().max(other.len()) {
        let next = [one.get(depth), other.get(depth)];
        common += next
            .into_iter()
            .flatten()
            .filter(|id| !seen.insert(*id))
            .count();
        agreement = common as f32 / (depth + 1) as f32;
        power *= PERSISTENCE;
        sum += agreement * power;
    }
    agreement * power + (1.0 - PERSISTENCE) / PERSISTENCE * sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn overlap(one: &[&str], other: &[&str]) -> f32 {
        rank_biased_overlap(&ids(one), &ids(other))
    }

    #[test]
    fn the_overlap_is_that_of_its_definition() {
        let near = |found: f32, wanted: f32| (found - wanted).abs() < 1e-6;
        assert!(near(overlap(&["a", "b", "c"], &["a", "b", "c"]), 1.0));
        assert!(near(overlap(&["a"], &["b"]), 0.0));
        assert!(near(overlap(&[], &[]), 1.0));
        assert!(near(overlap(&["a"], &[]), 0.0));
        // Agreements 0, 1, 2/3: (1 - p)/p · (p² + 2/3 p³) + 2/3 p³.
        let wanted = 0.1 / 0.9 * (0.81 + 0.729 * 2.0 / 3.0) + 0.729 * 2.0 / 3.0;
        let found = overlap(&["a", "b", "c"], &["b", "a", "d"]);
        assert!(near(found, wanted), "{found} {wanted}");
    }

    #[test]
    fn additions_weigh_their_weight_and_less_when_they_are_few() {
        let one = |weight, vector: [f32; 2]| (weight, vector.to_vec());
        let same = [one(0.5, [1.0, 0.0]), one(0.5, [1.0, 0.0])];
        assert_eq!(mean_direction(&same, 2), Some(vec![0.5, 0.0]));
        assert_eq!(mean_direction(&same, 0), Some(vec![0.5, 0.0]));
        assert_eq!(mean_direction(&same, 4), Some(vec![0.25, 0.0]));
        let opposite = [one(0.5, [1.0, 0.0]), one(0.5, [-1.0, 0.0])];
        assert_eq!(mean_direction(&opposite, 1), None);
        assert_eq!(mean_direction(&[], 1), None);
        let widened = Additions {
            skills: Some(vec![0.5, 0.0]),
            ..Additions::default()
        };
        assert_eq!(widened.widen(Some(&vec![0.0, 1.0])), Some(vec![0.5, 1.0]));
        assert_eq!(widened.widen(None), Some(vec![0.5, 0.0]));
        assert_eq!(Additions::default().widen(None), None);
    }

    #[test]
    fn what_changed_is_told_by_id() {
        let result = |id: &str| v1::MatchResult {
            id: id.to_owned(),
            ..Default::default()
        };
        let mut results = [result("new"), result("c"), result("a")];
        let mut retrievals = Retrievals {
            with: ids(&["new", "a", "b", "c"]),
            without: Ok(ids(&["a", "b", "d", "c", "e"])),
        };
        let additions = Additions::default();
        let told = tell(&additions, &mut results, (&retrievals, 3));
        assert_eq!(told.found_by_expansion, ["new"]);
        assert_eq!(told.beyond_first_k, ["new", "c"]);
        assert_eq!((told.newly_retrieved, told.no_longer_retrieved), (1, 2));
        let ranks: Vec<_> = results.iter().map(|one| one.unexpanded_rank).collect();
        assert_eq!(ranks, [None, Some(4), Some(1)]);
        retrievals.without = Err("no shard".to_owned());
        let told = tell(&additions, &mut results, (&retrievals, 3));
        assert_eq!(
            (told.unknown.as_str(), told.rank_biased_overlap),
            ("no shard", None)
        );
    }

    #[test]
    fn labels_are_found_among_words_as_words() {
        let words = flat("Chef de cuisine (H/F), C++ & pâtisserie");
        assert!(words.contains(&flat("Patisserie")));
        assert!(words.contains(&flat("chef de cuisine")));
        assert!(words.contains(&flat("c++")));
        assert!(!words.contains(&flat("C")) && !words.contains(&flat("chef d")));
    }
}
