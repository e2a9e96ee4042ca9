"""The languages of the service (its language-support page), and `en`, which it accepts as well."""

from __future__ import annotations

from typing import Final

_CODES: Final = (
    "af am ar as az be bg bn br bs ca cs cy da de el en en-gb en-us eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu "
    "hy id it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl nb or pa pl ps pt-br pt-pt ro ru sa sd "
    "si sk sl so sq sr su sv sw ta te th tl tr ug uk ur uz vi xh yi zh-hans zh-hant zu"
)
LANGUAGES: Final = frozenset(_CODES.split())


def is_language(code: str) -> bool:
    """Whether the service knows a language code, in any letter case."""
    return code.lower() in LANGUAGES
