//! One vector for several things that a person would take.

/// Most rounds of the ascent: enough for products right to .001 in the tests.
const ROUNDS: usize = 100;

/// A round that changes no factor by more than this is the last.
const SETTLED: f32 = 1e-5;

/// Returns the shortest vector whose dot product with each of some vectors is at least 1;
/// `None` for none. Of one unit vector it is that vector.
///
/// A mean would score each of n unrelated things 1/n. This scores each as if it were the
/// only one, and being the shortest vector it adds the least noise to all others.
///
/// The vector is the one of a hard margin (Boser, Guyon and Vapnik 1992, with one class
/// and no bias): `sum a_i v_i` with `a_i >= 0`, found by dual coordinate ascent (Hsieh et
/// al., ICML 2008).
pub(crate) fn shortest_cover(vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
    let (first, others) = vectors.split_first()?;
    if others.is_empty() {
        return Some(first.clone());
    }
    let mut sum = vec![0.0; first.len()];
    let mut factors = vec![0.0_f32; vectors.len()];
    for _ in 0..ROUNDS {
        let mut greatest = 0.0_f32;
        for (vector, factor) in vectors.iter().zip(&mut factors) {
            let length = dot(vector, vector);
            if length == 0.0 {
                continue;
            }
            let wanted = (*factor + (1.0 - dot(&sum, vector)) / length).max(0.0);
            add(&mut sum, vector, wanted - *factor);
            greatest = greatest.max((wanted - *factor).abs());
            *factor = wanted;
        }
        if greatest < SETTLED {
            break;
        }
    }
    Some(sum)
}

/// Returns the mean of some vectors; `None` for none.
pub(crate) fn mean(vectors: &[Vec<f32>]) -> Option<Vec<f32>> {
    let mut sum = vec![0.0; vectors.first()?.len()];
    for vector in vectors {
        add(&mut sum, vector, 1.0 / vectors.len() as f32);
    }
    Some(sum)
}

pub(crate) fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f32], vector: &[f32], factor: f32) {
    for (sum, value) in sum.iter_mut().zip(vector) {
        *sum += factor * value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_covered_and_no_shorter_vector_does() {
        let near = [vec![1.0, 0.0, 0.0], vec![0.8, 0.6, 0.0]];
        let cover = shortest_cover(&near).unwrap();
        for vector in &near {
            assert!((dot(&cover, vector) - 1.0).abs() < 1e-3);
        }
        // (v1 + v2) / 1.8 is the least-norm solution of both equations.
        assert!((dot(&cover, &cover) - 2.0 / 1.8).abs() < 1e-3);
        let apart = [vec![1.0, 0.0], vec![0.0, 1.0]];
        assert_eq!(shortest_cover(&apart).unwrap(), [1.0, 1.0]);
    }

    #[test]
    fn repetitions_and_nothing_change_nothing() {
        let one = vec![0.6, 0.8];
        assert_eq!(
            shortest_cover(std::slice::from_ref(&one)),
            Some(one.clone())
        );
        let twice = shortest_cover(&[one.clone(), one.clone(), vec![0.0, 0.0]]).unwrap();
        assert!(twice.iter().zip(&one).all(|(a, b)| (a - b).abs() < 1e-6));
        assert_eq!(shortest_cover(&[]), None);
        assert_eq!(mean(&[]), None);
    }
}
