"""Settings: whose word counts, what is refused, and that every refusal names its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from nexusd.errors import InvalidSettings
from nexusd.settings import Settings, config_file, load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder in which this process finds its configuration, and nothing else of this machine's."""
    for name in [name for name in os.environ if name.upper().startswith("NEXUSD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(text: str | bytes) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_bytes(text if isinstance(text, bytes) else text.encode())


def test_without_any_word_there_are_defaults(folder: Path) -> None:
    settings = load_settings()
    assert config_file() == folder / "config" / "nexusd" / "config.toml"
    assert settings.socket == folder / "nexusd" / "nexusd.sock"
    assert settings.state_directory == folder / "state" / "nexusd"
    assert settings.running_jobs == len(os.sched_getaffinity(0))
    assert settings.attachment_max_bytes == 10 * 1024**2
    assert settings.generated_asset_max_bytes == 500 * 1024**2
    assert settings.idle_exit_seconds is None


def test_the_command_line_beats_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    configure('running_jobs = 2\nconnections = 20\nlog_level = "debug"\n')
    monkeypatch.setenv("NEXUSD_RUNNING_JOBS", "3")
    monkeypatch.setenv("NEXUSD_CONNECTIONS", "30")
    settings = load_settings(running_jobs=4, connections=None)
    assert (settings.running_jobs, settings.connections, settings.log_level) == (4, 30, "debug")


def test_a_table_and_a_json_text_set_the_limits_of_job_types(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("[running_jobs_per_type]\ndiagram = 1\nvideo = 0\n")
    assert load_settings().running_jobs_per_type == {"diagram": 1, "video": 0}
    monkeypatch.setenv("NEXUSD_RUNNING_JOBS_PER_TYPE", '{"diagram": 5}')
    assert load_settings().running_jobs_per_type["diagram"] == 5


def test_a_company_has_no_limit_and_a_job_costs_one_slot_unless_somebody_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert (settings.running_jobs_per_company, settings.slots_per_type) == (None, {})
    configure("running_jobs_per_company = 2\n[slots_per_type]\nvideo = 4\n")
    monkeypatch.setenv("NEXUSD_RUNNING_JOBS_PER_COMPANY", "3")
    settings = load_settings()
    assert (settings.running_jobs_per_company, settings.slots_per_type) == (3, {"video": 4})
    for name, value in (("RUNNING_JOBS_PER_COMPANY", "0"), ("SLOTS_PER_TYPE", '{"video": 0}')):
        with monkeypatch.context() as patch:
            patch.setenv(f"NEXUSD_{name}", value)
            with pytest.raises(InvalidSettings, match=name.lower()):
                load_settings()


def test_a_bucket_is_named_by_its_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings()
    assert (settings.storage_provider, settings.s3_bucket, settings.s3_prefix) == ("local_disk", None, "")
    configure(
        'storage_provider = "s3"\ns3_bucket = "assets"\ns3_endpoint = "http://127.0.0.1:9000"\ns3_prefix = "of/nexusd-1"\n'
    )
    monkeypatch.setenv("NEXUSD_S3_REGION", "eu-central-1")
    settings = load_settings()
    found = (settings.storage_provider, settings.s3_bucket, settings.s3_endpoint, settings.s3_region, settings.s3_prefix)
    assert found == ("s3", "assets", "http://127.0.0.1:9000", "eu-central-1", "of/nexusd-1")


def test_a_dotenv_file_and_strange_variables_are_nobodys_word(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("NEXUSD_RUNNING_JOBS=7\n")
    for name in ("NEXUSD_ATTEMPT", "NEXUSD_PROGRESS_FD", "NEXUSD_UNHEARD_OF"):
        monkeypatch.setenv(name, "x")
    assert load_settings().running_jobs == len(os.sched_getaffinity(0))


def test_paths_are_absolute_and_know_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure('state_directory = "~/state"\n')
    monkeypatch.setenv("NEXUSD_SOCKET", "run/nexusd.sock")
    settings = load_settings()
    assert settings.state_directory == folder / "home" / "state"
    assert settings.socket == folder / "run" / "nexusd.sock"
    assert load_settings(state_directory=Path("here")).state_directory == folder / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("running_jobs", 0),
        ("running_jobs", 1025),
        ("running_jobs", "many"),
        ("running_jobs", ""),
        ("running_jobs_per_type", {"a": -1}),
        ("terminate_grace_seconds", -1),
        ("terminate_grace_seconds", 601),
        ("terminate_grace_seconds", "nan"),
        ("drain_seconds", 61),
        ("log_max_bytes", 1023),
        ("attachment_max_bytes", 0),
        ("generated_asset_max_bytes", -1),
        ("min_free_bytes", -1),
        ("asset_max_age_seconds", 0),
        ("asset_max_age_seconds_per_company", {"a": -1}),
        ("assets_max_bytes", 0),
        ("assets_max_bytes_per_company", {"a": -1}),
        ("write_queue_length", 0),
        ("connections", 0),
        ("stop_grace_seconds", "inf"),
        ("idle_exit_seconds", 0),
        ("idle_exit_seconds", "nan"),
        ("storage_provider", "tape"),
        ("s3_bucket", "a/b"),
        ("s3_bucket", "assets\n"),
        ("s3_endpoint", "127.0.0.1:9000"),
        ("s3_endpoint", "ftp://a"),
        ("s3_endpoint", "http://a b"),
        ("s3_region", "here and there"),
        ("s3_prefix", "/a"),
        ("s3_prefix", "a/"),
        ("s3_prefix", "a//b"),
        ("s3_prefix", "a/../b"),
        ("log_level", "loud"),
        ("log_format", "xml"),
        ("state_directory", 5),
        ("no_such_setting", 1),
    ],
)
def test_what_cannot_be_used_is_named(name: str, value: Any) -> None:
    with pytest.raises(InvalidSettings) as refusal:
        load_settings(**{name: value})
    assert str(refusal.value).startswith(name)
    assert str(config_file()) in str(refusal.value)


def test_every_wrong_setting_is_named_at_once() -> None:
    configure('running_jobs = 0\nconnections = "x"\nrunning_job = 1\n')
    with pytest.raises(InvalidSettings) as refusal:
        load_settings(log_level="loud")
    for name in ("running_jobs", "connections", "running_job:", "log_level"):
        assert name in str(refusal.value)


def test_a_variable_that_is_not_json_is_named_and_not_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXUSD_RUNNING_JOBS_PER_TYPE", "{diagram: 1}")
    with pytest.raises(InvalidSettings, match=r"running_jobs_per_type.*Env.*double quotes") as refusal:
        load_settings()
    assert "cannot be read" not in str(refusal.value)


@pytest.mark.parametrize("content", ["running_jobs = ", "= 1", b"\xff\xfe", "running_jobs = 1\nrunning_jobs = 2\n"])
def test_a_file_that_is_not_toml_is_named(content: str | bytes) -> None:
    configure(content)
    with pytest.raises(InvalidSettings, match=r"config\.toml cannot be read"):
        load_settings()


def test_a_file_that_cannot_be_opened_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    configure("running_jobs = 1\n")
    config_file().chmod(0)

    def open_as_another_user(path: Path, *_: Any, **__: Any) -> Any:
        raise PermissionError(13, "Permission denied", str(path))

    if os.access(config_file(), os.R_OK):  # root may read anything
        monkeypatch.setattr(Path, "open", open_as_another_user)
        monkeypatch.setattr("builtins.open", open_as_another_user)
    with pytest.raises(InvalidSettings, match=r"config\.toml cannot be read"):
        load_settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().running_jobs = 5
    assert isinstance(load_settings(), Settings)
