"""Encrypted store of connector credentials, with locks and rotation."""

from connector_credentials._durable import whole_file
from connector_credentials.checks import Finding
from connector_credentials.exceptions import CredentialStoreError, SettingsError
from connector_credentials.keys import derive_key, generate_key
from connector_credentials.output import clean, clean_logs, record_failure
from connector_credentials.redaction import protect, redact
from connector_credentials.settings import OpenCredential, open_credential, read_settings
from connector_credentials.store import CredentialStore, EntryInfo, open_store

__all__ = [
    "CredentialStore",
    "CredentialStoreError",
    "EntryInfo",
    "Finding",
    "OpenCredential",
    "SettingsError",
    "clean",
    "clean_logs",
    "derive_key",
    "generate_key",
    "open_credential",
    "open_store",
    "protect",
    "read_settings",
    "record_failure",
    "redact",
    "whole_file",
]
