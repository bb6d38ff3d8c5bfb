//! The worked examples of the CACL method, and its mathematics against other code.

use proptest::prelude::*;
use vivier_ontology::{
    ConceptId, Distances, ExpansionLimits, Language, Reason, Said, Transport, coverage, expand,
    set_similarity, skill_similarity,
};

use crate::support::{distances, example, loaded, uri};

fn near(found: Option<f64>, wanted: f64, margin: f64) -> bool {
    found.is_some_and(|found| (found - wanted).abs() < margin)
}

#[test]
fn the_examples_of_the_method_come_out() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let loaded = loaded(folder.path());
    let distances = distances(&loaded);
    let skill = |name: &str| {
        loaded
            .ontology
            .find(&uri(&format!("skill/{name}")))
            .unwrap()
    };
    let similarity = |one, other| skill_similarity(distances.between(skill(one), skill(other)));
    for (one, other, wanted) in [
        ("python", "java", 0.247),
        ("python", "stats", 0.247),
        ("java", "stats", 0.061),
        ("python", "python", 1.0),
        ("python", "cooking", 0.0),
    ] {
        let found = similarity(one, other);
        assert!((found - wanted).abs() < 5e-4, "{one} {other}: {found}");
    }
    let path = distances.path(skill("java"), skill("stats")).unwrap();
    let names: Vec<_> = path
        .iter()
        .map(|concept| loaded.ontology.label(*concept, Language::ENGLISH).unwrap())
        .collect();
    let wanted = [
        "Java",
        "developer",
        "Python",
        "data scientist",
        "statistics",
    ];
    assert_eq!(names, wanted);
    assert_eq!(distances.path(skill("java"), skill("cooking")), None);

    let held = [skill("python"), skill("java"), skill("python")];
    let wanted = [skill("python"), skill("stats"), skill("cooking")];
    // Python is held, statistics is two steps from it, cooking has no path.
    let of_wanted = (1.0 + (-1.4_f64).exp()) / 3.0;
    assert!(near(coverage(&distances, &wanted, &held), of_wanted, 1e-12));
    let of_held = (1.0 + (-1.4_f64).exp()) / 2.0;
    let both = 0.5 * (of_wanted + of_held);
    assert!(near(
        set_similarity(&distances, &wanted, &held),
        both,
        1e-12
    ));
    assert!(near(
        set_similarity(&distances, &held, &wanted),
        both,
        1e-12
    ));
    assert_eq!(set_similarity(&distances, &held, &[]), None);
    assert_eq!(coverage(&distances, &[], &held), None);
    let transport = Transport::default();
    assert_eq!(transport.distance(&distances, &held, &[]).unwrap(), None);
    let same = transport
        .distance(&distances, &held[..2], &held[..2])
        .unwrap();
    // The entropy moves a little of the unit the two steps and back.
    assert!(
        same.is_some_and(|cost| cost > 0.0 && cost < 0.02),
        "{same:?}"
    );
    let away = transport
        .distance(&distances, &held[..1], &wanted[2..])
        .unwrap();
    assert!(near(away, 10.0, 1e-9), "{away:?}");
}

#[test]
fn an_expansion_says_where_each_addition_comes_from() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let loaded = loaded(folder.path());
    let ontology = &loaded.ontology;
    let distances = distances(&loaded);
    let find = |name: &str| ontology.find(&uri(name)).unwrap();
    let query = [find("occupation/dev"), find("skill/stats")];
    let limits = ExpansionLimits::default();
    let silent = |_: &str| false;
    let said = Said {
        concepts: &query,
        others: &[],
        // The query names the developer by another label.
        has_label: &|label| label == "statistics" || label == "coder",
    };
    let found = expand(ontology, &distances, said, Language::ENGLISH, &limits);
    let labels: Vec<_> = found
        .added
        .iter()
        .map(|one| (one.label, one.reason))
        .collect();
    let of = query[0];
    assert_eq!(
        labels[..2],
        [
            ("developer", Reason::Label { of }),
            ("programmer", Reason::Label { of })
        ]
    );
    assert!(labels.contains(&("Java", Reason::Essential { of })));
    assert!(labels.contains(&("Python", Reason::Essential { of })));
    assert!(
        found
            .added
            .iter()
            .all(|one| one.weight < 1.0 && !query[1..].contains(&one.concept))
    );
    let few = ExpansionLimits { total: 1, ..limits };
    let cut = expand(ontology, &distances, said, Language::ENGLISH, &few);
    assert_eq!((cut.added.len(), cut.cut), (1, found.added.len() - 1));
    let nothing = Said {
        concepts: &[],
        others: &[],
        has_label: &silent,
    };
    let none = expand(ontology, &distances, nothing, Language::ENGLISH, &limits);
    assert!(none.added.is_empty());
    // What the query has besides is not added either.
    let java = [find("skill/java")];
    let said = Said {
        others: &java,
        has_label: &silent,
        ..said
    };
    let found = expand(ontology, &distances, said, Language::ENGLISH, &limits);
    assert!(found.added.iter().all(|one| one.concept != java[0]));
    let labels = found.added.iter().map(|one| one.label);
    assert!(labels.clone().any(|label| label == "coder"));
    assert!(labels.clone().any(|label| label == "Python"));
}

/// `make_transport_golden.py` makes the numbers with POT.
#[test]
fn transport_equals_pot() {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../golden/transport.json")).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let size = |name: &str| usize::try_from(case[name].as_u64().unwrap()).unwrap();
        let costs = case["costs"].as_array().unwrap();
        let costs: Vec<f64> = costs.iter().map(|cost| cost.as_f64().unwrap()).collect();
        let transport = Transport {
            epsilon: case["epsilon"].as_f64().unwrap(),
            max_iterations: 1_000_000,
            tolerance: 1e-13,
            ..Transport::default()
        };
        let cost = transport
            .cost(&costs, size("rows"), size("columns"))
            .unwrap();
        let wanted = case["cost"].as_f64().unwrap();
        assert!(near(cost, wanted, 1e-7), "{cost:?} {wanted}");
        assert!(cost.unwrap() >= case["exact"].as_f64().unwrap() - 1e-9);
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let default = Transport::default();
    let said = |transport: Transport, costs: &[f64]| {
        let error = transport.cost(costs, 1, costs.len()).unwrap_err();
        error.to_string()
    };
    let epsilon = |epsilon| Transport { epsilon, ..default };
    assert_eq!(said(epsilon(0.0), &[1.0]), "epsilon is 0: must be above 0");
    assert!(said(epsilon(0.001), &[10.0]).starts_with("epsilon is 0.001: is too small"));
    assert_eq!(said(default, &[-1.0]), "cost is -1: must be 0 or more");
    assert_eq!(said(default, &[f64::NAN]), "cost is NaN: must be 0 or more");
}

proptest! {
    #[test]
    fn similarity_and_transport_do_not_mind_the_side(
        one in prop::collection::vec(0_usize..9, 1..6), other in prop::collection::vec(0_usize..9, 1..6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        example(folder.path());
        let loaded = loaded(folder.path());
        let distances = distances(&loaded);
        let all: Vec<ConceptId> = loaded.ontology.concepts().collect();
        let pick = |places: &[usize]| -> Vec<ConceptId> { places.iter().map(|place| all[*place]).collect() };
        let (one, other) = (pick(&one), pick(&other));
        let there = set_similarity(&distances, &one, &other).unwrap();
        let back = set_similarity(&distances, &other, &one).unwrap();
        prop_assert!((there - back).abs() < 1e-12);
        prop_assert!((0.0..=1.0 + 1e-12).contains(&there));
        prop_assert!((set_similarity(&distances, &one, &one).unwrap() - 1.0).abs() < 1e-12);
        let transport = Transport { max_iterations: 5_000, tolerance: 1e-12, ..Transport::default() };
        let there = transport.distance(&distances, &one, &other).unwrap().unwrap();
        let back = transport.distance(&distances, &other, &one).unwrap().unwrap();
        prop_assert!((there - back).abs() < 1e-6, "{} {}", there, back);
        prop_assert!((0.0..=10.0 + 1e-9).contains(&there));
    }
}

#[test]
fn a_row_of_distances_says_what_pairs_say() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let loaded = loaded(folder.path());
    let distances = distances(&loaded);
    for one in loaded.ontology.concepts() {
        let row = distances.from(one);
        assert_eq!(row.len(), loaded.ontology.len());
        for other in loaded.ontology.concepts() {
            let steps = Some(row[other.number()]).filter(|steps| *steps != Distances::FAR);
            assert_eq!(steps, distances.between(one, other));
        }
    }
}
