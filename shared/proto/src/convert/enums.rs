//! Enums: each value of ours has one wire value, zero means absent.

use vivier_types::{
    Contract, LanguageLevel, PoolStatus, ProfileKind, RemotePolicy, Seniority, Violation,
};

use crate::v1;

/// An enum whose wire form reserves zero for "unspecified".
pub(super) trait WireEnum: Sized + Copy {
    /// Decodes; `Ok(None)` for unspecified, `Err` for a number of a newer protocol.
    fn decode(field: &str, number: i32) -> Result<Option<Self>, Violation>;

    /// Encodes; `None` becomes unspecified.
    fn encode(value: Option<Self>) -> i32;
}

macro_rules! wire_enum {
    ($ours:ty, $wire:ty, [$($variant:ident),+ $(,)?]) => {
        impl From<$ours> for $wire {
            fn from(value: $ours) -> Self {
                match value {
                    $(<$ours>::$variant => <$wire>::$variant,)+
                }
            }
        }

        impl WireEnum for $ours {
            fn decode(field: &str, number: i32) -> Result<Option<Self>, Violation> {
                match <$wire>::try_from(number) {
                    Ok(<$wire>::Unspecified) => Ok(None),
                    $(Ok(<$wire>::$variant) => Ok(Some(Self::$variant)),)+
                    Err(_) => Err(Violation::new(field, number, "unknown enum value")),
                }
            }

            fn encode(value: Option<Self>) -> i32 {
                value.map_or(<$wire>::Unspecified, <$wire>::from).into()
            }
        }
    };
}

wire_enum!(ProfileKind, v1::ProfileKind, [Candidate, Vacancy]);
wire_enum!(
    PoolStatus,
    v1::PoolStatus,
    [Applied, Pooled, Hired, Rejected, Withdrawn]
);
wire_enum!(RemotePolicy, v1::RemotePolicy, [OnSite, Hybrid, Remote]);
wire_enum!(
    Contract,
    v1::Contract,
    [
        Permanent,
        FixedTerm,
        Temporary,
        Freelance,
        Internship,
        Apprenticeship
    ]
);
wire_enum!(
    Seniority,
    v1::Seniority,
    [Intern, Junior, Mid, Senior, Lead]
);
wire_enum!(
    LanguageLevel,
    v1::LanguageLevel,
    [A1, A2, B1, B2, C1, C2, Native]
);

impl v1::ProfileKind {
    /// Decodes the kind in field `field` of a request.
    ///
    /// # Errors
    /// When it is unspecified or unknown.
    pub fn required(field: &str, number: i32) -> Result<ProfileKind, Violation> {
        ProfileKind::decode(field, number)?
            .ok_or_else(|| Violation::new(field, "PROFILE_KIND_UNSPECIFIED", "must be given"))
    }
}
