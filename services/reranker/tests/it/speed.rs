//! How long a full list takes.

use std::time::{Duration, Instant};

use vivier_proto::v1;
use vivier_reranker::Config;

use crate::support::{candidate, change, request, skills, start};

/// A thousand candidates with all there is to compare: 40 skills, two titles,
/// two languages, coordinates and every facet.
fn full_list() -> v1::RerankRequest {
    let names: Vec<String> = (0..400).map(|n| format!("Skill number {n}")).collect();
    let place = |n: u32| v1::Location {
        coordinates: Some(v1::Coordinates {
            latitude: 45.0 + f64::from(n % 97) / 100.0,
            longitude: 4.8,
        }),
        ..Default::default()
    };
    let languages = vec![
        v1::Language {
            code: "fr".to_owned(),
            level: v1::LanguageLevel::C1.into(),
        },
        v1::Language {
            code: "en".to_owned(),
            level: v1::LanguageLevel::B2.into(),
        },
    ];
    let list = (0..1_000_u32).map(|n| {
        let start = usize::try_from(n % 360).unwrap();
        let held: Vec<&str> = names[start..start + 40]
            .iter()
            .map(String::as_str)
            .collect();
        let mut candidate = candidate(&format!("c{n}"), 0.2, &held);
        change(&mut candidate, |summary| {
            summary.titles = vec![
                "Senior software engineer".to_owned(),
                "Développeur Rust".to_owned(),
            ];
            summary.languages.clone_from(&languages);
            summary.location = Some(place(n));
            summary.seniority = v1::Seniority::Senior.into();
        });
        candidate
            .facet_scores
            .extend(["skills", "geography", "words"].map(|name| (name.to_owned(), 0.3)));
        candidate
    });
    let mut asked = request(list.collect());
    asked.query = Some(v1::Summary {
        titles: vec!["Rust engineer".to_owned()],
        skills: skills(
            &names[100..110]
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        ),
        optional_skills: skills(
            &names[110..115]
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        ),
        languages,
        location: Some(place(0)),
        seniority: v1::Seniority::Mid.into(),
        ..Default::default()
    });
    v1::RerankRequest {
        top_k: 10,
        explain: true,
        ..asked
    }
}

#[tokio::test]
async fn a_thousand_candidates_take_milliseconds() {
    let mut running = start(Config::default()).await;
    let request = full_list();
    let (mut inside, mut whole) = (Duration::MAX, Duration::MAX);
    for _ in 0..20 {
        let sent = request.clone();
        let started = Instant::now();
        let response = running.client.rerank(sent).await.unwrap().into_inner();
        whole = whole.min(started.elapsed());
        inside = inside.min(Duration::from_secs_f64(response.seconds));
        assert_eq!(response.results.len(), 10);
        assert!(
            response
                .results
                .iter()
                .all(|result| result.reasons.len() >= 5)
        );
    }
    eprintln!(
        "1,000 candidates of 40 skills, 10 explained, best of 20: {inside:?} inside, {whole:?} over gRPC"
    );
    assert!(inside < Duration::from_millis(50), "{inside:?}");
    running.stop().await;
}
