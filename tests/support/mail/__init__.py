"""A mail host in the bed: exim takes and bounces, dovecot shows one mailbox by IMAP over TLS."""

from support.mail.host import DOMAIN, MAILBOX, PROBE, MailHost

__all__ = ["DOMAIN", "MAILBOX", "PROBE", "MailHost"]
