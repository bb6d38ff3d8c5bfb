use super::*;

/// A place spread evenly over the Earth, and another at `km` from it in an
/// evenly spread direction.
fn walk(index: u32, km: f64) -> (Coordinates, Coordinates) {
    let spread = |step: f64| (f64::from(index) * step + 0.5).fract();
    let latitude = (2.0 * spread(0.819_172_513_396_164_4) - 1.0).asin();
    let longitude = TAU * (spread(0.671_043_606_703_789_3) - 0.5);
    let bearing = TAU * spread(0.549_700_477_901_597_1);
    let angle = km / EARTH_RADIUS_KM;
    let end_latitude =
        (latitude.sin() * angle.cos() + latitude.cos() * angle.sin() * bearing.cos()).asin();
    let turn = (bearing.sin() * angle.sin() * latitude.cos())
        .atan2(angle.cos() - latitude.sin() * end_latitude.sin());
    let place = |latitude: f64, longitude: f64| Coordinates {
        latitude: latitude.to_degrees(),
        longitude: longitude.to_degrees(),
    };
    (
        place(latitude, longitude),
        place(end_latitude, longitude + turn),
    )
}

fn dot(from: Coordinates, to: Coordinates) -> f64 {
    score(&[from], None, to, None)
}

/// The dot product of a candidate, with what is said of remote work, and a vacancy.
fn score(
    places: &[Coordinates],
    accepts: Option<bool>,
    job: Coordinates,
    policy: Option<RemotePolicy>,
) -> f64 {
    let candidate = candidate_geography(places, accepts).unwrap();
    let vacancy = vacancy_geography(Some(job), policy).unwrap();
    let products = candidate.iter().zip(vacancy);
    products.map(|(a, b)| f64::from(a * b)).sum()
}

#[test]
fn vectors_have_unit_norm_so_the_same_place_scores_one() {
    for index in 0..500 {
        let (place, same) = walk(index, 0.0);
        assert_eq!(place_waves(place).len(), 2 * FREQUENCIES);
        assert!((dot(place, place) - 1.0).abs() < 1e-5);
        assert!((dot(place, same) - 1.0).abs() < 1e-5);
    }
}

#[test]
fn up_to_500_km_nearer_always_scores_higher() {
    for index in 0..5_000 {
        let mut above = f64::INFINITY;
        for km in [0.0, 20.0, 50.0, 100.0, 200.0, 300.0, 500.0] {
            let (from, to) = walk(index, km);
            let score = dot(from, to);
            assert!(
                score < above,
                "{km} km from {from:?} to {to:?}: {score} after {above}"
            );
            above = score;
        }
    }
}

#[test]
fn the_kernel_is_the_documented_one() {
    for (km, mean, low, high) in [
        (20.0, 0.99, 0.98, 1.0),
        (50.0, 0.95, 0.92, 0.99),
        (100.0, 0.87, 0.82, 0.93),
        (200.0, 0.75, 0.65, 0.83),
        (300.0, 0.66, 0.52, 0.79),
        (500.0, 0.52, 0.34, 0.66),
        (1_000.0, 0.28, 0.0, 0.53),
    ] {
        let scores: Vec<f64> = (0..3_000)
            .map(|index| walk(index, km))
            .map(|(a, b)| dot(a, b))
            .collect();
        let found = scores.iter().sum::<f64>() / 3_000.0;
        let least = scores.iter().copied().fold(f64::INFINITY, f64::min);
        let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        eprintln!("{km} km: mean {found:.3}, {least:.3} to {most:.3}");
        assert!((found - mean).abs() < 0.015, "{km} km: mean {found}");
        assert!(
            scores.iter().all(|score| (low..=high).contains(score)),
            "{km} km"
        );
    }
}

#[test]
fn sidelobes_stay_within_their_bound() {
    for index in 0..20_000 {
        let (from, to) = walk(index, 2_000.0 + f64::from(index % 90) * 200.0);
        let score = dot(from, to);
        assert!(score.abs() < SIDELOBE_BOUND, "{from:?} to {to:?}: {score}");
    }
}

#[test]
fn distances_are_great_circles() {
    let paris = Coordinates {
        latitude: 48.8566,
        longitude: 2.3522,
    };
    let lyon = Coordinates {
        latitude: 45.7640,
        longitude: 4.8357,
    };
    let opposite = Coordinates {
        latitude: -48.8566,
        longitude: 2.3522 - 180.0,
    };
    assert!((distance_km(paris, lyon) - 391.5).abs() < 1.0);
    assert_eq!(distance_km(paris, paris), 0.0);
    assert!((distance_km(paris, opposite) - PI * EARTH_RADIUS_KM).abs() < 1.0);
    for index in 0..200 {
        let (from, to) = walk(index, 37.0);
        assert!((distance_km(from, to) - 37.0).abs() < 1e-6);
    }
}

#[test]
fn remote_jobs_suit_all_who_do_not_refuse_wherever_they_live() {
    let remote = Some(RemotePolicy::Remote);
    for index in 0..200 {
        let (home, job) = walk(index, f64::from(index) * 90.0);
        for (accepts, wanted) in [(None, 1.0), (Some(true), 1.0), (Some(false), 0.0)] {
            assert!((score(&[home], accepts, job, remote) - wanted).abs() < 1e-6);
            let on_site = score(&[home], accepts, job, None);
            for policy in [RemotePolicy::OnSite, RemotePolicy::Hybrid] {
                assert_eq!(score(&[home], accepts, job, Some(policy)), on_site);
            }
            assert!((on_site - score(&[home], Some(false), job, None)).abs() < 1e-6);
        }
    }
    let vacancy = vacancy_geography(None, remote).unwrap();
    let nowhere = candidate_geography(&[], None).unwrap();
    assert!((crate::cover::dot(&vacancy, &nowhere) - 1.0).abs() < 1e-6);
    assert_eq!(candidate_geography(&[], Some(false)), None);
    assert_eq!(vacancy_geography(None, Some(RemotePolicy::Hybrid)), None);
}

#[test]
fn a_job_near_any_accepted_place_scores_as_if_it_were_the_only_one() {
    // Centres of regions of France, and a home.
    let regions = [
        (45.76, 4.84),
        (48.86, 2.35),
        (43.60, 1.44),
        (48.11, -1.68),
        (50.63, 3.06),
        (45.15, 5.72),
    ];
    let places = regions.map(|(latitude, longitude)| Coordinates {
        latitude,
        longitude,
    });
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for count in 1..=places.len() {
        let accepted = &places[..count];
        for place in accepted {
            for north in [0.0, 0.15, 0.3, 0.6] {
                let latitude = place.latitude + north;
                let job = Coordinates { latitude, ..*place };
                let alone = dot(*place, job);
                let found = score(accepted, None, job, None);
                let gain = found - alone;
                least = least.min(gain);
                most = most.max(gain);
                assert!(
                    (-0.06..0.2).contains(&gain),
                    "{count}, {north}: {alone} {found}"
                );
            }
        }
    }
    eprintln!("against the nearest place alone: {least:.3} to {most:.3}");
}

#[test]
fn far_places_gain_little_from_several_accepted_ones() {
    let mut most = f64::NEG_INFINITY;
    for index in 0..2_000 {
        let (home, far) = walk(index, 3_000.0);
        let region = Coordinates {
            longitude: home.longitude + 3.0,
            ..home
        };
        most = most.max(score(&[home, region], None, far, None));
    }
    eprintln!("3,000 km from both places: at most {most:.3}");
    assert!(most < 1.25 * SIDELOBE_BOUND, "{most}");
}

#[test]
fn places_beyond_the_limit_change_nothing() {
    let places: Vec<Coordinates> = (0..40).map(|index| walk(index, 0.0).0).collect();
    assert_eq!(
        candidate_geography(&places, None),
        candidate_geography(&places[..MAX_PLACES], None)
    );
}
