"""The mail host's programs: their configuration, their start and end, and the faults they can have."""

import contextlib
import functools
import grp
import os
import pwd
import secrets
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.bed import Bed, certificates, clock, layout
from support.bed.namespace import Process

DOMAIN = "mail.example.org"
PROBE = "probe"
MAILBOX = f"{PROBE}@{DOMAIN}"
USER = "Debian-exim"
SMTP_PORT, IMAPS_PORT = 25, 993
START_SECONDS = 15.0
LOSES_MAIL, LOSES_BOUNCES = "loses-mail", "loses-bounces"
EXIM = """
primary_hostname = {domain}
local_interfaces = {address}
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
deliver_drop_privilege = true
keep_environment =
tls_advertise_hosts =
rfc1413_hosts =
host_lookup =
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin acl
begin routers
lost_mail:
  driver = redirect
  domains = {domain}
  local_parts = {probe}
  condition = ${{if exists{{{folder}/{loses_mail}}}}}
  data = :blackhole:
probe:
  driver = accept
  domains = {domain}
  local_parts = {probe}
  transport = maildir
lost_bounces:
  driver = redirect
  domains = {public_name}
  condition = ${{if exists{{{folder}/{loses_bounces}}}}}
  data = :blackhole:
listserv:
  driver = manualroute
  domains = {public_name}
  route_list = * {active}
  transport = smtp
nobody:
  driver = redirect
  allow_fail
  data = :fail: no such user
begin transports
smtp:
  driver = smtp
maildir:
  driver = appendfile
  directory = {folder}/maildir
  maildir_format
  create_directory
  user = {user}
begin retry
* * F,1m,1s
begin rewrite
begin authenticators
"""
DOVECOT = """
protocols = imap
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log/dovecot.log
listen = {address}
ssl = required
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{folder}/maildir
first_valid_uid = 1
passdb {{
  driver = passwd-file
  args = scheme=plain {folder}/users
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
"""


class MailHost:
    """The running programs, at the bed's own address."""

    def __init__(self, bed: Bed, *, folder: Path, active_address: str) -> None:
        self._bed = bed
        self._folder = folder
        self.address = layout.BED_ADDRESS
        self.password = secrets.token_hex(12)
        self._running: list[Process] = []
        self._active = active_address

    @classmethod
    @contextlib.contextmanager
    def up(cls, bed: Bed, *, active_address: str) -> Iterator["MailHost"]:
        """Run the host for the length of a block, in a folder that its users can reach."""
        folder = Path(tempfile.mkdtemp(prefix="bed-mail-", dir="/var/tmp"))
        host = cls(bed, folder=folder, active_address=active_address)
        try:
            host.start()
            yield host
        finally:
            host.stop()
            shutil.rmtree(folder)

    @property
    def authority(self) -> bytes:
        """The certificate that the mailbox's own is signed by."""
        return (self._folder / "keys" / "ca.pem").read_bytes()

    def start(self) -> None:
        """Start both programs and wait until they answer."""
        self._prepare()
        exim = ("exim4", "-C", str(self._folder / "exim.conf"), "-bdf", "-q5s")
        dovecot = ("dovecot", "-F", "-c", str(self._folder / "dovecot.conf"))
        for name, command in (("exim", exim), ("dovecot", dovecot)):
            self._running.append(self._bed.spawn(command, log=self._folder / f"{name}.console", directory=Path("/")))
        for port in (SMTP_PORT, IMAPS_PORT):
            waited = functools.partial(self._answers, port)
            clock.wait_until(waited, timeout_seconds=START_SECONDS, what=f"port {port} of the mail host")

    def stop(self) -> None:
        """End both programs."""
        for process in self._running:
            process.stop()
        self._running.clear()

    def plant(self, fault: str) -> None:
        """Lose mail to the mailbox, or bounces, from now on."""
        (self._folder / fault).touch()

    def mend(self) -> None:
        """Lose nothing any more."""
        for fault in (LOSES_MAIL, LOSES_BOUNCES):
            (self._folder / fault).unlink(missing_ok=True)

    def _prepare(self) -> None:
        user, group = pwd.getpwnam(USER), grp.getgrgid(pwd.getpwnam(USER).pw_gid)
        self._folder.chmod(0o755)
        for name in ("spool", "log", "run", "keys", "maildir", "home"):
            (self._folder / name).mkdir()
        for name in ("spool", "log", "maildir", "home"):
            os.chown(self._folder / name, user.pw_uid, user.pw_gid)
        made = certificates.make(self._folder / "keys", address=self.address)
        (self._folder / "users").write_text(f"{PROBE}:{{PLAIN}}{self.password}\n")
        words = {
            "domain": DOMAIN,
            "address": self.address,
            "folder": self._folder,
            "probe": PROBE,
            "public_name": layout.PUBLIC_NAME,
            "active": self._active,
            "user": USER,
            "group": group.gr_name,
            "loses_mail": LOSES_MAIL,
            "loses_bounces": LOSES_BOUNCES,
            "certificate": made.certificate,
            "key": made.key,
            "imaps": IMAPS_PORT,
        }
        (self._folder / "exim.conf").write_text(EXIM.format(**words))
        (self._folder / "dovecot.conf").write_text(DOVECOT.format(**words))

    def _answers(self, port: int) -> bool:
        for process in self._running:
            if process.poll() is not None:
                words = [path.read_text()[-800:] for path in self._folder.glob("*.console")]
                raise RuntimeError(f"a program of the mail host ended: {' '.join(words)}")
        try:
            with self._bed.network(), socket.create_connection((self.address, port), timeout=0.5):
                return True
        except OSError:
            return False
