"""Real sentences, and what is made of them."""

import pytest

from tests.unit.wishes.conftest import ID

ANIME, MATRIX, INCEPTION, CARS = (ID[t] for t in (
    "Spirited Away (Sen to Chihiro no kamikakushi)", "The Matrix", "Inception", "Cars"
))  # fmt: skip
# The sentence: films liked, films disliked, the filters and dials; and what is not understood.
SENTENCES = {
    "something like Spirited Away but for adults, after 2000, no horror": (
        [ANIME], [], {"genres_none": ["Children", "Horror"], "year_min": 2001}, []),
    "Matrix and Inception, but nothing like Cars": ([MATRIX, INCEPTION], [CARS], {}, []),
    "I hated Cars": ([], [CARS], {}, []),
    "I loved Alien and hated Prometheus": ([ID["Alien"]], [ID["Prometheus"]], {}, []),
    "funny sci-fi from the 90s": ([], [], {"genres_any": ["Comedy", "Sci-Fi"], "year_min": 1990, "year_max": 1999}, []),
    "a romcom from 1999": ([], [], {"genres_any": ["Comedy", "Romance"], "year_min": 1999, "year_max": 1999}, []),
    "a romcom from 1999 on": ([], [], {"genres_any": ["Comedy", "Romance"], "year_min": 1999}, []),
    "comedies, 80s on video": ([], [], {"genres_any": ["Comedy"], "year_min": 1980, "year_max": 1989}, ["video"]),
    "a western in 1999 on video": ([], [], {"genres_any": ["Western"], "year_min": 1999, "year_max": 1999}, ["video"]),
    "a western from 1999 or later": ([], [], {"genres_any": ["Western"], "year_min": 1999}, []),
    "a western in 1999 or later": ([], [], {"genres_any": ["Western"], "year_min": 1999}, []),
    "lesser known thrillers between 1990 and 2005": (
        [], [], {"novelty": 0.7, "genres_any": ["Thriller"], "year_min": 1990, "year_max": 2005}, []),
    "like spirted awya but no romance": ([ANIME], [], {"genres_none": ["Romance"]}, []),  # codespell:ignore awya
    "something different, no war or westerns": ([], [], {"diversity": 0.7, "genres_none": ["War", "Western"]}, []),
    "hidden gems like Heat (1986)": ([ID["Heat"] + 3], [], {"novelty": 0.7}, []),
    "heat": ([ID["Heat"]], [], {}, []),
    "heat 1986": ([ID["Heat"] + 3], [], {}, []),
    "the eighties": ([], [], {"year_min": 1980, "year_max": 1989}, []),
    "a kids cartoon": ([], [], {"genres_any": ["Children", "Animation"]}, []),
    "I like horror": ([], [], {"genres_any": ["Horror"]}, []),
    "I like Horror": ([], [], {"genres_any": ["Horror"]}, []),
    "not scary and funny": ([], [], {"genres_none": ["Horror"], "genres_any": ["Comedy"]}, []),
    "no horror, war or musicals please": ([], [], {"genres_none": ["Horror", "War", "Musical"]}, []),
    "no horror, funny please": ([], [], {"genres_none": ["Horror"], "genres_any": ["Comedy"]}, []),
    "recent documentaries": ([], [], {"genres_any": ["Documentary"], "year_min": 2006}, []),
    "old movies like Casablanca": ([ID["Casablanca"]], [], {"year_max": 1979}, []),
    "no old movies": ([], [], {"year_min": 1980}, []),
    "star wars but darker": ([ID["Star Wars: Episode IV - A New Hope"]], [], {}, ["darker"]),
    "inception, heat, casablanca": ([INCEPTION, ID["Heat"], ID["Casablanca"]], [], {}, []),
    "before sunrise": ([ID["Before Sunrise"]], [], {}, []),
    "movies before 1990": ([], [], {"year_max": 1989}, []),
    "1999 or later": ([], [], {"year_min": 1999}, []),
    "late 80s horror": ([], [], {"genres_any": ["Horror"], "year_min": 1985, "year_max": 1989}, []),
    "80s and 90s action": ([], [], {"genres_any": ["Action"], "year_min": 1980, "year_max": 1999}, []),
    "something like Up": ([ID["Up"]], [], {}, []),
    'like "it"': ([ID["It"]], [], {}, []),
    "like it": ([], [], {}, []),
    "like 2001: A Space Odyssey": ([ID["2001: A Space Odyssey"]], [], {}, []),
    "animated films not for kids": ([], [], {"genres_any": ["Animation"], "genres_none": ["Children"]}, []),
    "I don't want anything scary": ([], [], {"genres_none": ["Horror"]}, []),
    "i dont like westerns": ([], [], {"genres_none": ["Western"]}, []),
    "a scary movie": ([], [], {"genres_any": ["Horror"]}, []),
    "like scary movie": ([ID["Scary Movie"]], [], {}, []),
    "with robots": ([], [], {}, ["robots"]),
    "like Robots": ([ID["Robots"]], [], {}, []),
    "with dragons and wizards": ([], [], {"genres_any": ["Fantasy"]}, ["dragons"]),
    "more like Titanic, less like Kill Bill": ([ID["Titanic"]], [ID["Kill Bill: Vol. 1"]], {}, []),
    "Not like Titanic but like Alien!": ([ID["Alien"]], [ID["Titanic"]], {}, []),
    "the good, the bad and the ugly": ([ID["The Good, the Bad and the Ugly"]], [], {}, []),
    "No Country for Old Men": ([ID["No Country for Old Men"]], [], {}, []),
    "no war movies, like Dr. Strangelove": (
        [ID["Dr. Strangelove or: How I Learned to Stop Worrying"]], [], {"genres_none": ["War"]}, []),
    "like 1984": ([ID["1984"]], [], {}, []),
    "Like Amelie and Monsters, Inc.": ([ID["Amélie"], ID["Monsters, Inc."]], [], {}, []),
    "I loved Se7en. Heat. No romance": (
        [ID["Seven (a.k.a. Se7en)"], ID["Heat"]], [], {"genres_none": ["Romance"]}, []),
    "I hated Unlisted Wonder": ([], [ID["Unlisted Wonder"]], {}, []),
    "I liked Cars, no wait, I hated Cars": ([], [CARS], {}, ["wait"]),
    "movies like harry potter for the whole family": (
        [ID["Harry Potter and the Goblet of Fire"]], [], {"genres_any": ["Children"]}, []),
    "harry potter": ([ID["Harry Potter and the Goblet of Fire"]], [], {}, []),
    "like two towers": ([ID["The Lord of the Rings: The Two Towers"]], [], {}, []),
    "similar to lotr": ([ID["The Lord of the Rings: The Two Towers"]], [], {}, []),
    "something like what we watched last year": ([], [], {}, ["last"]),
    "spirted awya but darker": ([ANIME], [], {}, ["darker"]),  # codespell:ignore awya
    "inceptoin": ([INCEPTION], [], {}, []),  # codespell:ignore inceptoin
    "oscar winners": ([], [], {}, ["oscar winners"]),
    "not older than 10 years": ([], [], {"year_min": 2006}, []),
    "thrillers from the last five years": ([], [], {"genres_any": ["Thriller"], "year_min": 2011}, []),
    "comedies of the past decade": ([], [], {"genres_any": ["Comedy"], "year_min": 2006}, []),
    "older than 30 years": ([], [], {"year_max": 1985}, []),
    "a movie for my 8 year old": ([], [], {"genres_any": ["Children"]}, []),
    "not for six year olds": ([], [], {"genres_none": ["Children"]}, []),
    "for a 15 year old": ([], [], {}, ["15 year old"]),
    "less action, more drama": ([], [], {"genres_none": ["Action"], "genres_any": ["Drama"]}, []),
    "neither horror nor war": ([], [], {"genres_none": ["Horror", "War"]}, []),
    "sad films about a serial killer": ([], [], {"genres_any": ["Drama", "Crime"]}, []),
    "something by Kubrick like marienbad": ([ID["Last Year at Marienbad"]], [], {}, ["Kubrick"]),
    "not too much variety, like Alien": ([ID["Alien"]], [], {"diversity": 0.0}, []),
    "nothing obscure": ([], [], {"novelty": 0.0}, []),
    "1980s or newer": ([], [], {"year_min": 1980}, []),
    "the 50s or earlier": ([], [], {"year_max": 1959}, []),
    "comedies, but not from the 80s": ([], [], {"genres_any": ["Comedy"]}, ["80s"]),
    "don't recommend Titanic": ([], [ID["Titanic"]], {}, []),
    "like Alien, what next": ([ID["Alien"]], [], {}, []),
    "not American": ([], [], {}, ["American"]),
    "no American films, like Heat": ([ID["Heat"]], [], {}, ["American"]),
    "nothing wild": ([], [], {}, ["wild"]),
    "like Wild": ([ID["Wild"]], [], {}, []),
    "not like The American": ([], [ID["The American"]], {}, []),
    'not "American"': ([], [ID["The American"]], {}, []),
    "zzz qqq": ([], [], {}, ["zzz qqq"]),
    "?!": ([], [], {}, []),
}  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_sentence_means(reader, sentence):
    liked, disliked, properties, not_understood = SENTENCES[sentence]
    understood = reader.read(sentence)
    request = understood.request.model_dump()
    assert request.pop("movie_ids", []) == liked
    assert request.pop("disliked_movie_ids", []) == disliked
    filters = request.pop("filters", {})
    assert {**filters, **request} == properties
    assert understood.not_understood == not_understood


def test_parts_say_what_was_written_and_what_it_means(reader):
    understood = reader.read("Something like Spirited Away but for adults, after 2000, no horror")
    assert [(part.text, part.kind, part.value, part.label) for part in understood.parts] == [
        ("Spirited Away", "like", ANIME, "like Spirited Away (2001)"),
        ("for adults", "genre_none", "Children", "no Children"),
        ("after 2000", "year_min", 2001, "2001 or later"),
        ("horror", "genre_none", "Horror", "no Horror"),
    ]
    assert understood.model_version == "v1"


@pytest.mark.parametrize(
    ("sentence", "choices"),
    [
        ("like King Kong", ["King Kong (2005)", "King Kong (1933)"]),
        ("not like King Kong", ["King Kong (2005)", "King Kong (1933)"]),
        ("like King Kong (1933)", None),
        ("like Heat", None),  # the other one is hardly known
        ("like star wars", None),  # not the name of any film
        ("like spirted awya", ["Spirited Away (2001)"]),  # codespell:ignore awya
        ("like Parasite", ["Parasite (1982)"]),  # nobody likes it, so another one of that name may be meant
        ("like Parasite 1982", None),
    ],
)
def test_a_title_that_is_a_guess_has_choices_that_lead_to_each_film(reader, sentence, choices):
    (part,) = reader.read(sentence).parts
    assert (part.choices and [choice.label for choice in part.choices]) == choices
    assert ("choices" in part.model_dump()) == (choices is not None)
    for choice in part.choices or []:
        (again,) = reader.read(f"like {choice.label}").parts
        assert (again.value, again.choices) == (choice.movie_id, None)


def test_only_what_was_understood_is_in_the_request(reader):
    assert reader.read("no horror").request.model_dump_json() == '{"filters":{"genres_none":["Horror"]}}'
    assert reader.read("hello").request.model_dump_json() == "{}"


def test_a_bracket_belongs_to_what_was_written(reader):
    (part,) = reader.read("like Heat (1986)").parts
    assert (part.text, part.label) == ("Heat (1986)", "like Heat (1986)")


def test_genres_that_the_catalogue_lacks_are_not_understood(make_contents):
    from marquee.pipeline import Pipeline

    reader = Pipeline(make_contents()).films.reader
    understood = reader.read("a funny western")
    assert [part.value for part in understood.parts] == ["Comedy"]
    assert understood.not_understood == ["western"]
