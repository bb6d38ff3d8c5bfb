//! Queries that are expanded by ESCO, and those that are not.

use std::collections::BTreeMap;
use std::path::Path;

use tonic::Code;
use vivier_proto::v1;
use vivier_proto::v1::search_candidates_request::Query;

use crate::fakes::{FakeReranker, Fault, encode, summary_of};
use crate::world::{World, candidate, degraded, ids, refusal};

fn uri(kind: &str, number: u32) -> String {
    format!("http://data.europa.eu/esco/{kind}/00000000-0000-0000-0000-{number:012}")
}

/// Writes a small ESCO: one occupation with another label and an essential skill, another
/// with the same skill and one more.
fn write_esco(folder: &Path) {
    let (pastry, cook) = (uri("occupation", 1), uri("occupation", 2));
    let (bake, decorate) = (uri("skill", 3), uri("skill", 4));
    let group = "http://data.europa.eu/esco/isco/C7512,7512,Bakers,released";
    let files = [
        (
            "occupations_en.csv",
            "conceptType,conceptUri,preferredLabel,altLabels,code,status".to_owned(),
            vec![
                format!("Occupation,{pastry},pastry maker,confectioner,7512.1,released"),
                format!("Occupation,{cook},cake designer,,7512.2,released"),
            ],
        ),
        (
            "skills_en.csv",
            "conceptType,conceptUri,preferredLabel,altLabels,status".to_owned(),
            vec![
                format!("KnowledgeSkillCompetence,{bake},bake dough,,released"),
                format!("KnowledgeSkillCompetence,{decorate},icing,,released"),
            ],
        ),
        (
            "occupationSkillRelations_en.csv",
            "occupationUri,relationType,skillType,skillUri".to_owned(),
            vec![
                format!("{pastry},essential,skill,{bake}"),
                format!("{cook},essential,skill,{bake}"),
                format!("{cook},essential,skill,{decorate}"),
            ],
        ),
        (
            "ISCOGroups_en.csv",
            "conceptType,conceptUri,code,preferredLabel,status".to_owned(),
            vec![format!("ISCOGroup,{group}")],
        ),
    ];
    for (name, header, rows) in files {
        let text = format!("{header}\n{}\n", rows.join("\n"));
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Starts a gateway that knows the small ESCO, and stores five candidates.
async fn start(shards: usize) -> World {
    let folder = tempfile::tempdir().unwrap();
    write_esco(folder.path());
    let mut world = World::start_with(shards, FakeReranker::default(), |config| {
        config.knowledge.esco.folders = vec![folder.path().to_owned()];
    })
    .await;
    let texts = [
        ("a", "driver of lorries"),
        ("b", "nurse at night"),
        ("c", "pastry maker for ten years"),
        ("d", "accountant"),
        ("z", "confectioner in Lyon"),
    ];
    let profiles = texts.map(|(id, text)| candidate(id, text)).to_vec();
    world.upsert(vec![profiles]).await.unwrap();
    world
}

fn pastry_maker() -> Query {
    Query::Vacancy(v1::Vacancy {
        title: "Pastry maker".to_owned(),
        lang: "en".to_owned(),
        ..Default::default()
    })
}

/// Two results of two that are retrieved by one facet.
fn by(facet: &str, expansion: Option<v1::Expansion>) -> v1::MatchOptions {
    let facets = [
        "text",
        "skills",
        "occupation",
        "geography",
        "seniority",
        "languages",
        "words",
    ];
    let weights = facets.map(|name| (name.to_owned(), if name == facet { 2.0 } else { 0.0 }));
    v1::MatchOptions {
        k: Some(2),
        depth: Some(2),
        facet_weights: BTreeMap::from(weights),
        expansion,
        ..Default::default()
    }
}

fn labels() -> v1::Expansion {
    v1::Expansion {
        labels: true,
        ..Default::default()
    }
}

#[tokio::test]
async fn another_label_finds_who_is_then_compared_by_what_was_asked() {
    let mut world = start(1).await;
    let plain = world
        .search_by(pastry_maker(), by("words", None))
        .await
        .unwrap();
    assert_eq!(ids(&plain.results), ["a", "c"]);
    assert_eq!(plain.report.as_ref().unwrap().expansion, None);
    assert!(
        plain
            .results
            .iter()
            .all(|one| one.unexpanded_rank.is_none())
    );

    let options = by("words", Some(labels()));
    let answer = world.search_by(pastry_maker(), options).await.unwrap();
    // The fake reranker turns the order of the retrieval round.
    assert_eq!(ids(&answer.results), ["z", "c"]);
    assert_eq!(answer.results[0].unexpanded_rank, None);
    assert_eq!(answer.results[1].unexpanded_rank, Some(1));
    let told = answer.report.unwrap().expansion.unwrap();
    assert_eq!(told.additions.len(), 1);
    let addition = &told.additions[0];
    assert_eq!(
        (addition.label.as_str(), addition.weight),
        ("confectioner", 0.5)
    );
    assert_eq!(addition.uri, uri("occupation", 1));
    assert_eq!(addition.reason(), v1::AdditionReason::Label);
    assert_eq!(addition.of.as_ref().unwrap().label, "pastry maker");
    assert_eq!(told.found_by_expansion, ["z"]);
    assert_eq!(told.beyond_first_k, ["z"]);
    assert_eq!((told.newly_retrieved, told.no_longer_retrieved), (1, 1));
    // The first of both is the same, the second is not.
    let overlap = 0.5 * 0.81 + 0.1 / 0.9 * (0.9 + 0.5 * 0.81);
    assert!((told.rank_biased_overlap.unwrap() - overlap).abs() < 1e-6);
    assert_eq!((told.cut, told.unknown.as_str()), (0, ""));

    let part = answer.results[0].facet_scores["words"];
    assert!((part - 2.0 * 0.5).abs() < 1e-6, "{part}");
    let requests = world.reranker.requests.lock().unwrap();
    let compared = requests.last().unwrap();
    let alias = compared
        .candidates
        .iter()
        .find(|one| summary_of(one).id == "z")
        .unwrap();
    assert_eq!(
        (alias.retrieval_score, alias.facet_scores["words"]),
        (0.0, 0.0)
    );
    let [first, last] = [requests.first().unwrap(), compared];
    assert_eq!(
        first.query, last.query,
        "what is compared stays as it was asked"
    );
}

#[tokio::test]
async fn nothing_more_is_searched_unless_it_is_asked_for_and_found() {
    let mut world = start(1).await;
    world
        .search_by(pastry_maker(), by("words", None))
        .await
        .unwrap();
    let searches = || world.shards[0].searches.lock().unwrap().clone();
    let plain = searches();
    assert_eq!(plain.len(), 1);
    assert!(plain[0].reported_facets.is_empty());
    assert!(plain[0].facets["words"].added.is_empty());
    let options = by("words", Some(labels()));
    world
        .search_by(pastry_maker(), options.clone())
        .await
        .unwrap();
    let searches = || world.shards[0].searches.lock().unwrap().clone();
    let (expanded, beside): (Vec<_>, Vec<_>) = searches()
        .into_iter()
        .skip(1)
        .partition(|search| !search.reported_facets.is_empty());
    assert_eq!((expanded.len(), beside.len()), (1, 1));
    assert_eq!(expanded[0].reported_facets, plain[0].facets);
    assert_eq!(beside[0].facets, plain[0].facets);
    // A query that names nothing of ESCO stays as it is.
    let nothing = Query::Text("someone who sings".to_owned());
    let answer = world.search_by(nothing, options).await.unwrap();
    let told = answer.report.unwrap().expansion.unwrap();
    assert!(told.additions.is_empty() && told.found_by_expansion.is_empty());
    assert_eq!(told.rank_biased_overlap, Some(1.0));
    let ranks = answer.results.iter();
    assert!(
        ranks
            .into_iter()
            .all(|one| one.unexpanded_rank == Some(one.retrieval_rank))
    );
    let searches = world.shards[0].searches.lock().unwrap();
    assert_eq!(searches.len(), 4);
}

#[tokio::test]
async fn essential_skills_widen_the_skills_and_the_words() {
    let mut world = start(1).await;
    let expansion = v1::Expansion {
        essential_skills: true,
        neighbours: true,
        ..Default::default()
    };
    let options = by("skills", Some(expansion));
    let answer = world
        .search_by(pastry_maker(), options.clone())
        .await
        .unwrap();
    let told = answer.report.unwrap().expansion.unwrap();
    let names: Vec<&str> = told
        .additions
        .iter()
        .map(|one| one.label.as_str())
        .collect();
    assert_eq!(
        names,
        ["bake dough"],
        "no skill was asked for that has neighbours"
    );
    {
        let searches = world.shards[0].searches.lock().unwrap();
        let search = searches.last().unwrap();
        assert!(search.reported_facets.is_empty(), "it asked for no skill");
        let Some(v1::facet_query::Query::Vector(vector)) = &search.facets["skills"].query else {
            panic!("no vector");
        };
        let wanted = encode("bake dough").into_iter().map(|value| 0.4 * value);
        let near = vector
            .values
            .iter()
            .zip(wanted)
            .all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(near, "{:?}", vector.values);
    }
    let asks = Query::Vacancy(v1::Vacancy {
        title: "Baker".to_owned(),
        lang: "en".to_owned(),
        required_skills: vec![v1::Skill {
            name: "icing".to_owned(),
            uri: String::new(),
        }],
        ..Default::default()
    });
    let answer = world.search_by(asks, options.clone()).await.unwrap();
    let told = answer.report.unwrap().expansion.unwrap();
    let near = &told.additions[0];
    assert_eq!((near.label.as_str(), near.steps), ("bake dough", 2));
    assert_eq!(near.reason(), v1::AdditionReason::Neighbour);
    assert!((f64::from(near.weight) - 0.5 * (-1.4_f64).exp()).abs() < 1e-6);

    *world.embedder.fault.lock().unwrap() = Fault::Down;
    let options = v1::MatchOptions {
        facet_weights: [("text".to_owned(), 0.0)].into(),
        ..options
    };
    let answer = world.search_by(pastry_maker(), options).await.unwrap();
    assert_eq!(degraded(&answer.report), ["embed", "expand"]);
}

#[tokio::test]
async fn an_expansion_without_esco_is_refused_with_what_to_configure() {
    let mut world = World::start(1).await;
    let options = by("words", Some(labels()));
    let refused = world.search_by(pastry_maker(), options).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    let said = refused.message();
    assert!(said.contains("gateway.knowledge.esco.folders"), "{said}");
    let options = by("words", Some(v1::Expansion::default()));
    let refused = world.search_by(pastry_maker(), options).await.unwrap_err();
    let named = (Code::InvalidArgument, "options.expansion".to_owned());
    assert_eq!(refusal(&refused), named);
}
