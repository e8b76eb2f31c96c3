"""``python -m tap_exact_online``."""

from tap_exact_online.tap import TapExactOnline

TapExactOnline.cli()
