//! The choices of a match, checked and completed from the configuration.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use vivier_features::ReasonLanguage;
use vivier_ontology::ExpansionLimits;
use vivier_proto::v1;
use vivier_types::{Facet, FacetWeights, ProfileKind, Violation};

use crate::config::Config;
use crate::filter::{FilterLimits, check_filter, with_consent};

/// Most that is added to a query.
const MAX_ADDITIONS: usize = 100;
/// At twice its usual weight a label counts as much as what was asked for.
const MAX_WEIGHT_SCALE: f32 = 2.0;

/// Checked choices of one match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    /// Results wanted.
    pub(crate) k: usize,
    /// Profiles to retrieve before reranking; at least `k`.
    pub(crate) depth: usize,
    /// What a result must satisfy, the consent rule included.
    pub(crate) filter: Option<v1::Filter>,
    /// Weights of the facets that count, all above 0.
    pub(crate) weights: FacetWeights,
    /// Whether to explain each result.
    pub(crate) explain: bool,
    /// Whether to scan instead of using the graph.
    pub(crate) exact: bool,
    /// How facets make one order.
    pub(crate) fusion: v1::Fusion,
    /// Whether to keep the retrieval order.
    pub(crate) skip_rerank: bool,
    /// Language of the reasons, if the message says so.
    pub(crate) lang: Option<ReasonLanguage>,
    /// How much is added to the query, if anything is to be.
    pub(crate) expansion: Option<ExpansionLimits>,
    /// Time for the whole call, if the message says so.
    pub(crate) time: Option<Duration>,
}

impl Options {
    /// Checks `wire` for a search among profiles of kind `target`; consent
    /// must hold on `today`.
    ///
    /// # Errors
    /// Names the first option that breaks a rule.
    pub(crate) fn check(
        wire: v1::MatchOptions,
        target: ProfileKind,
        config: &Config,
        today: Date,
    ) -> Result<Self, Violation> {
        let k = size("options.k", wire.k, 1, config.max_k)?.unwrap_or(config.default_k);
        let depth = size("options.depth", wire.depth, k, config.max_depth)?;
        // Without a reranker to choose among them, more than k are not needed.
        let usual = if wire.skip_rerank {
            k
        } else {
            config.default_depth.max(k)
        };
        if let Some(filter) = &wire.filter {
            let limits = FilterLimits {
                depth: config.max_filter_depth,
                nodes: config.max_filter_nodes,
            };
            check_filter(filter, "options.filter", limits)?;
        }
        let consent_matters = target == ProfileKind::Candidate && !wire.include_expired_consent;
        let filter = if consent_matters {
            Some(with_consent(wire.filter, days_since_1970(today)))
        } else {
            wire.filter
        };
        let weights = weights(&wire.facet_weights, config)?;
        Ok(Self {
            k,
            depth: depth.unwrap_or(usual),
            filter,
            expansion: expansion(wire.expansion, &weights)?,
            weights,
            explain: wire.explain,
            exact: wire.exact,
            fusion: fusion(wire.fusion)?,
            skip_rerank: wire.skip_rerank,
            lang: language(&wire.lang)?,
            time: wire
                .deadline_ms
                .map(|ms| Duration::from_millis(u64::from(ms))),
        })
    }
}

fn size(
    field: &str,
    given: Option<u32>,
    least: usize,
    most: usize,
) -> Result<Option<usize>, Violation> {
    let Some(given) = given else { return Ok(None) };
    let value = usize::try_from(given).unwrap_or(usize::MAX);
    if (least..=most).contains(&value) {
        return Ok(Some(value));
    }
    Err(Violation::new(
        field,
        given,
        format!("must lie between {least} and {most}"),
    ))
}

fn weights(
    given: &std::collections::BTreeMap<String, f32>,
    config: &Config,
) -> Result<FacetWeights, Violation> {
    let mut weights: FacetWeights = Facet::ALL
        .into_iter()
        .map(|facet| (facet, config.weight(facet)))
        .collect();
    for (name, weight) in given {
        let Some(facet) = Facet::from_name(name) else {
            let known = Facet::ALL.map(Facet::name).join(", ");
            let reason = format!("is not a facet; there are {known}");
            return Err(Violation::new("options.facet_weights", name, reason));
        };
        if !(weight.is_finite() && *weight >= 0.0) {
            let field = format!("options.facet_weights.{name}");
            return Err(Violation::new(
                field,
                weight,
                "must be finite and not negative",
            ));
        }
        weights.insert(facet, *weight);
    }
    weights.retain(|_, weight| *weight > 0.0);
    if weights.is_empty() {
        let reason = "at least one weight must be above 0";
        return Err(Violation::new("options.facet_weights", "all 0", reason));
    }
    Ok(weights)
}

fn fusion(wire: i32) -> Result<v1::Fusion, Violation> {
    match v1::MatchFusion::try_from(wire) {
        Ok(v1::MatchFusion::Unspecified | v1::MatchFusion::Sum) => Ok(v1::Fusion::Sum),
        Ok(v1::MatchFusion::Rrf) => Ok(v1::Fusion::Rrf),
        Err(_) => Err(Violation::new(
            "options.fusion",
            wire,
            "is not a known value",
        )),
    }
}

fn language(code: &str) -> Result<Option<ReasonLanguage>, Violation> {
    if code.is_empty() {
        return Ok(None);
    }
    let found = ReasonLanguage::from_code(code);
    let reason = "reasons are in \"en\" or \"fr\"";
    found
        .map(Some)
        .ok_or_else(|| Violation::new("options.lang", code, reason))
}

/// Reads how much is added to a query; what is not asked for is limited to nothing.
fn expansion(
    wire: Option<v1::Expansion>,
    weights: &FacetWeights,
) -> Result<Option<ExpansionLimits>, Violation> {
    let Some(wire) = wire else { return Ok(None) };
    let field = "options.expansion";
    if !(wire.labels || wire.essential_skills || wire.neighbours) {
        let reason = "must ask for labels, essential_skills or neighbours";
        return Err(Violation::new(field, "nothing", reason));
    }
    let has_skills = wire.essential_skills || wire.neighbours;
    let weighs = |facet| weights.contains_key(&facet);
    if !(weighs(Facet::Words) || has_skills && weighs(Facet::Skills)) {
        let names: Vec<&str> = weights.keys().map(|facet| facet.name()).collect();
        let reason = "has no effect unless words have weight, or skills are added and have";
        return Err(Violation::new(field, names.join(", "), reason));
    }
    let usual = ExpansionLimits::default();
    let limit = size("options.expansion.limit", wire.limit, 1, MAX_ADDITIONS)?;
    let scale = wire.weight_scale.unwrap_or(1.0);
    if !(scale > 0.0 && scale <= MAX_WEIGHT_SCALE) {
        let reason = format!("must be above 0 and at most {MAX_WEIGHT_SCALE}");
        return Err(Violation::new(
            "options.expansion.weight_scale",
            scale,
            reason,
        ));
    }
    let (none_unless, scale) = (
        |asked, usual| if asked { usual } else { 0 },
        f64::from(scale),
    );
    Ok(Some(ExpansionLimits {
        labels: none_unless(wire.labels, usual.labels),
        label_weight: usual.label_weight * scale,
        essential: none_unless(wire.essential_skills, usual.essential),
        essential_weight: usual.essential_weight * scale,
        neighbours: none_unless(wire.neighbours, usual.neighbours),
        neighbour_weight: usual.neighbour_weight * scale,
        total: limit.unwrap_or(usual.total),
    }))
}

/// Returns today's date, UTC.
pub(crate) fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// Returns a date in days since 1970-01-01, as payload columns hold dates.
fn days_since_1970(day: Date) -> i32 {
    let hours = day.duration_since(Date::constant(1970, 1, 1)).as_hours();
    i32::try_from(hours / 24).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wire: v1::MatchOptions) -> Result<Options, Violation> {
        Options::check(
            wire,
            ProfileKind::Vacancy,
            &Config::default(),
            Date::constant(2026, 1, 1),
        )
    }

    fn refused(wire: v1::MatchOptions) -> (String, String) {
        let violation = check(wire).unwrap_err();
        (violation.field, violation.reason)
    }

    fn weigh(name: &str, weight: f32) -> v1::MatchOptions {
        let facet_weights = [(name.to_owned(), weight)].into();
        v1::MatchOptions {
            facet_weights,
            ..Default::default()
        }
    }

    #[test]
    fn absent_options_take_the_configured_values() {
        let options = check(v1::MatchOptions::default()).unwrap();
        assert_eq!((options.k, options.depth), (10, 1_000));
        assert_eq!(options.fusion, v1::Fusion::Sum);
        assert_eq!(options.weights, Config::default().facet_weights);
        assert_eq!(options.filter, None, "vacancies have no consent");
        let quick = v1::MatchOptions {
            skip_rerank: true,
            ..Default::default()
        };
        assert_eq!(check(quick).unwrap().depth, 10);
    }

    #[test]
    fn an_expansion_is_off_unless_asked_for_and_adds_only_what_is() {
        assert_eq!(check(v1::MatchOptions::default()).unwrap().expansion, None);
        let expansion = v1::Expansion {
            neighbours: true,
            weight_scale: Some(0.5),
            ..Default::default()
        };
        let options = check(v1::MatchOptions {
            expansion: Some(expansion),
            ..Default::default()
        });
        let limits = options.unwrap().expansion.unwrap();
        assert_eq!((limits.labels, limits.essential), (0, 0));
        assert_eq!((limits.neighbours, limits.total), (2, 40));
        assert!((limits.neighbour_weight - 0.25).abs() < 1e-9);
    }

    #[test]
    fn candidates_without_consent_are_left_out_unless_asked_for() {
        let config = Config::default();
        let given = |include_expired_consent| {
            let wire = v1::MatchOptions {
                include_expired_consent,
                ..Default::default()
            };
            Options::check(
                wire,
                ProfileKind::Candidate,
                &config,
                Date::constant(2024, 10, 4),
            )
            .unwrap()
            .filter
        };
        assert_eq!(given(false), Some(with_consent(None, 20_000)));
        assert_eq!(given(true), None);
    }

    #[test]
    fn each_bad_option_is_refused_by_name() {
        let default = v1::MatchOptions::default;
        let zero = refused(v1::MatchOptions {
            k: Some(0),
            ..default()
        });
        assert_eq!(
            zero,
            (
                "options.k".to_owned(),
                "must lie between 1 and 1000".to_owned()
            )
        );
        let many = refused(v1::MatchOptions {
            k: Some(1_001),
            ..default()
        });
        assert_eq!(many.0, "options.k");
        let shallow = refused(v1::MatchOptions {
            k: Some(20),
            depth: Some(19),
            ..default()
        });
        assert_eq!(shallow.1, "must lie between 20 and 10000");
        let deep = refused(v1::MatchOptions {
            depth: Some(10_001),
            ..default()
        });
        assert_eq!(deep.0, "options.depth");
        assert_eq!(refused(weigh("looks", 1.0)).0, "options.facet_weights");
        assert_eq!(
            refused(weigh("text", f32::NAN)).0,
            "options.facet_weights.text"
        );
        assert_eq!(refused(weigh("text", -0.5)).0, "options.facet_weights.text");
        let none = Facet::ALL
            .map(|facet| (facet.name().to_owned(), 0.0))
            .into();
        let none = refused(v1::MatchOptions {
            facet_weights: none,
            ..default()
        });
        assert_eq!(none.1, "at least one weight must be above 0");
        assert_eq!(
            refused(v1::MatchOptions {
                fusion: 9,
                ..default()
            })
            .0,
            "options.fusion"
        );
        let spanish = v1::MatchOptions {
            lang: "es".to_owned(),
            ..default()
        };
        assert_eq!(refused(spanish).0, "options.lang");
        let expand = |expansion| {
            refused(v1::MatchOptions {
                expansion: Some(expansion),
                ..default()
            })
        };
        let nothing = v1::Expansion::default();
        assert_eq!(expand(nothing).0, "options.expansion");
        let labels = v1::Expansion {
            labels: true,
            ..nothing
        };
        for limit in [0, 101] {
            let (field, reason) = expand(v1::Expansion {
                limit: Some(limit),
                ..labels
            });
            assert_eq!(field, "options.expansion.limit");
            assert_eq!(reason, "must lie between 1 and 100");
        }
        for scale in [0.0, -1.0, 2.1, f32::NAN, f32::INFINITY] {
            let refused = expand(v1::Expansion {
                weight_scale: Some(scale),
                ..labels
            });
            assert_eq!(refused.0, "options.expansion.weight_scale");
        }
        let without_words = v1::MatchOptions {
            expansion: Some(labels),
            ..weigh("words", 0.0)
        };
        assert_eq!(refused(without_words).0, "options.expansion");
        let filter = Some(v1::Filter { node: None });
        assert_eq!(
            refused(v1::MatchOptions {
                filter,
                ..default()
            })
            .0,
            "options.filter"
        );
    }
}
