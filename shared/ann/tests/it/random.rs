//! Seeded vectors.

/// A small seeded generator (SplitMix64), so that tests repeat.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// A number in 0..1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap()) / 4_294_967_296.0
    }

    /// About normally distributed, with variance 1.
    pub(crate) fn normal(&mut self) -> f32 {
        let unit = |bits: u64| f32::from(u16::try_from(bits & 0xffff).unwrap()) / 65_536.0;
        let sum: f32 = (0..3)
            .map(|_| {
                let bits = self.next();
                unit(bits) + unit(bits >> 16) + unit(bits >> 32) + unit(bits >> 48)
            })
            .sum();
        sum - 6.0
    }
}

/// Vectors of unit length around random centres, side by side.
pub(crate) fn clustered(count: usize, dim: usize, clusters: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed);
    let centres: Vec<f32> = (0..clusters * dim)
        .map(|_| Random::normal(&mut random))
        .collect();
    let mut values = Vec::with_capacity(count * dim);
    for _ in 0..count {
        let centre = random.below(clusters) * dim;
        let vector: Vec<f32> = (0..dim)
            .map(|at| centres[centre + at] + 0.7 * random.normal())
            .collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.extend(vector.iter().map(|value| value / norm));
    }
    values
}
