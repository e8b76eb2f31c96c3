"""``python -m tap_adobe_commerce``."""

from tap_adobe_commerce.tap import TapAdobeCommerce

TapAdobeCommerce.cli()
