//! The batcher keeps its budget, loses no reply and serves people first.

use proptest::prelude::*;

use super::*;

/// A vector that tells which sequence it stands for.
fn vector_of(sequence: &[u32]) -> Vec<f32> {
    sequence.iter().map(|&token| token as f32).collect()
}

fn run_one(queue: &Queue, budget: usize) -> usize {
    let work = queue.next_batch(budget).unwrap();
    let tokens = work.batch.tokens();
    let vectors = work.batch.sequences().map(vector_of).collect();
    work.finish(vectors, Instant::now(), Duration::from_secs(1));
    tokens
}

fn push(queue: &Queue, lengths: &[usize], priority: Priority) -> oneshot::Receiver<Reply> {
    let sequence = |(index, &length): (usize, &usize)| {
        let tokens = (0..length).map(|token| u32::try_from(100 * index + token).unwrap());
        (InputKind::Query, tokens.collect())
    };
    let sequences = lengths.iter().enumerate().map(sequence).collect();
    queue.push(sequences, priority, Instant::now())
}

fn is_idle(queue: &Queue, budget: usize) -> bool {
    queue.lock().form(budget).batch.is_empty()
}

#[test]
fn interactive_work_goes_first_even_when_it_comes_last() {
    let queue = Queue::default();
    let mut bulk = push(&queue, &[4, 4, 4], Priority::Bulk);
    assert_eq!(run_one(&queue, 5), 4);
    let mut person = push(&queue, &[5], Priority::Interactive);
    assert_eq!(run_one(&queue, 5), 5);
    assert!(person.try_recv().unwrap().is_ok());
    assert!(bulk.try_recv().is_err());
    assert_eq!(run_one(&queue, 8), 8);
    let done = bulk.try_recv().unwrap().unwrap();
    assert_eq!(done.vectors.len(), 3);
    assert_eq!(
        done.inference,
        Duration::from_secs(2),
        "two batches were used"
    );
}

#[test]
fn requests_share_a_batch_and_callers_who_left_are_skipped() {
    let queue = Queue::default();
    let mut first = push(&queue, &[2], Priority::Bulk);
    drop(push(&queue, &[3], Priority::Bulk));
    let mut third = push(&queue, &[2], Priority::Interactive);
    assert_eq!(run_one(&queue, 10), 4);
    assert!(first.try_recv().is_ok() && third.try_recv().is_ok());
    assert!(is_idle(&queue, 10));
}

#[test]
fn a_failed_batch_answers_everyone_in_it_and_nobody_else() {
    let queue = Queue::default();
    let mut whole = push(&queue, &[2], Priority::Bulk);
    let mut part = push(&queue, &[2, 2], Priority::Bulk);
    let mut other = push(&queue, &[2], Priority::Bulk);
    queue.next_batch(4).unwrap().fail(&EmbedderError::Panicked);
    for failed in [&mut whole, &mut part] {
        assert!(matches!(
            failed.try_recv().unwrap(),
            Err(EmbedderError::Panicked)
        ));
    }
    assert_eq!(
        run_one(&queue, 10),
        2,
        "the rest of the failed request is not encoded"
    );
    assert!(other.try_recv().unwrap().is_ok());
}

#[test]
fn closing_ends_the_model_thread_and_drops_the_replies() {
    let queue = Arc::new(Queue::default());
    let waiting = Arc::clone(&queue);
    let thread = std::thread::spawn(move || waiting.next_batch(5).is_none());
    queue.close();
    assert!(thread.join().unwrap());
    let mut late = push(&queue, &[2], Priority::Interactive);
    assert!(matches!(
        late.try_recv(),
        Err(oneshot::error::TryRecvError::Closed)
    ));
}

#[derive(Clone, Debug)]
enum Step {
    Push {
        lengths: Vec<usize>,
        bulk: bool,
        leaves: bool,
    },
    Run,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lengths = proptest::collection::vec(1_usize..=16, 1..12);
    let push = (lengths, any::<bool>(), proptest::bool::weighted(0.2)).prop_map(
        |(lengths, bulk, leaves)| Step::Push {
            lengths,
            bulk,
            leaves,
        },
    );
    proptest::collection::vec(prop_oneof![2 => push, 1 => Just(Step::Run)], 1..60)
}

proptest! {
    #[test]
    fn no_batch_exceeds_the_budget_and_no_reply_is_lost(steps in steps(), budget in 16_usize..64) {
        let queue = Queue::default();
        let mut waiting = Vec::new();
        let mut runs = 0;
        for step in steps {
            match step {
                Step::Push { lengths, bulk, leaves } => {
                    let priority = if bulk { Priority::Bulk } else { Priority::Interactive };
                    let reply = push(&queue, &lengths, priority);
                    if !leaves {
                        waiting.push((lengths, reply));
                    }
                }
                Step::Run => runs += 1,
            }
            while runs > 0 && !waiting.is_empty() && has_work(&queue) {
                prop_assert!(run_one(&queue, budget) <= budget);
                runs -= 1;
            }
        }
        while has_work(&queue) {
            prop_assert!(run_one(&queue, budget) <= budget);
        }
        for (lengths, mut reply) in waiting {
            let done = reply.try_recv().unwrap().unwrap();
            prop_assert_eq!(done.vectors.len(), lengths.len());
            for (index, (vector, length)) in done.vectors.iter().zip(lengths).enumerate() {
                prop_assert_eq!(vector.len(), length);
                prop_assert_eq!(vector[0], (100 * index) as f32, "a vector went to another sequence");
            }
        }
    }
}

fn has_work(queue: &Queue) -> bool {
    queue.lock().first_lane().is_some()
}
