"""A store in trouble: what is told, what is tried again, and that nothing is ever half there."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from uuid import uuid4

import pytest
from support.kms import CREDENTIALS
from support.objects_server import (
    BUCKET,
    BadWay,
    Handler,
    ObjectsServer,
    Trouble,
    altered,
    cut_off,
    lost_answer,
    passed_on,
    refused,
    reset,
    silence,
)
from support.ports import free_port

from portazgo.kit.objects import (
    ObjectMissing,
    ObjectsDenied,
    ObjectsFailed,
    ObjectsFull,
    ObjectStore,
    ObjectsUnreachable,
    StoreMissing,
    open_store,
)
from portazgo.kit.objects.s3 import MULTIPART_BYTES
from portazgo.kit.objects.uri import S3, Folder, ObjectsUrlInvalid, parse_objects_url

CONTENT = os.urandom(100_000)
READ_SECONDS = 0.4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectsServer]:
    with ObjectsServer(tmp_path_factory.mktemp("objects")) as running:
        yield running


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


@contextmanager
def no_file_may_grow() -> Iterator[None]:
    """A limit on the size of files stands for the full disk: each write fails, as there."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def way(server: ObjectsServer) -> Iterator[BadWay]:
    with BadWay(server.url) as way:
        yield way


@pytest.fixture
def store(server: ObjectsServer, way: BadWay) -> ObjectStore:
    return opened(server, way=way.url, prefix=str(uuid4()))


def opened(server: ObjectsServer, **options: str) -> ObjectStore:
    return open_store(server.place(**options), read_seconds=READ_SECONDS, attempts=2)


@pytest.mark.parametrize(
    "trouble", [refused(503, "SlowDown"), refused(500, "InternalError"), reset, lost_answer, silence]
)
def test_one_trouble_is_not_noticed(store: ObjectStore, way: BadWay, trouble: Trouble) -> None:
    way.troubles.append(trouble)
    store.put("one", CONTENT)
    assert store.get("one") == CONTENT
    way.troubles.append(trouble)
    assert store.get("one") == CONTENT
    way.troubles.append(trouble)
    store.delete("one")
    assert store.size("one") is None


def test_a_write_whose_answer_was_lost_is_found_to_be_there(store: ObjectStore, way: BadWay) -> None:
    way.troubles.append(lost_answer)
    assert store.put("one", CONTENT) is False  # the second attempt met the first one's object
    assert store.get("one") == CONTENT


@pytest.mark.parametrize("trouble", [cut_off(0), cut_off(50_000), altered])
def test_an_answer_that_breaks_off_or_was_altered_is_never_given(
    store: ObjectStore, way: BadWay, trouble: Trouble, tmp_path: Path
) -> None:
    store.put("one", CONTENT)
    way.troubles.append(trouble)
    assert store.get("one") == CONTENT
    way.always = trouble
    with pytest.raises(ObjectsUnreachable):
        store.get("one")
    target = tmp_path / "target"
    target.write_bytes(b"what was there")
    with pytest.raises(ObjectsUnreachable):
        store.get_file("one", target)
    assert target.read_bytes() == b"what was there"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("trouble", [silence, reset, refused(503, "SlowDown"), refused(429, "TooManyRequests")])
def test_a_store_that_stays_away_is_told_in_bounded_time_and_nothing_is_there(
    server: ObjectsServer, store: ObjectStore, way: BadWay, trouble: Trouble, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    way.always = trouble
    for call in (
        lambda: store.put("one", CONTENT),
        lambda: store.put_file("one", source),
        lambda: store.get("one"),
        lambda: store.size("one"),
        lambda: list(store.names("one")),
    ):
        began = time.monotonic()
        with pytest.raises(ObjectsUnreachable) as told:
            call()
        assert time.monotonic() - began < 5 * (2 * READ_SECONDS + 1)
        assert told.value.remedy
    way.always = None
    assert store.size("one") is None


def test_a_large_file_that_breaks_off_is_not_there_and_no_part_of_it_is_kept(
    server: ObjectsServer, store: ObjectStore, way: BadWay, tmp_path: Path
) -> None:
    source = tmp_path / "source"
    source.write_bytes(bytes(MULTIPART_BYTES + 1))

    def third_part_refused(caller: Handler, body: bytes, answer: Callable[[], tuple[HTTPResponse, bytes]]) -> None:
        trouble = refused(503, "SlowDown") if "partNumber=3" in caller.path else passed_on
        trouble(caller, body, answer)

    way.always = third_part_refused
    with pytest.raises(ObjectsUnreachable):
        store.put_file("large", source)
    way.always = None
    assert store.size("large") is None
    assert "Uploads" not in server.client.list_multipart_uploads(Bucket=BUCKET)
    assert store.put_file("large", source)


@pytest.mark.parametrize(
    ("trouble", "kind", "says"),
    [
        (refused(403, "AccessDenied"), ObjectsDenied, "s3:PutObject"),
        (refused(403, "SignatureDoesNotMatch"), ObjectsDenied, "credentials"),
        (refused(400, "ExpiredToken"), ObjectsDenied, "credentials"),
        (refused(400, "KMS.DisabledException"), ObjectsDenied, "KMS key"),
        (refused(404, "NoSuchBucket"), StoreMissing, f"there is no bucket {BUCKET}"),
        (refused(400, "IllegalLocationConstraintException"), StoreMissing, "region"),
        (refused(507, "XMinioStorageFull"), ObjectsFull, "has no room"),
        (refused(418, "Teapot"), ObjectsFailed, "Teapot: by the test"),
    ],
)
def test_what_a_refusal_means_is_told_with_what_to_do(
    store: ObjectStore, way: BadWay, trouble: Trouble, kind: type[ObjectsFailed], says: str
) -> None:
    way.always = trouble
    with pytest.raises(kind) as told:
        store.put("one", CONTENT)
    assert type(told.value) is kind
    assert says in told.value.sentence
    assert told.value.remedy
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in str(told.value)


def test_a_bucket_that_is_not_there_and_a_machine_that_does_not_answer(
    server: ObjectsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StoreMissing, match="there is no bucket absent"):
        opened(server, bucket="absent").put("one", CONTENT)
    with pytest.raises(ObjectsUnreachable, match="can't be reached at 127.0.0.1"):
        opened(server, way=f"http://127.0.0.1:{free_port()}").put("one", CONTENT)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(ObjectsDenied, match="no AWS credentials"):
        opened(server).put("one", CONTENT)


def test_a_store_that_knows_no_condition_is_asked_before_each_write(store: ObjectStore, way: BadWay) -> None:
    way.troubles.append(refused(501, "NotImplemented"))
    assert store.put("one", CONTENT)
    assert [call.partition(" ")[0] for call in way.calls] == ["PUT", "HEAD", "PUT"]
    assert not store.put("one", CONTENT)
    assert store.get("one") == CONTENT


def test_what_a_bucket_is_asked_for_reaches_it(server: ObjectsServer) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    prefix = str(uuid4())
    opened(server, prefix=prefix, encryption="aws:kms", key=key).put("one", CONTENT)
    head = server.client.head_object(Bucket=BUCKET, Key=f"{prefix}/one", ChecksumMode="ENABLED")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    assert "ChecksumSHA256" in head


def test_a_folder_that_is_full_or_no_folder_is_told(tmp_path: Path) -> None:
    store = open_store(Folder(tmp_path / "objects"))
    with no_file_may_grow(), pytest.raises(ObjectsFull, match="no room"):
        store.put("one", CONTENT)
    assert store.size("one") is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert store.put("one", CONTENT)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ObjectsFailed):
        open_store(Folder(tmp_path / "file" / "objects")).put("one", CONTENT)
    with pytest.raises(ObjectMissing):
        open_store(Folder(tmp_path / "absent")).get("one")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "objects",
        "http://bucket/x",
        "file://host/path",
        "file:///",
        "file:///x?region=eu-west-1",
        "s3://",
        "s3://UPPER/x",
        "s3://bucket/../x",
        "s3://bucket/a//b",
        "s3://user@bucket/x",
        "s3://bucket/x#y",
        "s3://bucket/x?regoin=eu-west-1",
        "s3://bucket/x?region=nowhere",
        "s3://bucket/x?endpoint=http://192.0.2.1:9000",
        "s3://bucket/x?endpoint=https://user@host",
        "s3://bucket/x?encryption=rot13",
        "s3://bucket/x?key=alias/x",
        "s3://bucket/x?encryption=AES256&key=alias/x",
    ],
)
def test_a_wrong_name_of_a_store_is_refused(text: str) -> None:
    with pytest.raises(ObjectsUrlInvalid):
        parse_objects_url(text)


def test_a_right_one_is_understood() -> None:
    assert parse_objects_url("file:///srv/a%20b/objects") == Folder(Path("/srv/a b/objects"))
    assert parse_objects_url("s3://bucket") == parse_objects_url("s3://bucket/") == S3("bucket")
    assert parse_objects_url("s3://bucket/a/b/?region=eu-west-1&encryption=aws:kms&key=alias/x") == S3(
        "bucket", "a/b/", "eu-west-1", None, "aws:kms", "alias/x"
    )
    assert str(S3("bucket", "a/b/")) == "s3://bucket/a/b"
