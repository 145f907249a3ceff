"""Every index of the product, by name. One module each; nothing below `search` knows of them."""

from search.documents import capability, capability_match, challenge, quarterly_list, scenario, scenario_match
from search.documents.base import Index

INDEXES: dict[str, Index] = {
    entry.INDEX.name: entry.INDEX
    for entry in (scenario, capability, challenge, quarterly_list, scenario_match, capability_match)
}
