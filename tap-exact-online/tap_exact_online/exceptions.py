"""What can go wrong in this tap beside what goes wrong with Exact (`exact_online.errors`).

```
ExactError                      of exact-online-client: retriable and fatal errors of all calls
└── FatalError
    ├── ConfigError             a setting, STATE or catalog is missing or wrong
    ├── UnreadableStreamsError  streams could not be read, and that is an error (`unreadable`)
    └── TargetGoneError         nobody reads the tap's output any more
```
"""

from __future__ import annotations

from exact_online.errors import FatalError


class UnreadableStreamsError(FatalError):
    """Some of the selected streams could not be read; the others were."""


class TargetGoneError(FatalError):
    """Nobody reads the tap's output any more."""
