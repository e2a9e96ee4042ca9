"""The languages of the service (its language-support page), and `en`, which it accepts as well."""

from __future__ import annotations

from typing import Final

_NAMED: Final = (
    "af Afrikaans|am Amharic|ar Arabic|as Assamese|az Azerbaijani|be Belarusian|bg Bulgarian|bn Bengali|"
    "br Breton|bs Bosnian|ca Catalan|cs Czech|cy Welsh|da Danish|de German|el Greek|en English|"
    "en-gb English (UK)|en-us English (US)|eo Esperanto|es Spanish|et Estonian|eu Basque|fa Persian|fi Finnish|"
    "fr French|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician|gu Gujarati|ha Hausa|he Hebrew|"
    "hi Hindi|hr Croatian|hu Hungarian|hy Armenian|id Indonesian|it Italian|ja Japanese|jv Javanese|ka Georgian|"
    "kk Kazakh|km Khmer|kn Kannada|ko Korean|ku Kurdish (Kurmanji)|ky Kyrgyz|la Latin|lo Lao|lt Lithuanian|"
    "lv Latvian|mg Malagasy|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|my Burmese|"
    "nb Norwegian (Bokmal)|ne Nepali|nl Dutch|or Odia|pa Punjabi|pl Polish|ps Pashto|pt-br Portuguese (Brazil)|"
    "pt-pt Portuguese (Portugal)|ro Romanian|ru Russian|sa Sanskrit|sd Sindhi|si Sinhala|sk Slovak|sl Slovenian|"
    "so Somali|sq Albanian|sr Serbian|su Sundanese|sv Swedish|sw Swahili|ta Tamil|te Telugu|th Thai|tl Filipino|"
    "tr Turkish|ug Uyghur|uk Ukrainian|ur Urdu|uz Uzbek|vi Vietnamese|xh Xhosa|yi Yiddish|"
    "zh-hans Chinese (Simplified)|zh-hant Chinese (Traditional)|zu Zulu"
)
LANGUAGES: Final = {code: name for code, _, name in (language.partition(" ") for language in _NAMED.split("|"))}
"""Code → the name in English, by code."""


def is_language(code: str) -> bool:
    """Whether the service knows a language code, in any letter case."""
    return code.lower() in LANGUAGES
