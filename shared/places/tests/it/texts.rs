//! Place names in running text.

use crate::support::{EXAMPLE, said};

fn found(text: &str) -> Vec<(&str, String)> {
    let gazetteer = &EXAMPLE.gazetteer;
    let mentions = gazetteer.mentions(text).into_iter();
    mentions
        .map(|mention| {
            let name = said(gazetteer, &mention.resolution);
            (&text[mention.range], name)
        })
        .collect()
}

fn names(text: &str) -> Vec<&str> {
    found(text).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn places_are_found_in_text() {
    for (text, wanted) in [
        ("Poste basé à Lyon, CDI.", vec!["Lyon"]),
        (
            "Je vis à St-Étienne (42) et à Paris 15e.",
            vec!["St-Étienne (42)", "Paris 15e"],
        ),
        ("12 rue de la Paix, 69003 Lyon", vec!["69003 Lyon"]),
        ("Based in Richmond, VA, USA.", vec!["Richmond, VA, USA"]),
        (
            "from Newark to Boston (Massachusetts)",
            vec!["Boston (Massachusetts)"],
        ),
        (
            "offices in London, Munich and New\nYork",
            vec!["London", "Munich", "New\nYork"],
        ),
        ("Work in the U.K. or in Yaoundé", vec!["U.K.", "Yaoundé"]),
        ("un poste à L'Haÿ-les-Roses", vec!["L'Haÿ-les-Roses"]),
        ("mobile dans toute l'Île-de-France", vec!["Île-de-France"]),
        ("je cherche in lyon", vec!["lyon"]),
        ("Boston, MA 02110", vec!["Boston, MA"]),
    ] {
        assert_eq!(names(text), wanted, "{text}");
    }
}

#[test]
fn words_are_places_only_with_evidence() {
    for (text, wanted) in [
        ("Reading and writing. Nice people.", vec![]),
        (
            "Mobile apps, Orange juice, Of course, As if, Y compris",
            vec![],
        ),
        ("experience in Reading Comprehension", vec![]),
        ("experience in Mobile Development", vec![]),
        ("a nice job in reading", vec![]),
        ("formation en Nice", vec![]),
        ("mise à Y", vec![]),
        ("We are in Reading, near the station", vec!["Reading"]),
        ("Poste à Nice.", vec!["Nice"]),
        ("Orange (84)", vec!["Orange (84)"]),
        ("Mobile, AL", vec!["Mobile, AL"]),
        ("06000 Nice", vec!["06000 Nice"]),
        ("Boston Consulting Group", vec![]),
        ("New England", vec![]),
        ("y", vec![]),
    ] {
        assert_eq!(names(text), wanted, "{text}");
    }
}

#[test]
fn ambiguous_mentions_are_reported() {
    let cambridge = found("She studied in Cambridge.");
    let wanted = "? City Cambridge England GB".to_owned();
    assert_eq!(cambridge, [("Cambridge", wanted)]);
    let elsewhere = found("Born in Hollywood, MD.");
    let wanted = "Region Maryland Maryland US".to_owned();
    assert_eq!(elsewhere, [("Hollywood, MD", wanted)]);
    let with_state = found("She studied in Cambridge, MA.");
    let wanted = "City Cambridge Massachusetts US".to_owned();
    assert_eq!(with_state, [("Cambridge, MA", wanted)]);
}
