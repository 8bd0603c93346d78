"""Errors for users: each has a message and, if there is one, a fix."""


class MarqueeError(Exception):
    """Base of all expected errors; `fix` is printed on its own line."""

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}\n  fix: {self.fix}" if self.fix else self.message


class DataError(MarqueeError):
    """The data can't be read, or nothing can be learned from it."""

    exit_code = 3


class ConfigError(MarqueeError):
    """A setting or a training configuration is unknown or out of range."""

    exit_code = 2


class BundleError(MarqueeError):
    """A bundle is missing, incomplete, altered, or of a schema that this version can't read."""

    exit_code = 4


class StoreUnreachable(BundleError):  # noqa: N818 - names the state
    """The store of bundles can't be reached just now: unlike damage this may end by itself."""

    exit_code = 1


class StoreBusy(StoreUnreachable):
    """Another publisher is at work, or was faster."""


class StoreUnusable(StoreUnreachable):
    """The store refuses access, is full, or lacks what publishing needs: it takes a person to change that."""

    exit_code = 6


class PublishRefused(MarqueeError):  # noqa: N818 - a decision, not a malfunction
    """The candidate bundle is worse than what it would replace."""

    exit_code = 5


class RequestError(MarqueeError):
    """A request is well-formed but can't be answered, such as one with a filter on an unknown genre."""

    exit_code = 2
    code = "invalid_field"  # the API's code, see docs/api.md


class UnknownMovie(RequestError):  # noqa: N818 - reads as what it says
    """No film has this id."""

    code = "unknown_movie"


class UnknownGenre(RequestError):  # noqa: N818 - as above
    """No film has this genre."""

    code = "unknown_genre"


class UnknownColumn(RequestError):  # noqa: N818 - as above
    """The catalogue has no such column."""

    code = "unknown_column"


class LikedAndDisliked(RequestError):  # noqa: N818 - as above
    """A film is both liked and disliked."""

    code = "liked_and_disliked"


class AnswerTooLong(RequestError):  # noqa: N818 - as above
    """The answer would have more bytes than gateways let pass."""

    code = "answer_too_long"

    def __init__(self, what: str, size: int, limit: int) -> None:
        problem = f"{what} would have {size / 1e6:.1f} MB, and the limit is {limit / 1e6:.1f}"
        super().__init__(problem, fix="lower top_n, name fewer films or people, or leave out explain")


class GroupWithoutAccount(RequestError):  # noqa: N818 - as above
    """An account was requested for several people."""

    code = "group_without_account"


class Unavailable(MarqueeError):  # noqa: N818 - names the state
    """Another service gave no usable answer; `reason` is a snake_case word for logs, metrics and `degraded`."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


class RetrievalUnavailable(Unavailable):
    """The retrieval tier gave no answer; the pipeline goes down one rung."""
