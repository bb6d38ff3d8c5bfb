//! The two kinds of profile, as the command line spells them.

use clap::ValueEnum;
use vivier_proto::v1;
use vivier_types::ProfileKind;

/// A kind of profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// People in the pool.
    #[value(alias = "candidate")]
    Candidates,
    /// Open positions.
    #[value(alias = "vacancy")]
    Vacancies,
}

impl From<Kind> for ProfileKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Candidates => Self::Candidate,
            Kind::Vacancies => Self::Vacancy,
        }
    }
}

impl From<Kind> for v1::ProfileKind {
    fn from(kind: Kind) -> Self {
        ProfileKind::from(kind).into()
    }
}
