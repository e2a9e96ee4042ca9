"""Units that quantities come in: how English writes them, and how resolutions name them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Unit(NamedTuple):
    """A unit: the kind of resolution it gives, and its name there."""

    resolution: str
    name: str


def _units(resolution: str, **spellings: str) -> dict[str, Unit]:
    return {spelling: Unit(resolution, name) for name, written in spellings.items() for spelling in written.split("|")}


DIMENSIONS: Final = (
    _units(
        "LengthResolution",
        Kilometer="km|kms|kilometer|kilometers|kilometre|kilometres",
        Meter="m|meter|meters|metre|metres",
        Centimeter="cm|centimeter|centimeters|centimetre|centimetres",
        Millimeter="mm|millimeter|millimeters|millimetre|millimetres",
        Mile="mile|miles|mi",
        Yard="yard|yards|yd|yds",
        Foot="foot|feet|ft",
        Inch="inch|inches",
    )
    | _units(
        "SpeedResolution",
        KilometersPerHour="km/h|km/hr|kmh|kph|kilometers per hour|kilometres per hour",
        MilesPerHour="mph|miles per hour",
        MetersPerSecond="m/s|meters per second|metres per second",
        Knot="knot|knots",
    )
    | _units(
        "AreaResolution",
        SquareKilometer="square kilometers|square kilometres|square km|sq km",
        SquareMeter="square meters|square metres|square m|sq m|sqm",
        SquareFoot="square feet|square foot|sq ft",
        SquareMile="square miles|square mile|sq mi",
        Acre="acre|acres",
    )
    | _units(
        "VolumeResolution",
        Liter="l|liter|liters|litre|litres",
        Milliliter="ml|milliliter|milliliters|millilitre|millilitres",
        CubicMeter="cubic meters|cubic metres",
        Pint="pint|pints",
        Cup="cup|cups",
        Teaspoon="teaspoon|teaspoons",
        Tablespoon="tablespoon|tablespoons",
        FluidOunce="fluid ounce|fluid ounces|fl oz",
    )
    | _units(
        "WeightResolution",
        Kilogram="kg|kgs|kilo|kilos|kilogram|kilograms",
        Gram="g|gram|grams",
        Milligram="mg|milligram|milligrams",
        MetricTon="tonne|tonnes",
        Ton="ton|tons",
        Pound="lb|lbs",
        Ounce="oz|ounce|ounces",
        Stone="stone|stones",
    )
    | _units(
        "InformationResolution",
        Kilobyte="kb|kilobyte|kilobytes",
        Megabyte="mb|megabyte|megabytes",
        Gigabyte="gb|gigabyte|gigabytes",
        Terabyte="tb|terabyte|terabytes",
        Byte="byte|bytes",
        Bit="bit|bits",
    )
)
AGES: Final = _units(
    "AgeResolution",
    Year="year|years|yr|yrs",
    Month="month|months",
    Week="week|weeks",
    Day="day|days",
)
TEMPERATURES: Final = _units(
    "TemperatureResolution", Celsius="celsius|centigrade|c", Fahrenheit="fahrenheit|f", Kelvin="kelvin"
)

CURRENCIES: Final = {
    spelling: (name, code)
    for name, code, written in (
        ("Dollar", "", "$|dollar|dollars|bucks"),
        ("United States dollar", "USD", "us$|usd|us dollar|us dollars"),
        ("Canadian dollar", "CAD", "cad|canadian dollars"),
        ("Australian dollar", "AUD", "aud|australian dollars"),
        ("Euro", "EUR", "€|eur|euro|euros"),
        ("Pound", "", "£|pound|pounds|quid"),
        ("British pound", "GBP", "gbp|british pounds"),
        ("Japanese yen", "JPY", "¥|jpy|yen"),
        ("Indian rupee", "INR", "₹|inr|rupee|rupees"),
        ("Swiss franc", "CHF", "chf|francs|swiss francs"),
        ("Cent", "", "cent|cents"),
    )
    for spelling in written.split("|")
}
"""Spelling, then the unit's name and ISO 4217 code; a sign that several currencies use has no code."""
