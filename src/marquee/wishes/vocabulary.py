"""Vocabulary of wishes: genres, dials, likes and dislikes, negations, and fillers."""

from collections.abc import Iterable

from marquee.models.catalog import Catalog
from marquee.search import fold
from marquee.wishes.years import Words, is_child

# Genres as MovieLens names them, and their synonyms.
_GENRES = {
    "Action": "action|action packed|adrenaline|explosions|martial arts|kung fu",
    "Adventure": "adventure|adventures|adventurous|swashbuckling|swashbuckler",
    "Animation": "animation|animations|animated|cartoon|cartoons|anime|pixar style",
    "Children": "children|children's|kids|kid|for kids|for children|for the kids|for my kids|for my children|"
    "family|family friendly|for the family|for the whole family|kid friendly|for my daughter|for my son",
    "Comedy": "comedy|comedies|funny|hilarious|comedic|comic|humor|humour|humorous|laugh|laughs|make me laugh|"
    "laugh out loud|witty|light hearted|lighthearted|spoof|parody|feel good|hilarity|"
    "goofy|silly|stand up",
    "Crime": "crime|crimes|gangster|gangsters|mafia|mob|heist|heists|cop|cops|detective|detectives|"
    "serial killer|serial killers|true crime",
    "Documentary": "documentary|documentaries|docs|docu|true facts",
    "Drama": "drama|dramas|dramatic|tearjerker|tear jerker|make me cry|moving|serious|sad|a good cry|weepy|weepie|"
    "heartbreaking",
    "Fantasy": "fantasy|fantasies|fantastical|magical|fairy tale|fairy tales|fairytale|wizards",
    "Film-Noir": "film noir|noir|noirs|film noirs",
    "Horror": "horror|horrors|scary|scare|scares|frightening|terrifying|creepy|spooky|slasher|slashers|zombies|zombie",
    "IMAX": "imax",
    "Musical": "musical|musicals|singing|song and dance",
    "Mystery": "mystery|mysteries|mysterious|whodunit|whodunits|whodunnit|murder mystery|murder mysteries",
    "Romance": "romance|romances|romantic|love story|love stories|for date night|date night",
    "Sci-Fi": "sci fi|scifi|science fiction|sf|space opera|futuristic|dystopian|dystopia|cyberpunk",
    "Thriller": "thriller|thrillers|suspense|suspenseful|thrilling|gripping|edge of my seat|tense",
    "War": "war|wars|war movie|war movies|war film|war films|wartime",
    "Western": "western|westerns|cowboy|cowboys",
}
_PAIRS = {
    ("Comedy", "Romance"): "romcom|romcoms|rom com|rom coms|romantic comedy|romantic comedies",
    ("Comedy", "Horror"): "horror comedy|comedy horror",
}
_ADULTS = (
    "for adults|for grown ups|for grownups|for an adult|for adult viewers|not for kids|not for children|adults only"
)

NOVELTY, DIVERSITY = 0.7, 0.7
_DIALS: dict[tuple[str, float, str], str] = {
    ("novelty", NOVELTY, "lesser-known films"): "lesser known|less known|little known|hidden gem|hidden gems|obscure|"
    "underrated|under the radar|overlooked|not mainstream|off the beaten track|off the beaten path|not so famous|"
    "not well known|unknown|underseen|cult|not so popular|not too popular|nothing mainstream|no blockbusters",
    ("novelty", 0.0, "well-known films"): "well known|popular|famous|mainstream|blockbuster|blockbusters|big hits",
    ("diversity", DIVERSITY, "more variety"): "something different|more variety|variety|varied|diverse|a mix|mixed bag|"
    "surprise me|all sorts|different kinds|wide range|eclectic|something else",
    ("diversity", 0.0, "less variety"): "more of the same|all of one kind|very similar films",
}
# What a dial's word means after a negation: the number and label of the other end.
OPPOSITES = {
    (kind, value): (number, label)
    for kind, value, _ in _DIALS
    for other, number, label in _DIALS
    if other == kind and number != value
}
_LIKE = (
    "like|liked|i like|i liked|love|loved|i love|i loved|i've loved|enjoy|enjoyed|adore|adored|similar to|a fan of|"
    "fan of|fans of|such as|in the style of|in the vein of|in the spirit of|reminds me of|as good as|more like|"
    "along the lines of|favorite is|favourite is|favorites are|favourites are|i watched and loved|kind of like|"
    "resembling|reminiscent of|akin to|inspired by|if i liked|because i liked|comparable to"
)
_DISLIKE = (
    "nothing like|not like|unlike|hate|hated|i hate|i hated|dislike|disliked|i disliked|didn't like|did not like|"
    "don't like|do not like|didn't enjoy|did not enjoy|don't enjoy|not a fan of|can't stand|"
    "cannot stand|couldn't stand|bored by|less like|not similar to|anything like|disappointed by|never liked|"
    "didn't love|did not love|i don't like|i didn't like|but nothing like|but not like|"
    "don't recommend|do not recommend|don't show me|don't suggest"
)
_NOT = (
    "no|not|without|except|except for|avoid|avoiding|nothing|but not|but no|nor|never|non|minus|don't want|"
    "do not want|i don't want|no more|sick of|tired of|isn't|is not|aren't|instead of|rather than|other than|"
    "excluding|skip|anything but|neither|less|fewer|too much|too many|not much|not too much|not too many|enough of|"
    "fed up with|bored of|leave out"
)
# Of these only those before adjectives: "not scary and funny" wants it funny, "no horror and war" wants neither.
BEFORE_ADJECTIVES = {"not", "but not", "isn t", "is not", "aren t", "never", "non"}
FILLERS = set(
    (
        "i me my we us you your it its this that these those a an the some something somewhat anything someone any one "
        "ones want wanna would could can should please give show recommend recommendation recommendations suggest find "
        "get need looking look for to see watch watching watched seen tonight today now with of in on at by from as is "
        "are was were be been am do does did have has had film films movie movies flick flicks picture pictures cinema "
        "kind sort type bit little very really quite too also just maybe perhaps more most good great nice best better "
        "so such and or but then than yet only mostly especially preferably possibly ideally about there here what "
        "which who how if when im id ive ill d m ve ll s t re hi hello hey thanks thank favorite favourite favorites "
        "favourites feel feeling mood rather kinda pretty totally absolutely much lot lots all both either new stuff "
        "thing things title titles let up other another else made set style bad big long short time times night day go "
        "going well got make like think know sure yes okay ok year years era not no never next "
    ).split()
)


class Vocabulary:
    """Phrases with a meaning; genres only as far as the catalogue has them."""

    def __init__(self, catalog: Catalog) -> None:
        self.genres = {name.casefold(): name for name in catalog.genre_names if not name.startswith("(")}
        self._meanings: dict[Words, tuple[str, ...]] = {}
        for name in self.genres.values():
            self._add([fold(name)], "genre", name)
        for name, phrases in _GENRES.items():
            if own := self.genres.get(name.casefold()):
                self._add(phrases.split("|"), "genre", own)
        for pair, phrases in _PAIRS.items():
            if own_pair := [self.genres[name.casefold()] for name in pair if name.casefold() in self.genres]:
                self._add(phrases.split("|"), "genre", *own_pair)
        self._children = self.genres.get("children")
        if self._children:
            self._add(_ADULTS.split("|"), "without", self._children)
        for (kind, value, label), phrases in _DIALS.items():
            self._add([*phrases.split("|"), fold(label)], kind, str(value), label)
        for kind, phrases in (("like", _LIKE), ("dislike", _DISLIKE), ("not", _NOT)):
            self._add(phrases.split("|"), kind)
        self.longest = max(map(len, self._meanings))
        self.words = {word for phrase in self._meanings for word in phrase} | FILLERS

    def at(self, words: Words, start: int) -> tuple[int, tuple[str, ...]]:
        """The longest phrase that begins at a word: how many words, and its meaning; (0, ()) if there is none."""
        if self._children and is_child(words[start : start + 3]):
            return 3, ("genre", self._children)
        for length in range(min(self.longest, len(words) - start), 0, -1):
            if meaning := self._meanings.get(words[start : start + length]):
                return length, meaning
        return 0, ()

    def _add(self, phrases: Iterable[str], *meaning: str) -> None:
        for phrase in phrases:
            for written in (phrase, phrase.replace("'", "")):  # people leave apostrophes out
                self._meanings.setdefault(tuple(fold(written).split()), meaning)
