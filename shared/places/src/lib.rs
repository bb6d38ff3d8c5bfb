//! Cities and regions: a gazetteer read from GeoNames and commune files, and the places
//! that texts name.
//!
//! - [`Gazetteer::load`] reads the files, joins what they say of one place, and reports
//!   what was left out.
//! - [`Gazetteer::resolve`] reads the location field of a profile.
//! - [`Gazetteer::mentions`] finds place names in running English or French text.
//! - [`Gazetteer::default_mobility`] is where a person would work who has not said so.
//!
//! Names that several places bear are reported as such, with the likeliest and how sure
//! that is: nothing is resolved by a silent guess.
//!
//! Data of GeoNames (<https://www.geonames.org>) is licensed under CC BY 4.0.

mod communes;
mod coordinates;
mod countries;
mod draft;
mod error;
mod field;
mod fold;
mod gazetteer;
mod geonames;
mod join;
mod load;
mod lookup;
mod mentions;
mod names;
mod ordinary;
mod place;
mod reading;
mod regions;
mod resolve;
mod scan;
mod source;
mod tokens;

pub use error::PlacesError;
pub use gazetteer::Gazetteer;
pub use load::Loaded;
pub use mentions::Mention;
pub use place::{CountryCode, Kind, Place, PlaceId};
pub use reading::{Example, LeftOut, Reason};
pub use resolve::{Hint, Resolution, SURE};
pub use source::Content;
