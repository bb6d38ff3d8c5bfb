//! Messages that change a collection, or which one an alias names.

use std::collections::BTreeMap;

use vivier_proto::v1;

use crate::convert::{vectors, words_of};
use crate::error::IndexError;
use crate::model::FacetUpdate;
use crate::writer::SetAliases;

/// Reads which aliases are to be set; none may be there twice.
pub(crate) fn set_aliases(request: v1::SetAliasesRequest) -> Result<SetAliases, IndexError> {
    let mut aliases = BTreeMap::new();
    for (index, message) in request.aliases.into_iter().enumerate() {
        let alias = message.alias.clone();
        if aliases.insert(message.alias, message.collection).is_some() {
            let field = format!("aliases[{index}].alias");
            return Err(IndexError::invalid(field, alias, "is there twice"));
        }
    }
    Ok(SetAliases {
        aliases,
        replace_collections: request.replace_collections,
        if_sequence: request.if_sequence,
    })
}

/// Writes aliases.
pub(crate) fn aliases_message(aliases: BTreeMap<String, String>) -> v1::ListAliasesResponse {
    let aliases = aliases
        .into_iter()
        .map(|(alias, collection)| v1::Alias { alias, collection });
    v1::ListAliasesResponse {
        aliases: aliases.collect(),
    }
}

/// Reads which facets of which points are updated.
pub(crate) fn updates(messages: Vec<v1::FacetUpdate>) -> Vec<FacetUpdate> {
    let updates = messages.into_iter().map(|message| FacetUpdate {
        id: message.id,
        vectors: vectors(message.vectors),
        words: words_of(message.words),
        if_revision: message.if_revision,
    });
    updates.collect()
}
