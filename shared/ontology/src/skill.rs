//! What ESCO says of skills beside labels: type, reuse level, collections, and the
//! occupations that need them.

use crate::concept::{ConceptId, Kind, Ontology, Relation};
use crate::table::Lists;

/// What a skill is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SkillType {
    /// A skill or a competence: what somebody can do.
    Competence,
    /// What somebody knows.
    Knowledge,
}

impl SkillType {
    /// Every type.
    pub const ALL: [Self; 2] = [Self::Competence, Self::Knowledge];

    /// Returns its name in ESCO.
    pub fn name(self) -> &'static str {
        match self {
            Self::Competence => "skill/competence",
            Self::Knowledge => "knowledge",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// In how much of working life a skill is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReuseLevel {
    /// Everywhere.
    Transversal,
    /// In several sectors.
    CrossSector,
    /// In one sector.
    SectorSpecific,
    /// In one occupation.
    OccupationSpecific,
}

impl ReuseLevel {
    /// Every level.
    pub const ALL: [Self; 4] = [
        Self::Transversal,
        Self::CrossSector,
        Self::SectorSpecific,
        Self::OccupationSpecific,
    ];

    /// Returns its name in ESCO.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transversal => "transversal",
            Self::CrossSector => "cross-sector",
            Self::SectorSpecific => "sector-specific",
            Self::OccupationSpecific => "occupation-specific",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

/// Where a skill has no type or level.
pub(crate) const NOT_GIVEN: u8 = u8::MAX;

impl Ontology {
    /// Returns the type of a skill; `None` where no file gives one.
    pub fn skill_type(&self, skill: ConceptId) -> Option<SkillType> {
        let code = self.skill_types.get(skill.number())?;
        SkillType::ALL.get(usize::from(*code)).copied()
    }

    /// Returns the reuse level of a skill; `None` where no file gives one.
    pub fn reuse_level(&self, skill: ConceptId) -> Option<ReuseLevel> {
        let code = self.reuse_levels.get(skill.number())?;
        ReuseLevel::ALL.get(usize::from(*code)).copied()
    }

    /// Counts the skills of a type; of `None`, those that have none.
    pub fn count_skill_type(&self, of: Option<SkillType>) -> usize {
        self.skills()
            .filter(|one| self.skill_type(*one) == of)
            .count()
    }

    /// Counts the skills of a reuse level; of `None`, those that have none.
    pub fn count_reuse_level(&self, of: Option<ReuseLevel>) -> usize {
        self.skills()
            .filter(|one| self.reuse_level(*one) == of)
            .count()
    }

    fn skills(&self) -> impl Iterator<Item = ConceptId> {
        let concepts = self.concepts();
        concepts.filter(|concept| self.kind(*concept) == Kind::Skill)
    }

    /// Returns the occupations that cannot do without a skill, in the order of URIs.
    pub fn occupations_requiring(&self, skill: ConceptId) -> impl Iterator<Item = ConceptId> {
        let [essential, _] = self.needed_by();
        essential.get(skill.0).iter().copied().map(ConceptId)
    }

    /// Returns the occupations that a skill helps, in the order of URIs.
    pub fn occupations_helped(&self, skill: ConceptId) -> impl Iterator<Item = ConceptId> {
        let [_, optional] = self.needed_by();
        optional.get(skill.0).iter().copied().map(ConceptId)
    }

    /// Returns the collections, as their files are named, each with the number of its
    /// members: `digitalSkillsCollection`.
    pub fn collections(&self) -> impl Iterator<Item = (&str, usize)> {
        let numbers = (0..).take(self.collections.len());
        numbers.map(|number| (self.collections.get(number), self.members.get(number).len()))
    }

    /// Returns the names of the collections that a concept is in.
    pub fn collections_of(&self, concept: ConceptId) -> impl Iterator<Item = &str> {
        let numbers = (0..).take(self.collections.len());
        let having = numbers.filter(move |number| {
            let members = self.members.get(*number);
            members.binary_search(&concept.0).is_ok()
        });
        having.map(|number| self.collections.get(number))
    }

    /// By skill: the occupations to which it is essential, and to which it is optional.
    fn needed_by(&self) -> &[Lists; 2] {
        let inverse = |relation: Relation| {
            let lists = self.relations.get(relation as usize);
            lists.map_or_else(Lists::default, |lists| lists.inverse(self.len()))
        };
        let make = || [inverse(Relation::Essential), inverse(Relation::Optional)];
        self.needed_by.get_or_init(make)
    }
}
