"""Sees every read of a parameter where it happens: on the classes of core's parameter tree.

What core itself reads while it builds the tree at an instant, or copies a tree, is not a read of a
formula: watching is put aside meanwhile, which also keeps it cheap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

Note = Callable[[str], None]
Method = Callable[..., Any]
_ABSENT = object()


class ParameterWatch:
    """Calls `note(name)` for each parameter, scale or node that is read, by its full name.

    A node that is indexed by an array, or whose children are listed, is read with all that is
    below it; a parameter that is not in force is read too, for a formula may ask whether it is.
    """

    def __init__(self, note: Note) -> None:
        """Prepare the watching of core's classes; nothing is watched yet."""
        from policyengine_core import parameters as tree

        self._note = note
        self._methods: list[tuple[Any, str, Any, Method]] = []
        self._on = False
        at_instant = tree.ParameterNodeAtInstant
        for leaf in (tree.Parameter, tree.ParameterScale):
            self._add(leaf, "_get_at_instant", self._named)
        self._add(tree.Parameter, "__getattribute__", self._values)
        self._add(at_instant, "__init__", self._aside_during)
        self._add(at_instant, "__getattribute__", partial(self._child, at_instant))
        self._add(at_instant, "__getitem__", partial(self._item, at_instant))
        for each in (tree.ParameterNode, tree.Parameter, tree.ParameterScale):
            # A copied tree is seen when it is read, not when it is copied.
            self._add(each, "clone", self._aside_during)

    def start(self) -> None:
        """Watch from now on."""
        self._on = True
        for owner, name, _, watching in self._methods:
            setattr(owner, name, watching)

    def stop(self) -> None:
        """Put core's own methods back, if they were replaced."""
        if not self._on:
            return
        self._on = False
        for owner, name, own, _ in self._methods:
            if own is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

    def _add(self, owner: Any, name: str, watching: Callable[[Method], Method]) -> None:
        own = vars(owner).get(name, _ABSENT)  # absent where a base class has it
        self._methods.append((owner, name, own, watching(getattr(owner, name))))

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """Let core work unwatched: changing classes costs microseconds, watching each read more."""
        was_on = self._on
        if was_on:
            self.stop()
        try:
            yield
        finally:
            if was_on:
                self.start()

    def _aside_during(self, original: Method) -> Method:
        def aside(*args: Any, **kw: Any) -> Any:
            with self._aside():
                return original(*args, **kw)

        return aside

    def _named(self, original: Method) -> Method:
        def noted(leaf: Any, *args: Any, **kw: Any) -> Any:
            self._note(object.__getattribute__(leaf, "name"))
            with self._aside():
                return original(leaf, *args, **kw)

        return noted

    def _values(self, original: Method) -> Method:
        def attribute(leaf: Any, key: str) -> Any:
            if key == "values_list":
                self._note(original(leaf, "name"))
            return original(leaf, key)

        return attribute

    def _child(self, node_class: Any, original: Method) -> Method:
        def attribute(node: Any, key: str) -> Any:
            if key[0] == "_":
                if key == "_children":
                    self._note(original(node, "_name"))
                return original(node, key)
            try:
                value = original(node, key)
            except AttributeError:
                self._note(f"{original(node, '_name')}.{key}")
                raise
            if type(value) is not node_class:
                self._note(f"{original(node, '_name')}.{key}")
            return value

        return attribute

    def _item(self, node_class: Any, original: Method) -> Method:
        def item(node: Any, key: Any) -> Any:
            name = object.__getattribute__(node, "_name")
            if type(key) is not str:
                self._note(name)  # by an array: all that is below it
                with self._aside():
                    return original(node, key)
            value = object.__getattribute__(node, "_children").get(key, _ABSENT)
            if type(value) is not node_class:
                self._note(f"{name}.{key}")
            if value is _ABSENT:
                raise KeyError(key)
            return value

        return item
