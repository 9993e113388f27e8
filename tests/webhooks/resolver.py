"""A fake DNS resolver: NAMES first, then numeric addresses as the C library parses them, then PUBLIC for any other
name.

A forbidden URL that is not detected is therefore connected to, instead of failing because its name does not resolve.
"""

import ipaddress
import socket

REAL_GETADDRINFO = socket.getaddrinfo
PUBLIC = "93.184.215.14"
PUBLIC_6 = "2606:4700:4700::1111"

NAMES = {
    "localhost": ["127.0.0.1", "::1"],
    "localhost.": ["127.0.0.1", "::1"],
    "localhost.localdomain": ["127.0.0.1"],
    "ip6-localhost": ["::1"],
    "a.localhost": ["127.0.0.1"],
    "intranet": ["10.0.0.5"],
    "crm.internal": ["192.168.7.20"],
    "host.docker.internal": ["172.17.0.1"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "printer.local": ["169.254.7.7"],
    "metadata": ["169.254.169.254"],
    "metadata.google.internal": ["169.254.169.254"],
    "metadata.google.internal.": ["169.254.169.254"],
    "metadata.goog": ["169.254.169.254"],
    "instance-data": ["169.254.169.254"],
    "instance-data.ec2.internal": ["fd00:ec2::254"],
    "metadata.tencentyun.com": ["169.254.0.23"],
    "wireserver.azure.example": ["168.63.129.16"],
    "metadata.aliyun.example": ["100.100.100.200"],
    "half.example": [PUBLIC, "127.0.0.1"],
    "half-first.example": ["10.0.0.5", PUBLIC],
    "half-mapped.example": [PUBLIC, "::ffff:169.254.169.254"],
    "half-six.example": [PUBLIC, PUBLIC_6, "fd00::5"],
    "half-link.example": [PUBLIC, "fe80::1"],
    "half-nat64.example": [PUBLIC, "64:ff9b::7f00:1"],
    "half-multicast.example": [PUBLIC, "ff02::1"],
    "half-zero.example": [PUBLIC, "0.0.0.0"],
    "xn--ln-jia.example": ["192.168.7.20"],
}


def resolve(host, port, *args, names=NAMES, **kwargs):
    """Replace socket.getaddrinfo."""
    try:
        given = names.get(host) or [info[4][0] for info in REAL_GETADDRINFO(host, port, flags=socket.AI_NUMERICHOST)]
    except socket.gaierror:
        given = [PUBLIC]
    return [_info(ipaddress.ip_address(address), port) for address in dict.fromkeys(given)]


def _info(address, port):
    if address.version == 6:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port)
