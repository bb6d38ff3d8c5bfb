//! Opens a file and tells what it is by what stands in it.

use std::io::{Cursor, Read as _};
use std::path::Path;

use crate::error::PlacesError;

/// The most that is read of one file: twice GeoNames' towns above 500 inhabitants and
/// more. Its file of all places of the world is not meant for this.
const MOST_BYTES: u64 = 256 << 20;

/// What is read, for messages.
pub(crate) const EXPECTED: &str = "a GeoNames file of cities (.zip or .txt, 19 columns separated by tabs), \
    admin1CodesASCII.txt (4 columns separated by tabs), \
    communes with a header (code_insee,nom_commune,code_postal,code_departement,nom_departement,code_region,nom_region), \
    communes with coordinates (9 columns separated by semicolons: postcode; name; latitude; longitude; name; name with article; number of the département; its name; region), \
    or countries (code,name)";

/// Columns of GeoNames' files of places.
pub(crate) const GEONAMES_COLUMNS: usize = 19;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// Codes and English names of countries.
    Countries,
    /// GeoNames' names of regions (`admin1CodesASCII.txt`).
    Regions,
    /// French communes with their département and region.
    Communes,
    /// French communes with their coordinates.
    CommuneCoordinates,
    /// Towns of GeoNames.
    Geonames,
}

impl Content {
    /// Returns what is said of such a file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Countries => "countries",
            Self::Regions => "regions of GeoNames",
            Self::Communes => "French communes",
            Self::CommuneCoordinates => "coordinates of French communes",
            Self::Geonames => "towns of GeoNames",
        }
    }
}

/// Reads a file, out of its archive if it is one, and tells what it holds.
pub(crate) fn open(path: &Path) -> Result<(Content, String), PlacesError> {
    let file = std::fs::File::open(path).map_err(PlacesError::io(path))?;
    let mut bytes = bounded(file, path)?;
    if bytes.starts_with(b"PK\x03\x04") {
        bytes = unpack(bytes, path)?;
    }
    let mut text = String::from_utf8(bytes).map_err(|error| not_utf8(path, &error))?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    let first = text.lines().find(|line| !line.trim().is_empty());
    let content = first
        .and_then(content)
        .ok_or_else(|| PlacesError::Unknown {
            path: path.to_owned(),
            found: first.unwrap_or_default().chars().take(100).collect(),
            expected: EXPECTED,
        })?;
    Ok((content, text))
}

/// Tells what a file holds by its first line.
fn content(line: &str) -> Option<Content> {
    let tabs: Vec<&str> = line.split('\t').collect();
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let country =
        |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
    match tabs.as_slice() {
        [id, ..] if tabs.len() == GEONAMES_COLUMNS && number(id) => return Some(Content::Geonames),
        [code, _, _, id] if number(id) => {
            let (before, _) = code.split_once('.')?;
            return country(before).then_some(Content::Regions);
        }
        _ => {}
    }
    if line
        .split(',')
        .any(|name| name.trim_matches('"') == "code_insee")
    {
        return Some(Content::Communes);
    }
    if line.split(';').count() == 9 {
        return Some(Content::CommuneCoordinates);
    }
    let (code, name) = line.split_once(',')?;
    let is_name = !name.is_empty() && (name.starts_with('"') || !name.contains([',', ';', '\t']));
    (country(code.trim_matches('"')) && is_name).then_some(Content::Countries)
}

fn bounded(from: impl std::io::Read, path: &Path) -> Result<Vec<u8>, PlacesError> {
    let mut bytes = Vec::new();
    from.take(MOST_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(PlacesError::io(path))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(PlacesError::TooLarge {
            path: path.to_owned(),
            limit: MOST_BYTES,
        });
    }
    Ok(bytes)
}

/// Returns the file of places in an archive.
fn unpack(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, PlacesError> {
    let zip = |source| PlacesError::Zip {
        path: path.to_owned(),
        source,
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(zip)?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(zip)?;
        if !entry.is_file() {
            continue;
        }
        let text = bounded(entry, path)?;
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first.split(|byte| *byte == b'\t').count() == GEONAMES_COLUMNS {
            return Ok(text);
        }
    }
    let names = archive.file_names().filter_map(Result::ok);
    Err(PlacesError::EmptyZip {
        path: path.to_owned(),
        found: names.collect::<Vec<_>>().join(", "),
    })
}

fn not_utf8(path: &Path, error: &std::string::FromUtf8Error) -> PlacesError {
    let (good, bad) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
    let lines = good.iter().filter(|byte| **byte == b'\n').count();
    PlacesError::NotUtf8 {
        path: path.to_owned(),
        line: lines as u64 + 1,
        value: bad.first().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_line() {
        let geonames = format!("3040051\tles Escaldes{}", "\t".repeat(17));
        let communes = "1400;L ABERGEMENT;46.1;4.9;Abergement;L'Abergement;1;Ain;ARA";
        for (line, wanted) in [
            (geonames.as_str(), Some(Content::Geonames)),
            ("CM.05\tLittoral\tLittoral\t2229336", Some(Content::Regions)),
            (communes, Some(Content::CommuneCoordinates)),
            (
                "code_insee,nom_commune,code_postal",
                Some(Content::Communes),
            ),
            ("AD,Andorra", Some(Content::Countries)),
            ("CD,\"Congo, The Republic\"", Some(Content::Countries)),
            ("id,name", None),
            ("name;latitude;longitude", None),
            ("", None),
        ] {
            assert_eq!(content(line), wanted, "{line}");
        }
    }
}
