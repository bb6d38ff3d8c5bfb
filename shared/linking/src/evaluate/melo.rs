//! Folders of MELO (Retyk et al. 2024): national job titles, and the labels of ESCO's
//! occupations that name the same. Four files without headers: `queries.tsv`,
//! `corpus_elements.tsv`, `annotations.tsv` in TREC's format, `concept_mapping.tsv`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use super::QuestionsError;

/// One folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Melo {
    /// The titles, with what is right.
    pub questions: Vec<MeloQuestion>,
    /// The labels to be ranked, each with the URI of its concept.
    pub elements: Vec<(String, String)>,
}

/// A title and the places of the labels that are right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeloQuestion {
    /// The title.
    pub text: String,
    /// Places among the elements.
    pub right: BTreeSet<usize>,
}

impl Melo {
    /// Reads a folder.
    ///
    /// # Errors
    /// When a file is missing, or a line names what is not there.
    pub fn read(folder: &Path) -> Result<Self, QuestionsError> {
        let uris: BTreeMap<String, String> = rows::<2>(&folder.join("concept_mapping.tsv"))?
            .into_iter()
            .map(|(_, [element, uri])| (element, uri))
            .collect();
        let path = folder.join("corpus_elements.tsv");
        let mut places = HashMap::new();
        let mut elements = Vec::new();
        for (line, [element, text]) in rows::<2>(&path)? {
            let uri = uris.get(&element).cloned();
            let uri = uri.ok_or_else(|| bad(&path, line, "has no concept", &element))?;
            places.insert(element, elements.len());
            elements.push((text, uri));
        }
        let path = folder.join("annotations.tsv");
        let mut right: HashMap<String, BTreeSet<usize>> = HashMap::new();
        for (line, [query, _, element, grade]) in rows::<4>(&path)? {
            let place = places.get(&element);
            let place = place.ok_or_else(|| bad(&path, line, "is no element", &element))?;
            if grade != "0" {
                right.entry(query).or_default().insert(*place);
            }
        }
        let path = folder.join("queries.tsv");
        let mut without = 0;
        let mut questions = Vec::new();
        for (_, [query, text]) in rows::<2>(&path)? {
            match right.remove(&query) {
                Some(right) => questions.push(MeloQuestion { text, right }),
                None => without += 1,
            }
        }
        if questions.is_empty() {
            return Err(QuestionsError::Empty {
                path: folder.to_owned(),
                without,
            });
        }
        Ok(Self {
            questions,
            elements,
        })
    }
}

/// Reads the rows of a file, with their lines.
fn rows<const N: usize>(path: &Path) -> Result<Vec<(usize, [String; N])>, QuestionsError> {
    let text = std::fs::read_to_string(path).map_err(QuestionsError::io(path))?;
    let mut rows = Vec::new();
    for (line, row) in (1..).zip(text.lines()) {
        let fields: Vec<String> = row
            .split('\t')
            .map(|field| field.trim().to_owned())
            .collect();
        let count = fields.len();
        let fields = fields.try_into().map_err(|_| QuestionsError::Line {
            path: path.to_owned(),
            line,
            problem: format!("{count} fields, not {N}, separated by tabs"),
        })?;
        rows.push((line, fields));
    }
    Ok(rows)
}

fn bad(path: &Path, line: usize, problem: &str, value: &str) -> QuestionsError {
    QuestionsError::Line {
        path: path.to_owned(),
        line,
        problem: format!("{value:?} {problem}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        std::fs::write(folder.join(name), text).unwrap();
    }

    #[test]
    fn folders_are_read_and_faults_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "queries.tsv", "Q1\tBoucher (h/f/x)\nQ2\tRien\n");
        write(
            folder,
            "corpus_elements.tsv",
            "C1\tboucher\nC2\tpoissonnier\n",
        );
        write(folder, "annotations.tsv", "Q1\t0\tC1\t1\n");
        let error = Melo::read(folder).unwrap_err().to_string();
        assert!(error.contains("concept_mapping.tsv"), "{error}");
        write(folder, "concept_mapping.tsv", "C1\tesco:1\nC2\tesco:2\n");
        let melo = Melo::read(folder).unwrap();
        assert_eq!(melo.elements.len(), 2);
        assert_eq!(
            melo.questions.len(),
            1,
            "a title without an answer is left out"
        );
        assert_eq!(melo.questions[0].right, BTreeSet::from([0]));
        write(folder, "annotations.tsv", "Q1\t0\tC9\t1\n");
        let error = Melo::read(folder).unwrap_err().to_string();
        assert!(
            error.ends_with("annotations.tsv, line 1: \"C9\" is no element"),
            "{error}"
        );
        write(folder, "annotations.tsv", "Q1 0 C1 1\n");
        let error = Melo::read(folder).unwrap_err().to_string();
        assert!(error.contains("line 1: 1 fields, not 4"), "{error}");
    }
}
