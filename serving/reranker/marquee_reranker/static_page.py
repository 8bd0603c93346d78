"""The web page as static files that ask an API at another address: `marquee page`."""

import re
from pathlib import Path

from marquee.errors import ConfigError
from marquee_reranker.routes.page import MEDIA_TYPES, POLICY, UI

API = re.compile(r"(https?://(?:\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+)(?::\d+)?)(?:/[A-Za-z0-9._~-]+)*")


def write_page(folder: Path, api: str) -> None:
    """Write the page's files into a folder that is new or has an earlier page.

    Raises `ConfigError` if `api` is no plain http or https URL, or the folder is another's or can't be written.
    """
    api = api.strip().rstrip("/")
    found = API.fullmatch(api)
    if not found:
        fix = "write it like https://api.example or https://api.example/films"
        raise ConfigError(f"--api {api!r} is no URL of an API", fix=fix)
    # Files have no headers; in a page, policies have no frame-ancestors, and no addresses of IPv6.
    source = found[1] if "[" not in api else f"{api.split(':', 1)[0]}:"
    policy = POLICY.replace("frame-ancestors 'none'; ", "") + f"; connect-src {source}; img-src 'self' {source}"
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<meta name="api" content="{api}/">\n'
    html = (UI / "index.html").read_text("utf-8").replace("<title>", f"{head}<title>")
    for ours, theirs in {"./docs": f"{api}/docs", "./openapi.json": f"{api}/openapi.json", "./": "index.html"}.items():
        html = html.replace(f'href="{ours}"', f'href="{theirs}"')
    try:
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "ui" / "api.js").is_file():
            raise ConfigError(f"{folder} has other files", fix="name a new folder, or that of an earlier page")
        (folder / "ui").mkdir(parents=True, exist_ok=True)
        for path in UI.iterdir():
            if path.suffix in MEDIA_TYPES and path.suffix != ".html" and not path.name.startswith("docs."):
                (folder / "ui" / path.name).write_bytes(path.read_bytes())
        (folder / "index.html").write_text(html, "utf-8")
    except OSError as error:
        fix = "name a folder that can be written"
        raise ConfigError(f"the page can't be written to {folder}: {error.strerror}", fix=fix) from None
