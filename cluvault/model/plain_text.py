"""UTF-8 text out of files that people saved: a byte order mark is dropped, another encoding is named."""

from __future__ import annotations

from typing import Final

from cluvault.errors import InvalidSeed, SeedFault

_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


def decode_text(data: bytes, *, source: str) -> str:
    """The text of a UTF-8 file without its byte order mark.

    Raises:
        InvalidSeed: the bytes are not UTF-8; names the line and the byte.
    """
    if data.startswith(_UTF16_MARKS):
        raise InvalidSeed([SeedFault(source, None, "", "the text is UTF-16")], mend="save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as err:
        body: bytes = err.object  # what was decoded: without the byte order mark
        line = body.count(b"\n", 0, err.start) + 1
        column = err.start - body.rfind(b"\n", 0, err.start)
        sentence = f"byte 0x{body[err.start]:02x} at position {column} is not UTF-8"
        raise InvalidSeed([SeedFault(source, line, "", sentence)], mend="save the file as UTF-8") from err
