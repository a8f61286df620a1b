"""The links of a page, in every way an upstream might write them."""

from urllib.parse import quote, urlencode

from fairlead.archive.contract import BASE_URI
from fairlead.sandbox.filters import Parameters
from fairlead.sandbox.options import SandboxOptions
from fairlead.sandbox.paging import Page

_TOKENS = ("continueToken", "stepBackToken")
_FOREIGN = "https://attacker.invalid"


def links(page: Page, path: str, received: Parameters, host: str, options: SandboxOptions) -> dict[str, str | None]:
    """`previous` and `next`; a link that leads nowhere is absent, null or empty, as the options say."""
    found: dict[str, str | None] = {}
    for name, parameter, number in (
        ("previous", "stepBackToken", page.previous),
        ("next", "continueToken", page.next),
    ):
        if number is not None:
            found[name] = _link(path, received, (parameter, str(number)), host, options)
        elif options.link_end != "absent":
            found[name] = None if options.link_end == "null" else ""
    return found


def _link(path: str, received: Parameters, token: tuple[str, str], host: str, options: SandboxOptions) -> str:
    others = [pair for pair in received if pair[0] not in _TOKENS]
    kept = [] if options.link_style == "token_only" else others
    link = f"{path}?{urlencode([*kept, token], quote_via=quote)}"
    if options.link_style == "absolute":
        return f"{BASE_URI if host == 'localhost' else f'http://{host}'}{link}"
    if options.link_style == "foreign":
        return f"{_FOREIGN}{link}"
    return link.replace("&", "&amp;") if options.link_style == "html_escaped" else link
