//! The real CVs from which all other profiles are drawn.

use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;
use vivier_proto::v1;
use vivier_types::{Candidate, ProfileId};

use super::queries::read_lines;
use super::stage::{Shard, Stage};
use super::synthetic::Pool;
use crate::clients::ServerArgs;
use crate::ingest::{self, IngestArgs, ReadingArgs};
use crate::kind::Kind;
use crate::output::Output;
use crate::sample;

/// Seed of the homes, languages and statuses that CVs are given.
const SEED: u64 = 17;
/// Points read at once.
const PAGE: u32 = 200;

#[derive(Deserialize)]
struct Cv {
    text: String,
    lang: Option<String>,
}

/// Stores so many CVs of a file through the gateway and reads them back as points.
///
/// # Errors
/// When the file has too few, or the services fail.
pub(crate) async fn store(
    stage: &Stage,
    shard: &Shard,
    path: &Path,
    count: usize,
) -> anyhow::Result<Pool> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("cvs.jsonl");
    write(path, count, &file)?;
    let args = IngestArgs {
        files: vec![file],
        kind: Kind::Candidates,
        server: ServerArgs {
            server: stage.gateway().address().to_owned(),
        },
        reading: ReadingArgs::keeping(),
        format: None,
        batch: 32,
        in_flight: 4,
        every: 1,
        limit: None,
        rejects: None,
    };
    // What it prints is no result of this command.
    let mut quiet = Output::plain(std::io::sink());
    ingest::ingest(stage.gateway(), &args, &mut quiet).await?;
    let points = read_back(shard).await?;
    if points.len() < count {
        let found = points.len();
        bail!("{found} of {count} CVs were stored: is another pool in the folder?");
    }
    Pool::of(shard.collection().await?, &points)
}

/// Writes CVs of a file, evenly from all of it, as candidates.
fn write(path: &Path, count: usize, to: &Path) -> anyhow::Result<()> {
    let lines = read_lines(path)?;
    if lines.len() < count {
        let found = lines.len();
        bail!("{}: {found} CVs, {count} are needed", path.display());
    }
    let mut file = BufWriter::new(std::fs::File::create(to)?);
    let drawn = sample::draw_candidates(count, SEED)?;
    for (number, drawn) in drawn.into_iter().enumerate() {
        let place = number * lines.len() / count;
        let line = lines.get(place).map(String::as_str).unwrap_or_default();
        let cv: Cv = serde_json::from_str(line)
            .with_context(|| format!("{}: record {}", path.display(), place + 1))?;
        let candidate = Candidate {
            id: ProfileId::new(id(number))?,
            text: cv.text,
            lang: cv.lang,
            titles: Vec::new(),
            skills: Vec::new(),
            experiences: Vec::new(),
            education: Vec::new(),
            sensitive: std::collections::BTreeMap::new(),
            ..drawn
        };
        serde_json::to_writer(&mut file, &candidate)?;
        file.write_all(b"\n")?;
    }
    Ok(file.flush()?)
}

/// Real CVs come first in the order of the ids.
fn id(number: usize) -> String {
    format!("cv-{number:05}")
}

async fn read_back(shard: &Shard) -> anyhow::Result<Vec<v1::Point>> {
    let spec = shard.collection().await?;
    let mut points: Vec<v1::Point> = Vec::new();
    let mut after = String::new();
    loop {
        let request = v1::ScrollRequest {
            collection: spec.name.clone(),
            after_id: after,
            limit: PAGE,
            filter: None,
            parts: Some(v1::PointParts {
                payload: true,
                summary: true,
                document: true,
                vectors: true,
            }),
        };
        let page = shard.client().scroll(request).await?.into_inner();
        let known = points.len();
        let own = page.points.into_iter();
        points.extend(own.take_while(|point| point.id.starts_with("cv-")));
        after = page.next_after_id;
        if after.is_empty() || points.len() == known {
            return Ok(points);
        }
    }
}
