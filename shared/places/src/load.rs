//! Reads the files of a gazetteer.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::draft::Draft;
use crate::error::PlacesError;
use crate::gazetteer::Gazetteer;
use crate::place::Kind;
use crate::reading::{LeftOut, Tally};
use crate::source::{self, Content, EXPECTED};
use crate::{communes, geonames, join};

/// A gazetteer and what is to be told of it.
#[derive(Debug)]
pub struct Loaded {
    /// The gazetteer.
    pub gazetteer: Gazetteer,
    /// The files that were read, what they hold, and their rows, left-out ones included.
    pub files: Vec<(PathBuf, Content, usize)>,
    /// What was left out or mended.
    pub left_out: LeftOut,
    /// Towns of GeoNames that were joined with a French commune.
    pub joined: usize,
    /// How long it took.
    pub elapsed: Duration,
}

impl Gazetteer {
    /// Reads a gazetteer from files in any order; what each holds is told by its content:
    /// towns of GeoNames (`cities15000.zip` or the like, or the text in it), GeoNames'
    /// `admin1CodesASCII.txt`, the two files of French communes, and the list of
    /// countries. None of them is required.
    ///
    /// A row that cannot be used is left out and told; [`Loaded`] says which.
    ///
    /// # Errors
    /// When no file is given, a file cannot be read, is of none of these forms, is not
    /// UTF-8, or more than half of its rows, or of its coordinates, are broken. The error
    /// names the file, and the line, column and value where there is one.
    pub fn load(paths: &[PathBuf]) -> Result<Loaded, PlacesError> {
        let started = Instant::now();
        if paths.is_empty() {
            return Err(PlacesError::NoFiles { expected: EXPECTED });
        }
        let mut draft = Draft::default();
        let mut files = Vec::new();
        let mut left_out = LeftOut::default();
        for path in paths {
            let (content, text) = source::open(path)?;
            let mut tally = Tally::new(path);
            match content {
                Content::Geonames => geonames::towns(&text, &mut tally, &mut draft),
                Content::Regions => geonames::regions(&text, &mut tally, &mut draft),
                Content::Communes => communes::communes(&text, &mut tally, &mut draft)?,
                Content::CommuneCoordinates => {
                    communes::coordinates(&text, &mut tally, &mut draft)?;
                }
                Content::Countries => communes::countries(&text, &mut tally, &mut draft)?,
            }
            tally.check()?;
            files.push((path.clone(), content, tally.rows));
            left_out.append(tally.left_out);
        }
        let (gazetteer, joined) = join::join(draft)?;
        Ok(Loaded {
            gazetteer,
            files,
            left_out,
            joined,
            elapsed: started.elapsed(),
        })
    }
}

/// Says what was loaded, in some lines.
impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (path, content, rows) in &self.files {
            writeln!(f, "{}: {rows} rows of {}", path.display(), content.name())?;
        }
        let counts = Kind::ALL.map(|kind| {
            let count = self.gazetteer.places().filter(|place| place.kind == kind);
            format!("{} {}", count.count(), kind.plural())
        });
        writeln!(f, "{}", counts.join(", "))?;
        let names = self.gazetteer.count_names();
        let joined = self.joined;
        writeln!(f, "{names} names; {joined} towns joined with a commune")?;
        write!(f, "{}", self.left_out)
    }
}
