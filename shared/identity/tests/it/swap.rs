//! The header of a CV says who, and nothing of it stays: 200 real CVs under the
//! headers of persons of different gender and origin.

use vivier_identity::{Kind, strip};

use crate::ranking::{Words, rank_biased_overlap};
use crate::support::{ADVERTS, CVS, Sample, pool, texts};

/// Who the header is of.
#[derive(Clone, Copy)]
struct Person {
    given: &'static str,
    family: &'static str,
    /// In English and French.
    gender: [&'static str; 2],
    title: [&'static str; 2],
    born: [&'static str; 2],
    age: u8,
    nationality: [&'static str; 2],
    status: [&'static str; 2],
    street: [&'static str; 2],
    postcode: [&'static str; 2],
    email: &'static str,
    telephone: &'static str,
    pronouns: &'static str,
}

const PERSONS: [Person; 6] = [
    Person {
        given: "John",
        family: "Smith",
        gender: ["Male", "masculin"],
        title: ["Mr", "M."],
        born: ["12 March 1985", "12 mars 1985"],
        age: 39,
        nationality: ["British", "britannique"],
        status: ["Married, 2 children", "Marié, 2 enfants"],
        street: ["12 Oak Street", "12 rue de la Paix"],
        postcode: ["SW1A 2AA", "75002"],
        email: "john.smith@example.com",
        telephone: "+44 20 7946 0958",
        pronouns: "he/him",
    },
    Person {
        given: "Fatoumata",
        family: "Diallo",
        gender: ["Female", "féminin"],
        title: ["Ms", "Mme"],
        born: ["3rd of June, 1992", "3 juin 1992"],
        age: 32,
        nationality: ["Senegalese", "sénégalaise"],
        status: ["Single", "Célibataire"],
        street: ["1480 Martin Luther Avenue", "7 bis, avenue Jean Jaurès"],
        postcode: ["M1 1AE", "93200"],
        email: "fdiallo92@example.org",
        telephone: "06 12 34 56 78",
        pronouns: "she/her",
    },
    Person {
        given: "Anne-Sophie",
        family: "Lefebvre",
        gender: ["F", "F"],
        title: ["Mrs.", "Madame"],
        born: ["07/11/1970", "07/11/1970"],
        age: 54,
        nationality: ["French", "française"],
        status: ["Divorced", "Divorcée, 1 enfant"],
        street: ["5 Mill Lane, Flat 3", "148 boulevard de la Liberté"],
        postcode: ["LS1 4AB", "59000"],
        email: "as_lefebvre@mail.example.fr",
        telephone: "01.23.45.67.89",
        pronouns: "she/her/hers",
    },
    Person {
        given: "Mohammed",
        family: "Benali",
        gender: ["M", "homme"],
        title: ["Mr.", "Monsieur"],
        born: ["1988-02-29", "29/02/1988"],
        age: 36,
        nationality: ["Moroccan", "marocaine"],
        status: ["Married with three kids", "Marié (3 enfants)"],
        street: ["221B Baker Street", "3 impasse des Lilas"],
        postcode: ["NW1 6XE", "69100"],
        email: "m.benali@example.ma",
        telephone: "+33 (0)6 98 76 54 32",
        pronouns: "he/him/his",
    },
    Person {
        given: "Xiaoling",
        family: "Zhang",
        gender: ["Woman", "femme"],
        title: ["Miss", "Mlle"],
        born: ["September 9, 1999", "9 septembre 1999"],
        age: 25,
        nationality: ["Chinese", "chinoise"],
        status: ["Unmarried", "Pacsée"],
        street: ["77 West Hill Road", "21 allée du Parc"],
        postcode: ["EH1 1YZ", "31000"],
        email: "zhangxl@example.cn",
        telephone: "(555) 123-4567",
        pronouns: "she/they",
    },
    Person {
        given: "Chukwuemeka",
        family: "Okonkwo",
        gender: ["male", "Homme"],
        title: ["Mr", "M."],
        born: ["1 Jan 1979", "1er janvier 1979"],
        age: 45,
        nationality: ["Nigerian", "nigériane"],
        status: ["Widowed, one child", "Veuf, sans enfant"],
        street: ["9 Kings Road", "64 chemin du Moulin"],
        postcode: ["B1 1BB", "44000"],
        email: "emeka@okonkwo.example",
        telephone: "0234567891",
        pronouns: "he/him",
    },
];

/// Headers as people write them; words in capitals stand for the person's.
const ENGLISH: [&str; 6] = [
    "GIVEN FAMILY\nSTREET, Leeds POSTCODE\nEMAIL | TELEPHONE\n",
    "Name: GIVEN FAMILY\nGender: GENDER\nDate of birth: BORN\nNationality: NATIONALITY\nMarital status: STATUS\nAddress: STREET, Leeds, POSTCODE\nE-mail: EMAIL\nPhone: TELEPHONE\nPhoto: attached\n",
    "TITLE GIVEN FAMILY | Age: AGE | STATUS | Leeds\nTel: TELEPHONE - Email: EMAIL\n",
    "CURRICULUM VITAE\nFAMILY, GIVEN\nBorn on BORN\nSTREET\nLeeds POSTCODE\nTELEPHONE\nEMAIL\n",
    "GIVEN UPPER (PRONOUNS)\nAGE years old, STATUS\nEMAIL TELEPHONE\n",
    "Personal details\nFull name : GIVEN FAMILY Gender : GENDER Date of Birth : BORN Marital Status : STATUS Nationality : NATIONALITY\n[Photo]\n",
];
const FRENCH: [&str; 6] = [
    "GIVEN UPPER\nSTREET\nPOSTCODE Lille\nTELEPHONE\nEMAIL\nAGE ans - STATUS\n",
    "Nom : UPPER\nPrénom : GIVEN\nSexe : GENDER\nDate de naissance : BORN\nNationalité : NATIONALITY\nSituation de famille : STATUS\nAdresse : STREET, POSTCODE Lille\nCourriel : EMAIL\nTéléphone : TELEPHONE\n",
    "TITLE GIVEN FAMILY | AGE ans | STATUS | Lille\nTél. : TELEPHONE - Mail : EMAIL\n",
    "CURRICULUM VITAE\nUPPER GIVEN\nNATE le BORN\nSTREET POSTCODE Lille\nPhoto d'identité\nTELEPHONE / EMAIL\n",
    "GIVEN FAMILY, AGE ans, nationalité NATIONALITY\nSTATUS\nEMAIL • TELEPHONE\n",
    "État civil\nNom et prénom : UPPER GIVEN\nÂge : AGE ans\nÉtat civil : STATUS\nSexe : GENDER\n",
];

fn header(layout: &str, person: &Person, language: usize) -> String {
    let woman = person.pronouns.starts_with("she");
    layout
        .replace("GIVEN", person.given)
        .replace("FAMILY", person.family)
        .replace("UPPER", &person.family.to_uppercase())
        .replace("GENDER", person.gender[language])
        .replace("TITLE", person.title[language])
        .replace("BORN", person.born[language])
        .replace("AGE", &person.age.to_string())
        .replace("NATIONALITY", person.nationality[language])
        .replace("STATUS", person.status[language])
        .replace("STREET", person.street[language])
        .replace("POSTCODE", person.postcode[language])
        .replace("EMAIL", person.email)
        .replace("TELEPHONE", person.telephone)
        .replace("PRONOUNS", person.pronouns)
        .replace("NATE", if woman { "Née" } else { "Né" })
}

/// Persons under whom each CV is compared.
const HEADERS: usize = 3;

fn layouts() -> impl Iterator<Item = (&'static str, usize)> {
    let english = ENGLISH.iter().map(|layout| (*layout, 0));
    english.chain(FRENCH.iter().map(|layout| (*layout, 1)))
}

/// Needs no files, so that it runs everywhere.
#[test]
fn every_layout_hides_every_person() {
    let mut failures = 0;
    for (layout, language) in layouts() {
        let shown = PERSONS.map(|person| {
            let cv = header(layout, &person, language) + "Welder\nSkills\nWelding";
            strip(&cv).text().to_owned()
        });
        if shown.iter().any(|one| *one != shown[0]) {
            eprintln!("{layout} gave {shown:#?}");
            failures += 1;
        }
    }
    assert_eq!(failures, 0);
}

/// Tells whether a text has a word, as it is written or in capitals.
fn has_word(text: &str, word: &str) -> bool {
    let upper = word.to_uppercase();
    text.split(|c: char| !c.is_alphanumeric() && c != '-')
        .any(|one| one == word || one == upper)
}

/// Tells whether a text names a person, or someone or something of that name.
fn names(text: &str, person: &Person) -> bool {
    has_word(text, person.given) || has_word(text, person.family)
}

/// Returns a CV under a header, stripped.
fn under_header(at: usize, cv: &str, person: &Person) -> String {
    let layouts: Vec<_> = layouts().collect();
    let (layout, language) = layouts[at % layouts.len()];
    let given = header(layout, person, language) + cv;
    let stripped = strip(&given);
    assert!(stripped.removed().get(Kind::Name) > 0);
    stripped.text().to_owned()
}

/// Returns what is left of each CV under persons whom its text does not name.
fn headed(cvs: &[String]) -> Vec<[String; HEADERS]> {
    let headed = cvs.iter().enumerate().map(|(at, cv)| {
        let turn = at / layouts().count();
        let persons = (0..PERSONS.len()).map(|step| &PERSONS[(turn + step) % PERSONS.len()]);
        let strangers = persons.filter(|person| !names(cv, person)).take(HEADERS);
        let texts: Vec<String> = strangers
            .map(|person| under_header(at, cv, person))
            .collect();
        texts.try_into().unwrap()
    });
    headed.collect()
}

/// Counts the CVs that name persons of the test, and prints those whose text is
/// another under such a namesake than under a stranger.
fn namesakes(cvs: &[String], headed: &[[String; HEADERS]]) -> (usize, usize) {
    let (mut named, mut other) = (0, 0);
    for (at, cv) in cvs.iter().enumerate() {
        let namesakes: Vec<&Person> = PERSONS.iter().filter(|person| names(cv, person)).collect();
        named += usize::from(!namesakes.is_empty());
        for person in namesakes {
            if under_header(at, cv, person) != headed[at][0] {
                other += 1;
                eprintln!(
                    "CV {at} is another under {} {}",
                    person.given, person.family
                );
            }
        }
    }
    (named, other)
}

#[test]
fn two_headers_on_one_career_are_one_text_and_one_shortlist() {
    for sample in [Sample::Seen, Sample::HeldOut] {
        let (Some(cvs), Some(adverts)) = (
            pool("candidates.jsonl", CVS, sample),
            pool("vacancies.jsonl", ADVERTS, sample),
        ) else {
            return;
        };
        let cvs = texts(&cvs);
        assert_eq!(cvs.len(), CVS);
        let headed = headed(&cvs);
        for (at, [first, others @ ..]) in headed.iter().enumerate() {
            for other in others {
                assert!(first == other, "CV {at} of {sample:?} differs");
            }
        }
        let shortlists = |header: usize| -> Vec<Vec<usize>> {
            let words = Words::new(headed.iter().map(|texts| &*texts[header]));
            let queries = adverts
                .iter()
                .map(|advert| advert["text"].as_str().unwrap());
            queries.map(|query| words.rank(query)).collect()
        };
        let before = shortlists(0);
        for header in 1..HEADERS {
            for (one, other) in before.iter().zip(shortlists(header)) {
                let overlap = rank_biased_overlap(one, &other);
                assert!((overlap - 1.0).abs() < f64::EPSILON, "{overlap}");
            }
        }
        let (named, other) = namesakes(&cvs, &headed);
        eprintln!(
            "{sample:?}: rank-biased overlap 1.000 for {} adverts over {CVS} CVs, each under \
             {HEADERS} persons whom it does not name, none left out; {named} CVs have the name \
             of a person of the test in their text, and under that person {other} are another \
             text",
            adverts.len(),
        );
    }
}
