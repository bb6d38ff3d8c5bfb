//! Works on several requests of a stream at once and answers them in order.

use std::collections::{BTreeSet, VecDeque};
use std::future::Future;

use futures::stream::FuturesOrdered;
use futures::{Stream, StreamExt};

/// Yields `work(item)` for each item of `inbound`, in order, with at most
/// `concurrency` items under way.
///
/// An item that shares a key with one under way waits for it, so that two
/// writes of one record in a stream end as they were sent. The first failure,
/// of `inbound` or of `work`, is yielded in its turn and ends the stream.
/// Dropping the stream drops the work under way.
pub(crate) fn work_in_order<T, R, E, F>(
    inbound: impl Stream<Item = Result<T, E>>,
    concurrency: usize,
    keys: impl Fn(&T) -> BTreeSet<String>,
    work: impl Fn(T) -> F,
) -> impl Stream<Item = Result<R, E>>
where
    F: Future<Output = Result<R, E>>,
{
    async_stream::try_stream! {
        let mut inbound = std::pin::pin!(inbound);
        let mut running = FuturesOrdered::new();
        let mut busy: VecDeque<BTreeSet<String>> = VecDeque::new();
        let mut waiting: Option<(BTreeSet<String>, T)> = None;
        let mut end: Option<Result<(), E>> = None;
        loop {
            if let Some((own, item)) = waiting.take() {
                if busy.iter().all(|other| other.is_disjoint(&own)) {
                    running.push_back(work(item));
                    busy.push_back(own);
                } else {
                    waiting = Some((own, item));
                }
            }
            let accepts = end.is_none() && waiting.is_none() && running.len() < concurrency.max(1);
            let step = tokio::select! {
                biased;
                Some(done) = running.next(), if !running.is_empty() => Step::Done(done),
                next = inbound.next(), if accepts => Step::Next(next),
                else => Step::End,
            };
            match step {
                Step::Done(done) => {
                    busy.pop_front();
                    yield done?;
                }
                Step::Next(Some(Ok(item))) => waiting = Some((keys(&item), item)),
                Step::Next(Some(Err(error))) => end = Some(Err(error)),
                Step::Next(None) => end = Some(Ok(())),
                Step::End => break,
            }
        }
        end.unwrap_or(Ok(()))?;
    }
}

enum Step<T, D> {
    /// The oldest item under way is done.
    Done(D),
    /// The inbound stream gave an item, failed or ended.
    Next(Option<T>),
    /// All is done.
    End,
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    type Item = Result<(u64, &'static str), &'static str>;

    /// Items are (milliseconds of work, key); the answer says when it was done.
    async fn run(
        items: Vec<Item>,
        concurrency: usize,
    ) -> (Vec<Result<String, &'static str>>, usize) {
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (now, most) = (&now, &most);
        let start = tokio::time::Instant::now();
        let work = |(delay, key): (u64, &'static str)| async move {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(delay)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            if key == "bad" {
                return Err("bad work");
            }
            Ok(format!("{key}@{}", start.elapsed().as_millis()))
        };
        let keys = |item: &(u64, &'static str)| BTreeSet::from([item.1.to_owned()]);
        let inbound = futures::stream::iter(items);
        let answers = work_in_order(inbound, concurrency, keys, work)
            .collect()
            .await;
        (answers, most.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn answers_keep_the_order_and_work_overlaps_within_the_bound() {
        let items = vec![Ok((30, "a")), Ok((10, "b")), Ok((10, "c")), Ok((10, "d"))];
        let (answers, most) = run(items, 2).await;
        let keys: Vec<String> = answers
            .iter()
            .map(|answer| answer.as_ref().unwrap()[..1].to_owned())
            .collect();
        assert_eq!(keys, ["a", "b", "c", "d"]);
        assert_eq!(most, 2);
        assert_eq!(answers[1], Ok("b@10".to_owned()), "b ran beside a");
    }

    #[tokio::test(start_paused = true)]
    async fn items_with_a_common_key_wait_for_each_other() {
        let (answers, _) = run(vec![Ok((20, "a")), Ok((5, "a")), Ok((5, "b"))], 3).await;
        let expected = ["a@20", "a@25", "b@25"].map(|text| Ok(text.to_owned()));
        assert_eq!(answers, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_comes_in_its_turn_and_ends_the_stream() {
        let (answers, _) = run(vec![Ok((5, "a")), Ok((1, "bad")), Ok((1, "c"))], 3).await;
        assert_eq!(answers, [Ok("a@5".to_owned()), Err("bad work")]);
        let (answers, _) = run(vec![Ok((5, "a")), Err("cut"), Ok((1, "c"))], 3).await;
        assert_eq!(answers, [Ok("a@5".to_owned()), Err("cut")]);
    }
}
