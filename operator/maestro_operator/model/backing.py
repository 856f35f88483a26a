"""What people say of the application's backups: how one is known to have succeeded, and how many are kept."""

from __future__ import annotations

from maestro_operator.model.resource import ResourceValue

DAY_AND_TWO_HOURS_SECONDS = 26 * 3600


class BackupReports(ResourceValue):
    """A report for each backup, `backupReport_<ID>.txt`, that ends in success or names errors."""

    folder: str
    paths: tuple[str, ...]
    """What the backup consists of: folders that hold it when its report says success."""


class BackupCommand(ResourceValue):
    """A program on the node that tells of the newest backup."""

    program: str


class Spool(ResourceValue):
    """The application's queue of mail, which comes up with older data after a failover."""

    folders: tuple[str, ...]
    """What is queued: one file a message, below these folders of the data."""
    hold_program: str | None = None
    """What keeps the queue from being sent until a person looked at it."""


class RestoreTest(ResourceValue):
    """The newest backup is restored on the standby, out of reach of everything, checked and thrown away."""

    every_days: int = 7
    timeout_seconds: int = 3600
    """Of one test; what runs then is ended."""
    program: str | None = None
    """What checks the restored data; without it the checksums and the restore alone are the test."""


class Backup(ResourceValue):
    """The last rung: backups that the application makes, kept on both nodes."""

    reports: BackupReports | None = None
    command: BackupCommand | None = None
    fresh_seconds: int = DAY_AND_TWO_HOURS_SECONDS
    keep: int = 3
    restore_program: str | None = None
    """What makes live data of a backup; without it the backup is a copy of the live data."""
    restore_test: RestoreTest | None = None
