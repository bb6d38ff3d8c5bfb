//! Vectors, queries and truth as files of raw numbers.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;

use crate::failure::Usage;

/// Vectors, queries and the best vectors of each query.
pub(crate) struct Sets {
    pub(crate) dim: usize,
    pub(crate) k: usize,
    /// `[n, dim]`
    pub(crate) vectors: Vec<f32>,
    /// `[queries, dim]`
    pub(crate) queries: Vec<f32>,
    /// `[queries, k]`
    pub(crate) truth: Vec<u32>,
}

impl Sets {
    /// Reads the files of vectors, queries and truth.
    ///
    /// # Errors
    /// When one cannot be read, or they do not fit together.
    pub(crate) fn read(files: [&Path; 3], dim: usize, k: usize) -> anyhow::Result<Self> {
        let [vectors, queries, truth] = files;
        let sets = Self {
            dim,
            k,
            vectors: numbers(vectors, f32::from_le_bytes)?,
            queries: numbers(queries, f32::from_le_bytes)?,
            truth: numbers(truth, u32::from_le_bytes)?,
        };
        let whole = |name: &Path, length: usize, row: usize| match length % row {
            0 => Ok(length / row),
            rest => Err(Usage(format!(
                "{}: the last row has {rest} of {row} numbers",
                name.display()
            ))),
        };
        let count = whole(vectors, sets.vectors.len(), dim)?;
        let asked = whole(queries, sets.queries.len(), dim)?;
        let answered = whole(truth, sets.truth.len(), k)?;
        if asked == 0 || asked != answered {
            let truth = truth.display();
            return Err(Usage(format!(
                "{truth}: truth of {answered} queries, there are {asked}"
            ))
            .into());
        }
        let beyond = |vector: &&u32| usize::try_from(**vector).is_ok_and(|vector| vector >= count);
        if let Some(vector) = sets.truth.iter().find(beyond) {
            let truth = truth.display();
            return Err(Usage(format!("{truth}: names vector {vector}, there are {count}")).into());
        }
        Ok(sets)
    }

    /// Writes the three files into a folder.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        save(
            &folder.join("x.bin"),
            self.vectors.iter().map(|value| value.to_le_bytes()),
        )?;
        save(
            &folder.join("q.bin"),
            self.queries.iter().map(|value| value.to_le_bytes()),
        )?;
        save(
            &folder.join("gt.bin"),
            self.truth.iter().map(|value| value.to_le_bytes()),
        )
    }
}

fn numbers<T>(path: &Path, decode: impl Fn([u8; 4]) -> T) -> anyhow::Result<Vec<T>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = File::open(path).with_context(unreadable)?;
    let bytes = file.metadata().with_context(unreadable)?.len();
    if !bytes.is_multiple_of(4) {
        return Err(Usage(format!(
            "{}: {bytes} bytes are no numbers of 4",
            path.display()
        ))
        .into());
    }
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut found = Vec::with_capacity(usize::try_from(bytes / 4)?);
    let mut field = [0; 4];
    for _ in 0..bytes / 4 {
        reader.read_exact(&mut field).with_context(unreadable)?;
        found.push(decode(field));
    }
    Ok(found)
}

fn save(path: &Path, numbers: impl Iterator<Item = [u8; 4]>) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let file = File::create(path).with_context(unwritable)?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    for number in numbers {
        writer.write_all(&number).with_context(unwritable)?;
    }
    writer.flush().with_context(unwritable)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Sets {
        Sets {
            dim: 2,
            k: 1,
            vectors: vec![1.0, 0.0, 0.0, 1.0],
            queries: vec![0.5, 1.0],
            truth: vec![1],
        }
    }

    fn read(sets: &Sets) -> anyhow::Result<Sets> {
        let folder = tempfile::tempdir().unwrap();
        sets.write(folder.path()).unwrap();
        let file = |name| folder.path().join(name);
        Sets::read(
            [&file("x.bin"), &file("q.bin"), &file("gt.bin")],
            sets.dim,
            sets.k,
        )
    }

    #[test]
    fn what_is_written_is_read() {
        let found = read(&sets()).unwrap();
        let expected = sets();
        assert_eq!(
            (found.vectors, found.queries, found.truth),
            (expected.vectors, expected.queries, expected.truth)
        );
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        for (broken, word) in [
            (
                Sets {
                    vectors: vec![1.0; 3],
                    ..sets()
                },
                "last row",
            ),
            (
                Sets {
                    truth: vec![2],
                    ..sets()
                },
                "names vector 2",
            ),
            (
                Sets {
                    truth: vec![1, 0],
                    ..sets()
                },
                "truth of 2 queries",
            ),
            (
                Sets {
                    queries: vec![],
                    truth: vec![],
                    ..sets()
                },
                "truth of 0 queries",
            ),
        ] {
            let error = read(&broken).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
    }
}
