"""JSON bodies of the API, within the limits of `core.json_bodies`."""

from typing import IO, Any

from rest_framework.parsers import BaseParser

from core.json_bodies import LARGEST_BYTES, read_json


class JSONParser(BaseParser):
    """Reads at most one byte more than may be sent; a refusal keeps its status (413, 400) and code."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Any:
        return read_json(stream.read(LARGEST_BYTES + 1))
