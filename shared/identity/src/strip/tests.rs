//! Tables of what goes and what stays, and what holds for every text.

use proptest::prelude::*;

use super::*;
use crate::Kind;

fn text(of: &str) -> String {
    strip(of).text().to_owned()
}

/// A text, what is left of it, and what is counted.
type Row = (&'static str, &'static str, &'static [(Kind, u32)]);

fn check(rows: &[Row]) {
    let mut failures = 0;
    for (given, wanted, counts) in rows {
        let stripped = strip(given);
        let found: Vec<_> = stripped.removed().iter().collect();
        if (stripped.text(), found.as_slice()) != (*wanted, *counts) {
            eprintln!("{given:?} gave {:?} {found:?}", stripped.text());
            failures += 1;
        }
    }
    assert_eq!(failures, 0);
}

#[test]
fn contacts_go() {
    for (given, wanted) in [
        ("Mail jean.dupont+cv@exemple.fr, thanks", "thanks"),
        ("E-mail:a.b@c.org.", ""),
        ("élodie@exemple.fr", ""),
        ("see https://x.y/z?a=b (here)", "see (here)"),
        ("(www.site.com) ok", "ok"),
        ("LinkedIn: linkedin.com/in/someone now", "now"),
        ("Call +33 6 12 34 56 78 today", "Call today"),
        ("06 12 34 56 78", ""),
        ("06.12.34.56.78", ""),
        ("0612345678 CDI", "CDI"),
        ("(555) 123-4567 2010-2012", "2010-2012"),
        ("1-555-123-4567", ""),
        ("Tel: 123 45 67 end", "end"),
        ("2012 555-123-4567", "2012"),
        ("+237 6 99 99 99 99", ""),
    ] {
        assert_eq!(text(given), wanted, "{given}");
        assert_eq!(strip_advert(given).text(), wanted, "{given}");
    }
    assert_eq!(text("Welder\nLinkedIn: some-one"), "Welder");
}

#[test]
fn english_details_go() {
    use Kind::*;
    check(&[
        ("John Smith\nWelder", "Welder", &[(Name, 1)]),
        ("SMITH John\nWelder", "Welder", &[(Name, 1)]),
        ("Chinedu Okafor\nWelder", "Welder", &[(Name, 1)]),
        ("Mary-Jane O'Neill, Welder", "Welder", &[(Name, 1)]),
        ("Grace Cook | Welder", "Welder", &[(Name, 1)]),
        (
            "John Smith Software Engineer",
            "Software Engineer",
            &[(Name, 1)],
        ),
        (
            "WELDER\nTam Bui\nSummary\nTam welds.",
            "WELDER\nSummary\nwelds.",
            &[(Name, 2)],
        ),
        ("Full name: Ngozi Adeyemi\nWelder", "Welder", &[(Name, 1)]),
        ("Name - Li Wei\nWelder", "Welder", &[(Name, 1)]),
        (
            "Welder\nI worked for Mr. Bean and Mrs Mauer-Smith.",
            "Welder\nI worked for and.",
            &[(Name, 2)],
        ),
        (
            "Hello, my name is David, and I weld",
            "Hello, and I weld",
            &[(Name, 1)],
        ),
        (
            "Welder\nGender: Female\nSkills",
            "Welder\nSkills",
            &[(Gender, 1)],
        ),
        ("Welder\nSex : M | Lyon", "Welder\nLyon", &[(Gender, 1)]),
        ("Welder (she/her)", "Welder", &[(Gender, 1)]),
        (
            "Welder\nHe said that his work pleased him.",
            "Welder\nsaid that work pleased.",
            &[(Gender, 3)],
        ),
        (
            "I am a hardworking woman who welds",
            "I am a hardworking who welds",
            &[(Gender, 1)],
        ),
        (
            "waitress, Saleswomen, CHAIRMAN",
            "waiter, Salespeople, CHAIRPERSON",
            &[(Gender, 3)],
        ),
        ("waiter/waitress", "waiter", &[(Gender, 1)]),
        (
            "Welder\nDate of Birth : 23.06.1975 Age : 37 Years",
            "Welder",
            &[(Birth, 2)],
        ),
        (
            "Welder\nDOB - 3rd of September, 1970",
            "Welder",
            &[(Birth, 1)],
        ),
        (
            "Welder\nBorn on 3 May 1990 in Lagos, Nigeria",
            "Welder",
            &[(Birth, 1)],
        ),
        ("Welder\nNationality: Indian", "Welder", &[(Birth, 1)]),
        ("Welder, 34 years old", "Welder", &[(Birth, 1)]),
        (
            "Welder\nMarital status: Married with 2 children",
            "Welder",
            &[(CivilStatus, 1)],
        ),
        ("Welder | Single | 2 kids", "Welder", &[(CivilStatus, 2)]),
        (
            "Welder\nA mother of two children",
            "Welder",
            &[(CivilStatus, 1)],
        ),
        (
            "12 Oak Street, Apt 4, Springfield, IL 62704\nWelder",
            "Springfield, IL\nWelder",
            &[(Address, 2)],
        ),
        (
            "Address: 5 Mill Road, Leeds LS1 4AB\nWelder",
            "Leeds\nWelder",
            &[(Address, 3)],
        ),
        ("Photo\nWelder", "Welder", &[(Photo, 1)]),
        ("me.jpg\nWelder", "Welder", &[(Photo, 1)]),
    ]);
}

#[test]
fn french_details_go() {
    use Kind::*;
    check(&[
        (
            "Marie DUPONT\nSoudeuse",
            "Soudeur",
            &[(Name, 1), (Gender, 1)],
        ),
        (
            "Jean-Pierre de la Fontaine - Cuisinier",
            "Cuisinier",
            &[(Name, 1)],
        ),
        (
            "Nom : Traoré\nPrénom : Aminata\nCaissier",
            "Caissier",
            &[(Name, 2)],
        ),
        (
            "Caissier\nMme Dupont était responsable",
            "Caissier\nétait responsable",
            &[(Name, 1)],
        ),
        ("Sexe : féminin\nCaissier", "Caissier", &[(Gender, 1)]),
        ("Infirmière motivée", "Infirmier motivée", &[(Gender, 1)]),
        ("vendeur/vendeuse H/F", "vendeur H/F", &[(Gender, 1)]),
        (
            "employée chargée de caisse",
            "employé chargé de caisse",
            &[(Gender, 2)],
        ),
        (
            "Caissier\nNé le 3 mai 1990 à Lyon (34 ans)",
            "Caissier",
            &[(Birth, 1)],
        ),
        ("Caissier\nNée en 1985", "Caissier", &[(Birth, 1)]),
        (
            "Caissier\nDate de naissance : 03/05/1990",
            "Caissier",
            &[(Birth, 1)],
        ),
        (
            "Caissier\nLieu de naissance : Saint-Denis",
            "Caissier",
            &[(Birth, 1)],
        ),
        ("Caissier\nNationalité française", "Caissier", &[(Birth, 1)]),
        ("Caissier, 34 ans", "Caissier", &[(Birth, 1)]),
        (
            "Caissier\nSituation de famille : mariée, 2 enfants",
            "Caissier",
            &[(CivilStatus, 1)],
        ),
        ("Caissier\nCélibataire", "Caissier", &[(CivilStatus, 1)]),
        (
            "Caissier\nMarié(e), 3 enfants (5, 7 et 9 ans)",
            "Caissier",
            &[(CivilStatus, 1)],
        ),
        (
            "12 bis, rue de la République, 69003 Lyon\nCaissier",
            "Lyon\nCaissier",
            &[(Address, 2)],
        ),
        (
            "Adresse : 4 place Bellecour 69002 LYON\nCaissier",
            "LYON\nCaissier",
            &[(Address, 3)],
        ),
        (
            "Courriel : a@b.fr | Tél. : 06 12 34 56 78\nCaissier",
            "Caissier",
            &[(Email, 1), (Telephone, 1)],
        ),
        ("Photo d'identité\nCaissier", "Caissier", &[(Photo, 1)]),
    ]);
}

#[test]
fn everything_else_stays() {
    for given in [
        "July 2011 to November 2012",
        "2012-2014 2015-2016",
        "01/2010 - 05/2012",
        "01.2010 - 05.2012",
        "05.2010 2012",
        "$360,000,000 and 150 000 FCFA",
        "ASP.NET/C#, socket.io/redis, CI/CD",
        "C++ 11/14/17, Python 3.11.2",
        "ISO 9001 27001",
        "@home, foo@bar, R&D",
        "24/7 support of 1 000 000 users",
        "Windows 95 98 2000 2003",
        "10 12 2010",
        "CPA - # 138.882 (2014-2015)",
        "SALES MANAGER\nSummary\nMS Office, MS Lync, Ms Excel",
        "DATA SCIENTIST\nPython\nJava Spring",
        "Senior Software Engineer\nAmazon Web Services",
        "Full Stack Developer | React | Node.js",
        "Scrum Master\nDevOps",
        "Skills\nKubernetes Terraform\nJenkins",
        "Company Name: City, State\nProject Name: Portal",
        "HIM specialist, HIS and SHE systems",
        "4-H club, single sign-on, single point of contact",
        "Cared for children aged 5 and 2 married couples",
        "Women's fashion, men's wear, male and female patients",
        "Photoshop, photography, photo editing",
        "employee relations, employees of the month",
        "M. Tech in Physics, M. Sc. Chemistry",
        "Dr. Patil College, St. Louis University",
        "birth certificates, date of hire, place of work",
        "5 years of experience on the road",
        "10 ans d'expérience en cuisine",
        "J'ai 10 ans d'expérience",
        "Fraiseuse à commande numérique, carrière, matière",
        "3 place en finale, 2 cours de cuisine",
        "Nom du projet : Portail",
        "La nationalité des clients importe peu",
        "In August 2002 Regent Street opened",
        "KPI 75011 units",
        "Douala, Yaoundé",
        "IP address: 10.0.0.1",
    ] {
        let stripped = strip(given);
        assert_eq!(stripped.text(), given, "{:?}", stripped.removed());
        assert!(stripped.removed().is_empty());
    }
}

#[test]
fn a_field_has_no_header_and_an_advert_no_person() {
    let given = "Tam Bui\nHe is a waitress";
    assert_eq!(strip(given).text(), "is a waiter");
    assert_eq!(strip_field(given).text(), "Tam Bui\nis a waiter");
    assert_eq!(strip_advert(given).text(), "Tam Bui\nHe is a waiter");
}

#[test]
fn offsets_lead_back_to_the_original() {
    let given = "John Smith\nI met Mr. Bean at work, as a waitress.";
    let stripped = strip(given);
    assert_eq!(stripped.text(), "I met at work, as a waiter.");
    let back = |part: &str| {
        let at = stripped.text().find(part).unwrap();
        &given[stripped.original_range(at..at + part.len())]
    };
    assert_eq!(back("I met"), "I met");
    assert_eq!(back("work"), "work");
    assert_eq!(back("waiter"), "waitress");
    assert_eq!(back("met at"), "met Mr. Bean at");
    assert_eq!(stripped.original_offset(0), 11);
    assert_eq!(stripped.original_offset(usize::MAX), given.len());
}

#[test]
fn debug_output_shows_no_content() {
    let shown = format!("{:?}", strip("John Smith\nborn on 3 May 1990\nWelder"));
    for secret in ["John", "Smith", "1990", "Welder"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("\"name\": 1"), "{shown}");
}

/// Pieces that texts of the property tests are put together from.
const PIECES: [&str; 48] = [
    "John",
    "Smith",
    "Marie",
    "DUPONT",
    "Cook",
    "Mr.",
    "Mme",
    "M.",
    "Dr.",
    "Name:",
    "Nom :",
    "Gender: F",
    "he",
    "her",
    "/",
    ",",
    " - ",
    "\n",
    "\n\n",
    "|",
    "(",
    ")",
    ".",
    "born on",
    "née le",
    "3 May 1990",
    "12/03/1985",
    "married",
    "2 children",
    "célibataire",
    "12 rue",
    "de la Paix",
    "69003",
    "Lyon",
    "Address:",
    "Oak Street",
    "a@b.fr",
    "06 12 34 56 78",
    "www.x.com",
    "waitress",
    "vendeur/vendeuse",
    "Welder",
    "Skills",
    "age: 34",
    "ans",
    "é\u{301}",
    "Photo",
    "·",
];

fn composed() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => prop::sample::select(PIECES.as_slice()).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(
        (piece, prop::sample::select([" ", "", "  "].as_slice())),
        0..30,
    )
    .prop_map(|pieces| pieces.into_iter().map(|(piece, gap)| piece + gap).collect())
}

fn checked(given: &str) -> Result<(), TestCaseError> {
    for strip in [strip, strip_field, strip_advert] {
        let stripped = strip(given);
        let again = strip(stripped.text());
        prop_assert_eq!(again.text(), stripped.text());
        prop_assert!(again.removed().is_empty());
        let offsets: Vec<usize> = (0..=stripped.text().len() + 1)
            .map(|at| stripped.original_offset(at))
            .collect();
        prop_assert!(offsets.is_sorted());
        prop_assert!(offsets.iter().all(|at| *at <= given.len()));
        for (at, letter) in stripped.text().char_indices() {
            let range = stripped.original_range(at..at + letter.len_utf8());
            prop_assert!(given.get(range).is_some());
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_survived_and_stripped_for_good(given in "(\\PC|\\n|\\t){0,200}") {
        checked(&given)?;
    }

    #[test]
    fn any_details_are_stripped_for_good(given in composed()) {
        checked(&given)?;
    }

    #[test]
    fn planted_contacts_never_survive(
        before in "[a-z ]{0,20}", after in "[a-z ]{0,20}", number in 10_000_000_u32..99_999_999,
    ) {
        let given = format!("{before} x{number}@mail.example.com or +336{number} or http://h.fr/{number} {after}");
        prop_assert!(!text(&given).contains(&number.to_string()));
    }
}
