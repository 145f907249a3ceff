"""Pinyin and initials of a title are made in one pass and are what the library gives for each alone."""

import random

import pytest
from pypinyin import Style, lazy_pinyin

from search.analysis import normalise
from search.words import spellings

pytestmark = pytest.mark.unit


def alone(text: str, style: Style) -> str:
    return normalise("".join("".join(lazy_pinyin(text, style=style, errors="default")).split()))


def test_both_forms_of_a_title():
    assert spellings("智慧渔港 AI 平台（二期）") == ("zhihuiyugangaipingtai(erqi)", "zhygaipt(eq)")
    assert spellings("绿色旅游") == ("lvselvyou", "lsly")
    assert spellings("") == ("", "")


def test_any_text_is_spelled_as_the_library_spells_it():
    chance = random.Random(7)
    ranges = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x3007, 0x3007), (0x20, 0x7E), (0x20000, 0x2A6DF), (0xF900, 0xFAFF))
    for _number in range(2_000):
        text = "".join(chr(chance.randint(*chance.choice(ranges))) for _place in range(chance.randint(1, 30)))
        assert spellings(text) == (alone(text, Style.NORMAL), alone(text, Style.FIRST_LETTER))
