"""A GitHub job run on this machine: its `run:` steps with bash, its `uses:` steps by stand-ins."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(&&|\|\||==|!=|!|\(|\))|([A-Za-z_][\w.-]*(?:\(\))?))")
_PYTHON = {"&&": " and ", "||": " or ", "!": " not "}
_STATUS = ("always()", "cancelled()", "success()")
_EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.S)

StandIn = Callable[[Mapping[str, Any]], None]


@dataclass
class Done:
    """A step that was reached: what it was, whether it ran and worked, and what it printed."""

    name: str
    ran: bool
    ok: bool
    said: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Job:
    """One run of a job: where it works, what it was given, and what became of its steps."""

    checkout: Path
    contexts: dict[str, Any]
    env: dict[str, str]
    stand_ins: Mapping[str, StandIn]
    done: dict[str, Done] = field(default_factory=dict)
    failed: bool = False

    @property
    def summary(self) -> str:
        """What was appended to the step summary."""
        return self._file("GITHUB_STEP_SUMMARY").read_text()

    def run(self, job: Mapping[str, Any], *, until: str = "", without: str = "") -> Job:
        """Run the steps in order as GitHub does, up to `until`, and leave `without` out."""
        for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_ENV"):
            self._file(name).touch()
        self.env |= {key: self.filled(value) for key, value in job.get("env", {}).items()}
        self.contexts["env"] = self.env
        for step in job["steps"]:
            if step["name"] == until:
                break
            if step["name"] != without:
                self.step(step)
        return self

    def step(self, step: Mapping[str, Any]) -> Done:
        """Run one step, if its condition holds."""
        condition = _EXPRESSION.sub(r"\1", step.get("if", "success()"))
        decided = any(each in condition for each in _STATUS)
        if not self.value(condition if decided else f"success() && ({condition})"):
            done = Done(step["name"], ran=False, ok=True)
        elif "uses" in step:
            done = self._use(step)
        else:
            done = self._bash(step)
        self.done[step["name"]] = done
        self.failed |= not done.ok and not step.get("continue-on-error", False)
        return done

    def value(self, expression: str) -> Any:
        """Return the value of an expression; the words it may hold are those of this workflow."""
        return eval(self._python(expression), {"look": self._look})

    def filled(self, text: Any) -> str:
        """Return a text with its expressions replaced by their values."""
        return _EXPRESSION.sub(lambda found: str(self.value(found[1])), str(text))

    def _python(self, expression: str) -> str:
        parts, at = [], 0
        expression = expression.strip()
        while at < len(expression):
            found = _TOKEN.match(expression, at)
            assert found, f"not understood: {expression[at:]}"
            text, operator, name = found.groups()
            if text is not None:
                parts.append(repr(text[1:-1].replace("''", "'")))
            elif operator is not None:
                parts.append(_PYTHON.get(operator, operator))
            else:
                parts.append(f"look({name!r})")
            at = found.end()
        return "".join(parts)

    def _look(self, name: str) -> Any:
        if name in _STATUS:
            return {"always()": True, "cancelled()": False, "success()": not self.failed}[name]
        value: Any = self.contexts
        for part in name.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        return value

    def _use(self, step: Mapping[str, Any]) -> Done:
        given = {key: self.filled(value) for key, value in step.get("with", {}).items()}
        action = step["uses"].split("@")[0]
        self.stand_ins[action](given)
        return Done(step["name"], ran=True, ok=True, given=given)

    def _bash(self, step: Mapping[str, Any]) -> Done:
        own = {key: self.filled(value) for key, value in step.get("env", {}).items()}
        script = self._file("step.sh")
        script.write_text(step["run"])
        self._file("GITHUB_OUTPUT").write_text("")
        added = self._file("GITHUB_PATH").read_text().split("\n")
        path = os.pathsep.join([*(each for each in reversed(added) if each), self.env["PATH"]])
        files = {
            name: str(self._file(name))
            for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH", "GITHUB_ENV")
        }
        ran = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.checkout,
            env={**self.env, **own, **files, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if "id" in step:
            lines = self._file("GITHUB_OUTPUT").read_text().splitlines()
            outputs = dict(line.split("=", 1) for line in lines)
            self.contexts.setdefault("steps", {})[step["id"]] = {"outputs": outputs}
        return Done(step["name"], ran=True, ok=ran.returncode == 0, said=ran.stdout)

    def _file(self, name: str) -> Path:
        return self.checkout.parent / name
