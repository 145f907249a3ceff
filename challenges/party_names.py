"""Whether two written names mean one organisation: for recusal, where a code is often missing.

Read as `accounts.naming` reads names (width, spaces, brackets, look-alikes), and the legal form behind a firm's name
does not count: 海河数据有限公司, 海河数据 (股份) 有限公司 and 海河数据 are one to who has to stand back.
"""

from accounts.naming import folded

#: Longest first; what stays behind when the form is taken off must still be a name.
LEGAL_FORMS = (
    "集团股份有限公司",
    "集团有限责任公司",
    "股份有限公司",
    "有限责任公司",
    "集团有限公司",
    "有限公司",
    "集团公司",
)
LEAST_LETTERS = 2


def party_name(name: str) -> str:
    """The name to compare; empty if too little of it is left to mean anybody."""
    read = folded(str(name))
    for form in LEGAL_FORMS:
        bare = read.removesuffix(folded(form))
        if bare != read and len(bare) >= LEAST_LETTERS:
            return bare
    return read if len(read) >= LEAST_LETTERS else ""
