"""Single files of a Keepwell repository: envelope, headers, frames, key slots, CBOR (sections 1 and 4 to 6).

"Section" means a section of docs/formats/repository.md, the only source of what is here. What can not be read raises
`Damaged` or `Newer`, which are never mixed up; lengths and counts are seen to be possible before memory is taken for
them. How the files hang together is in keepwell_repository.py.
"""
import mmap
import os
import re
import struct
import sys
from io import BytesIO

import argon2.low_level
import cbor2
import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC, FOOTER_MAGIC = b"KEEPWELL", b"KEEPEND\x01"
ENVELOPE, SLOT, RING, PACK, SEGMENT, SNAPSHOT = range(1, 7)  # kinds of files, section 4
DATA_GROUP, TREE_GROUP, PACK_DIRECTORY, INDEX_PAGE, INDEX_DIRECTORY, RECORD = range(1, 7)  # frames, section 5.1
PLAIN_MAX, SEALED_MAX = 64 << 20, 67_371_008 + 16  # section 13, as all limits
FILE_MAX = {SLOT: 1 << 20, RING: 1 << 20, PACK: (1 << 32) - 1, SEGMENT: 1 << 30, SNAPSHOT: 64 << 20}


class Refused(Exception):
    """Why something can not be read, for people."""


class Damaged(Refused):
    """The bytes are not what a Keepwell wrote."""


class Newer(Refused):
    """Nothing is wrong, but this reader does not know enough."""

    def __init__(self, what):
        super().__init__(f"{what} was made by a newer Keepwell; nothing is wrong with it, use a newer reader")


class WrongSecret(Refused):
    """The password or recovery key opens no slot."""


def warn(text):
    print(f"keepwell_reader: {text}", file=sys.stderr)


def shown(data):
    """A name as one line of text that does nothing to a terminal."""
    text = data.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def short_hash(data):
    return blake3(data).digest()[:8]


# ---- Section 4: envelope, header, newer or damaged ----


def see_frozen_part(what, data, length):
    """Steps 1 to 3 of section 4.4; the fixed part of an envelope or header that is sound."""
    fixed = data[:length]
    if len(fixed) < length or fixed[:8] != MAGIC:
        raise Damaged(f"{what} is damaged: it is cut short or is not a file of Keepwell")
    if fixed[8] > 1 and short_hash(fixed[:8] + b"\x01" + fixed[9:-8]) != fixed[-8:]:
        raise Newer(what)
    if fixed[8] != 1 or short_hash(fixed[:-8]) != fixed[-8:]:
        raise Damaged(f"{what} is damaged: its check does not fit")
    return fixed


def read_envelope(data):
    """The repository id."""
    fixed = see_frozen_part("this repository", data, 128)
    version, features_to_read = struct.unpack_from("<I", fixed, 12)[0], struct.unpack_from("<Q", fixed, 40)[0]
    if version > 1 or features_to_read or fixed[9] > SNAPSHOT:
        raise Newer("this repository")
    if fixed[9] != ENVELOPE or version == 0:
        raise Damaged("the file `repository` is damaged: it says that it is something else")
    return fixed[16:32]


def read_header(what, data, kind, object_id):
    """The key epoch of a file whose header is sound and belongs to this kind and name."""
    fixed = see_frozen_part(what, data, 64)
    found, reserved, epoch, features, named = struct.unpack_from("<BHIQ32s", fixed, 9)
    if found > SNAPSHOT or reserved or features:
        raise Newer(what)
    if found != kind or named != object_id:
        raise Damaged(f"{what} is damaged: it is another file under this name")
    return epoch


def make_header(kind, epoch, object_id):
    fixed = MAGIC + struct.pack("<BBHIQ32s", 1, kind, 0, epoch, 0, object_id)
    return fixed + short_hash(fixed)


# ---- Section 5: frames and sealed files ----


def open_frame(base_key, header, data, offset=0):
    """One frame at `offset`: its number, type, content and the offset behind it. Raises Damaged without a path."""
    if len(data) < offset + 16:
        raise Damaged("a frame is cut short")
    frame_header = bytes(data[offset : offset + 16])
    sealed, plain, number, kind, codec, reserved = struct.unpack("<IIIBBH", frame_header)
    end = offset + 16 + sealed
    if not 16 <= sealed <= SEALED_MAX or plain > PLAIN_MAX or not 1 <= kind <= 6 or codec > 1 or reserved or end > len(data):
        raise Damaged("a frame's header makes no sense")
    key = blake3(base_key + header[24:56], derive_key_context="Keepwell 2026-11 repository v1 object key").digest()
    nonce = struct.pack("<IQ", number, 0)
    try:
        content = AESGCM(key).decrypt(nonce, bytes(data[offset + 16 : end]), header + frame_header)
    except InvalidTag:
        raise Damaged("a frame does not open: it was changed, or belongs elsewhere") from None
    if codec == 1:
        content = decompress(content, plain)
    if len(content) != plain:
        raise Damaged("a frame has another length than it says")
    return number, kind, content, end


def decompress(data, length):
    """One whole zstd frame of exactly this length; what it claims about itself is checked before memory is taken."""
    try:
        says = zstandard.get_frame_parameters(data)
        window_max = max(1024, 1 << (length - 1).bit_length() if length else 0)
        if says.dict_id or says.content_size not in (length, zstandard.CONTENTSIZE_UNKNOWN) or says.window_size > window_max:
            raise Damaged("a frame's compression is not as it must be")
        return zstandard.ZstdDecompressor().decompress(
            data, max_output_size=length, read_across_frames=False, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Damaged(f"a frame can not be decompressed: {error}") from None


def mapped(path):
    """The bytes of a file, read as they are needed."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""


class Sealed:
    """A file of header, frames and footer; its last frame is opened at once."""

    def __init__(self, what, path, kind, base_keys, last_type):
        self.what, self.path = what, path
        if path.stat().st_size > FILE_MAX[kind]:
            raise Damaged(f"{what} is damaged: it is larger than it can be")
        self.data = mapped(path)
        object_id = bytes.fromhex(path.name[-64:])
        try:
            epochs = [read_header(what, self.data, kind, object_id)]
            if epochs[0] not in base_keys:
                raise Damaged(f"{what} needs a key (epoch {epochs[0]}) that is in no readable key ring")
        except Damaged:
            epochs = list(base_keys)  # A header that is lost can be made anew (section 4.3).
        for self.epoch in epochs:
            self.header, self.base_key = make_header(kind, self.epoch, object_id), base_keys[self.epoch]
            try:
                self.directory = self.open_last(last_type)
                return
            except Damaged as error:
                reason = error
        raise Damaged(f"{what} is damaged: {reason}")

    def open_last(self, last_type):
        if len(self.data) < 64 + 16 + 16 + 24:
            raise Damaged("it is cut short")
        offset, self.frames, reserved, magic = struct.unpack("<QII8s", self.data[-24:])
        if magic != FOOTER_MAGIC or reserved or offset < 64:
            raise Damaged("its end is missing or changed")
        number, kind, content, end = open_frame(self.base_key, self.header, self.data, offset)
        if (number, kind, end) != (self.frames - 1, last_type, len(self.data) - 24):
            raise Damaged("its end does not fit")
        return content

    def frame(self, offset):
        return open_frame(self.base_key, self.header, self.data, offset)


# ---- CBOR, sections 1, 6.4, 10 and 11 ----


def cbor_values(data, what):
    """The values of a CBOR sequence; each must be a map."""
    stream = BytesIO(data)
    decoder = cbor2.CBORDecoder(stream)
    while stream.tell() < len(data):
        try:
            value = decoder.decode()
        except Exception as error:  # Whatever a hostile value makes of the decoder, it is no map of ours.
            raise Damaged(f"{what} is damaged: {error}") from None
        yield value


def cbor_value(data, what, kind=dict):
    values = list(cbor_values(data, what))
    if len(values) != 1 or type(values[0]) is not kind:
        raise Damaged(f"{what} is damaged: it is not one CBOR value of the right type")
    return values[0]


def field(record, key, kind, default=None, length=None):
    """One value of a map; absent is `default`, of another type is damage."""
    value = record.get(key)
    if value is None and kind is not None:
        return default
    if type(value) is not kind or (kind is int and value < 0) or (length and len(value) != length):
        raise Damaged(f"the value of key {key} is not of the right type")
    return value


def rows(record, key, *kinds):
    """A list of lists of values of these types; an absent one is empty."""
    found = field(record, key, list, [])
    for row in found:
        if type(row) is not list or tuple(map(type, row)) != kinds:
            raise Damaged(f"the value of key {key} is not as it must be")
    return found


def ids(record, key):
    """A list of chunk ids."""
    found = field(record, key, list, [])
    if any(type(chunk) is not bytes or len(chunk) != 32 for chunk in found):
        raise Damaged(f"the value of key {key} is not a list of chunk ids")
    return found


def time_ns(record, key):
    """A time in nanoseconds since 1970, or None."""
    value = field(record, key, list, length=2)
    if value is None:
        return None
    if any(type(part) is not int for part in value) or not 0 <= value[1] < 10**9:
        raise Damaged(f"the value of key {key} is no time")
    return value[0] * 10**9 + value[1]


# ---- Section 6: keys ----


def parse_recovery_key(text):
    """Its 20 bytes, or None if this is no recovery key (section 6.3)."""
    signs = re.sub(r"[ \t\r\n-]", "", text).upper()
    body = signs[3:].translate(str.maketrans("OIL", "011"))
    alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
    if signs[:3] != "KW1" or len(body) != 40 or not set(body) <= set(alphabet):
        return None
    number = 0
    for sign in body:
        number = number << 5 | alphabet.index(sign)
    data = number.to_bytes(25, "big")
    return data[:20] if blake3(data[:20]).digest()[:5] == data[20:] else None


def open_slot(what, data, object_id, secrets):
    """Root key and repository id, or None if no secret fits. `secrets` are pairs of kind and bytes."""
    read_header(what, data, SLOT, object_id)
    if len(data) < 208 or short_hash(data[:-8]) != data[-8:]:
        raise Damaged(f"{what} is damaged: its check does not fit")
    derivation, kind, label, memory, passes, lanes = struct.unpack_from("<BBHIII", data, 64)
    if derivation != 1:
        raise Newer(what)
    if len(data) != 208 + label:
        raise Damaged(f"{what} is damaged: its length does not fit")
    if not (8 * lanes <= memory <= 1 << 20 and 1 <= passes <= 32 and 1 <= lanes <= 64):
        raise Damaged(f"{what} is damaged: it asks for more work than any Keepwell does")
    for secret in (secret for wanted, secret in secrets if wanted == kind):
        stretched = argon2.low_level.hash_secret_raw(
            secret, data[88:120], passes, memory, lanes, 32, argon2.low_level.Type.ID, version=0x13)
        wrapping = blake3(data[: 120 + label], key=stretched).digest()
        try:
            content = open_frame(wrapping, data[:64], data[:-8], 120 + label)[2]
        except Damaged:
            continue  # Another secret than this slot's.
        if len(content) == 48:
            return content[:32], content[32:]
    return None
