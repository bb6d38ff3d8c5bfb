//! A small gazetteer, and where the real one is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use vivier_places::{Gazetteer, Loaded, Resolution};

/// Name, other names, latitude, longitude, country, region, division, inhabitants.
pub(crate) type Town = (&'static str, &'static str, [&'static str; 6]);

const TOWNS: &[Town] = &[
    (
        "Lyon",
        "Lione,Лион",
        ["45.74846", "4.84671", "FR", "84", "69", "522969"],
    ),
    (
        "Paris",
        "Parigi,Lutetia",
        ["48.85341", "2.3488", "FR", "11", "75", "2138551"],
    ),
    (
        "Paris",
        "",
        ["33.66094", "-95.55551", "US", "TX", "277", "24839"],
    ),
    (
        "Nice",
        "Nizza",
        ["43.70313", "7.26608", "FR", "93", "06", "342669"],
    ),
    (
        "Reading",
        "",
        ["51.45625", "-0.97113", "GB", "ENG", "D9", "318014"],
    ),
    (
        "Reading",
        "",
        ["40.33565", "-75.92687", "US", "PA", "011", "87879"],
    ),
    (
        "Mobile",
        "",
        ["30.69436", "-88.04305", "US", "AL", "097", "183289"],
    ),
    (
        "Orange",
        "",
        ["44.13806", "4.81025", "FR", "93", "84", "30530"],
    ),
    ("Of", "", ["40.94508", "40.26766", "TR", "61", "", "31951"]),
    (
        "London",
        "Londres,LON",
        ["51.50853", "-0.12574", "GB", "ENG", "GLA", "8961989"],
    ),
    (
        "London",
        "",
        ["42.98339", "-81.23304", "CA", "08", "", "422324"],
    ),
    (
        "Cambridge",
        "",
        ["52.2", "0.11667", "GB", "ENG", "C3", "145674"],
    ),
    (
        "Cambridge",
        "",
        ["42.3751", "-71.10561", "US", "MA", "017", "110402"],
    ),
    (
        "Boston",
        "",
        ["42.35843", "-71.05977", "US", "MA", "025", "653833"],
    ),
    (
        "Richmond",
        "",
        ["37.55376", "-77.46026", "US", "VA", "760", "229233"],
    ),
    (
        "New York City",
        "New York,NYC",
        ["40.71427", "-74.00597", "US", "NY", "", "8804190"],
    ),
    (
        "St. Louis",
        "Saint Louis",
        ["38.62727", "-90.19789", "US", "MO", "510", "315685"],
    ),
    (
        "Hollywood",
        "",
        ["26.0112", "-80.14949", "US", "FL", "011", "149728"],
    ),
    (
        "Ontario",
        "",
        ["34.06334", "-117.65089", "US", "CA", "071", "175265"],
    ),
    (
        "Toronto",
        "",
        ["43.70643", "-79.39864", "CA", "08", "", "2731571"],
    ),
    (
        "Munich",
        "München",
        ["48.13743", "11.57549", "DE", "02", "", "1260391"],
    ),
    (
        "Saint-Denis",
        "",
        ["48.93564", "2.35387", "FR", "11", "93", "96128"],
    ),
    (
        "Saint-Denis",
        "",
        ["-20.88231", "55.4504", "RE", "RE", "974", "154765"],
    ),
    (
        "Yaoundé",
        "Yaounde",
        ["3.86667", "11.51667", "CM", "11", "", "1299369"],
    ),
];

/// Returns a row of GeoNames.
pub(crate) fn row(town: &Town) -> String {
    let (name, others, [latitude, longitude, country, region, division, inhabitants]) = town;
    let start = format!("1\t{name}\t{name}\t{others}\t{latitude}\t{longitude}\tP\tPPL");
    let middle = format!("{country}\t\t{region}\t{division}\t\t\t{inhabitants}");
    format!("{start}\t{middle}\t\t0\tEurope/Paris\t2025-01-01\n")
}

pub(crate) const COMMUNES: &str = "\
code_insee,nom_commune,code_postal,nom_ville,code_departement,nom_departement,code_region,nom_region
69123,Lyon,,Lyon,69,Rhône,84,Auvergne-Rhône-Alpes
69383,Lyon 3e Arrondissement,69003,Lyon,69,Rhône,84,Auvergne-Rhône-Alpes
75056,Paris,,Paris,75,Paris,11,Île-de-France
75115,Paris 15e Arrondissement,75015,Paris,75,Paris,11,Île-de-France
13055,Marseille,,Marseille,13,Bouches-du-Rhône,93,Provence-Alpes-Côte d'Azur
13213,Marseille 13e Arrondissement,13013,Marseille,13,Bouches-du-Rhône,93,Provence-Alpes-Côte d'Azur
93066,Saint-Denis,93200,Saint-Denis,93,Seine-Saint-Denis,11,Île-de-France
42218,Saint-Étienne,42000,Saint-Étienne,42,Loire,84,Auvergne-Rhône-Alpes
";

/// Without the leading zeros of "01" and "01000"; one has no coordinates.
pub(crate) const POINTS: &str = "\
1000;BOURG EN BRESSE;46.2051520382;5.24602125501;Bourg-en-Bresse;Bourg-en-Bresse;1;Ain;Auvergne-Rhône-Alpes
69003;LYON;45.7533552486;4.86918522013;Lyon 03;Lyon 03;69;Rhône;Auvergne-Rhône-Alpes
75015;PARIS;48.8401554186;2.29355937244;Paris 15;Paris 15;75;Paris;Île-de-France
13013;MARSEILLE;43.3492780005;5.43372238738;Marseille 13;Marseille 13;13;Bouches-du-Rhône;Provence-Alpes-Côte d'Azur
6000;NICE;43.7119992661;7.23826889465;Nice;Nice;6;Alpes-Maritimes;Provence-Alpes-Côte d'Azur
84100;ORANGE;44.1283810914;4.80797637855;Orange;Orange;84;Vaucluse;Provence-Alpes-Côte d'Azur
94240;L HAY LES ROSES;48.7763276857;2.33771399853;Haÿ-les-Roses;L'Haÿ-les-Roses;94;Val-de-Marne;Île-de-France
97400;ST DENIS;-20.9329708192;55.4472562;Saint-Denis;Saint-Denis;974;La Réunion;La Réunion
20000;AJACCIO;41.9347926638;8.70132275974;Ajaccio;Ajaccio;2A;Corse-du-Sud;Corse
55000;CULEY;;;Culey;Culey;55;Meuse;Grand Est
80190;Y;49.8036;2.9921;Y;Y;80;Somme;Hauts-de-France
";

pub(crate) const COUNTRIES: &str = "FR,France\nGB,United Kingdom\nUS,United States\nCA,Canada\nDE,Germany\n\
    CM,Cameroon\nTR,Turkey\n\"KR\",\"Korea, Republic of\"\nMD,\"Moldova, Republic of\"\nRE,Reunion\nGE,Georgia\n";

/// Writes a file and returns its path.
pub(crate) fn write(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn example() -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let towns: String = TOWNS.iter().map(row).collect();
    // Names of files say nothing.
    let files = [
        write(folder, "a", COMMUNES),
        write(folder, "b", POINTS),
        write(folder, "c", COUNTRIES),
        write(folder, "d", towns),
    ];
    Gazetteer::load(&files).unwrap()
}

/// The small gazetteer.
pub(crate) static EXAMPLE: LazyLock<Loaded> = LazyLock::new(example);

/// Writes a resolution: the kind, name, region and country of the place, or "? " and the
/// likeliest of several.
pub(crate) fn said(gazetteer: &Gazetteer, answer: &Resolution<'_>) -> String {
    let Some(place) = answer.best() else {
        return "-".to_owned();
    };
    let region = gazetteer.region(place).map_or("", |region| &region.name);
    let doubt = if answer.found().is_some() { "" } else { "? " };
    let (kind, country) = (place.kind, place.country_code.as_str());
    format!("{doubt}{kind:?} {} {region} {country}", place.name)
}

static PUBLISHED: LazyLock<Option<Loaded>> = LazyLock::new(|| {
    let folder = data("geo")?;
    let names = [
        "countries.csv",
        "fr_communes_coords.csv",
        "fr_communes_departement_region.csv",
        "geonames_cities15000.zip",
    ];
    let files = names.map(|name| folder.join(name));
    Some(Gazetteer::load(&files).unwrap())
});

/// Returns the gazetteer of the published files; `None`, with a line, where they are not.
pub(crate) fn published() -> Option<&'static Loaded> {
    PUBLISHED.as_ref()
}

/// Returns a file or folder of the real data; `None`, with a line, where it is not.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let path = Path::new(data).join(name);
    if std::fs::exists(&path).unwrap_or(false) {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}
