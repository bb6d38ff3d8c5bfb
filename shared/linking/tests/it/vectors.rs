//! Vectors of labels on disk, and texts compared by them.

use vivier_linking::{LabelVectors, Linker, Scorer, Weights};
use vivier_ontology::{Kind, Language, load};

use crate::{full, ontology, uri};

const DIM: usize = 8;

/// A direction for each label.
fn vectors(count: usize) -> Vec<f32> {
    let place = |at: usize, dim: usize| f32::from(u8::from(at % DIM == dim));
    (0..count)
        .flat_map(|at| (0..DIM).map(move |dim| place(at, dim) + 0.01 * (at / DIM) as f32))
        .collect()
}

#[test]
fn a_text_without_a_common_letter_is_found_by_its_vector() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::ENGLISH).unwrap();
    let all = vectors(linker.labels().len());
    let at = linker
        .labels()
        .position(|label| label == "prune vines")
        .unwrap();
    let kept = folder.path().join("kept");
    let made = LabelVectors::build(&kept, "one", &all, DIM).unwrap();
    assert_eq!(made.dim(), DIM);
    let linker = linker.with_vectors(made);
    let vector = &all[at * DIM..][..DIM];
    let links = linker.link("xyz", Some(vector), 1).unwrap();
    assert_eq!(uri(&ontology, links[0].concept), "esco:skill/vines");
    assert!(linker.link("xyz", Some(&[f32::NAN; DIM]), 1).is_err());
    assert!(linker.link("xyz", Some(&[0.5; 3]), 1).is_err());
}

#[test]
fn vectors_are_kept_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    assert!(LabelVectors::open(folder, "one").unwrap().is_none());
    LabelVectors::build(folder, "one", &vectors(20), DIM).unwrap();
    assert!(LabelVectors::open(folder, "one").unwrap().is_some());
    assert!(
        LabelVectors::open(folder, "two").unwrap().is_none(),
        "of another encoder"
    );
    let order = folder.join("labels.order");
    let whole = std::fs::read(&order).unwrap();
    for damaged in [
        &whole[..8],
        &[whole.as_slice(), &[0; 4]].concat(),
        &vec![0; whole.len()],
    ] {
        std::fs::write(&order, damaged).unwrap();
        let error = LabelVectors::open(folder, "one").err().unwrap().to_string();
        assert!(error.contains("labels.order is damaged"), "{error}");
    }
    std::fs::write(&order, &whole).unwrap();
    let graph = folder.join("labels.ann");
    let mut bytes = std::fs::read(&graph).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&graph, bytes).unwrap();
    assert!(LabelVectors::open(folder, "one").is_err());
}

#[test]
fn weights_are_learned_from_labels_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = "conceptType,conceptUri,preferredLabel,altLabels,status\n".to_owned();
    for thing in [
        "bread", "wine", "steel", "paper", "cheese", "glass", "rope", "soap", "paint", "brick",
    ] {
        rows.push_str(&full(&format!(
            "KnowledgeSkillCompetence,esco:skill/{thing},make {thing},making of {thing},released\n"
        )));
    }
    std::fs::write(folder.path().join("skills_en.csv"), rows).unwrap();
    let ontology = load(&[folder.path().to_owned()], None).unwrap().ontology;
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::ENGLISH).unwrap();
    let asked: Vec<_> = (0..linker.labels().len())
        .map(|label| (label, None))
        .collect();
    let weights = linker.learn(&asked).unwrap();
    assert!(
        weights.letters + weights.words > 0.0 && weights.nearest == 0.0,
        "what was not there weighs nothing: {weights:?}"
    );
    let given = Weights {
        letters: 3.0,
        words: 1.0,
        ..Weights::default()
    };
    let calibrated = linker.calibrate(&given, &asked).unwrap();
    assert!(calibrated.words > 0.0, "{calibrated:?}");
    assert!(
        (calibrated.letters / calibrated.words - 3.0).abs() < 1e-3,
        "ratios stay"
    );
}

#[test]
fn a_text_in_another_language_is_translated() {
    let folder = tempfile::tempdir().unwrap();
    let header = "conceptType,conceptUri,preferredLabel,altLabels,status\n";
    let acts = [
        ("make", "fabriquer"),
        ("sell", "vendre"),
        ("paint", "peindre"),
    ];
    let things = [("rope", "corde"), ("soap", "savon"), ("brick", "brique")];
    let (mut english, mut french) = (header.to_owned(), header.to_owned());
    for (act, acte) in acts {
        for (thing, chose) in things {
            let row = format!("KnowledgeSkillCompetence,esco:skill/{act}-{thing}");
            english.push_str(&full(&format!("{row},{act} {thing},,released\n")));
            // The words that will be asked for name it nowhere.
            if (act, thing) != ("sell", "soap") {
                french.push_str(&full(&format!("{row},{acte} {chose},,released\n")));
            }
        }
    }
    std::fs::write(folder.path().join("skills_en.csv"), english).unwrap();
    std::fs::write(folder.path().join("skills_fr.csv"), french).unwrap();
    let ontology = load(&[folder.path().to_owned()], None).unwrap().ontology;
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::FRENCH).unwrap();
    // An encoder that knows no French: one axis for each English word, one for the rest.
    let vector = |label: &str| {
        let mut vector = [0.0_f32; DIM];
        for word in label.split(' ') {
            let act = acts.iter().position(|(act, _)| *act == word);
            let thing = things.iter().position(|(thing, _)| *thing == word);
            let axis = act.or(thing.map(|at| 3 + at)).unwrap_or(DIM - 1);
            vector[axis] = 0.7;
        }
        vector
    };
    let all: Vec<f32> = linker.labels().flat_map(vector).collect();
    let made = LabelVectors::build(&folder.path().join("kept"), "one", &all, DIM).unwrap();
    // Letters and stems speak for other concepts: what is asked is what the translation says.
    let weights = Weights {
        translated: 10.0,
        ..Weights::default()
    };
    let scorer = Scorer {
        vectors: weights,
        letters: weights,
    };
    let linker = linker.with_vectors(made).with_scorer(scorer);
    let text = "la vente du savon, vendre";
    let best = linker.link(text, Some(&vector(text)), 1).unwrap();
    assert_eq!(uri(&ontology, best[0].concept), "esco:skill/sell-soap");
}
