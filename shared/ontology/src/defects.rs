//! What is wrong with files that can be used all the same, counted by kind.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// How many defects of each kind are kept with file, line, column and value.
pub const MAX_EXAMPLES: usize = 3;

/// Longest value that is kept, in characters.
const MAX_VALUE: usize = 200;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefectKind {
    /// A row has fewer or more fields than the header.
    RaggedRow,
    /// A column stands twice in a header.
    RepeatedColumn,
    /// A URI is not one of ESCO's.
    MalformedUri,
    /// The type of a concept is unknown.
    UnknownType,
    /// A relation is neither essential nor optional.
    UnknownRelation,
    /// A relation or a collection names a URI that is no concept.
    UnknownUri,
    /// A list has labels of a URI that is no concept.
    UnknownLabelled,
    /// A broader relation closes a circle.
    Circle,
    /// A concept is of one kind here and of another there.
    OtherKind,
    /// A row of labels has no preferred one.
    MissingLabel,
    /// A concept has no preferred label in any language.
    Unlabelled,
    /// The code of an occupation begins with no ISCO group's.
    UnknownGroup,
    /// The type of a skill is unknown.
    UnknownSkillType,
    /// The reuse level of a skill is unknown.
    UnknownReuseLevel,
}

impl DefectKind {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::RaggedRow,
        Self::RepeatedColumn,
        Self::MalformedUri,
        Self::UnknownType,
        Self::UnknownRelation,
        Self::UnknownUri,
        Self::UnknownLabelled,
        Self::Circle,
        Self::OtherKind,
        Self::MissingLabel,
        Self::Unlabelled,
        Self::UnknownGroup,
        Self::UnknownSkillType,
        Self::UnknownReuseLevel,
    ];

    /// Returns its name for programs, such as `ragged_row`.
    pub fn name(self) -> &'static str {
        match self {
            Self::RaggedRow => "ragged_row",
            Self::RepeatedColumn => "repeated_column",
            Self::MalformedUri => "malformed_uri",
            Self::UnknownType => "unknown_type",
            Self::UnknownRelation => "unknown_relation",
            Self::UnknownUri => "unknown_uri",
            Self::UnknownLabelled => "unknown_labelled",
            Self::Circle => "circle",
            Self::OtherKind => "other_kind",
            Self::MissingLabel => "missing_label",
            Self::Unlabelled => "unlabelled",
            Self::UnknownGroup => "unknown_group",
            Self::UnknownSkillType => "unknown_skill_type",
            Self::UnknownReuseLevel => "unknown_reuse_level",
        }
    }

    /// Returns what several of them are, and what was done with them.
    pub fn text(self) -> &'static str {
        match self {
            Self::RaggedRow => {
                "rows with fewer or more fields than the header; missing ones count as empty, \
                 surplus ones are not read"
            }
            Self::RepeatedColumn => "columns that stand twice in a header; the first is read",
            Self::MalformedUri => "rows with a URI that is not one of ESCO's, left out",
            Self::UnknownType => "rows with an unknown type of concept, left out",
            Self::UnknownRelation => "relations neither essential nor optional, left out",
            Self::UnknownUri => "relations and members of URIs that are no concept, left out",
            Self::UnknownLabelled => "rows of labels of URIs that are no concept, left out",
            Self::Circle => "broader relations that close a circle, left out",
            Self::OtherKind => "concepts called another kind later on; the first kind holds",
            Self::MissingLabel => "rows of labels without a preferred one",
            Self::Unlabelled => "concepts without a preferred label in any language",
            Self::UnknownGroup => "occupations whose code names no ISCO group",
            Self::UnknownSkillType => "skills of an unknown type, which is not kept",
            Self::UnknownReuseLevel => "skills of an unknown reuse level, which is not kept",
        }
    }
}

/// One defect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// The file.
    pub path: PathBuf,
    /// From 1, the header included.
    pub line: u64,
    /// The column.
    pub column: String,
    /// What stands there, its first 200 characters.
    pub value: String,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        let Self {
            line,
            column,
            value,
            problem,
            ..
        } = self;
        write!(f, "{path}, line {line}: {column} {value:?} {problem}")
    }
}

/// Defects, counted by kind, with the first [`MAX_EXAMPLES`] of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defects(pub(crate) BTreeMap<DefectKind, Counted>);

/// The defects of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    pub(crate) count: usize,
    pub(crate) examples: Vec<Defect>,
}

impl Defects {
    /// Tells whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts those of a kind.
    pub fn count(&self, kind: DefectKind) -> usize {
        self.0.get(&kind).map_or(0, |counted| counted.count)
    }

    /// Returns the first of a kind.
    pub fn examples(&self, kind: DefectKind) -> &[Defect] {
        self.0.get(&kind).map_or(&[], |counted| &counted.examples)
    }

    /// Returns each kind that there is, with how many there are and the first of them.
    pub fn iter(&self) -> impl Iterator<Item = (DefectKind, usize, &[Defect])> {
        let kinds = self.0.iter();
        kinds.map(|(kind, counted)| (*kind, counted.count, counted.examples.as_slice()))
    }

    /// Counts one; it is made only when it is to be kept.
    pub(crate) fn add(&mut self, kind: DefectKind, defect: impl FnOnce() -> Defect) {
        let counted = self.0.entry(kind).or_default();
        counted.count += 1;
        if counted.examples.len() < MAX_EXAMPLES {
            let mut defect = defect();
            if let Some((end, _)) = defect.value.char_indices().nth(MAX_VALUE) {
                defect.value.truncate(end);
            }
            counted.examples.push(defect);
        }
    }
}

/// Says each kind in a line, and under it the first of them.
impl fmt::Display for Defects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, count, examples) in self.iter() {
            writeln!(f, "defects: {count} {}", kind.text())?;
            for example in examples {
                writeln!(f, "  {example}")?;
            }
            if count > examples.len() {
                writeln!(f, "  and {} more", count - examples.len())?;
            }
        }
        Ok(())
    }
}
