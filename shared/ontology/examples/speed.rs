//! Times loading ESCO from its cache and comparing sets of skills.
//!
//! ```text
//! cargo run --release -p vivier-ontology --example speed -- CACHE FOLDER...
//! ```

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use vivier_ontology::{
    CACL_RELATIONS, ConceptId, Distances, Graph, Kind, MAX_HOPS, Relation, Transport, load,
    set_similarity,
};

/// Skills of a set, and sets compared.
const SKILLS: usize = 20;
const SETS: usize = 50;
const ROUNDS: usize = 20;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let cache = arguments
        .next()
        .ok_or("give a cache file and folders of ESCO")?;
    let folders: Vec<PathBuf> = arguments.collect();
    load(&folders, Some(&cache))?;
    let loaded = load(&folders, Some(&cache))?;
    print!("{loaded}");
    println!(
        "from {:?} in {:.0} ms",
        loaded.origin,
        loaded.elapsed.as_secs_f64() * 1e3
    );
    let started = Instant::now();
    let graph = Graph::new(&loaded.ontology, &CACL_RELATIONS);
    println!("graph in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    let kept = NonZeroUsize::new(4_096).ok_or("no room")?;
    let distances = Distances::new(graph, MAX_HOPS, kept);
    let sets = sets(&loaded.ontology);
    let started = Instant::now();
    for set in sets.iter().flatten() {
        distances.between(*set, *set);
    }
    let count = sets.iter().flatten().count();
    println!(
        "distances of a skill to all: {:.0} us",
        micros(started, count)
    );
    let pairs = sets.iter().zip(sets.iter().skip(1));
    let pairs: Vec<_> = pairs.collect();
    let started = Instant::now();
    let mut sum = 0.0;
    for (one, other) in std::iter::repeat_n(&pairs, ROUNDS).flatten() {
        sum += set_similarity(&distances, one, other).unwrap_or(0.0);
    }
    let times = ROUNDS * pairs.len();
    println!(
        "similarity of {SKILLS} x {SKILLS} skills: {:.1} us",
        micros(started, times)
    );
    let started = Instant::now();
    for (one, other) in std::iter::repeat_n(&pairs, ROUNDS).flatten() {
        sum += Transport::default()
            .distance(&distances, one, other)?
            .unwrap_or(0.0);
    }
    println!(
        "transport of {SKILLS} x {SKILLS} skills: {:.1} us",
        micros(started, times)
    );
    println!("checksum {sum:.3}");
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a count of rounds")]
fn micros(started: Instant, times: usize) -> f64 {
    started.elapsed().as_secs_f64() * 1e6 / times as f64
}

/// Takes the skills of occupations all over the ontology.
fn sets(ontology: &vivier_ontology::Ontology) -> Vec<Vec<ConceptId>> {
    let occupations = ontology
        .concepts()
        .filter(|concept| ontology.kind(*concept) == Kind::Occupation);
    let sets = occupations.map(|concept| -> Vec<ConceptId> {
        let essential = ontology.related(concept, Relation::Essential);
        essential.take(SKILLS).collect()
    });
    let sets: Vec<_> = sets.filter(|set| set.len() == SKILLS).collect();
    let step = (sets.len() / SETS).max(1);
    sets.into_iter().step_by(step).take(SETS).collect()
}
