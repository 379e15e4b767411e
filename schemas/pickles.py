"""Which pickles may be opened: literal ones only.

PyTables unpickles every scalar byte-text attribute that ends in a full stop, as soon as a file is
opened, whether its text has a fixed or a variable length (tried with PyTables 3.11). Honest pandas
tables carry such pickles (`info`, `non_index_axes`, `values_cols`, ...), so presence proves
nothing; what decides is whether every opcode builds a literal.
"""

from __future__ import annotations

import pickle
import pickletools
import re
from io import BytesIO

_FULL_STOP = b"."
# PyTables replaces this text in the FILTERS of an old file before it unpickles: what was the tail
# of a literal text would become opcodes.
_REWRITTEN = re.compile(rb"\([ic]tables\.Leaf\n")
# Without one of these nothing is imported, and without an import nothing can be called.
_IMPORTING = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
# The unpickler makes room for every place of its memory up to the one that is named.
_REMEMBERING = frozenset({"PUT", "LONG_BINPUT"})
# An allow-list: an opcode this list does not name may import, call or reach outside the pickle.
LITERAL_OPCODES = frozenset(
    {
        "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP",
        "NONE", "NEWTRUE", "NEWFALSE",
        "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT",
        "STRING", "BINSTRING", "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
        "BYTEARRAY8", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
        "EMPTY_LIST", "LIST", "APPEND", "APPENDS",
        "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
        "EMPTY_DICT", "DICT", "SETITEM", "SETITEMS", "EMPTY_SET", "ADDITEMS", "FROZENSET",
        "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GET", "BINGET", "LONG_BINGET",
    }
)  # fmt: skip


def would_be_unpickled(text: bytes) -> bool:
    """Decide whether PyTables would take an attribute's bytes for a pickle."""
    return len(text) > 1 and text.endswith(_FULL_STOP)


def is_hostile(text: bytes) -> bool:
    """Decide whether unpickling `text` could do more than build literals of its own size.

    The unpickler runs opcode by opcode: what comes before a broken one has happened already, and
    what comes after the first STOP never does. It reads lines more freely than pickletools
    (`I0x1`, Latin-1 text), so a line that pickletools cannot read is passed over, not believed.
    """
    if _REWRITTEN.search(text):
        return True
    stream, strange = BytesIO(text), False
    while (place := stream.tell()) < len(text):
        try:
            for code, argument, _ in pickletools.genops(stream):
                if code.name in _IMPORTING:
                    return True
                if code.name in _REMEMBERING and not strange and int(argument or 0) > len(text):
                    return True
                strange = strange or code.name not in LITERAL_OPCODES
                place = stream.tell()
            return strange
        except (ValueError, UnicodeError, IndexError, OverflowError):
            if not text.endswith(b"\n", 0, stream.tell()):
                return False  # the unpickler stops here as well
            if text[place : place + 1] in (pickle.GLOBAL, pickle.INST):
                return True  # a name that pickletools cannot read may still be imported
    return False
