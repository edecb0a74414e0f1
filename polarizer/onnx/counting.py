"""What a stranger's protobuf would hold, counted before it is decoded.

An empty node takes two bytes in a file and a hundred in memory, a number one byte and eight: a file
of some megabytes may ask for gigabytes. So its fields are counted first, without building any.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from polarizer.errors import ModelFormatError

if TYPE_CHECKING:
    from google.protobuf.descriptor import Descriptor, FieldDescriptor

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_LONGEST_VARINT = 10
_SMALL_NUMBERS = "int32_data"
"""The one field of many small numbers that weights need: half precision without raw bytes. In
memory it takes at most four times what it takes in the file."""


def check_fields(content: bytes, kind: Descriptor, most: int) -> None:
    """Raises :class:`ModelFormatError` when ``content``, a message of this ``kind``, is damaged or
    has more than ``most`` fields, with those of messages inside of it and single integers.

    Texts that are none are damage too; protobuf tells of them only when it is asked for one.
    """
    left = most
    inside = [(0, len(content), kind)]
    while inside:
        begin, end, kind = inside.pop()
        for number, start, stop in _fields(content, begin, end):
            field = kind.fields_by_number.get(number)
            left -= 1
            if field is not None and field.message_type is not None:
                if start < stop:
                    inside.append((start, stop, field.message_type))
            elif field is not None and field.type == field.TYPE_STRING:
                _check_text(content[max(start, 0) : max(stop, 0)])
            elif field is not None and _is_integers(field):
                left -= stop - start
            if left < 0:
                raise ModelFormatError(
                    f"the ONNX file has more than {most:,} entries beside the values of its weights"
                )


def _check_text(data: bytes) -> None:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise _damaged() from error


def _is_integers(field: FieldDescriptor) -> bool:
    """Packed without a size of their own: as many as there are bytes, at most."""
    whole = (field.CPPTYPE_INT32, field.CPPTYPE_INT64, field.CPPTYPE_UINT64)
    return field.cpp_type in whole and field.name != _SMALL_NUMBERS


def _fields(content: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The number of each field and where its content stands; nowhere, if it is but a number."""
    while at < end:
        key, at = _varint(content, at, end)
        number, wire = key >> 3, key & 7
        start = stop = -1
        if wire == _VARINT:
            _, at = _varint(content, at, end)
        elif wire == _LENGTH:
            length, start = _varint(content, at, end)
            at = stop = start + length
        elif wire in (_FIXED32, _FIXED64):
            at += 4 if wire == _FIXED32 else 8
        else:
            raise _damaged()
        if at > end:
            raise _damaged()
        yield number, start, stop


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """A number, and where it ends."""
    if at < end and content[at] < 0x80:
        return content[at], at + 1
    value = 0
    for place in range(min(_LONGEST_VARINT, end - at)):
        byte = content[at + place]
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value, at + place + 1
    raise _damaged()


def _damaged() -> ModelFormatError:
    return ModelFormatError("the ONNX file is damaged: it cannot be decoded")
