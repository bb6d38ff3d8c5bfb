"""Makes given_names.txt from the given names of Faker (see NOTICE).

    pip install faker==40.63.0
    python make.py [--check]

Every given name of fifteen locales, split at all that is no letter, in
lower case without accents, that has at least three letters and is in none of the
lists of words. With --check the file is compared and not written.
"""

import importlib
import pathlib
import re
import sys
import textwrap
import unicodedata

LOCALES = (
    "de_DE en_GB en_IN en_US es_ES fr_CH fr_FR it_IT nl_NL pl_PL pt_PT ro_RO sv_SE tr_TR vi_VN"
).split()

# States and a town, which CVs name more often than people.
PLACES = set("carolina chelsea dakota georgia virginia".split())

# Letters that do not decompose.
PLAIN = {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "œ": "oe", "æ": "ae", "ß": "ss"}

FOLDER = pathlib.Path(__file__).parent
LISTS = ["esco_words", "more_words", "given_names_and_words", "family_names_and_words"]
WIDTH = 100


def key(word):
    """Returns a word as src/key.rs writes it."""
    letters = (PLAIN.get(letter, letter) for letter in word.lower())
    parts = unicodedata.normalize("NFD", "".join(letters))
    return "".join(part for part in parts if not unicodedata.combining(part))


def given_names(locale):
    """Returns the keys of all given names of a locale."""
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    lists = (getattr(provider, f"first_names{end}", ()) for end in ("", "_female", "_male"))
    names = {name for one in lists for name in one}
    return {part for name in names for part in re.findall("[a-z]{3,}", key(name))}


def main():
    words = {
        word for name in LISTS for word in (FOLDER / f"{name}.txt").read_text("utf-8").split()
    }
    names = set().union(*map(given_names, LOCALES)) - words - PLACES
    made = textwrap.fill(" ".join(sorted(names)), WIDTH) + "\n"
    path = FOLDER / "given_names.txt"
    if "--check" in sys.argv[1:]:
        held = set(path.read_text("utf-8").split())
        if made != path.read_text("utf-8"):
            sys.exit(f"differs: made only {sorted(names - held)}, held only {sorted(held - names)}")
        print(f"{len(names)} given names, the same bytes")
    else:
        path.write_text(made, "utf-8")


if __name__ == "__main__":
    main()
