"""Where the site's files are: in folders of the data directory, or in a bucket of S3 or what speaks its language."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

AREAS: dict[str, dict[str, Any]] = {  # Django's storages: the setting and the folder that they lie in
    "default": {"setting": "MEDIA_ROOT"},
    "index": {"setting": "INDEX_ROOT"},
    "exports": {"setting": "DATA_DIR", "folder": "exports", "incoming": "", "mode": 0o700},
    "lost+found": {"setting": "DATA_DIR", "folder": "lost+found"},
    "backups": {"setting": "BACKUP_DIR"},
}
COPIES_FOLDER = "stored"  # in the cache: copies of what is in the bucket
BUCKET_PATTERN = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:/[\w.+=@-]+)*)/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    prefix: str = ""  # "" or "some/folder"

    def __str__(self) -> str:
        return f"s3://{self.name}/{self.prefix}"


def parse_bucket(value: str, source: str) -> Bucket | None:
    """None for no value. Raises ImproperlyConfigured, naming the source."""
    if not value:
        return None
    if not (found := BUCKET_PATTERN.fullmatch(value)):
        raise ImproperlyConfigured(f"{source} is {value!r}; it takes an address such as s3://bucket/prefix.")
    return Bucket(found[1], found[2].strip("/"))


def describe_storages(bucket: Bucket | None) -> dict[str, dict[str, Any]]:
    """As Django's setting STORAGES has them."""
    if bucket is None:
        backend = "gallery.models.storage.FolderStorage"
        return {area: {"BACKEND": backend, "OPTIONS": options} for area, options in AREAS.items()}
    return {area: _describe_bucket_area(bucket, area) for area in AREAS}


def _describe_bucket_area(bucket: Bucket, area: str) -> dict[str, Any]:
    folder = "media" if area == "default" else area
    options = {
        "bucket": bucket.name,
        "location": f"{bucket.prefix}/{folder}".lstrip("/"),
        "folder": f"{COPIES_FOLDER}/{folder}",
        "is_bounded": area != "index",  # a build that serves stays here
    }
    return {"BACKEND": "gallery.models.bucket.BucketStorage", "OPTIONS": options}


def make_client_options() -> dict[str, Any]:
    """What boto3 does not read from the environment itself; it waits for no answer longer than half a minute."""
    from botocore.config import Config

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    return {
        "endpoint_url": endpoint or None,
        "region_name": os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or None,
        "config": Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "max_attempts": 3},
            signature_version="s3v4",
            s3={
                "addressing_style": "path" if endpoint else "auto"
            },  # few servers have a host for each bucket
        ),
    }


VERSIONED = (
    "{bucket} keeps old versions of files (versioning or object lock), and with them what was erased. Give Facesite"
    " a bucket that has never had versioning."
)
NO_PACKAGES = (
    "{bucket} needs the packages boto3 and django-storages: install them with pip, in the versions of"
    " requirements.txt."
)
UNUSABLE = (
    "{bucket} cannot be used: {error}. Look at its name, its rights, and at AWS_ENDPOINT_URL and AWS_* keys."
)
UNKNOWN_VERSIONING = "NotImplemented"  # the answer of servers that have no such thing
TRIAL_NAME = ".trying"


def find_bucket_problem(bucket: Bucket) -> str:
    """Why the site's files would not be safe there, or not gone when erased, in a sentence; empty if they are."""
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        return NO_PACKAGES.format(bucket=bucket)
    place = {"Bucket": bucket.name, "Key": f"{bucket.prefix}/{TRIAL_NAME}".lstrip("/")}
    try:
        client = boto3.client("s3", **make_client_options())
        try:
            versioning = client.get_bucket_versioning(Bucket=bucket.name).get("Status")
        except ClientError as error:
            if error.response["Error"]["Code"] != UNKNOWN_VERSIONING:
                raise
            versioning = None
        if versioning:  # also one that is suspended: it may hold versions from before
            return VERSIONED.format(bucket=bucket)
        client.put_object(**place, Body=b"")
        client.delete_object(**place)
    except (BotoCoreError, ClientError) as error:
        return UNUSABLE.format(bucket=bucket, error=error)
    return ""


def check_bucket(bucket: Bucket | None) -> None:
    """End this process, with a sentence, where the bucket is not fit for the site's files."""
    if bucket and (problem := find_bucket_problem(bucket)):
        sys.exit(problem)
