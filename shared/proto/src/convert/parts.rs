//! The parts that candidates, vacancies and summaries share.

use vivier_types::{
    Coordinates, Education, Experience, Language, LanguageLevel, Location, Mobility, PartialDate,
    Salary, Skill, Violation,
};

use super::enums::WireEnum;
use super::non_empty;
use crate::v1;

fn decode_date(field: &str, text: &str) -> Result<Option<PartialDate>, Violation> {
    if text.is_empty() {
        return Ok(None);
    }
    let date = text.parse().map_err(|_| {
        Violation::new(
            field,
            text,
            "is not a date of the form YYYY, YYYY-MM or YYYY-MM-DD",
        )
    })?;
    Ok(Some(date))
}

fn encode_date(date: Option<PartialDate>) -> String {
    date.map(|date| date.to_string()).unwrap_or_default()
}

impl TryFrom<v1::Skill> for Skill {
    type Error = Violation;

    fn try_from(wire: v1::Skill) -> Result<Self, Violation> {
        if wire.name.trim().is_empty() && wire.uri.is_empty() {
            return Err(Violation::new("name", wire.name, "is empty"));
        }
        Ok(Self {
            name: wire.name,
            uri: non_empty(wire.uri),
        })
    }
}

impl From<Skill> for v1::Skill {
    fn from(skill: Skill) -> Self {
        Self {
            name: skill.name,
            uri: skill.uri.unwrap_or_default(),
        }
    }
}

impl TryFrom<v1::Experience> for Experience {
    type Error = Violation;

    fn try_from(wire: v1::Experience) -> Result<Self, Violation> {
        Ok(Self {
            start: decode_date("start", &wire.start)?,
            end: decode_date("end", &wire.end)?,
            title: wire.title,
            employer: wire.employer,
            text: wire.text,
        })
    }
}

impl From<Experience> for v1::Experience {
    fn from(experience: Experience) -> Self {
        Self {
            title: experience.title,
            employer: experience.employer,
            start: encode_date(experience.start),
            end: encode_date(experience.end),
            text: experience.text,
        }
    }
}

impl TryFrom<v1::Education> for Education {
    type Error = Violation;

    fn try_from(wire: v1::Education) -> Result<Self, Violation> {
        Ok(Self {
            start: decode_date("start", &wire.start)?,
            end: decode_date("end", &wire.end)?,
            degree: wire.degree,
            field: wire.field,
            institution: wire.institution,
        })
    }
}

impl From<Education> for v1::Education {
    fn from(education: Education) -> Self {
        Self {
            degree: education.degree,
            field: education.field,
            institution: education.institution,
            start: encode_date(education.start),
            end: encode_date(education.end),
        }
    }
}

impl TryFrom<v1::Language> for Language {
    type Error = Violation;

    fn try_from(wire: v1::Language) -> Result<Self, Violation> {
        let is_code =
            matches!(wire.code.len(), 2 | 3) && wire.code.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_code {
            return Err(Violation::new(
                "code",
                wire.code,
                "is not an ISO 639 code such as \"fr\"",
            ));
        }
        let level = LanguageLevel::decode("level", wire.level)?;
        Ok(Self {
            code: wire.code.to_ascii_lowercase(),
            level,
        })
    }
}

impl From<Language> for v1::Language {
    fn from(language: Language) -> Self {
        Self {
            code: language.code,
            level: LanguageLevel::encode(language.level),
        }
    }
}

impl TryFrom<v1::Coordinates> for Coordinates {
    type Error = Violation;

    fn try_from(wire: v1::Coordinates) -> Result<Self, Violation> {
        // A NaN lies in no range, so it is refused here too.
        if !(-90.0..=90.0).contains(&wire.latitude) {
            return Err(Violation::new(
                "latitude",
                wire.latitude,
                "must lie between -90 and 90",
            ));
        }
        if !(-180.0..=180.0).contains(&wire.longitude) {
            return Err(Violation::new(
                "longitude",
                wire.longitude,
                "must lie between -180 and 180",
            ));
        }
        Ok(Self {
            latitude: wire.latitude,
            longitude: wire.longitude,
        })
    }
}

impl From<Coordinates> for v1::Coordinates {
    fn from(coordinates: Coordinates) -> Self {
        Self {
            latitude: coordinates.latitude,
            longitude: coordinates.longitude,
        }
    }
}

impl TryFrom<v1::Location> for Location {
    type Error = Violation;

    fn try_from(wire: v1::Location) -> Result<Self, Violation> {
        let coordinates = wire
            .coordinates
            .map(Coordinates::try_from)
            .transpose()
            .map_err(super::within("coordinates"))?;
        Ok(Self {
            place: wire.place,
            region: wire.region,
            country: wire.country,
            coordinates,
        })
    }
}

impl From<Location> for v1::Location {
    fn from(location: Location) -> Self {
        Self {
            place: location.place,
            region: location.region,
            country: location.country,
            coordinates: location.coordinates.map(v1::Coordinates::from),
        }
    }
}

impl TryFrom<v1::Mobility> for Mobility {
    type Error = Violation;

    fn try_from(wire: v1::Mobility) -> Result<Self, Violation> {
        if let Some(radius) = wire
            .radius_km
            .filter(|radius| !(radius.is_finite() && *radius >= 0.0))
        {
            return Err(Violation::new(
                "radius_km",
                radius,
                "must be a number of at least 0",
            ));
        }
        Ok(Self {
            regions: wire.regions,
            radius_km: wire.radius_km,
            remote: wire.remote,
        })
    }
}

impl From<Mobility> for v1::Mobility {
    fn from(mobility: Mobility) -> Self {
        Self {
            regions: mobility.regions,
            radius_km: mobility.radius_km,
            remote: mobility.remote,
        }
    }
}

impl TryFrom<v1::Salary> for Salary {
    type Error = Violation;

    fn try_from(wire: v1::Salary) -> Result<Self, Violation> {
        for (field, bound) in [("min", wire.min), ("max", wire.max)] {
            if let Some(bound) = bound.filter(|bound| !(bound.is_finite() && *bound >= 0.0)) {
                return Err(Violation::new(
                    field,
                    bound,
                    "must be a number of at least 0",
                ));
            }
        }
        if let (Some(min), Some(max)) = (wire.min, wire.max)
            && min > max
        {
            return Err(Violation::new(
                "min",
                min,
                format!("must not exceed max, which is {max}"),
            ));
        }
        Ok(Self {
            min: wire.min,
            max: wire.max,
            currency: wire.currency,
            period: wire.period,
        })
    }
}

impl From<Salary> for v1::Salary {
    fn from(salary: Salary) -> Self {
        Self {
            min: salary.min,
            max: salary.max,
            currency: salary.currency,
            period: salary.period,
        }
    }
}
