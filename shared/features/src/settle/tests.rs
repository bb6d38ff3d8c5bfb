use std::path::PathBuf;
use std::sync::LazyLock;

use super::*;

const COMMUNES: &str = "\
code_insee,nom_commune,code_postal,nom_ville,code_departement,nom_departement,code_region,nom_region
69123,Lyon,69001,Lyon,69,Rhône,84,Auvergne-Rhône-Alpes
38185,Grenoble,38000,Grenoble,38,Isère,84,Auvergne-Rhône-Alpes
75056,Paris,75001,Paris,75,Paris,11,Île-de-France
35238,Rennes,35000,Rennes,35,Ille-et-Vilaine,53,Bretagne
";

/// Name, latitude, longitude, country, region, division, inhabitants.
const TOWNS: [[&str; 7]; 11] = [
    ["Cambridge", "52.2", "0.11667", "GB", "ENG", "C3", "145674"],
    [
        "Cambridge",
        "42.3751",
        "-71.10561",
        "US",
        "MA",
        "017",
        "118403",
    ],
    ["Lyon", "45.74846", "4.84671", "FR", "84", "69", "522969"],
    [
        "Grenoble", "45.17869", "5.71479", "FR", "84", "38", "158552",
    ],
    ["Paris", "48.85341", "2.3488", "FR", "11", "75", "2138551"],
    ["Rennes", "48.11198", "-1.67429", "FR", "53", "35", "209375"],
    [
        "Springfield",
        "39.80172",
        "-89.64371",
        "US",
        "IL",
        "167",
        "116565",
    ],
    [
        "Springfield",
        "37.21533",
        "-93.29824",
        "US",
        "MO",
        "077",
        "166810",
    ],
    ["Yaoundé", "3.86667", "11.51667", "CM", "11", "", "1299369"],
    ["Douala", "4.04827", "9.70428", "CM", "05", "", "1338082"],
    [
        "Boston",
        "42.35843",
        "-71.05977",
        "US",
        "MA",
        "025",
        "653833",
    ],
];

static GAZETTEER: LazyLock<Gazetteer> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let towns = TOWNS.map(|[name, latitude, longitude, country, region, division, count]| {
        format!(
            "1\t{name}\t{name}\t\t{latitude}\t{longitude}\tP\tPPL\t{country}\t\t{region}\t{division}\t\t\t{count}\t\t0\tEurope/Paris\t2025-01-01\n"
        )
    });
    let countries = "FR,France\nUS,United States\nCM,Cameroon\nGB,United Kingdom\n";
    let files = [("a", COMMUNES), ("b", &towns.concat()), ("c", countries)];
    let files = files.map(|(name, content)| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    });
    Gazetteer::load(&files).unwrap().gazetteer
});

fn candidate(json: &str) -> Completed {
    let candidate = serde_json::from_str(&format!(r#"{{"id":"c",{json}}}"#)).unwrap();
    complete_candidate(&candidate, &GAZETTEER, None)
}

fn vacancy(json: &str) -> Completed {
    let vacancy = serde_json::from_str(&format!(r#"{{"id":"v",{json}}}"#)).unwrap();
    complete_vacancy(&vacancy, &GAZETTEER, None)
}

fn shown(location: &Location) -> String {
    let Location {
        place,
        region,
        country,
        coordinates,
    } = location;
    let known = coordinates.map(|point| format!("{:.1} {:.1}", point.latitude, point.longitude));
    format!("{place}|{region}|{country}|{}", known.unwrap_or_default())
}

#[test]
fn what_lacks_is_filled_and_what_is_given_stays() {
    for (location, wanted) in [
        (r#""Lyon""#, "Lyon|Auvergne-Rhône-Alpes|FR|45.7 4.8"),
        (
            r#"{"place":"69001 LYON","country":"France"}"#,
            "69001 LYON|Auvergne-Rhône-Alpes|France|45.7 4.8",
        ),
        (
            r#"{"place":"Lyon","region":"ARA","country":"fr","latitude":1.0,"longitude":2.0}"#,
            "Lyon|ARA|fr|1.0 2.0",
        ),
        (r#"{"region":"Bretagne"}"#, "|Bretagne|FR|"),
        (r#"{"country":"Cameroon"}"#, "||Cameroon|"),
        (r#""Yaoundé""#, "Yaoundé||CM|3.9 11.5"),
        (
            r#"{"place":"Springfield","region":"Illinois"}"#,
            "Springfield|Illinois|US|39.8 -89.6",
        ),
        (
            r#"{"place":"Springfield","latitude":37.2,"longitude":-93.3}"#,
            "Springfield|Missouri|US|37.2 -93.3",
        ),
    ] {
        let completed = candidate(&format!(r#""location":{location}"#));
        assert_eq!(shown(&completed.location), wanted, "{location}");
        assert_eq!(completed.doubts, [], "{location}");
        assert!(!completed.derived);
    }
}

#[test]
fn doubts_name_the_field_the_value_and_the_places() {
    for (location, wanted, field, reason) in [
        (
            r#""Springfield""#,
            "Springfield||US|",
            "location.place",
            "several places are possible: Springfield (Missouri, US); Springfield (Illinois, US)",
        ),
        (
            r#""Douala - Yaoundé""#,
            "Douala - Yaoundé||CM|",
            "location.place",
            "several places are possible: Douala (CM); Yaoundé (CM)",
        ),
        (
            r#"{"place":"Lyon","country":"US"}"#,
            "Lyon|Auvergne-Rhône-Alpes|US|",
            "location.place",
            "Lyon (Auvergne-Rhône-Alpes, FR) does not fit what else is given",
        ),
        (
            r#""Xyzzy""#,
            "Xyzzy|||",
            "location.place",
            "no place of this name is known",
        ),
    ] {
        let completed = candidate(&format!(r#""location":{location}"#));
        assert_eq!(shown(&completed.location), wanted, "{location}");
        let [doubt] = completed.doubts.as_slice() else {
            panic!("{location}: {:?}", completed.doubts);
        };
        assert_eq!(
            (doubt.field.as_str(), doubt.reason.as_str()),
            (field, reason)
        );
        assert!(location.contains(&doubt.value));
    }
}

#[test]
fn a_country_chooses_where_nothing_else_does() {
    let location = |place: &str| Location {
        place: place.to_owned(),
        ..Location::default()
    };
    for (place, country, wanted) in [
        ("Cambridge", None, ""),
        ("Cambridge", Some("US"), "US"),
        ("Cambridge", Some("United Kingdom"), "GB"),
        ("Paris", Some("CM"), "FR"),
    ] {
        let (filled, doubt) = settle(&location(place), &GAZETTEER, country);
        assert_eq!(filled.country, wanted, "{place}, {country:?}");
        assert_eq!(doubt.is_some(), wanted.is_empty());
    }
}

#[test]
fn a_missing_mobility_is_the_region_of_the_home() {
    let assumed = candidate(r#""location":"Grenoble""#);
    assert_eq!(assumed.mobility_regions, ["Auvergne-Rhône-Alpes"]);
    assert!(assumed.assumed_mobility && assumed.points.len() == 1);
    // Without a home the centre of its region stands in.
    let region = candidate(r#""location":{"region":"Bretagne"}"#);
    assert!(region.assumed_mobility);
    assert!((region.points[0].latitude - 48.11).abs() < 0.01);
    let radius = candidate(r#""location":"Grenoble","mobility":{"radius_km":30}"#);
    assert_eq!(
        (radius.mobility_regions.len(), radius.assumed_mobility),
        (0, false)
    );
    assert_eq!(radius.points.len(), 1);
    let nowhere = candidate(r#""titles":["Cook"]"#);
    assert_eq!(nowhere, Completed::default());
}

#[test]
fn a_stated_mobility_comes_first() {
    let elsewhere = candidate(r#""location":"Grenoble","mobility":{"regions":["bretagne"]}"#);
    assert_eq!(elsewhere.mobility_regions, ["bretagne"]);
    assert!(!elsewhere.assumed_mobility);
    let [centre] = elsewhere.points.as_slice() else {
        panic!("{:?}", elsewhere.points);
    };
    assert!((centre.longitude + 1.67).abs() < 0.01);
    let also = candidate(
        r#""location":"Grenoble","mobility":{"regions":["Bretagne","Auvergne-Rhône-Alpes"]}"#,
    );
    assert_eq!(also.points.len(), 3);
    let within =
        candidate(r#""location":"Grenoble","mobility":{"regions":["Bretagne"],"radius_km":50}"#);
    assert_eq!(within.points.len(), 2);
    let unknown = candidate(r#""location":"Grenoble","mobility":{"regions":["Xyzzy"]}"#);
    assert_eq!(unknown.points.len(), 1);
    assert_eq!(unknown.doubts[0].field, "mobility.regions[0]");
}

#[test]
fn the_only_town_of_the_first_lines_is_the_home() {
    for (text, wanted) in [
        (
            r"COOK\nLyon, France\nSkills\nBaking",
            "Lyon|Auvergne-Rhône-Alpes|FR|45.7 4.8",
        ),
        (r"COOK\nLyon\nBoston, MA\nSkills", "|||"),
        (r"COOK\nSpringfield\nSkills", "|||"),
        (r"COOK\na\nb\nc\nd\ne\nLyon", "|||"),
        ("", "|||"),
    ] {
        let completed = candidate(&format!(r#""text":"{text}""#));
        assert_eq!(shown(&completed.location), wanted, "{text}");
        assert_eq!(completed.derived, wanted != "|||");
    }
    let stated = candidate(r#""location":"Rennes","text":"COOK\nLyon""#);
    assert_eq!(stated.location.place, "Rennes");
}

#[test]
fn the_place_that_an_advert_names_most_is_that_of_the_job() {
    for (text, wanted) in [
        (
            "Poste basé à Lyon. Siège à Paris, équipe à Lyon.",
            "Lyon|Auvergne-Rhône-Alpes|FR|45.7 4.8",
        ),
        ("Poste à Lyon ou à Paris.", "|||"),
        ("Partout en Bretagne.", "Bretagne|Bretagne|FR|"),
    ] {
        let completed = vacancy(&format!(r#""text":"{text}""#));
        assert_eq!(shown(&completed.location), wanted, "{text}");
        assert_eq!(
            completed.points.is_empty(),
            completed.location.coordinates.is_none()
        );
    }
    assert_eq!(
        vacancy(r#""location":"Rennes","text":"à Lyon""#)
            .location
            .place,
        "Rennes"
    );
}

/// Prints how many of 200 real fields, and of 200 real texts, are settled.
#[test]
fn real_fields_are_settled() {
    let data = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if !std::fs::exists(&data).unwrap_or(false) {
        eprintln!("skipped: {} is not there", data.display());
        return;
    }
    let files = [
        "geonames_cities15000.zip",
        "countries.csv",
        "fr_communes_coords.csv",
        "fr_communes_departement_region.csv",
    ];
    let files = files.map(|name| data.join("geo").join(name));
    let gazetteer = Gazetteer::load(&files).unwrap().gazetteer;
    let read = |name: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(data.join("pools").join(name)).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
        rows.collect()
    };
    let texts = |rows: &[serde_json::Value], field: &str| -> Vec<String> {
        let found = rows.iter().filter_map(|row| row[field].as_str());
        let found: Vec<&str> = found.filter(|text| !text.trim().is_empty()).collect();
        let step = (found.len() / 200).max(1);
        let chosen = found.into_iter().step_by(step).take(200);
        chosen.map(str::to_owned).collect()
    };
    let (vacancies, candidates) = (read("vacancies.jsonl"), read("candidates.jsonl"));
    let (mut points, mut countries, mut doubtful) = (0, 0, 0);
    let fields = texts(&vacancies, "location");
    for place in &fields {
        let location = Location {
            place: place.clone(),
            ..Location::default()
        };
        let (filled, doubt) = settle(&location, &gazetteer, None);
        points += usize::from(filled.coordinates.is_some());
        countries += usize::from(!filled.country.is_empty());
        doubtful += usize::from(doubt.is_some());
    }
    eprintln!(
        "{} fields: {points} have coordinates, {countries} a country, {doubtful} are doubtful",
        fields.len()
    );
    // Measured: 145 and 192.
    assert!(
        points >= 130 && countries >= 180,
        "{points} with coordinates, {countries} with a country"
    );
    let mut derived = [0, 0];
    for text in texts(&candidates, "text") {
        let mut candidate: Candidate = serde_json::from_str(r#"{"id":"c"}"#).unwrap();
        candidate.text = text;
        let completed = complete_candidate(&candidate, &gazetteer, None);
        derived[0] += usize::from(completed.derived);
    }
    for text in texts(&vacancies, "text") {
        let mut vacancy: Vacancy = serde_json::from_str(r#"{"id":"v"}"#).unwrap();
        vacancy.description = text;
        let completed = complete_vacancy(&vacancy, &gazetteer, None);
        derived[1] += usize::from(completed.derived);
    }
    eprintln!(
        "of 200 CVs {} name a home, of 200 adverts {} a place",
        derived[0], derived[1]
    );
}
