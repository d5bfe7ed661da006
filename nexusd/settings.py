"""What a person can set, where it comes from, and what it may be.

Order, the first wins: command line, environment `NEXUSD_*`, the file `$XDG_CONFIG_HOME/nexusd/config.toml`, the defaults here.
Only `daemon` and `__main__` read Settings; every other part is handed the values it needs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

from platformdirs import user_config_path, user_state_path
from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from nexusd.contract.paths import default_socket_path
from nexusd.domain.caps import Caps
from nexusd.errors import InvalidSettings
from nexusd.renderer_tables import NAME, RendererTable

MEBIBYTE = 1024 * 1024
GIBIBYTE = 1024 * MEBIBYTE
DAY_SECONDS = 86_400
FOLDER = "[A-Za-z0-9_][A-Za-z0-9._-]*"


def config_file() -> Path:
    """Return the path of the configuration file; it need not exist."""
    return user_config_path("nexusd") / "config.toml"


def _settle_path(path: Path) -> Path:
    """Children work in other folders: a path must mean the same there."""
    return Path(os.path.expanduser(path)).absolute()


def _check_caps(caps: Caps) -> Caps:
    for name, bound in caps._asdict().items():
        if bound < 1:
            raise ValueError(f"{name} must be above zero")
    return caps


def _check_job_types(tables: dict[str, RendererTable]) -> dict[str, RendererTable]:
    for name in tables:
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no job type: it must match {NAME.pattern}")
    return tables


AbsolutePath = Annotated[Path, AfterValidator(_settle_path)]


class Settings(BaseSettings):
    """The settings of one daemon. Sizes are bytes, times are seconds."""

    model_config = SettingsConfigDict(env_prefix="NEXUSD_", extra="forbid", frozen=True, validate_default=True)

    socket: Annotated[AbsolutePath, Field(default_factory=default_socket_path)]
    """Where the API listens, unless systemd hands over a socket."""
    state_directory: Annotated[AbsolutePath, Field(default_factory=lambda: user_state_path("nexusd"))]
    """The database, the assets, the logs and the work directories; one daemon at a time."""
    running_jobs: Annotated[int, Field(default_factory=lambda: len(os.sched_getaffinity(0)), ge=1, le=1024)]
    """How many slots attempts have; one takes as many as its job type costs, and most cost one."""
    running_jobs_per_type: dict[str, Annotated[int, Field(ge=0)]] = {}
    """A lower bound for single job types; 0 starts none."""
    timeout_seconds_per_type: dict[str, Annotated[float, Field(gt=0, le=86_400)]] = {}
    """How long an attempt at a job of that type may take, in place of what its renderer says."""
    caps: Annotated[Caps, AfterValidator(_check_caps)] = Caps()
    """How much of a kind one render may handle."""
    memory_max_bytes_per_type: dict[str, Annotated[int, Field(ge=16 * MEBIBYTE)]] = {}
    """Of each process of a job of that type, in place of what its renderer says."""
    renderers: Annotated[dict[str, RendererTable], AfterValidator(_check_job_types)] = {}
    """Programs that are renderers, by the job type."""
    sandbox: Literal["auto", "bubblewrap", "landlock", "limits"] = "auto"
    """How children are held; `auto` is the strongest that works."""
    sandbox_require: Literal["bubblewrap", "landlock", "limits"] = "limits"
    """Do not start when children can only be held by less."""
    network_job_types: frozenset[str] = frozenset()
    """The job types whose renderers get the network when they ask for it."""
    work_max_bytes: Annotated[int, Field(ge=0)] = 2 * GIBIBYTE
    """Of all that one attempt writes into its folder; 0 = no limit."""
    running_jobs_per_company: Annotated[int, Field(ge=1)] | None = None
    """A lower bound for each company."""
    slots_per_type: dict[str, Annotated[int, Field(ge=1)]] = {}
    """What a job of a type costs, where it is not what its renderer says."""
    spares_per_type: dict[str, Annotated[int, Field(ge=0, le=64)]] = {}
    """How many warm spares of each engine of a job type may wait for a job, in place of what its renderer says; 0 = none."""
    spare_idle_seconds: Annotated[float, Field(gt=0, le=DAY_SECONDS)] = 300
    """How long a spare may wait since the last job of its kind."""
    spares_memory_max_bytes: Annotated[int, Field(ge=0)] = 768 * MEBIBYTE
    """Of all spares together; 0 = no spares."""
    terminate_grace_seconds: Annotated[float, Field(ge=0, le=600)] = 5
    """Between TERM and KILL."""
    stop_drain_seconds: Annotated[float, Field(ge=0, le=3600)] = 10
    """How long running jobs may go on at a stop before they are put back."""
    drain_seconds: Annotated[float, Field(ge=0, le=60)] = 2
    """How long the log is still read after the child's exit."""
    log_max_bytes: Annotated[int, Field(ge=1024, le=512 * GIBIBYTE)] = 8 * MEBIBYTE
    """Of one attempt's stdout and stderr; what is over is counted and left out."""
    attachment_max_bytes: Annotated[int, Field(ge=1)] = 10 * MEBIBYTE
    """Of one upload."""
    generated_asset_max_bytes: Annotated[int, Field(ge=0)] = 500 * MEBIBYTE
    """Of one generated file; 0 = no limit."""
    event_retention_seconds: Annotated[float, Field(ge=0, le=100 * 365 * DAY_SECONDS)] = 7 * DAY_SECONDS
    """How old events may become before they go; 0 = no limit."""
    event_retention_count: Annotated[int, Field(ge=0)] = 1_000_000
    """How many of the newest events are kept; 0 = no limit."""
    storage_provider: Literal["local_disk", "s3"] = "local_disk"
    """Where the assets' files are; rows remember theirs."""
    s3_bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$")] | None = None
    """The bucket, which must exist. The credentials come from the environment's AWS_*."""
    s3_endpoint: Annotated[str, Field(pattern=r"^https?://[^/\s?#]+(/[^\s?#]*)?$")] | None = None
    """The address of a store that is not Amazon's."""
    s3_region: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")] | None = None
    """In place of AWS_REGION."""
    s3_prefix: Annotated[str, Field(pattern=rf"^({FOLDER}(/{FOLDER})*)?$", max_length=400)] = ""
    """The folder of the bucket that is this daemon's alone."""
    min_free_bytes: Annotated[int, Field(ge=0)] | None = None
    """Below it no job starts, and uploads are refused. None is 1 GiB, or 2 % of the disk if that is less."""
    asset_max_age_seconds: Annotated[float, Field(gt=0)] | None = None
    """Older assets are deleted, unless they are pinned or needed."""
    asset_max_age_seconds_per_company: dict[str, Annotated[float, Field(ge=0)]] = {}
    """The same for single companies, by slug; 0 keeps everything."""
    assets_max_bytes: Annotated[int, Field(ge=1)] | None = None
    """Of all assets of one company; the oldest go first, unless they are pinned or needed."""
    assets_max_bytes_per_company: dict[str, Annotated[int, Field(ge=0)]] = {}
    """The same for single companies, by slug; 0 keeps everything."""
    write_queue_length: Annotated[int, Field(ge=1)] = 1024
    """Writes that may wait for the writer; beyond it the answer is 503."""
    connections: Annotated[int, Field(ge=1)] = 512
    """Open connections; beyond it the answer is 503."""
    stop_grace_seconds: Annotated[float, Field(ge=0, le=60)] = 0.8
    """How long requests in flight may take to end at a stop."""
    idle_exit_seconds: Annotated[float, Field(gt=0)] | None = None
    """End after so long without work or requests."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["human", "json"] = "human"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources; a `.env` in the current folder is nobody's configuration."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file())


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` are those of the command line, None meaning "not given".

    Raises InvalidSettings naming every wrong one.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidSettings(f"{wrong}. Settings come from the command line, NEXUSD_* and {config_file()}.") from None
    except SettingsError as error:  # a variable whose value must be JSON, and is not
        raise InvalidSettings(f"{error}: {error.__cause__}.") from None
    except (ValueError, OSError) as error:  # the file is not TOML, or not ours to read
        raise InvalidSettings(f"{config_file()} cannot be read: {error}.") from None
