# SPDX-License-Identifier: Apache-2.0
"""Another AES-EAX and another RSA, to judge ours by.

From the papers ("The EAX Mode of Operation", Bellare, Rogaway, Wagner; RFC
4493; RFC 8017 §7.2) and AES of one block; slow.
"""

from Crypto.Cipher import AES


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _double(block: bytes) -> bytes:
    number = int.from_bytes(block) << 1
    if number >> 128:
        number = (number ^ 0x87) & (2**128 - 1)
    return number.to_bytes(16)


def _omac(key: bytes, tweak: int, data: bytes) -> bytes:
    aes = AES.new(key, AES.MODE_ECB)
    data = bytes(15) + bytes([tweak]) + data
    last = _double(aes.encrypt(bytes(16)))
    if len(data) % 16:
        data += b'\x80'
        data += bytes(-len(data) % 16)
        last = _double(last)
    state = bytes(16)
    for at in range(0, len(data) - 16, 16):
        state = aes.encrypt(_xor(state, data[at:at + 16]))
    return aes.encrypt(_xor(_xor(state, data[-16:]), last))


def _keystream(key: bytes, begin: bytes, size: int) -> bytes:
    aes = AES.new(key, AES.MODE_ECB)
    stream, counter = b'', int.from_bytes(begin)
    while len(stream) < size:
        stream += aes.encrypt((counter % 2**128).to_bytes(16))
        counter += 1
    return stream[:size]


def encrypt(key: bytes, nonce: bytes, header: bytes, data: bytes) -> bytes:
    """:returns: ciphertext and the MAC of 16 bytes."""
    begin = _omac(key, 0, nonce)
    ciphertext = _xor(data, _keystream(key, begin, len(data)))
    return ciphertext + _xor(begin, _xor(_omac(key, 1, header),
                                         _omac(key, 2, ciphertext)))


def frame(key: bytes, count: int, data: bytes) -> bytes:
    """:returns: a frame of the RA2 types."""
    head = len(data).to_bytes(2)
    return head + encrypt(key, count.to_bytes(16, 'little'), head, data)


def unframe(key: bytes, count: int, sealed: bytes) -> bytes:
    """:returns: what is in one frame.

    :raises AssertionError: it is another.
    """
    begin = _omac(key, 0, count.to_bytes(16, 'little'))
    data = _xor(sealed[2:-16], _keystream(key, begin, len(sealed) - 18))
    assert frame(key, count, data) == sealed
    return data


def rsa_encrypt(n: int, e: int, data: bytes) -> bytes:
    size = (n.bit_length() + 7) // 8
    padding = bytes(1 + at % 255 for at in range(size - len(data) - 3))
    block = b'\x00\x02' + padding + b'\x00' + data
    return pow(int.from_bytes(block), e, n).to_bytes(size)


def rsa_decrypt(n: int, d: int, data: bytes) -> bytes:
    size = (n.bit_length() + 7) // 8
    block = pow(int.from_bytes(data), d, n).to_bytes(size)
    assert block[:2] == b'\x00\x02'
    return block[block.index(b'\x00', 10) + 1:]
