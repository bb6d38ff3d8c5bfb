//! Strips from a text what tells who a person is, before anything compares it:
//! names, gender, e-mail and web addresses, telephone numbers, street lines,
//! birth, photo references and civil status, in English and French.
//!
//! By rules, so that the same text always gives the same result. What was
//! removed is counted by [`Kind`] and never kept. Occupational content stays:
//! where a rule could not tell a name from a skill, it lets the text be.
//!
//! [`strip_record`] reads all texts of a record, each as its [`Reading`] says: a
//! name that one text gives goes from all. [`strip`], [`strip_field`] and
//! [`strip_advert`] read one text. All write women's forms of occupations as the
//! form that serves for everyone ("waitress" as "waiter", "salesman" as
//! "salesperson", "infirmière" and "infirmier(ère)" as "infirmier").
//!
//! ```
//! let stripped = vivier_identity::strip("Marie Dupont\nBorn on 3 May 1990\nWelder, Lyon");
//! assert_eq!(stripped.text(), "Welder, Lyon");
//! assert_eq!(stripped.original_offset(0), 32);
//! ```

mod contacts;
mod edit;
mod finder;
mod forms;
mod header;
mod key;
mod kind;
mod lexicon;
mod name;
mod places;
mod repeats;
mod rule;
mod rules;
mod strip;
mod stripped;

pub use kind::{Counts, Kind};
pub use strip::{Reading, strip, strip_advert, strip_field, strip_record};
pub use stripped::Stripped;
