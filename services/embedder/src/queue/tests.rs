//! The batcher keeps its budget, loses no reply, serves people first and callers in
//! turns, and finds the one text that a batch fails on.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

const HOME: Caller = Caller::Connection(None);
/// A token that the model of these tests fails on.
const BAD: u32 = u32::MAX;

/// A vector that tells which sequence it stands for.
fn vector_of(sequence: &[u32]) -> Vec<f32> {
    sequence.iter().map(|&token| token as f32).collect()
}

/// Runs one batch on a model that fails on [`BAD`]; returns its tokens.
fn run_one(queue: &Queue, budget: usize) -> usize {
    let work = queue.next(None, budget).unwrap();
    let batch = work.batch();
    assert_eq!((batch.len(), batch.tokens()), (work.len(), work.tokens()));
    if batch.ids().contains(&BAD) {
        match work.halve() {
            Ok(halves) => queue.put_back(halves),
            Err(one) => one.fail(|index| EmbedderError::NoDirection { index }),
        }
    } else {
        let vectors = batch.sequences().map(vector_of).collect();
        work.finish(vectors, Instant::now(), Duration::from_secs(1));
    }
    batch.tokens()
}

/// Pushes sequences of these lengths; the first token of each tells its place.
fn push_for(
    queue: &Queue,
    lengths: &[usize],
    priority: Priority,
    caller: Caller,
) -> oneshot::Receiver<Reply> {
    let sequence = |(index, &length): (usize, &usize)| {
        let tokens = (0..length).map(|token| u32::try_from(100 * index + token).unwrap());
        sequence(index, tokens.collect())
    };
    let sequences = lengths.iter().enumerate().map(sequence).collect();
    queue.push(sequences, place(priority, caller))
}

fn push(queue: &Queue, lengths: &[usize], priority: Priority) -> oneshot::Receiver<Reply> {
    push_for(queue, lengths, priority, HOME)
}

fn sequence(input: usize, ids: Vec<u32>) -> Sequence {
    Sequence {
        ids,
        kind: InputKind::Query,
        input,
    }
}

fn place(priority: Priority, caller: Caller) -> Place {
    Place {
        priority,
        caller,
        arrival: Instant::now(),
    }
}

fn has_work(queue: &Queue) -> bool {
    let mut state = queue.lock();
    let State {
        interactive, bulk, ..
    } = &mut *state;
    [interactive, bulk].into_iter().any(|lane| {
        let items = lane.take(1);
        let found = items.is_some();
        if let Some(items) = items {
            lane.put_back(items);
        }
        found
    })
}

fn is_waiting(reply: &mut oneshot::Receiver<Reply>) -> bool {
    matches!(reply.try_recv(), Err(oneshot::error::TryRecvError::Empty))
}

#[test]
fn interactive_work_goes_first_even_when_it_comes_last() {
    let queue = Queue::default();
    let mut bulk = push(&queue, &[4, 4, 4], Priority::Bulk);
    assert_eq!(run_one(&queue, 5), 4);
    let mut person = push(&queue, &[5], Priority::Interactive);
    assert_eq!(run_one(&queue, 5), 5);
    assert!(person.try_recv().unwrap().is_ok());
    assert!(is_waiting(&mut bulk));
    assert_eq!(run_one(&queue, 8), 4, "formed while the budget was smaller");
    assert_eq!(run_one(&queue, 8), 4);
    let done = bulk.try_recv().unwrap().unwrap();
    assert_eq!(done.vectors.len(), 3);
    assert_eq!(
        done.inference,
        Duration::from_secs(3),
        "three batches were used"
    );
}

#[test]
fn bulk_work_advances_under_any_load_of_people() {
    let queue = Queue::default();
    let mut job = push(&queue, &[8], Priority::Bulk);
    let people: Vec<_> = (0..30)
        .map(|_| push(&queue, &[8], Priority::Interactive))
        .collect();
    let mut before = 0;
    while is_waiting(&mut job) {
        run_one(&queue, 8);
        before += 1;
    }
    assert_eq!(before, INTERACTIVE_BATCHES + 1);
    drop(people);
}

#[test]
fn requests_share_a_batch_and_callers_who_left_are_skipped() {
    let queue = Queue::default();
    let mut first = push(&queue, &[2], Priority::Bulk);
    drop(push(&queue, &[3], Priority::Bulk));
    let mut third = push(&queue, &[2], Priority::Bulk);
    assert_eq!(run_one(&queue, 10), 4);
    assert!(first.try_recv().is_ok() && third.try_recv().is_ok());
    let left = push(&queue, &[4, 4, 4], Priority::Bulk);
    queue.stage(4);
    drop(left);
    assert!(!has_work(&queue), "formed batches are skipped as well");
}

#[test]
fn a_small_job_does_not_wait_for_a_giant_one() {
    let queue = Queue::default();
    let other = Caller::Stream(1);
    for caller in [HOME, other] {
        let _giant = push(&queue, &vec![256; 400], Priority::Bulk);
        let mut small = push_for(&queue, &[256; 8], Priority::Bulk, caller);
        let mut tokens = 0;
        while is_waiting(&mut small) {
            tokens += run_one(&queue, 256);
        }
        // Its share is a half; the windows drawn before it came are not taken back.
        let own = 8 * 256;
        assert!(
            tokens <= 2 * own + 2 * TURN_TOKENS + 2 * BULK_WINDOW * 256,
            "{caller:?}: {tokens}"
        );
        queue.lock().bulk.clear();
    }
}

#[test]
fn callers_of_long_and_short_texts_have_equal_shares() {
    let queue = Queue::default();
    let mut replies: Vec<_> = (0..4000)
        .map(|_| push_for(&queue, &[10], Priority::Bulk, Caller::Stream(1)))
        .collect();
    let long: Vec<_> = (0..60)
        .map(|_| push_for(&queue, &[700], Priority::Bulk, Caller::Stream(2)))
        .collect();
    let total: usize = (0..40).map(|_| run_one(&queue, 700)).sum();
    let answered = |replies: &mut Vec<oneshot::Receiver<Reply>>| {
        replies.retain_mut(is_waiting);
        replies.len()
    };
    let short_tokens = 10 * (4000 - answered(&mut replies));
    let share = short_tokens as f64 / total as f64;
    assert!((0.4..0.6).contains(&share), "{share}");
    drop(long);
}

#[test]
fn like_lengths_go_together_and_the_first_is_not_kept_waiting() {
    let queue = Queue::default();
    let mut replies: Vec<_> = [30, 2, 30, 2, 2]
        .map(|length| push(&queue, &[length], Priority::Bulk))
        .into();
    let batch = queue.next(None, 30).unwrap();
    assert_eq!((batch.len(), batch.tokens()), (1, 30), "the first is in it");
    batch.finish(vec![vec![0.0]], Instant::now(), Duration::ZERO);
    assert!(!is_waiting(&mut replies[0]));
    let batch = queue.next(None, 30).unwrap();
    assert_eq!((batch.len(), batch.tokens()), (3, 6));
}

#[test]
fn closing_ends_the_model_thread_and_drops_the_replies() {
    let queue = Arc::new(Queue::default());
    let waiting = Arc::clone(&queue);
    let thread = std::thread::spawn(move || waiting.next(None, 5).is_none());
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
        caller: u64,
    },
    Stage,
    Run,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let lengths = proptest::collection::vec(1_usize..=16, 1..12);
    let leaves = proptest::bool::weighted(0.2);
    let push =
        (lengths, any::<bool>(), leaves, 0..3_u64).prop_map(|(lengths, bulk, leaves, caller)| {
            Step::Push {
                lengths,
                bulk,
                leaves,
                caller,
            }
        });
    let step = prop_oneof![3 => push, 1 => Just(Step::Stage), 2 => Just(Step::Run)];
    proptest::collection::vec(step, 1..60)
}

proptest! {
    #[test]
    fn no_batch_exceeds_the_budget_and_no_reply_is_lost(steps in steps(), budget in 16_usize..64) {
        let queue = Queue::default();
        let mut waiting = Vec::new();
        for step in steps {
            match step {
                Step::Push { lengths, bulk, leaves, caller } => {
                    let priority = if bulk { Priority::Bulk } else { Priority::Interactive };
                    let reply = push_for(&queue, &lengths, priority, Caller::Stream(caller));
                    if !leaves {
                        waiting.push((lengths, reply));
                    }
                }
                Step::Stage => queue.stage(budget),
                Step::Run if has_work(&queue) => prop_assert!(run_one(&queue, budget) <= budget),
                Step::Run => {}
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

    #[test]
    fn only_requests_with_a_bad_text_fail_and_they_name_it(
        requests in proptest::collection::vec(
            proptest::collection::vec((1_usize..8, proptest::bool::weighted(0.05)), 1..6), 1..20),
        budget in 8_usize..200,
    ) {
        let queue = Queue::default();
        let mut replies = Vec::new();
        for texts in &requests {
            let sequences = texts.iter().enumerate().map(|(index, &(length, is_bad))| {
                let token = if is_bad { BAD } else { 7 };
                sequence(index, vec![token; length])
            });
            replies.push(queue.push(sequences.collect(), place(Priority::Bulk, HOME)));
        }
        let mut encoded = 0;
        while has_work(&queue) {
            encoded += run_one(&queue, budget);
        }
        for (texts, mut reply) in requests.iter().zip(replies) {
            let bad = |index: &usize| texts[*index].1;
            match reply.try_recv().unwrap() {
                Ok(done) => {
                    prop_assert!(!(0..texts.len()).any(|index| bad(&index)));
                    prop_assert_eq!(done.vectors.len(), texts.len());
                }
                Err(EmbedderError::NoDirection { index }) => prop_assert!(bad(&index)),
                Err(other) => prop_assert!(false, "{other}"),
            }
        }
        // Each level of halving encodes a batch once more: log2 of its length.
        let tokens: usize = requests.iter().flatten().map(|(length, _)| length).sum();
        let levels = usize::try_from(budget.ilog2()).unwrap() + 2;
        prop_assert!(encoded <= tokens * levels, "{encoded} of {tokens}");
    }
}
