"""What is found in which texts, in any script, copied or typed, and which part of a message is shown. Needs no database."""

import random
import unicodedata

import pytest

from conversations.search import search_vector
from conversations.search_query import MAX_WORDS, parse_query
from conversations.snippets import LENGTH, snippet
from conversations.words import MAX_LENGTH, words_of

ADDRESS = "From: Maya Quill <quill.maya@angle.example> order <A77123>"
JAPANESE, CHINESE, ARABIC = "注文番号12345の配送はいつになりますか", "你好，我的订单还没有收到", "متى يصل الطَّلَب"

FOUND = {
    ADDRESS: (
        "quill.maya@angle.example",
        "<quill.maya@angle.example>",
        "angle.ex",
        "A77123",
        "a-77123",
        "77123",
        "<a77",
    ),
    "order AB-12/345, https://shop.example/orders/4711?x=y#z": ("ab12", "AB-12", "345", "4711", "shop.example/orders"),
    JAPANESE: ("配送", "12345", "注文番号", "注文番号12345", "配", "か", "配送はいつ"),
    CHINESE: ("订单", "订", "收到", "我的订单", "到"),
    ARABIC: ("الطلب", "الطَّلَب", "الط", "متى", "متي"),
    "الإصدار": ("الاصدار",),
    "שָׁלוֹם": ("שלום",),
    "ﾌﾟﾚｾﾞﾝﾄ": ("プレゼント", "ﾌﾟﾚ", "ゼン"),
    "プレゼント": ("ﾌﾟﾚｾﾞﾝﾄ",),
    "주문번호를 알려 주세요": ("번호", "주문", "알려", "주"),
    "ฉันยังไม่ได้รับสินค้า": ("สินค้า", "ได้รับ"),
    "मेरा ऑर्डर कहाँ है": ("ऑर्डर", "कहा"),
    "Бронь для Семёна": ("семена", "бронь", "СЕМЁ"),
    "Ὀδυσσεύς": ("οδυσσευσ", "ΟΔΥΣΣΕΎΣ"),
    "+48 601 000 111": (
        "+48601000111",
        "601000111",
        "601 000 111",
        "48601000111",
        "0048 601 000 111",
        "0601000111",
        "601-000",
    ),
    "1,299.00 EUR, 12\u00a0500, 10'000": ("1299", "1,299.00", "12500", "12 500", "10000"),
    "+48601000111": ("601000111", "+48 601 000 111", "601 000 111"),
    "0601 000 111": ("+48 601 000 111", "601000111", "0601000111"),
    "(030) 123-45 67": ("0301234567", "030 1234567", "1234567", "+49 30 1234567"),
    "+49 (0)170 1234567": ("+491701234567", "0170 1234567", "1701234567"),
    "٠٦٠١٠٠٠١١١": ("0601000111",),
    "１２３４ ①": ("1234", "1"),
    "Łukasz Køster, Đorđe": ("lukasz", "ŁUKASZ", "koster", "koester", "dorde"),
    "Köln, Größe, Ærø, Åse": ("koeln", "koln", "köln", "KÖLN", "groesse", "grosse", "aero", "aase", "ase"),
    "Koeln": ("köln",),
    "Strasse": ("straße",),
    "straße": ("STRASSE",),
    "İstanbul ve ısı": ("istanbul", "ISI"),
    "O'Brien": ("obrien", "o'brien", "O’Brien", "brien", "O'Br"),
    "D’Angelo": ("dangelo", "d'angelo", "angelo"),
    "Jean-Pierre": ("jeanpierre", "jean pierre", "jean-p", "pierre"),
    "naïve café": ("naive", "cafe", "CAFÉ"),
    "cafe": ("café",),
    "so\u00adft hy\u200bphen": ("soft", "hyphen"),
    "می\u200cخواهم": ("میخواهم", "ميخواهم"),
    "🎉 order👍🏽4711": ("order", "4711", "🎉 order"),
    "Ⅷ ½ ﬁne 𝒻ancy": ("viii", "fine", "fancy"),
}
NOT_FOUND = {
    ADDRESS: ("uill", "maya@other.example", "A77124"),
    JAPANESE: ("送配", "配達", "2345"),
    CHINESE: ("单订",),
    "カキ": ("ガギ",),
    "कि": ("कु",),
    "Köln": ("kln", "kolln"),
    "601 000 111": ("601000112", "101000111"),
    "order 12\n34": ("1234",),
    "O'Brien": ("rien",),
}


def pairs(table):
    return [(text, typed) for text, searches in table.items() for typed in searches]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize(("text", "typed"), pairs(FOUND))
def test_search_finds_text(text, typed, form):
    """On some systems, copied text is decomposed: a letter and its accent are two characters."""
    query = parse_query(unicodedata.normalize(form, typed))
    assert query.matches(words_of(unicodedata.normalize(form, text)))
    marked = "".join(part["text"] for part in snippet(unicodedata.normalize(form, text), query) if part["marked"])
    assert marked


@pytest.mark.parametrize(("text", "typed"), pairs(NOT_FOUND))
def test_search_does_not_find_other_text(text, typed):
    assert not parse_query(typed).matches(words_of(text))


@pytest.mark.parametrize("text", [ADDRESS, JAPANESE, CHINESE, ARABIC, "Łukasz O'Brien +48 601 000 111"])
def test_search_finds_every_beginning_of_a_text_while_it_is_typed(text):
    for length in range(1, len(text) + 1):
        query = parse_query(text[:length])
        assert query is None or len(query.words) == MAX_WORDS or query.matches(words_of(text)), text[:length]


@pytest.mark.parametrize(
    "text", ["", " ", "!?…", "<>", "'", "\\", "%", ":*", "& | !", "🎉", "\0", "\ud800", "\ue000", "\u0301", "_"]
)
def test_text_without_words_is_no_query(text):
    assert parse_query(text) is None
    assert words_of(text) == set()


HOSTILE = [
    "a" * 10_000,
    "a-" * 5_000,
    "1 " * 5_000,
    "ö-" * 5_000,
    "配" * 10_000,
    "'\\:*&|!()<->" * 800,
    "\0\ud800a" * 3_000,
    "๏ั" * 5_000,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_has_few_short_words(text):
    assert max(map(len, words_of(text)), default=0) <= MAX_LENGTH
    assert len(search_vector([text]).encode()) < 10_000
    query = parse_query(text)
    if query:
        assert len(query.as_tsquery()) < 6_000
        assert query.matches(words_of(text))
    assert sum(len(part["text"]) for part in snippet(text, parse_query("a"))) <= LENGTH + 2


def test_words_take_at_most_a_few_times_the_space_of_their_text():
    letters = random.Random(1)
    text = "".join(letters.choice("abcdefgö0123-' /@") for _ in range(10_000))
    assert len(search_vector([text]).encode()) < 12 * len(text)


def test_random_words_of_all_scripts_are_found_by_themselves():
    letters = random.Random(2)
    for _ in range(300):
        block = letters.choice(
            [0x41, 0xC0, 0x370, 0x400, 0x5D0, 0x620, 0x905, 0xE01, 0x1780, 0x3041, 0x4E00, 0xAC00, 0x1F000]
        )
        text = "".join(chr(block + letters.randrange(60)) for _ in range(letters.randrange(1, 9)))
        query = parse_query(text)
        assert query is None or query.matches(words_of(f"before {text} after")), ascii(text)


def parts_of(text, typed):
    return [(part["text"], part["marked"]) for part in snippet(text, parse_query(typed))]


@pytest.mark.parametrize(
    ("text", "typed", "expected"),
    [
        ("My order\n\n1042  is late", "1042", [("My order ", False), ("1042", True), (" is late", False)]),
        ("Köln and Koeln", "köln", [("Köln", True), (" and ", False), ("Koeln", True)]),
        ("call +48 601 000 111 now", "601000111", [("call +", False), ("48 601 000 111", True), (" now", False)]),
        ("call +48 601 000 111 now", "48601", [("call +", False), ("48 601", True), (" 000 111 now", False)]),
        (JAPANESE, "配送は", [("注文番号12345の", False), ("配送は", True), ("いつになりますか", False)]),
        ("O’Brien wrote", "obrien", [("O’Brien", True), (" wrote", False)]),
        ("😀 order 😀", "order", [("😀 ", False), ("order", True), (" 😀", False)]),
        ("nothing", "order", [("nothing", False)]),
        ("So far from its beginning: order", "order", [("…", False), ("from its beginning: ", False), ("order", True)]),
    ],
)
def test_found_words_are_marked_in_the_text(text, typed, expected):
    assert parts_of(text, typed) == expected


def test_long_text_is_shown_around_what_was_found():
    text = (
        "One order here. "
        + "Something else altogether. " * 40
        + "The order <A77123> to Köln is late. "
        + "And more. " * 40
    )
    parts = parts_of(text, "order koeln a77123")
    assert [part for part, is_marked in parts if is_marked] == ["order", "A77123", "Köln"]
    assert parts[0] == parts[-1] == ("…", False)
    assert parts[1] == ("else altogether. The ", False)  # it starts with a word
    assert LENGTH <= sum(len(part) for part, _ in parts) <= LENGTH + 2


@pytest.mark.parametrize("filler", ["border ", "注文", "ö-", "x"])
@pytest.mark.parametrize("place", [0, 1990, 2000, 5000, 9980])
def test_word_is_shown_wherever_it_is_in_a_long_text(filler, place):
    text = (filler * 10_000)[:place] + " order 4711 " + (filler * 10_000)[: 9_980 - place]
    parts = parts_of(text, "order 4711")
    assert [part for part, is_marked in parts if is_marked] == ["order", "4711"]
    assert parts[-1][0] == "…" or place == 9_980
    assert parts[0][0] == "…" or place < 100
