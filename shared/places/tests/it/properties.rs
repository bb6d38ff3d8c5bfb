//! What holds for any text.

use proptest::prelude::*;
use vivier_places::Hint;

use crate::support::EXAMPLE;

fn holds(text: &str) {
    let gazetteer = &EXAMPLE.gazetteer;
    let mut end = 0;
    for mention in gazetteer.mentions(text) {
        let range = mention.range;
        assert!(end <= range.start && range.start < range.end, "{text:?}");
        assert!(text.get(range.clone()).is_some(), "{text:?} {range:?}");
        assert!(mention.resolution.best().is_some());
        end = range.end;
    }
    let hint = Hint {
        country: Some(text),
        region: Some(text),
    };
    for answer in gazetteer.resolve_each(text, hint) {
        assert!(
            answer
                .best()
                .is_none_or(|place| gazetteer.place(place.id) == Some(place))
        );
    }
    gazetteer.resolve(text, Hint::default());
}

proptest! {
    #[test]
    fn any_text_is_read(text in "\\PC{0,60}") {
        holds(&text);
    }

    #[test]
    fn any_mixture_of_names_and_signs_is_read(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("Lyon"), Just("Paris"), Just("15e"), Just("69003"), Just("New"), Just("York"),
                Just(", "), Just(" ("), Just(")"), Just(" - "), Just(" "), Just("VA"), Just("à"),
                Just("Île-de-France"), Just("İ"), Just("u\u{308}"), Just("’"), Just("."), Just("St"),
                Just("ß"), Just("😀"), Just("\n"), Just("00000"), Just("99999"), Just("2A"), Just("U.S."),
            ],
            0..24,
        ),
    ) {
        holds(&parts.concat());
    }
}
