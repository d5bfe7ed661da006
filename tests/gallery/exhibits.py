"""The gallery, rendered: every case of every family, through a daemon as people use it, into a folder.

A family's cases are in the module of its name, the files they use in the folder beside it; files that are too large to be kept
are made by the module's `make(folder)`. Used by the test that looks at each result with tools that are not ours, and by
`python -m tests.gallery DIRECTORY`, which also puts the results on contact sheets for people to look at.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from tests.support.daemons import ASSETS, JOBS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx

    from tests.gallery.case import Case

FAMILIES: Final = ("diagram", "document", "chart", "theme", "image", "video")
FOLDER: Final = Path(__file__).parent
PATIENCE_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Exhibit:
    """What became of a case: the job, and the files of its results, the main one first."""

    case: Case
    job: dict[str, Any]
    files: Sequence[Path]


def cases() -> Iterator[Case]:
    """Yield every case, family by family."""
    for family in FAMILIES:
        yield from importlib.import_module(f"tests.gallery.{family}").CASES


def lay_out(family: str, folder: Path) -> Path:
    """Put the files of a family into a folder of its own below `folder`, and return that."""
    place = folder / family
    source = FOLDER / family
    if source.is_dir():
        shutil.copytree(source, place, dirs_exist_ok=True)
    place.mkdir(exist_ok=True)
    make = getattr(importlib.import_module(f"tests.gallery.{family}"), "make", None)
    if make is not None:
        make(place)
    return place


class Gallery:
    """Submits cases to a daemon and fetches what came of them. `folder` is its own."""

    def __init__(self, client: httpx.Client, folder: Path) -> None:
        self._client = client
        self._folder = folder
        self._sources: dict[str, Path] = {}
        self._assets: dict[Path, str] = {}

    def submit(self, case: Case) -> str:
        """Upload what a case needs and submit it; return the id of the job."""
        if case.job_type not in self._sources:
            self._sources[case.job_type] = lay_out(case.job_type, self._folder / "sources")
        job_input = self._fill_in(case.input, self._sources[case.job_type])
        answer = self._client.post(JOBS, json={"jobType": case.job_type, "input": job_input})
        assert answer.status_code == 202, (case.name, answer.json())
        return str(answer.json()["jobId"])

    def fetch(self, case: Case, job_id: str) -> Exhibit:
        """Wait for a job and fetch its results. Raises AssertionError when it is not done."""
        query = {"timeout": PATIENCE_SECONDS}
        job = self._client.get(f"{JOBS}/{job_id}/wait", params=query, timeout=PATIENCE_SECONDS + 10).json()
        assert job["status"] == "done", (case.name, job["errorCode"], job["errorMessage"])
        assets = sorted(job["assets"], key=lambda asset: asset["id"] != job["resultAssetId"])
        place = self._folder / case.job_type / case.name.replace("/", "-").replace(" ", "-")
        place.mkdir(parents=True)
        files = []
        for asset in assets:
            files.append(place / asset["originalFilename"])
            files[-1].write_bytes(self._client.get(f"{ASSETS}/{asset['id']}/content").content)
        return Exhibit(case, job, files)

    def _fill_in(self, value: Any, folder: Path) -> Any:
        if isinstance(value, list):
            return [self._fill_in(item, folder) for item in value]
        if not isinstance(value, dict):
            return value
        if "$file" in value:
            return {"$asset": self._upload(folder / value["$file"])}
        if "$text" in value:
            return (folder / value["$text"]).read_text("utf-8")
        return {key: self._fill_in(item, folder) for key, item in value.items()}

    def _upload(self, path: Path) -> str:
        if path not in self._assets:
            answer = self._client.post(ASSETS, params={"filename": path.name}, content=path.read_bytes())
            assert answer.status_code == 201, (path, answer.json())
            self._assets[path] = str(answer.json()["id"])
        return self._assets[path]
