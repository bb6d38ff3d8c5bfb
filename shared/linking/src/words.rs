//! The words of labels, numbered: each is taken apart once, however many labels have it.

use hashbrown::HashMap;
use vivier_ontology::Language;

use crate::catalog::Catalog;
use crate::lists::Lists;
use crate::text::{Stems, telling};
use crate::vectors::place;

/// Letters of the shortest stem that counts, however a text writes it.
const SHORT: usize = 3;

/// The words of labels that say something.
pub(crate) struct Words<'a> {
    pub(crate) all: Vec<&'a str>,
    /// By label: the numbers of its words, in order.
    pub(crate) of_labels: Lists,
}

impl<'a> Words<'a> {
    /// Numbers the words of labels, given as [`crate::text::plain`] texts.
    pub(crate) fn of(plains: &'a [String]) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut all = Vec::new();
        let mut of_labels = Lists::new();
        for plain in plains {
            of_labels.push(telling(plain).into_iter().map(|word| {
                *numbers.entry(word).or_insert_with(|| {
                    all.push(word);
                    u32::try_from(all.len() - 1).unwrap_or(u32::MAX)
                })
            }));
        }
        Self { all, of_labels }
    }

    /// Numbers the stems of the words, in the language of the label in which they stand;
    /// returns by label the numbers of its stems, in order, too. `language` is that of the
    /// texts in which words will be looked up.
    pub(crate) fn stems(&self, catalog: &Catalog, language: Language) -> (StemNumbers, Lists) {
        let mut numbers = StemNumbers::default();
        let mut known: HashMap<(Language, u32), u32> = HashMap::with_capacity(self.all.len());
        let mut of_labels = Lists::new();
        let mut stems = Stems::of(language);
        let mut of_stems = language;
        for (label, words) in catalog.labels.iter().zip(self.of_labels.iter()) {
            if of_stems != label.language {
                of_stems = label.language;
                stems = Stems::of(of_stems);
            }
            of_labels.push(words.iter().map(|word| {
                *known.entry((of_stems, *word)).or_insert_with(|| {
                    let word = self.all.get(place(*word)).copied().unwrap_or_default();
                    let number = numbers.add(&stems.stem(word));
                    if of_stems == language {
                        numbers.by_word.insert(word.to_owned(), number);
                    }
                    number
                })
            }));
        }
        (numbers, of_labels)
    }
}

/// The stems of labels, numbered.
#[derive(Debug, Default)]
pub(crate) struct StemNumbers {
    by_stem: HashMap<String, u32>,
    /// Of words as they stand, which spares stemming them.
    by_word: HashMap<String, u32>,
    short: Vec<bool>,
}

impl StemNumbers {
    pub(crate) fn len(&self) -> usize {
        self.short.len()
    }

    /// Numbers a stem, unless it has a number; returns it.
    pub(crate) fn add(&mut self, stem: &str) -> u32 {
        *self.by_stem.entry_ref(stem).or_insert_with(|| {
            self.short.push(stem.chars().count() < SHORT);
            u32::try_from(self.short.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// Returns the number of a stem; `None` when no label has it.
    pub(crate) fn stem(&self, stem: &str) -> Option<u32> {
        self.by_stem.get(stem).copied()
    }

    /// Returns the number of the stem of a word; `None` when no label has it.
    pub(crate) fn word(&self, word: &str, stems: &Stems) -> Option<u32> {
        let known = self.by_word.get(word).copied();
        known.or_else(|| self.stem(&stems.stem(word)))
    }

    /// Tells whether a stem is so short that a text must write it as the label does.
    pub(crate) fn is_short(&self, stem: u32) -> bool {
        self.short.get(place(stem)).is_some_and(|short| *short)
    }
}
