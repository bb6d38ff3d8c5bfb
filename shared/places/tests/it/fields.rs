//! Location fields of profiles.

use vivier_places::{Hint, Kind, Resolution};

use crate::support::{EXAMPLE, said};

fn resolved(text: &str) -> String {
    let gazetteer = &EXAMPLE.gazetteer;
    said(gazetteer, &gazetteer.resolve(text, Hint::default()))
}

#[test]
fn fields_are_resolved() {
    let lyon = "City Lyon Auvergne-Rhône-Alpes FR";
    let lyon_3 = "District Lyon 3e Arrondissement Auvergne-Rhône-Alpes FR";
    let paris = "City Paris Île-de-France FR";
    let paris_15 = "District Paris 15e Arrondissement Île-de-France FR";
    for (text, wanted) in [
        ("Lyon", lyon),
        ("LYON", lyon),
        ("Лион", "-"),
        ("Lyon (69)", lyon),
        ("Lyon 69", lyon),
        ("69 - Lyon", lyon),
        ("Lyon, France", lyon),
        ("Lyon, Rhône", lyon),
        ("Lyon, Auvergne-Rhône-Alpes, France", lyon),
        ("69000 Lyon", lyon),
        ("F-69002 LYON CEDEX 02", lyon),
        ("Région de Lyon", lyon),
        ("Lyon Part-Dieu", lyon),
        ("69003 Lyon", lyon_3),
        ("Lyon 3", lyon_3),
        ("Lyon 3ème", lyon_3),
        ("Lyon 03", lyon_3),
        ("Paris 15e", paris_15),
        ("75015 Paris", paris_15),
        ("Paris 15e arrondissement", paris_15),
        ("Paris", paris),
        ("Paris France", paris),
        ("La Défense, Paris", paris),
        ("Paris, TX", "City Paris Texas US"),
        ("paris, tx", "City Paris Texas US"),
        ("Paris, Texas, USA", "City Paris Texas US"),
        (
            "Marseille 13ème",
            "District Marseille 13e Arrondissement Provence-Alpes-Côte d'Azur FR",
        ),
        ("St Etienne", "City Saint-Étienne Auvergne-Rhône-Alpes FR"),
        (
            "St-Étienne (42)",
            "City Saint-Étienne Auvergne-Rhône-Alpes FR",
        ),
        ("L’Haÿ les roses", "City L'Haÿ-les-Roses Île-de-France FR"),
        (
            "01000 Bourg-en-Bresse",
            "City Bourg-en-Bresse Auvergne-Rhône-Alpes FR",
        ),
        ("01000", "City Bourg-en-Bresse Auvergne-Rhône-Alpes FR"),
        ("06000 Nice", "City Nice Provence-Alpes-Côte d'Azur FR"),
        ("Ajaccio (2A)", "City Ajaccio Corse FR"),
        ("Saint-Denis (93)", "City Saint-Denis Île-de-France FR"),
        ("Saint-Denis, La Réunion", "City Saint-Denis La Réunion FR"),
        ("Richmond, VA", "City Richmond Virginia US"),
        ("Richmond, VA 23220", "City Richmond Virginia US"),
        ("Hollywood, MD", "Region Maryland Maryland US"),
        ("Ontario, CA", "City Ontario California US"),
        ("Toronto, CA", "City Toronto Ontario CA"),
        ("New York, NY", "City New York City New York US"),
        ("newyork", "City New York City New York US"),
        ("stlouis", "City St. Louis Missouri US"),
        ("London", "City London England GB"),
        ("Londres, Royaume-Uni", "City London England GB"),
        ("Greater London Area", "City London England GB"),
        ("Munich, Germany", "City Munich DE.02 DE"),
        ("München", "City Munich DE.02 DE"),
        ("Yaounde", "City Yaoundé CM.11 CM"),
        ("Bretagne", "-"),
        (
            "PACA",
            "Region Provence-Alpes-Côte d'Azur Provence-Alpes-Côte d'Azur FR",
        ),
        (
            "Rhône-Alpes",
            "Region Auvergne-Rhône-Alpes Auvergne-Rhône-Alpes FR",
        ),
        ("Val-de-Marne", "Departement Val-de-Marne Île-de-France FR"),
        ("Cameroun (Ville non précisée)", "Country Cameroon  CM"),
        ("Allemagne", "Country Germany  DE"),
        ("South Korea", "Country Korea, Republic of  KR"),
        ("Y", "City Y Hauts-de-France FR"),
        ("Remote", "-"),
        ("", "-"),
        ("12345678901234567890", "-"),
    ] {
        assert_eq!(resolved(text), wanted, "{text}");
    }
}

#[test]
fn ambiguous_fields_are_reported_with_how_sure() {
    let gazetteer = &EXAMPLE.gazetteer;
    let Resolution::Ambiguous {
        best,
        sure,
        candidates,
    } = gazetteer.resolve("Cambridge", Hint::default())
    else {
        panic!("{}", resolved("Cambridge"));
    };
    assert_eq!(best.country_code.as_str(), "GB");
    assert_eq!(candidates.len(), 2);
    assert!((sure - 145_674.0 / (145_674.0 + 110_402.0)).abs() < 1e-9);
    assert_eq!(resolved("Saint-Denis"), "? City Saint-Denis La Réunion FR");
    assert_eq!(resolved("Georgia"), "? Country Georgia  GE");
    let several = "Lyon - Paris; Unknown Town";
    assert_eq!(resolved(several), "? City Paris Île-de-France FR");
    let each = gazetteer.resolve_each(several, Hint::default());
    let names: Vec<Option<&str>> = each
        .iter()
        .map(|one| one.found().map(|place| &*place.name))
        .collect();
    assert_eq!(names, [Some("Lyon"), Some("Paris"), None]);
}

#[test]
fn a_hint_chooses_and_never_overrules() {
    let gazetteer = &EXAMPLE.gazetteer;
    let hinted = |text, country, region| {
        let hint = Hint { country, region };
        said(gazetteer, &gazetteer.resolve(text, hint))
    };
    for (text, country, region, wanted) in [
        (
            "Cambridge",
            Some("US"),
            None,
            "City Cambridge Massachusetts US",
        ),
        (
            "Cambridge",
            Some("Royaume-Uni"),
            None,
            "City Cambridge England GB",
        ),
        ("Paris", Some("United States"), None, "City Paris Texas US"),
        (
            "Saint-Denis",
            Some("France"),
            Some("Île-de-France"),
            "City Saint-Denis Île-de-France FR",
        ),
        ("London", Some("FR"), None, "? City London England GB"),
        ("London", Some("Nowhere"), None, "City London England GB"),
        ("France", None, Some("Île-de-France"), "Country France  FR"),
    ] {
        assert_eq!(
            hinted(text, country, region),
            wanted,
            "{text} {country:?} {region:?}"
        );
    }
}

#[test]
fn the_same_place_of_two_sources_is_one() {
    let gazetteer = &EXAMPLE.gazetteer;
    assert_eq!(EXAMPLE.joined, 6, "{}", *EXAMPLE);
    let lyon = gazetteer.resolve("Lyon", Hint::default()).found().unwrap();
    assert_eq!(lyon.population, Some(522_969));
    assert_eq!(lyon.alternate_names().collect::<Vec<_>>(), ["Lione"]);
    let name = |place: Option<&vivier_places::Place>| place.map(|place| place.name.to_string());
    assert_eq!(name(gazetteer.country(lyon)).as_deref(), Some("France"));
    assert_eq!(name(gazetteer.departement(lyon)).as_deref(), Some("Rhône"));
    // No file has coordinates of Marseille but of an arrondissement.
    let marseille = gazetteer
        .resolve("Marseille", Hint::default())
        .found()
        .unwrap();
    assert_eq!((marseille.kind, marseille.population), (Kind::City, None));
    assert!((marseille.coordinates.unwrap().latitude - 43.349).abs() < 0.01);
}

#[test]
fn a_missing_mobility_is_the_region_of_the_home() {
    let gazetteer = &EXAMPLE.gazetteer;
    for (home, wanted) in [
        ("69003 Lyon", Some("Auvergne-Rhône-Alpes")),
        ("Rhône", Some("Auvergne-Rhône-Alpes")),
        ("Île-de-France", Some("Île-de-France")),
        ("Richmond, VA", Some("Virginia")),
        ("Culey", Some("Grand Est")),
        ("France", None),
    ] {
        let place = gazetteer.resolve(home, Hint::default()).found().unwrap();
        assert_eq!(gazetteer.default_mobility(place), wanted, "{home}");
    }
}
