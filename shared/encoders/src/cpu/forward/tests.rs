use super::*;

#[test]
fn groups_hold_every_sequence_in_order() {
    let lengths = [100, 100, 100, 600, 3, 252, 2];
    let mut end = 0;
    let sequences: Vec<Range<usize>> = lengths
        .iter()
        .map(|length| {
            end += length;
            end - length..end
        })
        .collect();
    let sizes = groups(&sequences, 256).into_iter().map(<[_]>::len);
    let sizes: Vec<usize> = sizes.collect();
    assert_eq!(sizes, [2, 1, 1, 2, 1]);
    assert!(groups(&[], 256).is_empty());
}

#[test]
fn blocks_are_of_near_equal_size() {
    assert_eq!(block_rows(256, false), 86);
    assert_eq!(block_rows(96, false), 96);
    assert_eq!(block_rows(1, false), 1);
}
