"""Is a page in XML's syntax still well-formed? A browser shows nothing at all of one that is not."""

from __future__ import annotations

from xml.parsers import expat


def well_formed(page: bytes, codec: str) -> bool:
    """Could a browser parse `page` (in the encoding `codec`) as XML? Entities of a DTD elsewhere, such as XHTML's
    own &nbsp;, are taken as defined, and are not fetched."""
    try:
        parser = expat.ParserCreate()
        parser.Parse(page.decode(codec), True)
    except (expat.ExpatError, ValueError):
        return False
    return True
