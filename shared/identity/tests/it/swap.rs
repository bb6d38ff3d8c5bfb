//! The header of a CV says who, and nothing of it stays: 200 real CVs under the
//! headers of persons of different gender and origin.

use vivier_identity::{Kind, strip};

use crate::ranking::{Words, rank_biased_overlap};
use crate::support::{ADVERTS, CVS, pool, texts};

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

/// Which others each CV is compared under.
const SHIFTS: [usize; 2] = [1, 4];

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

#[test]
fn two_headers_on_one_career_are_one_text_and_one_shortlist() {
    let (Some(cvs), Some(adverts)) = (
        pool("candidates.jsonl", 2 * CVS),
        pool("vacancies.jsonl", ADVERTS),
    ) else {
        return;
    };
    // A namesake in the text goes with the header's person: such CVs are left out.
    let mut cvs = texts(&cvs);
    cvs.retain(|cv| {
        let named = |person: &Person| cv.contains(person.given) || cv.contains(person.family);
        !PERSONS.iter().any(named)
    });
    let left_out = 2 * CVS - cvs.len();
    cvs.truncate(CVS);
    assert_eq!(cvs.len(), CVS);
    let layouts: Vec<_> = layouts().collect();
    let with_headers = |shift: usize| -> Vec<String> {
        cvs.iter()
            .enumerate()
            .map(|(at, cv)| {
                let (layout, language) = layouts[at % layouts.len()];
                let turn = at / layouts.len();
                let person = &PERSONS[(turn + shift) % PERSONS.len()];
                let given = header(layout, person, language) + cv;
                let stripped = strip(&given);
                assert!(stripped.removed().get(Kind::Name) > 0);
                stripped.text().to_owned()
            })
            .collect()
    };
    let first = with_headers(0);
    let shortlists = |cvs: &[String]| -> Vec<Vec<usize>> {
        let words = Words::new(cvs.iter().map(String::as_str));
        let queries = adverts
            .iter()
            .map(|advert| advert["text"].as_str().unwrap());
        queries.map(|query| words.rank(query)).collect()
    };
    let before = shortlists(&first);
    for shift in SHIFTS {
        let second = with_headers(shift);
        for (at, (one, other)) in first.iter().zip(&second).enumerate() {
            assert!(one == other, "CV {at} differs under person {shift}");
        }
        for (one, other) in before.iter().zip(shortlists(&second)) {
            let overlap = rank_biased_overlap(one, &other);
            assert!((overlap - 1.0).abs() < f64::EPSILON, "{overlap}");
        }
    }
    eprintln!(
        "rank-biased overlap 1.000 for {} adverts over {CVS} CVs, each under {} persons; of {} CVs \
         {left_out} were left out for a namesake in the text",
        adverts.len(),
        SHIFTS.len() + 1,
        2 * CVS,
    );
}
