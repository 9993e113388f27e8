"""Forbidden webhook URLs, in groups. Each group has a counterpart: a similar URL that is allowed."""

from dataclasses import dataclass

from tests.webhooks.resolver import NAMES, PUBLIC, PUBLIC_6


@dataclass(frozen=True)
class Group:
    """URLs that are forbidden by default, and their counterpart.

    allowed_url: the counterpart. expected_address: the address that it connects to. allow: the networks that must be
    allowed for it.
    """

    reason: str
    urls: tuple[str, ...]
    allowed_url: str
    expected_address: str
    allow: tuple[str, ...] = ()


def urls(words, *odd):
    """Return a tuple of URLs. `words` holds URLs separated by white space, `odd` those that contain white space."""
    return (*words.split(), *odd)


def addresses(words):
    return tuple(f"http://[{text}]/hook" if ":" in text else f"http://{text}/hook" for text in words.split())


GROUPS = [
    Group(
        "loopback and wildcard addresses",
        addresses("127.0.0.1 127.8.8.8 127.255.255.254 0.0.0.0 0.1.2.3 ::1 ::"),
        *("http://127.0.0.9:9000/hook", "127.0.0.9", ("127.0.0.0/8",)),
    ),
    Group(
        "private networks",
        addresses("10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 100.64.0.1 100.127.9.9"),
        *("http://10.1.2.3/hook", "10.1.2.3", ("10.1.0.0/16",)),
    ),
    Group(
        "unique-local and site-local IPv6",
        addresses("fc00::1 fd00::1 fdff:ffff::1 fec0::1 feff::1"),
        *("http://[fd00:7::1]/hook", "fd00:7::1", ("fd00:7::/32",)),
    ),
    Group(
        "link-local addresses and cloud metadata services",
        addresses(
            """
            169.254.0.1 169.254.169.254 169.254.170.2 169.254.169.253 100.100.100.200 168.63.129.16 192.0.0.192
            fe80::1 febf::1 fe80::a9fe:a9fe fd00:ec2::254 fd00:ec2::23 fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42
            """
        ),
        *("http://168.63.129.17/hook", "168.63.129.17"),
    ),
    Group(
        "documentation, benchmarks, protocol assignments, relays, reserved",
        addresses(
            """
            192.0.2.1 198.51.100.1 203.0.113.1 198.18.0.1 198.19.255.255 192.0.0.8 192.88.99.1 240.0.0.1
            255.255.255.255 2001:db8::1 3fff::1 2001:2::1 2001:10::1 2001:20::1 100::1 5f00::1 2001:1::1
            """
        ),
        *("http://198.17.255.255/hook", "198.17.255.255"),
    ),
    Group(
        "IPv6 not assigned for global use, as overlay networks use it",
        addresses("200::1 300::1 400::1 1000::1 4000::1 6000::1 8000::1 e000::1 fe00::1 ::1:2:3:4"),
        *(f"http://[{PUBLIC_6}]/hook", PUBLIC_6),
    ),
    Group(
        "multicast",
        addresses("224.0.0.1 239.255.255.250 ff02::1 ff05::2 ff0e::1"),
        *("http://223.255.255.1/hook", "223.255.255.1"),
    ),
    Group(
        "IPv4-mapped IPv6 in all notations",
        addresses(
            """
            ::ffff:127.0.0.1 ::ffff:7f00:1 0:0:0:0:0:ffff:127.0.0.1 0:0:0:0:0:ffff:7f00:1 ::FFFF:10.0.0.1
            ::ffff:169.254.169.254 ::ffff:a9fe:a9fe ::ffff:192.168.1.1 ::ffff:0.0.0.0 ::ffff:100.100.100.200
            """
        ),
        *("http://[::ffff:1.1.1.1]/hook", "::ffff:101:101"),
    ),
    Group(
        "IPv4-compatible and translated",
        addresses("::127.0.0.1 ::7f00:1 ::10.0.0.1 ::a9fe:a9fe ::ffff:0:7f00:1 ::ffff:0:10.0.0.1 ::1.1.1.1"),
        *(f"http://[{PUBLIC_6}]/hook", PUBLIC_6),
    ),
    Group(
        "NAT64",
        addresses("64:ff9b::7f00:1 64:ff9b::10.0.0.1 64:ff9b::a9fe:a9fe 64:ff9b::1.1.1.1 64:ff9b:1::1"),
        *("http://[64:ff9b::1.1.1.1]/hook", "64:ff9b::101:101", ("64:ff9b::/96",)),
    ),
    Group(
        "the tunnels 6to4, Teredo and ISATAP",
        addresses(
            """
            2002:7f00:1::1 2002:a9fe:a9fe::1 2002:0a00:1:: 2002:101:101::1 2001::1
            2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:470::5efe:7f00:1 2001:470::200:5efe:10.0.0.1
            fe80::5efe:192.168.1.1 2a00::5efe:a9fe:a9fe
            """
        ),
        *("http://[2001:470::5eff:7f00:1]/hook", "2001:470::5eff:7f00:1"),
    ),
    Group(
        "IPv4 as the C library parses it: decimal, octal, hexadecimal, short",
        urls(
            """
            http://2130706433/ http://0x7f000001/ http://0X7F000001/ http://017700000001/ http://0177.0.0.1/
            http://0x7f.1/ http://127.1/ http://127.0.1/ http://0/ http://0x0/ http://00000000/
            http://0x7f.0x0.0x0.0x1/ http://127.0.0.01/ http://127.0.0.0x1/ http://2852039166/ http://0xa9fea9fe/
            http://0251.0376.0251.0376/ http://169.254.43518/ http://192.168.257/ http://010.0.0.1/ http://1.1.1.0x/
            http://16843009/ http://1.1/ http://4294967296/ http://1.2.3.4.5/ http://256.256.256.256/
            http://a.example.1/ http://999/
            """
        ),
        *("http://1.1.1.1/", "1.1.1.1"),
    ),
    Group(
        "characters that IDNA maps to digits, dots and letters",
        urls(
            """
            http://１２７.０.０.１/ http://127。0。0。1/ http://127．0．0．1/ http://127｡0｡0｡1/ http://①②⑦.⓪.⓪.①/
            http://𝟏𝟐𝟕.0.0.1/ http://¹²⁷.0.0.1/ http://⑯⑨。②⑤④。⑯⑨。②⑤④/ http://１６９.２５４.１６９.２５４/ http://ⓛocalhost/
            http://ｌｏｃａｌｈｏｓｔ/ http://LOCALHOſT/ http://𝓵ocalhost/ http://localhost。/ http://metadata。google。internal/
            http://０x7f.1/ http://0ⓧ7f000001/ http://２１３０７０６４３３/ http://intraneⓣ/ http://làn.example/
            """
        ),
        *("http://ｃｒｍ。example/", PUBLIC),
    ),
    Group(
        "characters that are normalised to delimiters or removed",
        urls(
            """
            http://good.example／.evil.example/ http://good.example：22/ http://user＠good.example/ http://a℀b.example/
            http://good.example？x/ http://good.example＃x/ http://good.example％2e/ http://［::1］/
            http://é..example/
            """,
            *(
                "http://good\xad.example/",
                "http://good\u200b.example/",
                "http://good\ufeff.example/",
                "http://good\u3164.example/",
            ),
            *("http://\u202egood.example/", "http://good\ud800.example/", "http://" + "é" * 70 + ".example/"),
        ),
        *("http://bücher.example/", PUBLIC),
    ),
    Group(
        "names in other notations: upper case, trailing dots",
        urls(
            """
            http://localhost/ http://LocalHost/ http://LOCALHOST:8080/ http://localhost./ http://localhost../
            http://localhost.../ http://127.0.0.1./ http://127.0.0.1../ http://169.254.169.254./ http://1.1.1.1./
            http://good.example../ http://good..example/ http://.good.example/ http://./ http://../ http://.../
            HTTP://METADATA.GOOGLE.INTERNAL/ http://2130706433./ http://0x7f.1./
            """
        ),
        *("HTTP://Good.Example./", PUBLIC),
    ),
    Group(
        "percent-encoded hosts, and characters invalid in host names",
        urls(
            """
            http://%31%32%37.0.0.1/ http://127%2e0%2e0%2e1/ http://%6c%6f%63%61%6c%68%6f%73%74/
            http://good.example%00/ http://good.example%2f@127.0.0.1/ http://127.0.0.1%00.good.example/
            http://good.example%23/ http://%/ http://good.example,127.0.0.1/ http://good.example;127.0.0.1/
            http://good.example&127.0.0.1/ http://$(id).example/ http://good!.example/ http://good*.example/
            http://{good}.example/ http://a|b/ http://"good".example/ http://<good>.example/ http://`good`/
            http://good^.example/ http://a+b.example/
                        """,
            *("http://" + "a" * 64 + ".example/", "http://" + "a." * 127 + "aa/"),
        ),
        *("http://a_name-with.under_scores.example/", PUBLIC),
    ),
    Group(
        "user names and passwords, real or apparent",
        urls(
            r"""
            https://user@good.example/ https://user:pass@good.example/ https://@good.example/ https://:@good.example/
            https://good.example@169.254.169.254/ https://good.example:443@169.254.169.254/ https://a@b@127.0.0.1/
            https://127.0.0.1@good.example/ https://169.254.169.254:80@good.example/ https://good.example%40@10.0.0.1/
            https://good.example\@169.254.169.254/ https://169.254.169.254\@good.example/
            https://127.0.0.1\.good.example/ https:\\127.0.0.1/ https:/\127.0.0.1/ https://good.example/\127.0.0.1
            """
        ),
        *("https://good.example/a@b?c=d@e", PUBLIC),
    ),
    Group(
        "ambiguous ends of the host: # and ?",
        urls(
            """
            https://169.254.169.254#@good.example/ https://169.254.169.254?@good.example/
            https://127.0.0.1#good.example https://10.0.0.1?.good.example/ https://good.example#@169.254.169.254/
            https://good.example/#/hook https://#good.example/ https://?good.example/
            https://localhost?@good.example:443/ https://good.example/a#
            """
        ),
        *("https://good.example?@169.254.169.254/", PUBLIC),
    ),
    Group(
        "ports of other services, and invalid ports",
        urls(
            """
            http://good.example:22/ http://good.example:25/ http://good.example:1/ http://good.example:1023/
            http://good.example:0/ http://good.example:65536/ http://good.example:99999/ http://good.example:65616/
            http://good.example:080/ http://good.example:0x50/ http://good.example:/ http://good.example:-80/
            http://good.example:+80/ http://good.example:8_080/ http://good.example:８０/ http://good.example:80:80/
            http://good.example:x/ http://good.example:80a/ http://good.example:2²/ http://[::1]:22/ http://::1/
            http://:80/ http://127.0.0.1:22:80/ http://[2606:4700:4700::1111]:111/
            """
        ),
        *("http://good.example:8080/", PUBLIC),
    ),
    Group(
        "other schemes, or no scheme",
        urls(
            """
            ftp://good.example/ file:///etc/passwd gopher://good.example/ ws://good.example/ unix:///run/x.sock
            javascript:alert(1) data:text/plain,x dict://127.0.0.1:6379/ httpſ://good.example/ ｈttp://good.example/
            //good.example/ good.example good.example:80 http: http:/ http:// https:///x http:good.example
            http:/good.example/ http:///127.0.0.1/ http://http://good.example/ view-source:http://good.example/
            http+unix://%2Frun%2Fx.sock/ tcp://good.example/ https jar:http://good.example!/ httpss://good.example/
            """,
            *("",),
        ),
        *("https://good.example/", PUBLIC),
    ),
    Group(
        "line breaks, NUL, spaces and other characters that a parser may drop",
        urls(
            "",
            *("http://good.example/\n", "http://good.example/\r\nX-Injected: 1", "http://good.example/\tx"),
            *("http://good.example/\x00", "\nhttp://good.example/", " http://good.example/"),
            *("http://good.example/ ", "http://exa mple.com/", "\x00http://good.example/"),
            *("http://127.0.\t0.1/", "http://127.0.0.1\n/", "http://lo\ncalhost/", "ht\ntp://good.example/"),
            *("http:/\t/good.example/", "http://good.example\x00.evil.example/", "http://good.example/\x7f"),
            *("http://good.example/\x85", "http://good.example/\u2028", "http://good.example/\xa0"),
            *("http://good.example/\u202e", "http://good.example\x0b/", "http://good.example/\ud800"),
        ),
        *("http://good.example/%0D%0A%00%09%20", PUBLIC),
    ),
    Group(
        "brackets and IPv6 zones",
        urls(
            """
            http://[::1 http://::1]/ http://[]/ http://[]:80/ http://[[::1]]/ http://[::1]]/ http://[::1][::1]/
            http://[127.0.0.1]/ http://[1.1.1.1]/ http://[good.example]/ http://[::1]good.example/ http://a[::1]/
            http://[::1%25lo]/ http://[::1%lo]/ http://[fe80::1%25eth0]/ http://[fe80::1%1]/
            http://[::1].good.example/ http://[2606:4700:4700::1111%25eth0]/ http://[2606:4700:4700::1111%]/
            http://[v1.fe80::1]/ http://[::ffff:127.1]/ http://[::ffff:0x7f.0.0.1]/ http://[::ffff:127.0.0.01]/
            http://[12345::1]/ http://[1::2::3]/ http://[::１]/
            """
        ),
        *("http://[2606:4700:4700:0:0:0:0:1111]/", PUBLIC_6),
    ),
    Group(
        "too long, as given or once percent-encoded",
        (
            "https://good.example/" + "x" * 2028,
            "https://good.example/" + "é" * 500,
            "https://good.example/?" + "<" * 700,
        ),
        *("https://good.example/" + "x" * 2027, PUBLIC),
    ),
    Group(
        "names that resolve to private addresses, also beside public ones",
        tuple(f"https://{name}/hook" for name in NAMES),
        *("https://crm.internal:8443/hook", "192.168.7.20", ("192.168.7.20/32",)),
    ),
]

# Forbidden even if the operator of the server allows every address
NEVER = urls(
    """
    169.254.169.254 169.254.0.1 169.254.170.2 100.100.100.200 168.63.129.16 192.0.0.192 fe80::1 febf::1 fd00:ec2::254
    fd20:ce::254 fd00:c1::a9fe:a9fe fd00:42::42 ::ffff:169.254.169.254 ::169.254.169.254 ::ffff:0:169.254.169.254
    64:ff9b::169.254.169.254 64:ff9b::168.63.129.16 64:ff9b:1::a9fe:a9fe 64:ff9b:1:a9fe:a9:fe00::
    64:ff9b:1:a9:fe:a9fe:: 64:ff9b:1:0:a9:fea9:fe00:: 2002:a9fe:a9fe::1 2001:0:a9fe:a9fe::1 2001:0:101:101::5601:5601
    2001:470::5efe:a9fe:a9fe fe80::5efe:a00:1
    """
)
