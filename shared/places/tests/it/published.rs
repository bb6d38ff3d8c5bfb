//! The published files.

use vivier_places::{Hint, Kind, Place, Reason, Resolution};

use crate::support::{data, published, said};

#[test]
fn the_published_files_are_read_and_joined() {
    let Some(loaded) = published() else {
        return;
    };
    let gazetteer = &loaded.gazetteer;
    let rows: Vec<usize> = loaded.files.iter().map(|file| file.2).collect();
    assert_eq!(rows, [252, 39_201, 34_893, 32_847], "{loaded}");
    assert_eq!(
        loaded.left_out.count(Reason::NoCoordinates),
        269,
        "{loaded}"
    );
    assert_eq!(loaded.left_out.count(Reason::LostZero), 3_433, "{loaded}");
    let french: Vec<&Place> = gazetteer
        .places()
        .filter(|place| place.country_code.as_str() == "FR")
        .collect();
    let regions = french.iter().filter(|place| place.kind == Kind::Region);
    assert_eq!(regions.count(), 13 + 5, "{loaded}");
    // Every commune of a known département has its region.
    let lost = french.iter().filter(|place| {
        let region = gazetteer.region(place);
        place.departement.is_some() && region.is_none_or(|region| region.name.is_empty())
    });
    assert_eq!(lost.count(), 0, "{loaded}");
    for (text, wanted) in [
        ("Lyon", "City Lyon Auvergne-Rhône-Alpes FR"),
        (
            "Marseille 13ème",
            "District Marseille 13 Provence-Alpes-Côte d'Azur FR",
        ),
        (
            "01000 Bourg en Bresse",
            "City Bourg-en-Bresse Auvergne-Rhône-Alpes FR",
        ),
        (
            "Villeurbanne (69)",
            "City Villeurbanne Auvergne-Rhône-Alpes FR",
        ),
        ("St Denis, La Réunion", "City Saint-Denis La Réunion FR"),
        ("Bastia", "City Bastia Corse FR"),
        ("Normandie", "Region Normandie Normandie FR"),
        ("Richmond, VA", "City Richmond Virginia US"),
        ("newyork", "City New York City New York US"),
        ("Oklahoma", "Region Oklahoma Oklahoma US"),
        ("Québec", "City Québec Quebec CA"),
        ("Mexico", "Country Mexico  MX"),
        ("Singapore", "City Singapore  SG"),
        ("Moskva, Russia", "City Moscow RU.48 RU"),
        ("Cambridge", "? City Cambridge England GB"),
        ("Poli", "? City Pori FI.04 FI"),
    ] {
        let answer = gazetteer.resolve(text, Hint::default());
        assert_eq!(said(gazetteer, &answer), wanted, "{text}");
    }
}

/// Nine in ten location fields of real adverts name one place, and nearly all some.
#[test]
fn locations_of_real_adverts_are_resolved() {
    let (Some(loaded), Some(pool)) = (published(), data("pools/vacancies.jsonl")) else {
        return;
    };
    let gazetteer = &loaded.gazetteer;
    let (mut all, mut found, mut some) = (0, 0, 0);
    for line in std::fs::read_to_string(pool).unwrap().lines() {
        let vacancy: serde_json::Value = serde_json::from_str(line).unwrap();
        let location = vacancy["location"].as_str().unwrap_or_default();
        if location.is_empty() {
            continue;
        }
        all += 1;
        match gazetteer.resolve(location, Hint::default()) {
            Resolution::Found { .. } => found += 1,
            Resolution::Ambiguous { .. } => some += 1,
            Resolution::Unknown => {}
        }
    }
    assert!(found * 100 > all * 88, "{found} of {all}");
    assert!(
        (found + some) * 100 > all * 97,
        "{found} and {some} of {all}"
    );
}

#[test]
fn centres_of_regions_are_where_people_live() {
    let Some(loaded) = published() else {
        return;
    };
    let gazetteer = &loaded.gazetteer;
    // Around Paris, Lyon and Rennes; of France with the towns overseas.
    for (name, latitude, longitude) in [
        ("Île-de-France", 48.85, 2.35),
        ("Auvergne-Rhône-Alpes", 45.6, 4.8),
        ("Bretagne", 48.2, -2.9),
        ("France", 45.9, 3.2),
    ] {
        let place = gazetteer.resolve(name, Hint::default()).found().unwrap();
        let centre = gazetteer.centre(place).unwrap();
        let near =
            (centre.latitude - latitude).abs() < 0.5 && (centre.longitude - longitude).abs() < 0.5;
        assert!(near, "{name}: {centre:?}");
    }
}
