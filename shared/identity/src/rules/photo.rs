//! References to a photo.

use crate::kind::Kind::{self, Photo};
use crate::rule::Rule;

/// "Photo" or the name of an image as a part of a line.
pub(super) const ALONE: (Kind, &str) = (
    Photo,
    r"\[?(?:(?:insert|your|passport|profile|id)[\s-]+)*(?:photo(?:graph(?:ie)?)?|picture)(?:\s+(?:d['’]identit[ée]|de\s+profil|here|ici|attached|ci-jointe?))?\]?(?:\s*:\s*(?:attached|yes|oui|ci-jointe?)?)?|[\p{L}\d_-]+(?:\.[\p{L}\d_-]+)*\.(?:jpe?g|png|gif|webp|heic|bmp)",
);

pub(super) const RULES: [Rule; 3] = [
    Rule::new(
        Photo,
        "photo photograph photographie picture image",
        r"(?:photo(?:graph(?:ie)?)?|picture|image)\s*[:=]\s*(?:(?:attached|enclosed|ci-jointe?|jointe)\b|[\p{L}\d_./-]+\.(?:jpe?g|png|gif|webp|heic|bmp)\b)",
    ),
    Rule::new(
        Photo,
        "photo",
        r"photo\s+(?:d['’]identit[ée]|de\s+profil|ci-jointe?)\b",
    ),
    Rule::new(
        Photo,
        "profile passport",
        r"(?:profile|passport[\s-]size)\s+(?:photo|picture)\s+(?:attached|enclosed)\b",
    ),
];
