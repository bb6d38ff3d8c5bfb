//! Measured, not asserted: `cargo test --release -p vivier-index --test it -- --ignored --nocapture measure`.

use std::time::Instant;

use vivier_proto::v1;

use crate::support::*;

const POINTS: usize = 2_703;
const DIMS: [(&str, u32); 3] = [("text", 384), ("skills", 384), ("geography", 64)];

fn noise(seed: &mut u64) -> f32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    f32::from(u16::try_from(*seed >> 48).unwrap()) / 32_768.0 - 1.0
}

fn text(seed: &mut u64, words: usize) -> String {
    let word = |seed: &mut u64| {
        // Skewed like words: the square of an even draw.
        let draw = noise(seed);
        format!("word{:04}", (draw * draw * 8_000.0).round())
    };
    (0..words).map(|_| word(seed)).collect::<Vec<_>>().join(" ")
}

fn vectors(seed: &mut u64) -> std::collections::BTreeMap<String, v1::Vector> {
    DIMS.iter()
        .map(|(name, dim)| {
            let raw: Vec<f32> = (0..*dim).map(|_| noise(seed)).collect();
            let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
            (
                (*name).to_owned(),
                vector(&raw.iter().map(|x| x / norm).collect::<Vec<_>>()),
            )
        })
        .collect()
}

fn percentile(times: &mut [f64], share: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * share / 100]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures"]
async fn measure() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    let client = &mut served.client;
    let mut spec = people();
    spec.facets.retain(|facet| facet.name == "words");
    spec.facets
        .extend(DIMS.iter().map(|(name, dim)| v1::FacetSpec {
            name: (*name).to_owned(),
            kind: Some(v1::facet_spec::Kind::Dense(v1::DenseFacet { dim: *dim })),
            default_weight: 1.0,
        }));
    create(client, spec).await.unwrap();
    let mut seed = 42;
    let points: Vec<v1::Point> = (0..POINTS)
        .map(|number| {
            let mut point = point(&format!("{number:05}"), [0.0; 2], &text(&mut seed, 600));
            point.vectors = vectors(&mut seed);
            point.summary = vec![b's'; 1_000].into();
            point
        })
        .collect();
    let requests: Vec<_> = points
        .chunks(100)
        .map(|chunk| upsert_request(chunk.to_vec()))
        .collect();
    let started = Instant::now();
    upsert(client, requests).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("ingest: {POINTS} points of 832 dims and 600 words in {seconds:.2} s");

    let mut bare = points;
    for point in &mut bare {
        point.words.clear();
        point.id.push('x');
    }
    let ids: Vec<String> = bare.iter().map(|point| point.id.clone()).collect();
    let requests: Vec<_> = bare
        .chunks(500)
        .map(|chunk| upsert_request(chunk.to_vec()))
        .collect();
    let started = Instant::now();
    upsert(client, requests).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    println!("ingest: {POINTS} points of 832 dims without words in {seconds:.2} s");
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    delete(client, &ids).await.unwrap();

    for (name, terms, summaries, k) in [
        ("dense and words", 64, false, 1_000),
        ("with summaries", 64, true, 1_000),
        ("dense only", 0, false, 1_000),
        ("k = 20", 64, true, 20),
    ] {
        let mut times = Vec::new();
        let mut inside = Vec::new();
        for _ in 0..300 {
            let facet = |query| v1::FacetQuery {
                query: Some(query),
                weight: None,
                ..v1::FacetQuery::default()
            };
            let mut facets: std::collections::BTreeMap<_, _> = vectors(&mut seed)
                .into_iter()
                .map(|(name, vector)| (name, facet(v1::facet_query::Query::Vector(vector))))
                .collect();
            if terms > 0 {
                let query = text(&mut seed, terms * 2);
                facets.insert(
                    "words".to_owned(),
                    facet(v1::facet_query::Query::Words(words(&query, "en"))),
                );
            }
            let request = v1::SearchRequest {
                facets,
                parts: summaries.then_some(v1::PointParts {
                    summary: true,
                    ..v1::PointParts::default()
                }),
                ..search_request(k)
            };
            let started = Instant::now();
            let found = search(client, request).await.unwrap();
            times.push(started.elapsed().as_secs_f64() * 1e3);
            inside.push(found.statistics.unwrap().seconds * 1e3);
        }
        println!(
            "search {name}: over gRPC p50 {:.2} p99 {:.2} ms; inside p50 {:.2} p99 {:.2} ms",
            percentile(&mut times, 50),
            percentile(&mut times, 99),
            percentile(&mut inside, 50),
            percentile(&mut inside, 99)
        );
    }
    served.stop().await;
    let started = Instant::now();
    let served = Served::start(config(folder.path())).await;
    println!(
        "restart to first answer: {:.2} s",
        started.elapsed().as_secs_f64()
    );
    served.stop().await;
}
