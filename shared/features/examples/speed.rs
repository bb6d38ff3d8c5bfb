//! Times the features of 1,000 pairs, 15 skills a side, with ESCO; and how far the skills
//! and occupations of such pairs are apart.
//!
//! ```text
//! cargo run --release -p vivier-features --example speed -- CACHE FOLDER...
//! ```

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::path::PathBuf;
use std::time::Instant;

use vivier_features::{Detail, Esco, Feature, Hit, PairFeatures, Query, ReasonLanguage};
use vivier_ontology::{ConceptId, Kind, Language, Ontology, load};
use vivier_types::{ConceptKey, FacetScores, ProfileKind, Skill, Summary, concept_key};

const PAIRS: usize = 1_000;
const SKILLS: usize = 15;
const ROUNDS: usize = 15;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let cache = arguments
        .next()
        .ok_or("give a cache file and folders of ESCO")?;
    let folders: Vec<PathBuf> = arguments.collect();
    let ontology = load(&folders, Some(&cache))?.ontology;
    let skills: Vec<ConceptId> = of_kind(&ontology, Kind::Skill);
    let occupations: Vec<ConceptId> = of_kind(&ontology, Kind::Occupation);
    let mut numbers = Numbers(1);
    let summaries: Vec<Summary> = (0..=PAIRS)
        .map(|_| summary(&ontology, &skills, &occupations, &mut numbers))
        .collect();
    let (asking, others) = summaries.split_first().ok_or("no summaries")?;
    let esco = Esco::new(ontology);
    for kind in [ProfileKind::Vacancy, ProfileKind::Candidate] {
        for (name, esco) in [("without ESCO", None), ("with ESCO", Some(&esco))] {
            time(&format!("{kind:?} asks, {name}, prepare"), 1, || {
                Query::new(kind, asking, esco)
            });
            let query = Query::new(kind, asking, esco);
            for detail in [Detail::Cheap, Detail::Full] {
                let name = format!("{kind:?} asks, {name}, {detail:?}, all");
                time(&name, 1, || measured(&query, others, detail));
            }
            time(&format!("{kind:?} asks, {name}, explain"), PAIRS, || {
                let explain = |other| query.explain(&hit(other), ReasonLanguage::French).len();
                others.iter().map(explain).sum::<usize>()
            });
        }
    }
    let query = Query::new(ProfileKind::Vacancy, asking, Some(&esco));
    let features = measured(&query, others, Detail::Full);
    for feature in [
        Feature::OntologyCoverage,
        Feature::OntologySimilarity,
        Feature::TransportDistance,
        Feature::OccupationSimilarity,
    ] {
        let mut values: Vec<f32> = features.iter().filter_map(|one| one.get(feature)).collect();
        values.sort_by(f32::total_cmp);
        let at = |share: usize| values.get(values.len() * share / 100);
        println!(
            "{feature}: 5, 50, 95 % {:?} {:?} {:?}",
            at(5),
            at(50),
            at(95)
        );
    }
    Ok(())
}

static NO_SCORES: FacetScores = FacetScores::new();

fn hit(summary: &Summary) -> Hit<'_> {
    Hit {
        summary,
        retrieval_score: 0.0,
        facet_scores: &NO_SCORES,
    }
}

fn measured(query: &Query<'_>, others: &[Summary], detail: Detail) -> Vec<PairFeatures> {
    let features = others.iter();
    features
        .map(|other| query.features_with(&hit(other), detail))
        .collect()
}

/// Prints the first and the best time of several.
fn time<T>(name: &str, count: usize, mut work: impl FnMut() -> T) {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            std::hint::black_box(work());
            started.elapsed().as_secs_f64() * 1e3 / count as f64
        })
        .collect();
    let first = times.first().copied().unwrap_or_default();
    times.sort_by(f64::total_cmp);
    let best = times.first().copied().unwrap_or_default();
    println!("{name}: first {first:.3} ms, best {best:.3} ms");
}

fn of_kind(ontology: &Ontology, kind: Kind) -> Vec<ConceptId> {
    let concepts = ontology.concepts();
    concepts
        .filter(|concept| ontology.kind(*concept) == kind)
        .collect()
}

/// Draws a profile: 15 skills, half of them with their concept, and an occupation.
fn summary(
    ontology: &Ontology,
    skills: &[ConceptId],
    occupations: &[ConceptId],
    numbers: &mut Numbers,
) -> Summary {
    let drawn: Vec<ConceptId> = (0..SKILLS).filter_map(|_| numbers.draw(skills)).collect();
    let key = |concept: &ConceptId| -> Option<ConceptKey> { concept_key(ontology.uri(*concept)) };
    let listed = drawn.iter().enumerate().map(|(place, concept)| Skill {
        name: ontology
            .label(*concept, Language::ENGLISH)
            .unwrap_or_default()
            .to_owned(),
        uri: (place % 2 == 0).then(|| ontology.uri(*concept).to_owned()),
    });
    Summary {
        skills: listed.collect(),
        skill_concepts: drawn.iter().filter_map(key).collect(),
        occupation_concepts: numbers
            .draw(occupations)
            .as_ref()
            .and_then(key)
            .into_iter()
            .collect(),
        titles: vec![
            "Senior software developer".to_owned(),
            "Web developer".to_owned(),
        ],
        years_of_experience: Some(4.0),
        education_level: Some(6),
        ..Summary::default()
    }
}

/// A plain linear congruential generator: the same draws every time.
struct Numbers(u64);

impl Numbers {
    fn draw(&mut self, list: &[ConceptId]) -> Option<ConceptId> {
        let (times, plus) = (6_364_136_223_846_793_005, 1_442_695_040_888_963_407);
        self.0 = self.0.wrapping_mul(times).wrapping_add(plus);
        let number = usize::try_from(self.0 >> 33).ok()?;
        list.get(number.checked_rem(list.len())?).copied()
    }
}
