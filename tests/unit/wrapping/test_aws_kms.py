"""`aws-kms:` against a KMS that answers over HTTP: what it binds, what it reuses, and what it says when it can't."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.kms import CREDENTIALS, REGION, KmsServer

from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, WrappingUnavailable, open_wrapper, sealed_by
from portazgo.kit.wrapping.aws_kms import AwsKmsWrapper
from portazgo.kit.wrapping.kms_calls import KmsCalls
from portazgo.kit.wrapping.uri import AwsKms, Local, UriInvalid, parse_uri

SECRET = b"canary-of-the-secret"


@pytest.fixture(scope="module")
def kms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KmsServer]:
    with KmsServer(tmp_path_factory.mktemp("kms")) as running:
        yield running


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


class Counting(KmsCalls):
    """Counts the calls."""

    def __init__(self, uri: str) -> None:
        place = parse_uri(uri)
        assert isinstance(place, AwsKms)
        prepared = KmsCalls.prepare(place)
        super().__init__(place, prepared._client)
        self.place = place
        self.made = self.opened = 0

    def generate_data_key(self, purpose: str) -> tuple[str, bytes, bytes]:
        self.made += 1
        return super().generate_data_key(purpose)

    def decrypt(self, purpose: str, key_id: str, blob: bytes, context: str) -> bytes:
        self.opened += 1
        return super().decrypt(purpose, key_id, blob, context)


def opened(kms: KmsServer, folder: Path, key: str = "alias/portazgo", **options: str) -> KeyWrapper:
    return open_wrapper(kms.uri(key, **options), folder)


def test_what_is_sealed_opens_in_another_process_and_names_the_key(kms: KmsServer, tmp_path: Path) -> None:
    text = opened(kms, tmp_path).wrap("pepper/1", SECRET)
    assert sealed_by(text) == f"aws-kms:{kms.key_id}"
    assert SECRET.decode() not in text
    assert opened(kms, tmp_path).unwrap("pepper/1", text) == SECRET


@pytest.mark.parametrize("context", ["pepper/2", "signing_key/1", "pepper", "inner/pepper/1"])
def test_a_text_that_was_moved_to_another_place_does_not_open(kms: KmsServer, tmp_path: Path, context: str) -> None:
    text = opened(kms, tmp_path).wrap("pepper/1", SECRET)
    for wrapper in (opened(kms, tmp_path), opened(kms, tmp_path)):
        with pytest.raises(WrappingFailed) as caught:
            wrapper.unwrap(context, text)
        assert not isinstance(caught.value, WrappingUnavailable)
        assert context in str(caught.value)


def test_another_deployment_under_the_same_key_opens_nothing_of_ours(kms: KmsServer, tmp_path: Path) -> None:
    text = opened(kms, tmp_path, deployment="production").wrap("pepper/1", SECRET)
    with pytest.raises(WrappingFailed, match="another purpose or deployment than 'staging'"):
        opened(kms, tmp_path, deployment="staging").unwrap("pepper/1", text)


def test_any_altered_byte_is_noticed(kms: KmsServer, tmp_path: Path) -> None:
    wrapper = opened(kms, tmp_path)
    text = wrapper.wrap("pepper/1", SECRET)
    head, _, sealed = text.rpartition(".")
    for broken in (f"{head}.{'A' * len(sealed)}", head, f"{head}.", "aws-kms:x", "aws-kms::.", text[:-30]):
        with pytest.raises(WrappingFailed):
            wrapper.unwrap("pepper/1", broken)


def test_a_data_key_is_used_again_for_its_purpose_and_its_time(kms: KmsServer) -> None:
    calls = Counting(kms.uri(reuse="5m"))
    now = [0.0]
    wrapper = AwsKmsWrapper(calls.place, calls, monotonic=lambda: now[0])
    texts = [wrapper.wrap(f"inner/{number}", SECRET) for number in range(50)]
    assert [wrapper.unwrap(f"inner/{number}", text) for number, text in enumerate(texts)] == [SECRET] * 50
    assert (calls.made, calls.opened) == (1, 0)
    wrapper.wrap("pepper/1", SECRET)
    assert calls.made == 2
    now[0] = 300.0
    assert wrapper.unwrap("inner/7", texts[7]) == SECRET
    wrapper.wrap("inner/51", SECRET)
    assert (calls.made, calls.opened) == (3, 1)
    assert len(wrapper._opened) == 2, "data keys whose time is over are forgotten"


def test_nothing_is_used_again_where_that_is_switched_off(kms: KmsServer) -> None:
    calls = Counting(kms.uri(reuse="0s"))
    wrapper = AwsKmsWrapper(calls.place, calls)
    texts = [wrapper.wrap("inner/1", SECRET) for _ in range(3)]
    assert [wrapper.unwrap("inner/1", text) for text in texts] == [SECRET] * 3
    assert (calls.made, calls.opened) == (3, 3)


def test_when_the_alias_goes_to_another_key_both_open_and_the_new_one_seals(kms: KmsServer, tmp_path: Path) -> None:
    client, second = kms.client, kms.new_key()
    client.create_alias(AliasName="alias/moving", TargetKeyId=kms.key_id)
    before = opened(kms, tmp_path, "alias/moving").wrap("pepper/1", SECRET)
    client.update_alias(AliasName="alias/moving", TargetKeyId=second)
    wrapper = opened(kms, tmp_path, "alias/moving")
    after = wrapper.wrap("pepper/1", SECRET)
    assert [sealed_by(text) for text in (before, after)] == [f"aws-kms:{kms.key_id}", f"aws-kms:{second}"]
    assert [wrapper.unwrap("pepper/1", text) for text in (before, after)] == [SECRET, SECRET]


def test_by_its_arn_a_key_is_named_whole(kms: KmsServer, tmp_path: Path) -> None:
    arn = kms.client.describe_key(KeyId=kms.key_id)["KeyMetadata"]["Arn"]
    wrapper = opened(kms, tmp_path, arn)
    assert wrapper.unwrap("pepper/1", wrapper.wrap("pepper/1", SECRET)) == SECRET
    place = parse_uri(f"aws-kms:{arn}")
    assert isinstance(place, AwsKms)
    assert (place.region, place.arn_of(kms.key_id)) == (REGION, arn)


def test_a_key_that_is_not_there_and_one_that_may_not_be_used_are_told_with_what_to_do(
    kms: KmsServer, tmp_path: Path
) -> None:
    with pytest.raises(WrappingUnavailable, match="there is no KMS key alias/absent in eu-west-1") as caught:
        opened(kms, tmp_path, "alias/absent").wrap("pepper/1", SECRET)
    assert "PORTAZGO_WRAPPING" in caught.value.remedy
    text = opened(kms, tmp_path).wrap("pepper/1", SECRET)
    other = text.replace(kms.key_id, kms.new_key())
    with pytest.raises(WrappingUnavailable, match=r"does not allow this process kms:Decrypt") as caught:
        opened(kms, tmp_path).unwrap("pepper/1", other)
    assert "docs/key-wrapping.md" in caught.value.remedy


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("DisabledException", "is disabled"),
        ("KMSInvalidStateException", "can't be used"),
        ("ThrottlingException", "throttles"),
        ("ExpiredTokenException", "credentials"),
        ("KMSInternalException", "fails inside"),
        ("SomethingNew", "SomethingNew: what it said"),
    ],
)
def test_every_refusal_of_kms_has_a_sentence_and_a_remedy(kms: KmsServer, code: str, sentence: str) -> None:
    calls = Counting(kms.uri())
    answer = {"Error": {"Code": code, "Message": "what it said"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    problem = calls._refused(answer, "Decrypt", "alias/portazgo", "pepper/1")
    assert isinstance(problem, WrappingUnavailable)
    assert (sentence in str(problem), bool(problem.remedy)) == (True, True)


def test_away_it_says_where_it_tried_at_once_and_goes_on_when_it_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with KmsServer(tmp_path) as server:
        now = [0.0]
        calls = Counting(server.uri(reuse="0s"))
        wrapper = AwsKmsWrapper(calls.place, calls, monotonic=lambda: now[0])
        text = wrapper.wrap("pepper/1", SECRET)
        server.stop()
        for _ in range(3):
            with pytest.raises(WrappingUnavailable, match=f"can't be reached at 127.0.0.1:{server.port}"):
                wrapper.unwrap("pepper/1", text)
        assert calls.opened == 1, "while it is away it is not asked at every turn"
        server.start()
        now[0] = 60.0
        assert wrapper.unwrap("pepper/1", text) == SECRET
    for canary in (SECRET.decode(), CREDENTIALS["AWS_SECRET_ACCESS_KEY"], "Plaintext"):
        assert canary not in caplog.text


def test_without_credentials_or_a_region_it_says_so(
    kms: KmsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(WrappingUnavailable, match="no AWS credentials"):
        opened(kms, tmp_path).wrap("pepper/1", SECRET)
    with pytest.raises(WrappingFailed, match="AWS_REGION"):
        open_wrapper("aws-kms:alias/portazgo", tmp_path)


def test_one_seals_and_the_others_open(kms: KmsServer, tmp_path: Path) -> None:
    local = open_wrapper("local:", tmp_path, create=True)
    before = local.wrap("pepper/1", SECRET)
    ring = open_wrapper(kms.uri(), tmp_path, also=["local:"])
    after = ring.wrap("pepper/1", SECRET)
    assert [sealed_by(before), sealed_by(after)] == [local.opens[0], f"aws-kms:{kms.key_id}"]
    assert [ring.unwrap("pepper/1", text) for text in (before, after)] == [SECRET, SECRET]
    assert ring.opens == ("aws-kms", *local.opens)
    with pytest.raises(WrappingFailed, match="PORTAZGO_WRAPPING_ALSO"):
        local.unwrap("pepper/1", after)


@pytest.mark.parametrize(
    "text",
    [
        "aws-kms:",
        "aws-kms:portazgo",
        "aws-kms:alias/a?colour=red",
        "aws-kms:alias/a?region=Europe",
        "aws-kms:arn:aws:kms:eu-west-1:123456789012:alias/a?region=us-east-1",
        "aws-kms:alias/a?endpoint=http://kms.example",
        "aws-kms:alias/a?endpoint=https://me:word@kms.example",
        "aws-kms:alias/a?deployment=A B",
        "aws-kms:alias/a?reuse=2h",
        "aws-kms:alias/a?reuse=5",
        "vault:x",
        "local",
    ],
)
def test_what_names_no_provider_is_refused(text: str) -> None:
    with pytest.raises(UriInvalid):
        parse_uri(text)


def test_a_local_provider_is_a_file(tmp_path: Path) -> None:
    assert parse_uri("local:") == Local(None)
    assert Local(None).file(tmp_path) == tmp_path / "master.key"
    assert parse_uri("local:/srv/a?b.key") == Local(Path("/srv/a?b.key"))
