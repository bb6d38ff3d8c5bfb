//! The requests of one priority, and whose turn it is.

use std::collections::VecDeque;
use std::sync::Arc;

use super::ticket::Ticket;
use super::{Caller, Sequence, TURN_TOKENS};

/// One sequence on its way to the model.
pub(super) struct Item {
    pub(super) sequence: Sequence,
    /// Which sequence of its request it is.
    pub(super) place: usize,
    pub(super) ticket: Arc<Ticket>,
}

impl Item {
    pub(super) fn tokens(&self) -> usize {
        self.sequence.ids.len()
    }
}

/// One request, as far as it is not yet drawn.
pub(super) struct Job {
    items: VecDeque<Item>,
    ticket: Arc<Ticket>,
}

impl Job {
    pub(super) fn new(sequences: Vec<Sequence>, ticket: Arc<Ticket>) -> Self {
        let item = |(place, sequence)| Item {
            sequence,
            place,
            ticket: Arc::clone(&ticket),
        };
        Self {
            items: sequences.into_iter().enumerate().map(item).collect(),
            ticket,
        }
    }

    fn is_over(&self) -> bool {
        self.items.is_empty() || self.ticket.is_left()
    }
}

/// The requests of one caller.
struct Flow {
    caller: Caller,
    jobs: VecDeque<Job>,
    /// Tokens drawn in this turn. What exceeds a turn counts for the next one: long
    /// sequences buy no larger share.
    drawn: usize,
}

/// The requests of one priority.
pub(super) struct Lane {
    /// Callers in the order of their turns.
    flows: VecDeque<Flow>,
    /// Batches formed, in the order in which they go.
    staged: VecDeque<Vec<Item>>,
    /// Batches that are drawn and sorted together.
    window: usize,
}

impl Lane {
    /// Makes an empty lane that draws so many batches at a time.
    pub(super) fn new(window: usize) -> Self {
        Self {
            flows: VecDeque::new(),
            staged: VecDeque::new(),
            window,
        }
    }

    pub(super) fn push(&mut self, caller: Caller, job: Job) {
        if let Some(flow) = self.flows.iter_mut().find(|flow| flow.caller == caller) {
            flow.jobs.push_back(job);
        } else {
            self.flows.push_back(Flow {
                caller,
                jobs: [job].into(),
                drawn: 0,
            });
        }
    }

    /// Puts sequences before everything else, as a batch of their own.
    pub(super) fn put_back(&mut self, items: Vec<Item>) {
        self.staged.push_front(items);
    }

    /// Returns whether nothing waits; requests whose callers left may still count.
    pub(super) fn is_empty(&self) -> bool {
        self.flows.is_empty() && self.staged.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.flows.clear();
        self.staged.clear();
    }

    /// Takes the next batch, without sequences whose callers left; `None` when
    /// nothing waits.
    pub(super) fn take(&mut self, budget: usize) -> Option<Vec<Item>> {
        loop {
            self.stage(budget);
            let mut items = self.staged.pop_front()?;
            items.retain(|item| !item.ticket.is_left());
            if !items.is_empty() {
                return Some(items);
            }
        }
    }

    /// Draws a window and cuts it into batches, if none is formed.
    pub(super) fn stage(&mut self, budget: usize) {
        if self.staged.is_empty() {
            let drawn = self.draw(budget.saturating_mul(self.window));
            self.staged = cut(drawn, budget);
        }
    }

    /// Draws sequences, caller by caller, until the next one does not fit; at least
    /// one.
    fn draw(&mut self, budget: usize) -> Vec<Item> {
        let (mut drawn, mut tokens) = (Vec::new(), 0);
        while let Some(flow) = self.flow() {
            let Some(item) = flow.jobs.front_mut().and_then(|job| job.items.pop_front()) else {
                break;
            };
            let length = item.tokens();
            if tokens > 0 && tokens + length > budget {
                if let Some(job) = flow.jobs.front_mut() {
                    job.items.push_front(item);
                }
                break;
            }
            tokens += length;
            flow.drawn += length;
            drawn.push(item);
        }
        drawn
    }

    /// Returns the caller whose turn it is, a sequence at its front; forgets requests
    /// that are drawn or whose callers left.
    fn flow(&mut self) -> Option<&mut Flow> {
        loop {
            let flow = self.flows.front_mut()?;
            while flow.jobs.front().is_some_and(Job::is_over) {
                flow.jobs.pop_front();
            }
            if flow.jobs.is_empty() {
                self.flows.pop_front();
            } else if flow.drawn >= TURN_TOKENS {
                flow.drawn -= TURN_TOKENS;
                flow.jobs.rotate_left(1);
                self.flows.rotate_left(1);
            } else {
                break;
            }
        }
        self.flows.front_mut()
    }
}

/// Cuts sequences into batches of at most `budget` tokens, like lengths together.
/// The batch with the sequence that was drawn first goes first.
fn cut(items: Vec<Item>, budget: usize) -> VecDeque<Vec<Item>> {
    let mut sorted: Vec<(usize, Item)> = items.into_iter().enumerate().collect();
    sorted.sort_by_key(|(_, item)| item.tokens());
    let mut batches: Vec<(usize, Vec<Item>)> = Vec::new();
    let mut tokens = 0;
    for (order, item) in sorted {
        tokens += item.tokens();
        match batches.last_mut() {
            Some((first, batch)) if tokens <= budget => {
                *first = order.min(*first);
                batch.push(item);
            }
            _ => {
                tokens = item.tokens();
                batches.push((order, vec![item]));
            }
        }
    }
    batches.sort_by_key(|(first, _)| *first);
    batches.into_iter().map(|(_, batch)| batch).collect()
}
