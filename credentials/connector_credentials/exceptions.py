"""Errors of the credential store; what to do is part of every message.

```
CredentialStoreError
├── RetriableStoreError
│   ├── StoreUnavailableError   the file system or database does not answer
│   ├── LockTimeoutError        another process holds the lock for too long
│   └── LockLostError           the lease ran out while the lock was held
└── FatalStoreError
    ├── StoreNotFoundError      nothing there: `connector-credentials init` makes a store
    ├── StoreExistsError        something there already: it is never overwritten
    ├── StoreCorruptError       not a store, or damaged
    ├── MissingKeyError         no key in environment, key file or keyring
    ├── WrongKeyError           the key does not open this store
    ├── InvalidNameError        a name the store cannot hold
    ├── SettingsError           a settings file cannot be read
    └── CredentialNotFoundError no such entry
```
"""


class CredentialStoreError(Exception):
    """Base of every error this package raises on purpose."""


class RetriableStoreError(CredentialStoreError):
    """The same call may succeed later without anybody doing anything."""


class StoreUnavailableError(RetriableStoreError):
    """The store's file system or database does not answer."""


class LockTimeoutError(RetriableStoreError):
    """Another process holds the lock for longer than the caller would wait."""


class LockLostError(RetriableStoreError):
    """The lease ran out while the lock was held, and somebody else may have it now."""


class FatalStoreError(CredentialStoreError):
    """Repeating does not help: a person has to change something."""


class StoreNotFoundError(FatalStoreError):
    """There is no store at this place."""


class StoreExistsError(FatalStoreError):
    """There is a store at this place already."""


class StoreCorruptError(FatalStoreError):
    """What is at this place is not a store, or is damaged."""


class MissingKeyError(FatalStoreError):
    """No key was given, and none was found."""


class WrongKeyError(FatalStoreError):
    """None of the keys opens this store."""


class InvalidNameError(FatalStoreError):
    """The name or value cannot be stored."""


class CredentialNotFoundError(FatalStoreError):
    """The store has no entry of this name."""


class SettingsError(FatalStoreError):
    """A settings file is missing, or holds something else than settings."""
