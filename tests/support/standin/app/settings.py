"""What the stand-in reads from its configuration: `key=value` lines."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the stand-in lives on this node and where it finds its database."""

    node: str
    """The node's own name, which every record carries."""
    files: Path
    """The folder of files that must agree with the rows."""
    database_host: str
    """The public host name: the product finds its database by it, so this does too."""
    database_port: int
    port: int
    """The TCP port of the application server."""
    guard: Path
    """The node guard's program; it need not be there."""
    mail: Path | None = None
    """A file with what the mailings need; without it there are none, no login and no LISTSERV."""

    @property
    def records(self) -> Path:
        """Return the folder of the records' files."""
        return self.files / "lui" / "records"

    @property
    def journals(self) -> Path:
        """Return the folder of the write journals, one file a node and boot."""
        return self.files / "lui" / "journal"

    @property
    def logs(self) -> Path:
        """Return the folder of LUI-yyyymmdd.LOG."""
        return self.files / "lui" / "logs"

    @property
    def lost_and_found(self) -> Path:
        """Return where recovery puts files that never got a row."""
        return self.files / "lost+found"

    @property
    def running_mark(self) -> Path:
        """Return the file that is there from start to clean stop."""
        return self.files / "lui" / "running"

    @property
    def password_file(self) -> Path:
        """Return the file with the database role's password, readable by its owner alone."""
        return self.files / "lui" / "database.password"


def read(path: Path) -> Settings:
    """Read the settings from a file; a missing key is a KeyError that names it."""
    values: dict[str, str] = {}
    for line in path.read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not key.startswith("#"):
            values[key.strip()] = value.strip()
    return Settings(
        node=values["node"],
        files=Path(values["files"]),
        database_host=values["database_host"],
        database_port=int(values["database_port"]),
        port=int(values["port"]),
        guard=Path(values["guard"]),
        mail=Path(values["mail"]) if "mail" in values else None,
    )
