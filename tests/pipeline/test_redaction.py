"""What counts as secret, and what is left of it in texts, logs, tracebacks and command lines."""

import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.parsing import parse_config
from pipeline.errors import UserError
from pipeline.redaction import RedactingFormatter, masked, redacted, secret_values, shown_overrides
from pipeline.store.private_files import write_private
from tests.pipeline.test_config import composed

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:p@ss@host/x?q=1", "https://…@host/x?q=1"),
        ("see s3://bucket/k?X-Amz-Signature=abc&x=1.", "see s3://bucket/k?X-Amz-Signature=…&x=1."),
        ("https://h/x?sig=abc&se=2&api_key=d", "https://h/x?sig=…&se=2&api_key=…"),
        ("export HF_TOKEN=abc; run", "export HF_TOKEN=…; run"),
        ("LAB_PASSWORD='a b c' x", "LAB_PASSWORD=… x"),
        ('{"AWS_SECRET_ACCESS_KEY": "abc", "n": 1}', '{"AWS_SECRET_ACCESS_KEY": …, "n": 1}'),
        ("Authorization: Bearer abcdefghijklmnop12", "Authorization: Bearer …"),
        (f"token hf_{'a1' * 17}!", "token …!"),
        ("AKIAIOSFODNN7EXAMPLE ghp_" + "a" * 36, "… …"),
    ],
)
def test_credentials_are_taken_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "tokenizer.eos_token=<|endoftext|>",
        "TOKENIZERS_PARALLELISM=false TOKENS=7 MONKEY=3",
        "pretrain  | step 10/20  loss 3.2  12,345 tokens/s",
        "ask me@example.org, or read https://host/a?page=2",
        "sha256 0123456789abcdef0123456789abcdef01234567",
        "a key: value pair; the secret=of it",
    ],
)
def test_other_text_is_left_as_it_is(text: str) -> None:
    assert redacted(text) == text


def test_passwords_with_an_at_sign_are_masked_whole() -> None:
    assert masked("https://user:p@ss@host/x?y=z") == "https://…@host/x?…"


def test_secrets_of_the_environment_go_by_name_or_stand_in_addresses() -> None:
    environment = {
        "HF_TOKEN": "abcdefghij",
        "HTTPS_PROXY": "http://me:passw0rd@proxy:1",
        "DEPLOY_KEY": "/home/me/.ssh/id_rsa",
        "SHORT_TOKEN": "abc",
        "HOME": "/home/somebody",
    }
    assert secret_values(environment) == ["abcdefghij", "passw0rd"]


def test_commands_are_shown_without_the_launchers_environment() -> None:
    words = [
        "++launcher.env.ANY=thing",
        "launcher={kind: local, env: {A: b}}",
        "++optim.lr=1e-3",
        "launcher=slurm",
    ]
    assert shown_overrides(words) == [
        "launcher.env.ANY=…",
        "launcher=…",
        "optim.lr=1e-3",
        "launcher=slurm",
    ]


def test_logs_hold_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "planted-secret")
    record = logging.LogRecord("x", logging.INFO, "", 1, "server says %s", ("planted-secret is wrong",), None)
    assert RedactingFormatter("%(message)s").format(record) == "server says … is wrong"


def test_tracebacks_hold_no_secret_of_the_environment() -> None:
    body = (
        "import os; from pipeline.redaction import redact_tracebacks; redact_tracebacks();"
        "raise ValueError(os.environ['LAB_TOKEN'])"
    )
    result = subprocess.run(
        [sys.executable, "-c", body],
        cwd=ROOT, env=os.environ | {"LAB_TOKEN": "planted-secret"}, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "ValueError: …"


def test_a_number_in_the_launchers_environment_is_told_without_it() -> None:
    values = composed()
    values["launcher"]["env"] = {"PIN": 471112}
    with pytest.raises(UserError, match=r"launcher.env.PIN: input should be a text") as error:
        parse_config(values)
    assert "471112" not in str(error.value)


def test_settings_that_hold_a_key_are_refused_by_name_and_by_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "value-of-the-environment")
    values = composed("model=hf")
    values["model"] |= {"path": None, "config": {"model_type": "gpt2", "api_key": "anything"}}
    values["tracking"] |= {"entity": "value-of-the-environment", "tags": ["sk-" + "a1" * 12]}
    with pytest.raises(UserError, match="3 problems") as error:
        parse_config(values)
    for key in ("model.config.api_key", "tracking.entity", "tracking.tags"):
        assert f"  - {key} holds what looks like a key or a password" in str(error.value)


def test_private_files_are_the_owners_even_where_others_could_read_them(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("something longer than what comes")
    path.chmod(0o644)
    write_private(path, "new: 1\n")
    assert path.read_text() == "new: 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
