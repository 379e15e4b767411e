"""Which pickles may be opened: literal ones only.

PyTables unpickles every scalar byte-text attribute that ends in a full stop, as soon as a file is
opened, whether its text has a fixed or a variable length (tried with PyTables 3.11). Honest pandas
tables carry such pickles (`info`, `non_index_axes`, `values_cols`, ...), so presence proves
nothing; what decides is whether every opcode builds a literal.
"""

from __future__ import annotations

import pickletools

_FULL_STOP = b"."
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
    """Decide whether unpickling `text` could do more than build literals.

    The unpickler runs opcode by opcode: what comes before a broken one has happened already, and
    what comes after the first STOP never does.
    """
    try:
        return any(code.name not in LITERAL_OPCODES for code, _, _ in pickletools.genops(text))
    except (ValueError, UnicodeError, IndexError, OverflowError):
        return False
