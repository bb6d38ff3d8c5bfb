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
            "Welder\nREFERENCES\nMelissa Arnold, foreman, [phone]\nWelding Ltd\nStephanie Williams (director)\nSkills\nJack Daniels",
            "Welder\nREFERENCES\nforeman, [phone]\nWelding Ltd\n(director)\nSkills\nJack Daniels",
            &[(Name, 2)],
        ),
        (
            "Welder\nProfessional references: Abdul Hannan Khan, foreman",
            "Welder\nProfessional references: foreman",
            &[(Name, 1)],
        ),
        ("Welder (SHE/HER)", "Welder", &[(Gender, 1)]),
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
fn members_and_kin_go() {
    use Kind::*;
    check(&[
        (
            "Welder\nSkills\nBrother of Alpha Kappa Psi",
            "Welder\nSkills\nAlpha Kappa Psi",
            &[(Gender, 1)],
        ),
        (
            "Welder\nSkills\nAlpha Kappa Alpha Sorority",
            "Welder\nSkills\nAlpha Kappa Alpha Fraternity",
            &[(Gender, 1)],
        ),
        (
            "Welder\nVisa Status : Husband's Sponsorship",
            "Welder\nVisa Status",
            &[(CivilStatus, 1)],
        ),
        (
            "Welder\nRelocated for wife's employment",
            "Welder\nRelocated",
            &[(CivilStatus, 1)],
        ),
        (
            "Welder\nName of Father Emeka Okonkwo\nIndian",
            "Welder\nIndian",
            &[(Name, 1)],
        ),
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
        ("Infirmière motivée", "Infirmier motivé", &[(Gender, 2)]),
        ("vendeur/vendeuse H/F", "vendeur", &[(Gender, 2)]),
        ("soudeur (MINIER) H/F", "soudeur (MINIER)", &[(Gender, 1)]),
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
        "HIM specialist, HIS and SHE systems, HE lecturer",
        "References available upon request\nReferences: Renault, Peugeot",
        "Use of reference tools\nCharles River",
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
        "client/e-mail, and/or, read/write, S/E, A/F/M",
        "vendeur.Se tenir, Groupe/E, w/h, h/w",
        "Responsable vente, vie active, expérience professionnelle, centrale",
        "Administrative assistant, active listener, creative candidate",
        "peut-être, a-t-elle, répond-elle, Rule 4(e)",
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
fn gendered_forms_of_one_title_are_one() {
    let mut failures = 0;
    for (wanted, forms) in [
        (
            "serveur",
            &[
                "serveuse",
                "serveur/serveuse",
                "serveuse/serveur",
                "serveuse / serveur",
                "serveur (serveuse)",
                "serveur ou serveuse",
                "serveuse ou serveur",
                "serveur(se)",
                "serveur(euse)",
                "serveur/se",
                "serveur/euse",
                "serveur·se",
                "serveur.se",
                "serveur-se",
                "serveur (H/F)",
                "serveuse H/F",
                "serveur f/h",
                "serveur - h/f/x",
                "serveur m/w/d",
                "serveur (homme/femme)",
                "H/F serveur",
            ][..],
        ),
        (
            "Chef de projet",
            &[
                "Cheffe de projet",
                "Chef(fe) de projet (H/F)",
                "Chef.fe de projet",
                "Chef·fe de projet F/H",
                "Chef/cheffe de projet",
            ],
        ),
        (
            "Chargés de mission",
            &[
                "Chargées de mission",
                "Chargé·e·s de mission",
                "Chargé(e)s de mission",
                "Chargé-e-s de mission",
                "Chargé.e.s de mission",
            ],
        ),
        (
            "DIRECTEUR",
            &["DIRECTRICE", "DIRECTEUR/TRICE", "DIRECTEUR(trice)"],
        ),
        (
            "infirmier",
            &["infirmière", "infirmier(ère)", "infirmier/ière"],
        ),
        (
            "technicien",
            &["technicienne", "technicien(ne)", "technicien·ne"],
        ),
        (
            "assistant",
            &["assistante", "assistant(e)", "assistant/e", "assistant·e"],
        ),
        (
            "Assistant administratif et commercial",
            &[
                "Assistante administrative et commerciale",
                "Assistant(e) administratif(ve) et commercial(e)",
                "Assistant (e) administrative et commerciale",
                "Assistant/e administratif/ive et commercial/e",
            ],
        ),
        (
            "Responsable financier adjoint",
            &["Responsable financière adjointe"],
        ),
        (
            "INFIRMIER LIBÉRAL",
            &["INFIRMIÈRE LIBÉRALE", "INFIRMIER(E) LIBÉRAL(E)"],
        ),
        (
            "Je suis très motivé, organisé et souriant",
            &["Je suis très motivée, organisée et souriante"],
        ),
        (
            "waiter",
            &["waitress", "waiter/waitress", "waitress or waiter"],
        ),
        (
            "salesperson",
            &["salesman", "saleswoman", "salesman/saleswoman"],
        ),
    ] {
        for form in forms.iter().copied().chain([wanted]) {
            for strip in [strip_field, strip_advert] {
                let stripped = strip(form);
                if stripped.text() != wanted {
                    eprintln!("{form:?} gave {:?}", stripped.text());
                    failures += 1;
                }
            }
        }
    }
    assert_eq!(failures, 0);
}

#[test]
fn a_name_of_one_text_goes_from_all() {
    let texts = [
        (Reading::Cv, "Fatoumata Diallo\nWelder"),
        (Reading::Title, "Madame Diallo, assistante"),
        (
            Reading::Field,
            "Fatoumata welds.\nDIALLO won with Mr. Bellerose",
        ),
        (Reading::Field, "Bellerose trained her; Fatoumata Diallo"),
        (Reading::Title, "John Smith - Senior welder"),
        (Reading::Field, "as said by Smith, John"),
        (Reading::Field, "Diallo & Sons, Assistant Diallo"),
        (Reading::Title, "Responsable Diallo"),
        (Reading::Advert, "Fatoumata wanted"),
    ];
    let stripped = strip_record(&texts);
    let left: Vec<&str> = stripped.iter().map(Stripped::text).collect();
    assert_eq!(
        left,
        [
            "Welder",
            "assistant",
            "welds.\nwon with",
            "trained",
            "Senior welder",
            "as said by",
            "Diallo & Sons, Assistant",
            "Responsable",
            "Fatoumata wanted",
        ]
    );
    let again: Vec<(Reading, &str)> = texts.iter().map(|text| text.0).zip(left).collect();
    let again = strip_record(&again);
    assert!(again.iter().all(|text| text.removed().is_empty()));
}

#[test]
fn titles_keep_what_is_no_name() {
    for given in [
        "Grace period analyst",
        "Scrum Master",
        "Full Stack Developer, React",
        "Line Cook",
        "Marine Engineer",
        "Barista",
        "Tatoueur Perceur",
        "Growth Hacker",
        "Chef de partie - Brasserie Georges",
    ] {
        let stripped = strip_record(&[(Reading::Title, given)]);
        assert_eq!(stripped[0].text(), given);
    }
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

const READINGS: [Reading; 4] = [Reading::Cv, Reading::Title, Reading::Field, Reading::Advert];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_record_is_stripped_for_good(
        texts in prop::collection::vec((prop::sample::select(READINGS.as_slice()), composed()), 1..4),
    ) {
        let texts: Vec<(Reading, &str)> = texts.iter().map(|(kind, text)| (*kind, &**text)).collect();
        let stripped = strip_record(&texts);
        let kinds = texts.iter().map(|(kind, _)| *kind);
        let once: Vec<(Reading, &str)> = kinds.zip(stripped.iter().map(Stripped::text)).collect();
        for (again, (_, once)) in strip_record(&once).iter().zip(&once) {
            prop_assert_eq!(again.text(), *once);
        }
    }

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
