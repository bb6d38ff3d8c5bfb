//! Profiles drawn from real ones.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use prost::Message as _;
use prost::bytes::Bytes;
use vivier_proto::v1;

use crate::sample::random::Random;

/// Seed of all profiles.
const SEED: u64 = 2_026;
/// Facet of places, whose vectors are taken as they are: many people share a town.
const PLACE: &str = "geography";
/// Columns that say what someone can, not where and how someone is available.
const ABILITIES: [&str; 3] = ["lang", "seniority", "years_of_experience"];
/// Real vectors whose sum gives the direction in which a vector is moved.
const DIRECTIONS: usize = 8;
/// Fewest and most words of a profile.
const WORDS: (i32, i32) = (100, 150);
/// Shortest and longest sentences that are used, in words.
const SENTENCE: std::ops::RangeInclusive<usize> = 3..=40;
/// Sentences in a hundred that come from the same CV as titles and skills.
const OWN_SENTENCES: usize = 75;

/// Real profiles, and what is known of how they spread.
pub(crate) struct Pool {
    spec: v1::CollectionSpec,
    seeds: Vec<Seed>,
    facets: BTreeMap<String, Spread>,
}

struct Seed {
    point: v1::Point,
    summary: v1::Summary,
    lang: String,
    sentences: Vec<String>,
}

/// The vectors of one facet of those seeds that have it.
struct Spread {
    /// What leads from the mean to each vector.
    deviations: Vec<Vec<f32>>,
    /// Cosine of each vector to its nearest neighbour.
    cosines: Vec<f32>,
}

impl Pool {
    /// Takes the points of real profiles.
    ///
    /// # Errors
    /// When one cannot be read, or there are fewer than two.
    pub(crate) fn of(spec: v1::CollectionSpec, points: &[v1::Point]) -> anyhow::Result<Self> {
        if points.len() < 2 {
            bail!("profiles cannot be drawn from {}", points.len());
        }
        let seeds = points.iter().map(Seed::of).collect::<Result<_, _>>()?;
        let mut facets: BTreeMap<String, Vec<&[f32]>> = BTreeMap::new();
        for point in points {
            for (name, vector) in &point.vectors {
                let vectors = facets.entry(name.clone()).or_default();
                vectors.push(&vector.values);
            }
        }
        let facets = facets.into_iter().filter(|(name, _)| name != PLACE);
        let facets = facets.map(|(name, vectors)| (name, Spread::of(&vectors)));
        Ok(Self {
            spec,
            seeds,
            facets: facets.collect(),
        })
    }

    /// Returns the collection that the profiles belong to.
    pub(crate) fn spec(&self) -> &v1::CollectionSpec {
        &self.spec
    }

    /// Draws the profile with this number.
    pub(crate) fn point(&self, number: usize) -> v1::Point {
        let mut random = Random::stream(SEED, number as u64);
        let id = format!("synthetic-{number:08}");
        let (Some(base), Some(home)) = (random.pick(&self.seeds), random.pick(&self.seeds)) else {
            return v1::Point::default();
        };
        let mut payload = home.point.payload.clone();
        for name in ABILITIES {
            payload.remove(name);
            let value = base.point.payload.get(name);
            payload.extend(value.map(|value| (name.to_owned(), value.clone())));
        }
        let summary = v1::Summary {
            id: id.clone(),
            languages: home.summary.languages.clone(),
            location: home.summary.location.clone(),
            mobility: home.summary.mobility.clone(),
            ..base.summary.clone()
        };
        let document = v1::Candidate {
            id: id.clone(),
            lang: base.lang.clone(),
            titles: summary.titles.clone(),
            ..Default::default()
        };
        let words = v1::WordsValue {
            text: self.words(base, &mut random),
            lang: base.lang.clone(),
        };
        v1::Point {
            vectors: self.vectors(base, home, &mut random),
            words: [("words".to_owned(), words)].into(),
            payload,
            summary: Bytes::from(summary.encode_to_vec()),
            document: Bytes::from(document.encode_to_vec()),
            revision: Bytes::from_static(b"drawn"),
            id,
        }
    }

    fn vectors(
        &self,
        base: &Seed,
        home: &Seed,
        random: &mut Random,
    ) -> BTreeMap<String, v1::Vector> {
        let place = home.point.vectors.get_key_value(PLACE);
        let mut vectors: BTreeMap<_, _> = place
            .map(|(name, vector)| (name.clone(), vector.clone()))
            .into_iter()
            .collect();
        for (name, spread) in &self.facets {
            if let Some(vector) = base.point.vectors.get(name) {
                let values = spread.near(&vector.values, random);
                vectors.insert(name.clone(), v1::Vector { values });
            }
        }
        vectors
    }

    fn words(&self, base: &Seed, random: &mut Random) -> String {
        let wanted = usize::try_from(random.between(WORDS.0, WORDS.1)).unwrap_or(0);
        let mut text = String::new();
        let mut words = 0;
        // Every sentence has words, so this ends; the bound is for CVs without any.
        for _ in 0..wanted {
            let other = random.pick(&self.seeds).unwrap_or(base);
            let own = random.chance(OWN_SENTENCES);
            let from = if own { base } else { other };
            let Some(sentence) = random.pick(&from.sentences) else {
                continue;
            };
            words += sentence.split_whitespace().count();
            text.push_str(sentence);
            text.push('\n');
            if words >= wanted {
                break;
            }
        }
        text
    }
}

impl Seed {
    fn of(point: &v1::Point) -> anyhow::Result<Self> {
        let unreadable = || format!("cannot read the profile {}", point.id);
        let summary = v1::Summary::decode(point.summary.clone()).with_context(unreadable)?;
        let document = v1::Candidate::decode(point.document.clone()).with_context(unreadable)?;
        let parts = document.text.split(['\n', '.', ';']);
        let parts = parts.map(str::trim);
        let sentences = parts.filter(|part| SENTENCE.contains(&part.split_whitespace().count()));
        Ok(Self {
            sentences: sentences.map(str::to_owned).collect(),
            point: v1::Point {
                document: Bytes::new(),
                ..point.clone()
            },
            summary,
            lang: document.lang,
        })
    }
}

impl Spread {
    fn of(vectors: &[&[f32]]) -> Self {
        let dim = vectors.first().map_or(0, |vector| vector.len());
        let mut mean = vec![0.0; dim];
        for vector in vectors {
            add(&mut mean, 1.0, vector);
        }
        let share = 1.0 / count(vectors.len());
        mean.iter_mut().for_each(|value| *value *= share);
        let deviations = vectors.iter().map(|vector| {
            let mut deviation = vector.to_vec();
            add(&mut deviation, -1.0, &mean);
            deviation
        });
        let nearest = |(place, vector): (usize, &&[f32])| {
            let others = vectors.iter().enumerate();
            let others = others.filter(|(other, _)| *other != place);
            let cosines = others.map(|(_, other)| cosine(vector, other));
            cosines.fold(0.0, f32::max)
        };
        Self {
            deviations: deviations.collect(),
            cosines: vectors.iter().enumerate().map(nearest).collect(),
        }
    }

    /// Returns a vector of the same length at a cosine that some real vector has to
    /// its nearest neighbour, in a direction in which the real ones spread.
    fn near(&self, vector: &[f32], random: &mut Random) -> Vec<f32> {
        let cosine = random.pick(&self.cosines).copied().unwrap_or(1.0).min(1.0);
        let mut way = vec![0.0; vector.len()];
        for _ in 0..DIRECTIONS {
            let sign = if random.chance(50) { 1.0 } else { -1.0 };
            if let Some(deviation) = random.pick(&self.deviations) {
                add(&mut way, sign, deviation);
            }
        }
        // Only what leads away from the vector.
        let along = dot(&way, vector) / dot(vector, vector).max(f32::MIN_POSITIVE);
        add(&mut way, -along, vector);
        let length = dot(&way, &way).sqrt();
        if length <= f32::EPSILON {
            return vector.to_vec();
        }
        let sine = (1.0 - cosine * cosine).max(0.0).sqrt();
        let mut moved = vec![0.0; vector.len()];
        add(&mut moved, cosine, vector);
        add(&mut moved, sine * dot(vector, vector).sqrt() / length, &way);
        moved
    }
}

fn add(to: &mut [f32], factor: f32, values: &[f32]) {
    for (to, value) in to.iter_mut().zip(values) {
        *to += factor * value;
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    dot(one, other) / lengths.max(f32::MIN_POSITIVE)
}

#[expect(clippy::cast_precision_loss, reason = "a count of profiles")]
fn count(number: usize) -> f32 {
    number as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(number: usize) -> v1::Point {
        let mut random = Random::new(number as u64);
        let mut vector = || {
            let values =
                (0..16).map(|_| f32::from(u8::try_from(random.below(200)).unwrap()) - 99.5);
            let values: Vec<f32> = values.collect();
            let length = dot(&values, &values).sqrt();
            v1::Vector {
                values: values.iter().map(|value| value / length).collect(),
            }
        };
        let summary = v1::Summary {
            titles: vec![format!("title {number}")],
            ..Default::default()
        };
        let document = v1::Candidate {
            text: format!("Built the bridge number {number}. Led a team of {number} people\nshort"),
            ..Default::default()
        };
        v1::Point {
            id: format!("cv-{number}"),
            vectors: [("text".to_owned(), vector()), (PLACE.to_owned(), vector())].into(),
            summary: Bytes::from(summary.encode_to_vec()),
            document: Bytes::from(document.encode_to_vec()),
            ..Default::default()
        }
    }

    #[test]
    fn profiles_are_near_real_ones_and_always_the_same() {
        let seeds: Vec<v1::Point> = (1..40).map(seed).collect();
        let pool = Pool::of(v1::CollectionSpec::default(), &seeds).unwrap();
        for number in 0..50 {
            let point = pool.point(number);
            assert_eq!(point, pool.point(number));
            let text = &point.vectors["text"].values;
            assert!((dot(text, text) - 1.0).abs() < 1e-4);
            let nearest = seeds
                .iter()
                .map(|seed| cosine(text, &seed.vectors["text"].values));
            let least = pool.facets["text"]
                .cosines
                .iter()
                .copied()
                .fold(1.0, f32::min);
            assert!(nearest.fold(0.0, f32::max) > least - 1e-3);
            let place = &point.vectors[PLACE];
            assert!(seeds.iter().any(|seed| &seed.vectors[PLACE] == place));
            let words = point.words["words"].text.split_whitespace().count();
            assert!((100..=190).contains(&words), "{words} words");
            let summary = v1::Summary::decode(point.summary).unwrap();
            assert_eq!(summary.id, point.id);
            assert!(summary.titles[0].starts_with("title "));
        }
        assert_ne!(pool.point(1).vectors, pool.point(2).vectors);
        assert!(Pool::of(v1::CollectionSpec::default(), &seeds[..1]).is_err());
    }
}
