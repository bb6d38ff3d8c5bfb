//! Circles of broader concepts, which would have no top.

use std::collections::BTreeSet;

use crate::defects::MAX_EXAMPLES;
use crate::table::{Lists, index};

/// A relation that closes a circle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Circle {
    /// The relation, from narrower to broader.
    pub(crate) closing: (u32, u32),
    /// The concepts of the circle, from the broader one of the relation to the narrower;
    /// empty but for the first circles.
    pub(crate) concepts: Vec<u32>,
}

/// How far the walk has come with a concept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}

/// Takes those of sorted pairs out that close a circle, walking from the lowest number on;
/// returns them.
pub(crate) fn break_circles(count: usize, pairs: &mut Vec<(u32, u32)>) -> Vec<Circle> {
    let lists = Lists::in_order(count, pairs);
    let mut states = vec![State::New; count];
    let mut circles = Vec::new();
    for start in (0..).take(count) {
        if state(&states, start) != State::New {
            continue;
        }
        let mut stack = vec![(start, 0_usize)];
        set(&mut states, start, State::Open);
        while let Some((node, at)) = stack.last_mut() {
            let node = *node;
            let Some(next) = lists.get(node).get(*at).copied() else {
                set(&mut states, node, State::Done);
                stack.pop();
                continue;
            };
            *at += 1;
            match state(&states, next) {
                State::New => {
                    set(&mut states, next, State::Open);
                    stack.push((next, 0));
                }
                State::Open => {
                    // The concepts of each of many circles would fill the memory.
                    let concepts = if circles.len() < MAX_EXAMPLES {
                        let open = stack.iter().map(|(node, _)| *node);
                        open.skip_while(|node| *node != next).collect()
                    } else {
                        Vec::new()
                    };
                    circles.push(Circle {
                        closing: (node, next),
                        concepts,
                    });
                }
                State::Done => {}
            }
        }
    }
    let closing: BTreeSet<_> = circles.iter().map(|circle| circle.closing).collect();
    pairs.retain(|pair| !closing.contains(pair));
    circles
}

fn state(states: &[State], node: u32) -> State {
    states.get(index(node)).copied().unwrap_or(State::Done)
}

fn set(states: &mut [State], node: u32, state: State) {
    if let Some(place) = states.get_mut(index(node)) {
        *place = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_has_no_circle_and_nothing_else_is_taken() {
        let mut pairs = vec![(0, 1), (0, 2), (1, 2), (2, 0), (2, 3), (3, 3), (4, 0)];
        let circles = break_circles(5, &mut pairs);
        assert_eq!(pairs, [(0, 1), (0, 2), (1, 2), (2, 3), (4, 0)]);
        let found: Vec<_> = circles
            .into_iter()
            .map(|circle| (circle.closing, circle.concepts))
            .collect();
        assert_eq!(found, [((2, 0), vec![0, 1, 2]), ((3, 3), vec![3])]);
    }

    #[test]
    fn the_ways_of_many_circles_are_not_kept() {
        // A chain of which each concept leads back to its start.
        let count = 2_000;
        let mut pairs: Vec<(u32, u32)> =
            (1..count).flat_map(|to| [(to - 1, to), (to, 0)]).collect();
        pairs.sort_unstable();
        let circles = break_circles(2_000, &mut pairs);
        assert_eq!((circles.len(), pairs.len()), (1_999, 1_999));
        let kept = circles.iter().filter(|circle| !circle.concepts.is_empty());
        assert_eq!(kept.count(), MAX_EXAMPLES);
    }
}
