"""Places whose country code does not tell which VAT holds there.

Directive 2006/112/EC, articles 6 and 7, and the Windsor Framework for Northern Ireland. Shops send
these parcels with the country of the member state and a postcode, or with a code of their own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where goods go.

    Attributes:
        country: ``country_id`` of the address.
        postcode: Of the address.
        city: Of the address.
        vat_prefix: Country of the VAT number that a business there has; empty: none of the EU's.
        in_eu: Whether the EU's VAT on goods holds there.
    """

    country: str
    postcode: str
    city: str
    vat_prefix: str = ""
    in_eu: bool = False


TERRITORIES = (
    Place("FR", "97400", "Saint-Denis", "FR"),  # La R\u00e9union
    Place("RE", "97410", "Saint-Pierre", "FR"),
    Place("FR", "97110", "Pointe-\u00e0-Pitre", "FR"),  # Guadeloupe
    Place("FR", "97200", "Fort-de-France", "FR"),  # Martinique
    Place("FR", "97300", "Cayenne", "FR"),  # French Guiana
    Place("FR", "97600", "Mamoudzou", "FR"),  # Mayotte
    Place("FR", "97150", "Marigot", "FR"),  # Saint-Martin
    Place("IT", "23041", "Livigno", "IT"),
    Place("IT", "23030", "Livigno", "IT"),
    Place("IT", "22061", "Campione d'Italia", "IT"),
    Place("ES", "35001", "Las Palmas", "ES"),  # Canary Islands
    Place("ES", "38001", "Santa Cruz de Tenerife", "ES"),
    Place("IC", "35100", "Maspalomas", "ES"),
    Place("ES", "51001", "Ceuta", "ES"),
    Place("ES", "52001", "Melilla", "ES"),
    Place("FI", "22100", "Mariehamn", "FI"),  # \u00c5land
    Place("AX", "22100", "Mariehamn", "FI"),
    Place("DE", "78266", "B\u00fcsingen am Hochrhein", "DE"),
    Place("DE", "27498", "Helgoland", "DE"),
    Place("GR", "63086", "Karyes", "EL"),  # Mount Athos
    Place("GB", "JE2 3AB", "Saint Helier"),  # Jersey
    Place("JE", "JE2 3AB", "Saint Helier"),
    Place("GG", "GY1 1AA", "Saint Peter Port"),
    Place("GB", "GY1 1AA", "Saint Peter Port"),
    Place("GB", "IM1 1AA", "Douglas"),  # Isle of Man: the UK's VAT
    Place("IM", "IM1 1AA", "Douglas"),
    Place("GB", "BT1 1AA", "Belfast", "XI", in_eu=True),
    Place("XI", "BT48 6HA", "Derry", "XI", in_eu=True),
    Place("MC", "98000", "Monaco", "FR", in_eu=True),
    Place("FR", "98000", "Monaco", "FR", in_eu=True),
    Place("SM", "47890", "San Marino"),
    Place("VA", "00120", "Vatican City"),
    Place("GI", "GX11 1AA", "Gibraltar"),
    Place("AD", "AD500", "Andorra la Vella"),
    Place("FO", "100", "T\u00f3rshavn"),
    Place("GL", "3900", "Nuuk"),
)
