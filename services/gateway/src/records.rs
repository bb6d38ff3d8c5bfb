//! Reads, deletes and lists stored profiles.

use std::collections::BTreeMap;

use futures::future::{join_all, try_join_all};
use prost::Message;
use prost::bytes::Bytes;
use vivier_proto::v1;
use vivier_proto::v1::profile::Kind;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::{ProfileId, ProfileKind, Violation};

use crate::cluster::{Cluster, SENSITIVE, collection};
use crate::error::{CallError, GatewayError};
use crate::filter::{FilterLimits, check_filter};

/// Profiles on a page when the caller does not say.
const DEFAULT_PAGE: u32 = 100;

/// Most profiles on a page: what a shard returns at once.
const MAX_PAGE: u32 = 1_000;

/// Returns the stored point of a profile, with the parts asked for.
///
/// # Errors
/// [`GatewayError::NotFound`] when it is not stored.
pub(crate) async fn fetch_point(
    cluster: &Cluster,
    kind: ProfileKind,
    id: &ProfileId,
    parts: v1::PointParts,
    deadline: Deadline,
) -> Result<v1::Point, GatewayError> {
    let missing = || GatewayError::NotFound {
        kind,
        id: id.clone(),
    };
    let shard = &cluster.shards[cluster.placement.shard_of(id.as_str())];
    let request = v1::GetRequest {
        collection: collection(kind).to_owned(),
        ids: vec![id.as_str().to_owned()],
        parts: Some(parts),
    };
    let points = match shard.get(request, deadline).await {
        Ok(points) => points,
        // A shard without the collection has no profile of that kind.
        Err(error) if error.code == ErrorCode::NotFound => return Err(missing()),
        Err(error) => return Err(error.into()),
    };
    points.into_iter().next().ok_or_else(missing)
}

/// Returns one profile, without its sensitive attributes.
///
/// # Errors
/// [`GatewayError::NotFound`] when it is not stored.
pub(crate) async fn get(
    cluster: &Cluster,
    kind: ProfileKind,
    id: &ProfileId,
    deadline: Deadline,
) -> Result<v1::Profile, GatewayError> {
    let parts = v1::PointParts {
        document: true,
        ..Default::default()
    };
    let point = fetch_point(cluster, kind, id, parts, deadline).await?;
    decode_document(kind, &point.id, &point.document)
}

/// Reads a stored record.
///
/// # Errors
/// [`GatewayError::Corrupt`] when it cannot be read.
pub(crate) fn decode_document(
    kind: ProfileKind,
    id: &str,
    document: &Bytes,
) -> Result<v1::Profile, GatewayError> {
    let decoded = match kind {
        ProfileKind::Candidate => v1::Candidate::decode(document.clone()).map(Kind::Candidate),
        ProfileKind::Vacancy => v1::Vacancy::decode(document.clone()).map(Kind::Vacancy),
    };
    let kind = decoded.map_err(|source| GatewayError::Corrupt {
        kind,
        id: id.to_owned(),
        source: Box::new(source),
    })?;
    Ok(v1::Profile { kind: Some(kind) })
}

/// How thoroughly a profile is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It is found no more.
    Delete,
    /// No byte of it is on a disk any more.
    Erase,
}

/// Deletes one profile and its sensitive attributes.
///
/// Every shard is asked, not only the one where the profile lives now: a copy
/// from before shards were added goes too. The sensitive attributes go first,
/// so that they never stand without their candidate.
///
/// # Errors
/// [`GatewayError::NotFound`] when no shard has it and none was to erase it; when a shard does not
/// answer, a copy may be left, so the call fails and can be sent again.
pub(crate) async fn delete(
    cluster: &Cluster,
    kind: ProfileKind,
    id: &ProfileId,
    removal: Removal,
    deadline: Deadline,
) -> Result<(), GatewayError> {
    let _turn = cluster.turn(deadline).await?;
    if kind == ProfileKind::Candidate {
        delete_everywhere(cluster, SENSITIVE, id, removal, deadline).await?;
    }
    let deleted = delete_everywhere(cluster, collection(kind), id, removal, deadline).await?;
    if deleted == 0 && removal == Removal::Delete {
        return Err(GatewayError::NotFound {
            kind,
            id: id.clone(),
        });
    }
    Ok(())
}

async fn delete_everywhere(
    cluster: &Cluster,
    collection: &str,
    id: &ProfileId,
    removal: Removal,
    deadline: Deadline,
) -> Result<u64, CallError> {
    let calls = cluster.shards.iter().map(|shard| async move {
        let collection = collection.to_owned();
        let ids = vec![id.as_str().to_owned()];
        match removal {
            Removal::Delete => {
                let request = v1::DeleteRequest { collection, ids };
                shard.delete(request, deadline).await
            }
            Removal::Erase => {
                let request = v1::EraseRequest { collection, ids };
                shard.erase(request, deadline).await
            }
        }
    });
    let mut deleted = 0;
    for answer in join_all(calls).await {
        deleted += match answer {
            Ok(count) => count,
            Err(error) if error.code == ErrorCode::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(deleted)
}

/// What a page of a list holds, and where the next begins.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) profiles: Vec<v1::Profile>,
    pub(crate) next_page_token: String,
}

/// Lists profiles of all shards in id order.
///
/// # Errors
/// When the page size or the filter breaks a rule, or when a shard does not
/// answer: a page with holes would pass for a whole one.
pub(crate) async fn list(
    cluster: &Cluster,
    kind: ProfileKind,
    request: v1::ListProfilesRequest,
    deadline: Deadline,
) -> Result<Page, GatewayError> {
    let limit = page_size(request.page_size)?;
    if let Some(filter) = &request.filter {
        let limits = FilterLimits {
            depth: cluster.config.max_filter_depth,
            nodes: cluster.config.max_filter_nodes,
        };
        check_filter(filter, "filter", limits)?;
    }
    let scroll = v1::ScrollRequest {
        collection: collection(kind).to_owned(),
        after_id: request.page_token,
        limit,
        filter: request.filter,
        parts: Some(v1::PointParts {
            document: true,
            ..Default::default()
        }),
    };
    let calls = cluster
        .shards
        .iter()
        .map(|shard| scroll_shard(shard, scroll.clone(), deadline));
    let pages = try_join_all(calls).await?;
    merge_pages(kind, pages, usize::try_from(limit).unwrap_or(usize::MAX))
}

async fn scroll_shard(
    shard: &crate::clients::Shard,
    request: v1::ScrollRequest,
    deadline: Deadline,
) -> Result<v1::ScrollResponse, GatewayError> {
    match shard.scroll(request, deadline).await {
        Ok(page) => Ok(page),
        Err(error) if error.code == ErrorCode::NotFound => Ok(v1::ScrollResponse::default()),
        Err(error) if error.code == ErrorCode::InvalidArgument => Err(GatewayError::Refused(error)),
        Err(error) => Err(error.into()),
    }
}

fn page_size(given: u32) -> Result<u32, Violation> {
    match given {
        0 => Ok(DEFAULT_PAGE),
        1..=MAX_PAGE => Ok(given),
        _ => Err(Violation::new(
            "page_size",
            given,
            format!("must be at most {MAX_PAGE}"),
        )),
    }
}

/// Takes the first `limit` ids of the shards' pages, each in id order. There is
/// a next page when a shard has one or when something was left out here.
fn merge_pages(
    kind: ProfileKind,
    pages: Vec<v1::ScrollResponse>,
    limit: usize,
) -> Result<Page, GatewayError> {
    let mut more = pages.iter().any(|page| !page.next_after_id.is_empty());
    // Past the end of a page that has a next one, other ids may come between.
    let known_to = pages
        .iter()
        .filter(|page| !page.next_after_id.is_empty())
        .map(|page| page.next_after_id.clone())
        .min();
    let points: BTreeMap<String, Bytes> = pages
        .into_iter()
        .flat_map(|page| page.points)
        .map(|point| (point.id, point.document))
        .filter(|(id, _)| known_to.as_ref().is_none_or(|last| id <= last))
        .collect();
    more |= points.len() > limit;
    let mut profiles = Vec::with_capacity(limit.min(points.len()));
    let mut last = known_to.unwrap_or_default();
    for (id, document) in points.iter().take(limit) {
        profiles.push(decode_document(kind, id, document)?);
        last.clone_from(id);
    }
    Ok(Page {
        profiles,
        next_page_token: if more { last } else { String::new() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(ids: &[&str], next: &str) -> v1::ScrollResponse {
        let points = ids
            .iter()
            .map(|id| v1::Point {
                id: (*id).to_owned(),
                document: v1::Vacancy {
                    id: (*id).to_owned(),
                    ..Default::default()
                }
                .encode_to_vec()
                .into(),
                ..Default::default()
            })
            .collect();
        v1::ScrollResponse {
            points,
            next_after_id: next.to_owned(),
        }
    }

    fn merged(pages: Vec<v1::ScrollResponse>, limit: usize) -> (Vec<String>, String) {
        let page = merge_pages(ProfileKind::Vacancy, pages, limit).unwrap();
        let ids = page
            .profiles
            .iter()
            .map(|profile| crate::draft::wire_id(profile).to_owned());
        (ids.collect(), page.next_page_token)
    }

    #[test]
    fn pages_merge_in_id_order_without_holes() {
        let (ids, next) = merged(vec![page(&["a", "d"], "d"), page(&["b", "c"], "c")], 2);
        assert_eq!(
            (ids, next),
            (vec!["a".to_owned(), "b".to_owned()], "b".to_owned())
        );
        // The second shard may hold "ca": "d" must wait for the next page.
        let (ids, next) = merged(vec![page(&["a", "d"], ""), page(&["b", "c"], "c")], 4);
        assert_eq!((ids.join(""), next.as_str()), ("abc".to_owned(), "c"));
        let (ids, next) = merged(vec![page(&["a"], ""), page(&["b"], "")], 4);
        assert_eq!((ids.join(""), next.as_str()), ("ab".to_owned(), ""));
        let (ids, next) = merged(vec![page(&["a", "b"], ""), page(&["c"], "")], 2);
        assert_eq!((ids.join(""), next.as_str()), ("ab".to_owned(), "b"));
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(page_size(0).unwrap(), DEFAULT_PAGE);
        assert_eq!(page_size(MAX_PAGE).unwrap(), MAX_PAGE);
        assert_eq!(page_size(MAX_PAGE + 1).unwrap_err().field, "page_size");
    }

    #[test]
    fn an_unreadable_record_is_named() {
        let error = decode_document(ProfileKind::Candidate, "c9", &Bytes::from_static(&[0xff]));
        assert!(error.unwrap_err().to_string().contains("c9"));
    }
}
