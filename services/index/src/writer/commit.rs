//! How the writer makes a group of writes durable and visible.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::collection::{Collection, Publish};
use crate::erase::{Erasure, MAX_ERASURES};
use crate::error::{IndexError, WriteError};
use crate::model::{FacetUpdate, Operation, Outcome};
use crate::update;
use crate::writer::{After, Reply, SetAliases, Write, Writer, respond};

impl Writer {
    /// Commits a group. A change of the catalog and an update stand alone: what
    /// follows may need the collection, what was there before is joined with it.
    pub(super) fn commit(&mut self, group: Vec<(Write, Reply)>) {
        let mut run = Vec::new();
        for (write, reply) in group {
            let operation = match write {
                Write::Upsert {
                    name,
                    checked,
                    records,
                } => {
                    let collection = self.target(&name, &checked);
                    collection.map(|collection| Operation::Upsert {
                        collection: collection.name().to_owned(),
                        records,
                    })
                }
                Write::Delete { name, ids } => {
                    let collection = self.engine.collection(&name);
                    let collection = collection.ok_or(IndexError::CollectionNotFound { name });
                    collection.map(|collection| Operation::Delete {
                        collection: collection.name().to_owned(),
                        ids,
                    })
                }
                alone @ (Write::Change(_) | Write::SetAliases(_) | Write::Update { .. }) => {
                    self.commit_run(std::mem::take(&mut run));
                    let answer = self.commit_alone(alone);
                    respond(reply, answer);
                    continue;
                }
            };
            match operation {
                Ok(operation) => run.push((operation, reply)),
                Err(error) => respond(reply, Err(error)),
            }
        }
        self.commit_run(run);
    }

    fn commit_alone(&mut self, write: Write) -> Result<Outcome, IndexError> {
        match write {
            Write::Change(change) => {
                let limits = &self.engine.config.limits;
                let is_needed = self.engine.catalog().check(&change, limits)?;
                self.change(is_needed, change)
            }
            Write::SetAliases(set) => {
                let is_needed = self.check_aliases(&set)?;
                self.change(is_needed, Operation::SetAliases(set.aliases))
            }
            Write::Update {
                name,
                checked,
                updates,
            } => self.update(&name, &checked, updates),
            // These are committed with others.
            Write::Upsert { .. } | Write::Delete { .. } => Ok(Outcome::default()),
        }
    }

    /// Returns the collection of a name or an alias, which must be the one that a
    /// write was checked against.
    fn target(&self, name: &str, checked: &Arc<Collection>) -> Result<Arc<Collection>, IndexError> {
        let name = name.to_owned();
        match self.engine.collection(&name) {
            Some(collection) if Arc::ptr_eq(&collection, checked) => Ok(collection),
            Some(_) => Err(IndexError::Switched { name }),
            None => Err(IndexError::CollectionNotFound { name }),
        }
    }

    /// Tells whether a collection has not been dropped.
    pub(super) fn is_current(&self, collection: &Arc<Collection>) -> bool {
        let current = self.engine.collection(collection.name());
        current.is_some_and(|current| Arc::ptr_eq(&current, collection))
    }

    /// Tells whether aliases are to be set.
    fn check_aliases(&self, set: &SetAliases) -> Result<bool, IndexError> {
        let last = self.engine.sequence();
        if set.if_sequence != 0 && set.if_sequence != last {
            let reason = format!("is not the last operation, which is {last}");
            let value = set.if_sequence.to_string();
            return Err(IndexError::refused("if_sequence", value, reason));
        }
        let limits = &self.engine.config.limits;
        let catalog = self.engine.catalog();
        catalog.check_aliases(&set.aliases, set.replace_collections, limits)
    }

    /// Makes a change of the catalog, if one is needed and allowed; the segments of
    /// collections that it drops are gone when this returns.
    fn change(&mut self, is_needed: bool, change: Operation) -> Result<Outcome, IndexError> {
        if !is_needed {
            return Ok(Outcome::default());
        }
        let mut dropped = self.engine.collections();
        let outcome = self.write_alone(change)?;
        dropped.retain(|collection| !self.is_current(collection));
        if !dropped.is_empty() {
            let segments = dropped.iter().flat_map(|c| c.segments());
            self.gone.extend(segments.map(|view| view.segment.number));
            self.checkpoint();
        }
        Ok(outcome)
    }

    /// Joins updates with what is stored and writes the whole records.
    fn update(
        &mut self,
        name: &str,
        checked: &Arc<Collection>,
        updates: Vec<FacetUpdate>,
    ) -> Result<Outcome, IndexError> {
        let collection = self.target(name, checked)?;
        let mut sum = Outcome {
            sequence: self.engine.sequence(),
            ..Outcome::default()
        };
        let mut updates = updates.into_iter().peekable();
        while updates.peek().is_some() {
            let records = update::join(&collection, &mut updates, &mut sum)?;
            if records.is_empty() {
                continue;
            }
            let operation = Operation::Upsert {
                collection: collection.name().to_owned(),
                records,
            };
            let outcome = self.write_alone(operation)?;
            sum.sequence = outcome.sequence;
            sum.replaced += outcome.replaced;
            if updates.peek().is_some() {
                self.maintain();
            }
        }
        Ok(sum)
    }

    fn write_alone(&mut self, operation: Operation) -> Result<Outcome, IndexError> {
        if self.broken {
            return Err(IndexError::ReadOnly);
        }
        match self.write(&[operation]) {
            Ok(outcomes) => Ok(outcomes.first().copied().unwrap_or_default()),
            Err(error) => {
                self.broken = true;
                Err(IndexError::Write(Arc::new(error)))
            }
        }
    }

    /// Commits operations together.
    fn commit_run(&mut self, run: Vec<(Operation, Reply)>) {
        if run.is_empty() {
            return;
        }
        if self.broken {
            for (_, reply) in run {
                respond(reply, Err(IndexError::ReadOnly));
            }
            return;
        }
        let (operations, replies): (Vec<_>, Vec<_>) = run.into_iter().unzip();
        match self.write(&operations) {
            Ok(outcomes) => {
                let answers = replies.into_iter().zip(outcomes);
                for ((reply, outcome), operation) in answers.zip(operations) {
                    self.acknowledge(reply, outcome, operation);
                }
            }
            Err(error) => {
                self.broken = true;
                let error = Arc::new(error);
                for reply in replies {
                    respond(reply, Err(IndexError::Write(Arc::clone(&error))));
                }
            }
        }
    }

    /// Answers a write that is committed, or lets it wait for its erasure.
    fn acknowledge(&mut self, reply: Reply, outcome: Outcome, operation: Operation) {
        match (reply.after, operation) {
            (After::Erasure, Operation::Delete { collection, ids }) => {
                if self.erasures.len() >= MAX_ERASURES {
                    let (what, limit) = ("erasures", MAX_ERASURES);
                    return respond(reply, Err(IndexError::Overloaded { what, limit }));
                }
                self.erasures.push(Erasure {
                    collection,
                    ids,
                    outcome,
                    reply: reply.to,
                });
            }
            _ => respond(reply, Ok(outcome)),
        }
    }

    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>, WriteError> {
        let borrowed: Vec<&Operation> = operations.iter().collect();
        let first = self.log.append(&borrowed)?;
        let last = self.log.last_sequence();
        let outcomes = self.apply(first, &borrowed)?;
        self.engine.set_sequence(last);
        Ok(outcomes)
    }

    /// Applies operations in memory, all of one collection in one step.
    fn apply(&self, first: u64, operations: &[&Operation]) -> Result<Vec<Outcome>, WriteError> {
        let mut outcomes = vec![Outcome::default(); operations.len()];
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (sequence, (index, operation)) in (first..).zip(operations.iter().enumerate()) {
            match operation.points_of() {
                Some(name) => groups.entry(name).or_default().push(index),
                None => {
                    self.engine.change(sequence, operation)?;
                    outcomes[index].changed = true;
                }
            }
        }
        for (name, indexes) in groups {
            let Some(collection) = self.engine.collection(name) else {
                continue;
            };
            let group: Vec<_> = indexes.iter().map(|index| operations[*index]).collect();
            let found = collection.apply(&group, Publish::Now)?;
            for (index, outcome) in indexes.into_iter().zip(found) {
                outcomes[index] = outcome;
            }
        }
        for (sequence, outcome) in (first..).zip(&mut outcomes) {
            outcome.sequence = sequence;
        }
        Ok(outcomes)
    }
}
