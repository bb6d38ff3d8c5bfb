//! Files that are not as they should be.

use std::error::Error as _;
use std::path::PathBuf;

use vivier_places::{Gazetteer, Hint, Reason};

use crate::support::{COMMUNES, COUNTRIES, POINTS, row, write};

fn refused(name: &str, content: impl AsRef<[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), name, content);
    let error = Gazetteer::load(&[path]).unwrap_err();
    let folder = format!("{}/", folder.path().display());
    error.to_string().replace(&folder, "")
}

#[test]
fn files_that_are_none_of_these_are_refused() {
    let expected = "code_insee,nom_commune,code_postal,";
    for content in [
        "",
        "id,name\n1,Lyon\n",
        "{\"name\":\"Lyon\"}\n",
        "city;lat;lon\n",
    ] {
        let said = refused("towns.csv", content);
        assert!(said.starts_with("towns.csv, line 1: "), "{said}");
        assert!(
            said.contains(expected) && said.contains("19 columns"),
            "{said}"
        );
    }
    let said = Gazetteer::load(&[]).unwrap_err().to_string();
    assert!(said.contains("no gazetteer file was given"), "{said}");
    let missing = Gazetteer::load(&[PathBuf::from("/nowhere/x.zip")]).unwrap_err();
    assert_eq!(missing.to_string(), "cannot read /nowhere/x.zip");
    assert!(missing.source().is_some());
}

#[test]
fn a_missing_column_is_named() {
    let said = refused("c.csv", COMMUNES.replace("nom_region", "region"));
    assert!(
        said.starts_with("c.csv, line 1: the column \"nom_region\" is missing"),
        "{said}"
    );
}

#[test]
fn bytes_that_are_no_text_are_named() {
    let mut bytes = POINTS.as_bytes().to_vec();
    let at = POINTS.find("NICE").unwrap();
    bytes[at] = 0xe9;
    assert_eq!(
        refused("p.csv", bytes),
        "p.csv, line 5: byte 0xe9 is not UTF-8"
    );
    // A file in Latin-1.
    let said = refused("l.csv", b"FR,France\nCI,C\xf4te d'Ivoire\n");
    assert_eq!(said, "l.csv, line 2: byte 0xf4 is not UTF-8");
}

#[test]
fn archives_that_cannot_be_used_are_refused() {
    let said = refused("cities.zip", b"PK\x03\x04 and no more");
    assert_eq!(said, "cities.zip is not readable as a zip archive");
    let mut empty = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    empty.start_file("readme.txt", options).unwrap();
    let bytes = empty.finish().unwrap().into_inner();
    let said = refused("cities.zip", bytes);
    assert_eq!(
        said,
        "cities.zip holds no text file of GeoNames' 19 columns; it has readme.txt"
    );
}

#[test]
fn a_file_of_broken_coordinates_is_refused() {
    let town = |latitude, longitude| row(&("X", "", [latitude, longitude, "FR", "84", "69", "1"]));
    let good = town("45.7", "4.8");
    for (bad, wanted) in [
        (
            town("457484", "4.8"),
            "line 2: latitude \"457484\" is out of range, as in 2 of 3 rows",
        ),
        (
            town("45.7", "-180.1"),
            "line 2: longitude \"-180.1\" is out of range",
        ),
        (
            town("NaN", "4.8"),
            "line 2: latitude \"NaN\" is not a number of degrees",
        ),
        (
            town("north", "4.8"),
            "line 2: latitude \"north\" is not a number of degrees",
        ),
        (
            town("45.7", ""),
            "line 2: longitude \"\" is not a number of degrees",
        ),
    ] {
        let said = refused("t.txt", format!("{good}{bad}{bad}"));
        assert!(said.starts_with(&format!("t.txt, {wanted}")), "{said}");
    }
}

#[test]
fn communes_with_latitude_and_longitude_exchanged_are_refused() {
    let rows = POINTS.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(';').collect();
        fields.swap(2, 3);
        fields.join(";") + "\n"
    });
    let said = refused("p.csv", rows.collect::<String>());
    let wanted = "p.csv, line 1: latitude \"5.24602125501\" is not in metropolitan France";
    assert!(said.starts_with(wanted), "{said}");
}

#[test]
fn a_file_of_rows_that_cannot_be_used_is_refused() {
    let said = refused("c.csv", "FR,France\n1,2\n3,4\n");
    assert!(
        said.starts_with("c.csv, line 2: code \"1\" has no country code"),
        "{said}"
    );
    assert!(said.ends_with("2 of 3 rows are left out"), "{said}");
}

#[test]
fn some_broken_rows_are_left_out_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "99999;BAD;95.0;4.0;Bad;Bad;69;Rhône;Auvergne-Rhône-Alpes\n";
    let strange = "ABCDE;ODD;45.7;4.8;Odd;Odd;69;Rhône;Auvergne-Rhône-Alpes\nshort;row\n";
    let points = write(folder.path(), "p.csv", format!("{POINTS}{broken}{strange}"));
    let countries = write(folder.path(), "c.csv", format!("\u{feff}{COUNTRIES}"));
    let loaded = Gazetteer::load(&[points, countries]).unwrap();
    let left_out = &loaded.left_out;
    let counts = [
        Reason::NoCoordinates,
        Reason::BrokenCoordinates,
        Reason::Fields,
        Reason::Postcode,
        Reason::LostZero,
    ]
    .map(|reason| left_out.count(reason));
    assert_eq!(counts, [1, 1, 1, 1, 2], "{loaded}");
    let said = loaded.to_string();
    assert!(said.contains("p.csv, line 12: latitude \"95.0\""), "{said}");
    assert!(said.contains("p.csv, line 14: row \"short,row\""), "{said}");
    let find = |name| loaded.gazetteer.resolve(name, Hint::default()).found();
    assert!(find("Bad").is_none() && find("Odd").is_some());
    let culey = find("Culey").unwrap();
    assert_eq!(culey.coordinates, None);
    let region = loaded.gazetteer.region(culey).unwrap();
    assert_eq!(&*region.name, "Grand Est");
}
