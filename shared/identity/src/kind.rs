//! What is removed, and how often it was.

use std::fmt;

/// A kind of personal detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A person's name.
    Name,
    /// A statement of gender, a gendered pronoun, a mark such as "H/F", or a
    /// gendered form of an occupation or adjective (which is rewritten, not
    /// removed).
    Gender,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Telephone,
    /// A web address or the name of an account.
    WebAddress,
    /// A street line or a postcode; the city stays.
    Address,
    /// Birth date, age, birthplace, nationality or religion.
    Birth,
    /// A reference to a photo.
    Photo,
    /// Marriage and children.
    CivilStatus,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Gender,
        Self::Email,
        Self::Telephone,
        Self::WebAddress,
        Self::Address,
        Self::Birth,
        Self::Photo,
        Self::CivilStatus,
    ];

    /// Returns the name of the kind, for a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Gender => "gender",
            Self::Email => "email",
            Self::Telephone => "telephone",
            Self::WebAddress => "web_address",
            Self::Address => "address",
            Self::Birth => "birth",
            Self::Photo => "photo",
            Self::CivilStatus => "civil_status",
        }
    }
}

/// How many details of each kind were removed.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([u32; Kind::ALL.len()]);

impl Counts {
    /// Returns how many details of a kind were removed.
    pub fn get(&self, kind: Kind) -> u32 {
        self.0[kind as usize]
    }

    /// Returns how many details were removed.
    pub fn total(&self) -> u32 {
        self.0
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Tells whether nothing was removed.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Returns the kinds of which something was removed, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u32)> + '_ {
        Kind::ALL
            .into_iter()
            .map(|kind| (kind, self.get(kind)))
            .filter(|(_, count)| *count > 0)
    }

    /// Adds the counts of another text.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine = mine.saturating_add(theirs);
        }
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        let count = &mut self.0[kind as usize];
        *count = count.saturating_add(1);
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.iter().map(|(kind, count)| (kind.as_str(), count));
        f.debug_map().entries(counts).finish()
    }
}
