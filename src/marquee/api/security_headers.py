"""Headers of every answer, for every way in."""


def security_headers(*, cross_origin: bool) -> dict[str, str]:
    """The headers by name.

    Args:
        cross_origin: Whether pages of other origins may read answers.
    """
    headers = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return headers if cross_origin else headers | {"Cross-Origin-Resource-Policy": "same-origin"}
