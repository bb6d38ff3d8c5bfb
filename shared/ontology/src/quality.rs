//! How much the ontology knows of a pair, and what that is worth in training (CACL,
//! sections 5.6 and 5.7).

/// What is known of one side of a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Skills that were found in the ontology.
    pub mapped_skills: usize,
    /// Skills in the profile's own words.
    pub raw_skills: usize,
    /// Whether the occupation was found, with its skills.
    pub has_occupation: bool,
}

/// How complete the data of a pair are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum QualityTier {
    /// Both sides have skills of the ontology, and occupations.
    A,
    /// Both sides have skills of the ontology.
    B,
    /// One side has.
    C,
    /// Neither has, but there are skills in own words.
    D,
    /// There are no skills.
    F,
}

impl QualityTier {
    /// Sorts a pair into a tier.
    pub fn of(one: Side, other: Side) -> Self {
        let mapped = [one, other]
            .iter()
            .filter(|side| side.mapped_skills > 0)
            .count();
        match mapped {
            2 if one.has_occupation && other.has_occupation => Self::A,
            2 => Self::B,
            1 => Self::C,
            _ if one.raw_skills + other.raw_skills > 0 => Self::D,
            _ => Self::F,
        }
    }

    /// Returns the weight of a sample of this tier before the ontology's word, .5 to 1.
    pub fn base_weight(self) -> f64 {
        match self {
            Self::A => 1.0,
            Self::B => 0.9,
            Self::C => 0.75,
            Self::D => 0.6,
            Self::F => 0.5,
        }
    }
}

/// Returns what the ontology says of a pair, 0 to 1: the mean of set similarity and of
/// what the transport distance leaves of 10 steps, of those that are known; `None` when
/// neither is.
pub fn ontology_signal(similarity: Option<f64>, transport: Option<f64>) -> Option<f64> {
    let near = transport.map(|steps| (1.0 - steps / 10.0).max(0.0));
    match (similarity, near) {
        (Some(similarity), Some(near)) => Some(f64::midpoint(similarity, near)),
        (one, other) => one.or(other),
    }
}

/// Returns the weight of a sample: the base of its tier, times `1 + 0.3 (2 signal - 1)`
/// where there is a signal, within .5 and 1.5.
///
/// As no base is above 1, the weight is at most 1.3.
pub fn sample_weight(tier: QualityTier, signal: Option<f64>) -> f64 {
    let factor = signal.map_or(1.0, |signal| 1.0 + 0.3 * (2.0 * signal - 1.0));
    (tier.base_weight() * factor).clamp(0.5, 1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_follow_what_is_known() {
        let none = Side::default();
        let raw = Side {
            raw_skills: 2,
            ..none
        };
        let mapped = Side {
            mapped_skills: 3,
            ..raw
        };
        let whole = Side {
            has_occupation: true,
            ..mapped
        };
        let tiers = [
            (whole, whole),
            (whole, mapped),
            (mapped, raw),
            (raw, none),
            (none, none),
        ];
        let tiers = tiers.map(|(one, other)| QualityTier::of(one, other));
        use QualityTier::{A, B, C, D, F};
        assert_eq!(tiers, [A, B, C, D, F]);
    }

    #[test]
    fn weights_stay_in_their_bounds() {
        assert_eq!(sample_weight(QualityTier::A, Some(1.0)), 1.3);
        assert_eq!(sample_weight(QualityTier::A, Some(0.0)), 0.7);
        assert_eq!(sample_weight(QualityTier::F, Some(0.0)), 0.5);
        assert_eq!(sample_weight(QualityTier::C, None), 0.75);
        assert_eq!(ontology_signal(Some(0.5), Some(5.0)), Some(0.5));
        assert_eq!(ontology_signal(None, Some(12.0)), Some(0.0));
        assert_eq!(ontology_signal(None, None), None);
    }
}
