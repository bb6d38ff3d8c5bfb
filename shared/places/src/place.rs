//! A place.

use vivier_types::Coordinates;

/// Number of a place in its gazetteer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaceId(pub(crate) u32);

impl PlaceId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A country.
    Country,
    /// The division below the country: a French region, a state, a province.
    Region,
    /// A French département.
    Departement,
    /// A town or commune.
    City,
    /// A part of a town: an arrondissement, a borough.
    District,
}

impl Kind {
    /// Every kind, from the largest.
    pub const ALL: [Self; 5] = [
        Self::Country,
        Self::Region,
        Self::Departement,
        Self::City,
        Self::District,
    ];

    /// Returns the name of several such places.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Country => "countries",
            Self::Region => "regions",
            Self::Departement => "départements",
            Self::City => "towns",
            Self::District => "districts",
        }
    }
}

/// A place, with what the files say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Its number in the gazetteer.
    pub id: PlaceId,
    /// What it is.
    pub kind: Kind,
    /// Its name, as the first file writes it. A region that no file names has the country
    /// and the code of GeoNames, such as "CM.05".
    pub name: Box<str>,
    /// ISO 3166-1 alpha-2 of a country; code of GeoNames of a region (for France that of
    /// INSEE); number of a département; empty for a town.
    pub code: Box<str>,
    /// ISO 3166-1 alpha-2 of its country; empty when no file says.
    pub country_code: CountryCode,
    /// The country it lies in, when a file or the built-in list names it.
    pub country: Option<PlaceId>,
    /// The region it lies in.
    pub region: Option<PlaceId>,
    /// The French département it lies in.
    pub departement: Option<PlaceId>,
    /// Where it is; regions and countries have none.
    pub coordinates: Option<Coordinates>,
    /// Inhabitants; of a region or country those of its towns in the files. `None` when
    /// no file says.
    pub population: Option<u32>,
    /// Other names, by newlines.
    pub(crate) others: Box<str>,
}

impl Place {
    /// Makes a place that has no name and no number yet.
    pub(crate) fn blank(kind: Kind, code: &str, country: CountryCode) -> Self {
        Self {
            id: PlaceId(0),
            kind,
            name: Box::default(),
            code: code.into(),
            country_code: country,
            country: None,
            region: None,
            departement: None,
            coordinates: None,
            population: None,
            others: Box::default(),
        }
    }

    /// Returns its other names in Latin letters, as the files write them.
    pub fn alternate_names(&self) -> impl Iterator<Item = &str> {
        self.others.split('\n').filter(|name| !name.is_empty())
    }
}

/// A country's ISO 3166-1 alpha-2 code in upper case, or nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// France.
    pub(crate) const FRANCE: Self = Self(*b"FR");

    /// Reads a code of two letters, of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 2] = text.as_bytes().try_into().ok()?;
        let letters = bytes.iter().all(u8::is_ascii_alphabetic);
        letters.then(|| Self(bytes.map(|byte| byte.to_ascii_uppercase())))
    }

    /// Returns the code; empty when unknown.
    pub fn as_str(&self) -> &str {
        let known = self.0 != [0, 0];
        std::str::from_utf8(&self.0)
            .ok()
            .filter(|_| known)
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for CountryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

/// Returns about how many kilometres lie between two places, near enough for places that
/// are not far apart.
pub(crate) fn about_km(one: Coordinates, other: Coordinates) -> f64 {
    const KM_PER_DEGREE: f64 = 111.195;
    let north = one.latitude - other.latitude;
    let mut east = (one.longitude - other.longitude).abs();
    if east > 180.0 {
        east = 360.0 - east;
    }
    let middle = f64::midpoint(one.latitude, other.latitude).to_radians();
    KM_PER_DEGREE * north.hypot(east * middle.cos())
}
