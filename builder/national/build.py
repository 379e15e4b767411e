"""The chain of a national build, its checkpoints, and the run folder that comes out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from baselines.store import cache_dir
from baselines.targets import target_db_identity
from benchmarks.engine.session import simulate
from benchmarks.measure import Simulator
from builder.extras import package_version
from builder.national.config import NationalConfig
from builder.national.export import CANDIDATE, export
from builder.national.steps import SPINE_SOURCE, Steps
from builder.sources.acquire import SourceSet, acquire_all
from builder.sources.catalog import Entry, UserSources, load_catalog
from builder.stages.run import run_stages
from builder.stages.stage import Stage, StageRecord, stages_record
from schemas.canonical import sha256_file, sha256_json
from schemas.errors import BuildError
from schemas.records import write_record

STAGES = "stages.json"
DISK_MARGIN = 200_000_000  # bytes that stay free whatever a stage writes
_ROOT = Path(__file__).parents[2]
_PACKAGES = ("numpy", "scipy", "pandas", "torch", "l0-python", "quantile-forest", "h5py", "taxcalc")
_PER_HOUSEHOLD = 60_000  # bytes: the largest folder is the simulation with its matrix
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Built:
    """A finished build: where its files lie, its stages, and whether each was reused."""

    folder: Path
    records: tuple[StageRecord, ...]

    @property
    def candidate(self) -> Path:
        """Return the H5."""
        return self.folder / CANDIDATE


def build_national(
    config: NationalConfig,
    out: Path | None = None,
    *,
    runs: Path = Path("runs"),
    offline: bool = True,
    user: UserSources | None = None,
    simulator: Simulator = simulate,
    check: Callable[[Path], None] | None = None,
    progress: Progress | None = None,
) -> Built:
    """Build a candidate into `out` (default: `runs/<config id>-<key>`), whole or not at all.

    Stages that were finished before with the same inputs are reused. `check` is given the finished
    H5 before the folder appears and raises where it must not. Raises BuildError for a source whose
    bytes are not the declared ones, for a folder that holds another build, and as the stages do;
    what was finished stays for the next try.
    """
    catalog = _catalog(config)
    sources = acquire_all(
        catalog, cache_dir() / "sources", offline=offline, user=user, progress=_told(progress)
    )
    sources.require_none_refused()
    stages = national_stages(config, sources, simulator)
    records = run_stages(
        stages,
        cache_dir() / "stages",
        versions={name: package_version(name) for name in _PACKAGES},
        disk_margin_bytes=DISK_MARGIN,
        progress=progress,
    )
    last = records[-1]
    if check is not None:
        check(last.folder / CANDIDATE)
    folder = out if out is not None else runs / f"{config.record['id']}-{last.key[:12]}"
    _publish(last.folder, folder, records)
    return Built(folder, tuple(records))


def _catalog(config: NationalConfig) -> tuple[Entry, ...]:
    """Return the sources that the configuration names; BuildError for one that nobody has."""
    every, wanted = load_catalog(), config.record["sources"]
    unknown = sorted(set(wanted) - {each.id for each in every})
    if unknown or SPINE_SOURCE not in wanted:
        what = f"no source is called {unknown[0]}" if unknown else f"{SPINE_SOURCE} is missing"
        raise BuildError(
            f"the sources of the build: {what}",
            reason="national.sources",
            remedy=f"name {SPINE_SOURCE} and others of: {', '.join(e.id for e in every)}",
        )
    return tuple(each for each in every if each.id in wanted)


def _told(progress: Progress | None) -> Callable[[str, int, int | None], None]:
    """Return a callable that takes an unknown total, as downloads have."""

    def tell(text: str, done: int, total: int | None) -> None:
        if progress is not None:
            progress(text, done, total or 0)

    return tell


@dataclass(frozen=True)
class _Declared:
    """A stage as declared: stages it needs, keys of the configuration and code that it reads.

    Code is relative to the project's root; a file or a folder.
    """

    id: str
    needs: tuple[str, ...]
    settings: tuple[str, ...]
    code: tuple[str, ...]


_STEPS = "builder/national/steps.py"
_EMBEDDED = ("builder/embedded", "builder/frame.py", _STEPS)
_CHAIN = (
    _Declared("sources", (), (), (_STEPS,)),
    _Declared(
        "spine",
        ("sources",),
        ("spine", "fixed_spine", "seed", "incumbent"),
        (
            *_EMBEDDED,
            "builder/national/acs.py",
            "builder/national/phase_one.json",
            "builder/national/phase_one.py",
            "builder/national/spine.py",
            "builder/sources",
        ),
    ),
    _Declared(
        "donors",
        ("sources", "spine"),
        ("donors", "seed", "incumbent"),
        (*_EMBEDDED, "builder/donors", "builder/sources"),
    ),
    _Declared(
        "fixed_spine", ("donors",), ("fixed_spine", "seed"), (*_EMBEDDED, "builder/fixed_spine")
    ),
    _Declared(
        "simulate", ("fixed_spine",), (), (_STEPS, "benchmarks/engine", "benchmarks/scoring")
    ),
    _Declared(
        "calibrate",
        ("spine", "fixed_spine", "simulate"),
        ("calibration", "targets", "phase_one"),
        (_STEPS, "builder/national/problem.py", "builder/calibration"),
    ),
    _Declared(
        "relational",
        ("fixed_spine", "calibrate"),
        ("fixed_spine", "seed"),
        (_STEPS, "builder/extensions"),
    ),
    _Declared(
        "export",
        ("sources", "donors", "fixed_spine", "calibrate", "relational"),
        ("export", "id", "label", "product"),
        ("builder/national", "schemas"),
    ),
)


def national_stages(
    config: NationalConfig, sources: SourceSet, simulator: Simulator
) -> tuple[Stage, ...]:
    """Return the chain; each stage declares the settings, code and data that its files hang on."""
    steps = Steps(config, sources, simulator)
    suite = steps.suite()
    runs = {
        "sources": steps.take_sources,
        "spine": steps.make_spine,
        "donors": steps.apply_donors,
        "fixed_spine": steps.append_fixed,
        "simulate": steps.simulate,
        "calibrate": steps.calibrate,
        "relational": steps.write_relational,
        "export": lambda context: export(context, config, suite),
    }
    facts = {"target_db": target_db_identity()["sha256"], "suite": suite.sha256}
    report = {"report": sha256_json(sources.report)}
    return tuple(
        Stage(
            id=each.id,
            needs=each.needs,
            settings={k: config.record[k] for k in each.settings},
            code=tuple(_ROOT / path for path in each.code),
            data=facts | (report if each.id == "sources" else {}),
            run=runs[each.id],
            disk_bytes=_households(config) * _PER_HOUSEHOLD,
        )
        for each in _CHAIN
    )


def _households(config: NationalConfig) -> int:
    spine = config.record["spine"]
    return int(spine["households"] + spine.get("acs", {}).get("households", 0))


def _publish(made: Path, folder: Path, records: Sequence[StageRecord]) -> None:
    """Put the exported files into the run folder by one rename; a folder of this build stays."""
    if folder.is_file() or (folder.exists() and any(folder.iterdir())):
        if _holds(folder, records[-1]):
            return
        raise BuildError(
            f"{folder.name} already holds another build",
            reason="national.folder_in_use",
            remedy="name another folder with --out, or move this one away",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        shutil.copytree(made, part, dirs_exist_ok=True, ignore=shutil.ignore_patterns("stage.json"))
        write_record(part / STAGES, stages_record(records), "build_stages")
        part.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        part.replace(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _holds(folder: Path, export_stage: StageRecord) -> bool:
    """Decide whether a folder holds what the export stage wrote, byte for byte by its record."""
    return all(
        (folder / file.path).is_file() and sha256_file(folder / file.path) == file.sha256
        for file in export_stage.files
    )
