"""Ordinary English that the embedded model knows: related words, units, places, languages, verbs.

Nothing here knows a tool. It says that rain is weather and that an average is a mean, so that a question meets the
schema of any tool that speaks of weather or offers a `mean`.
"""

from __future__ import annotations

from functools import lru_cache

from .words import stem, word_set


def _split(text: str) -> list[str]:
    return text.split()


_FIELDS = """
weather rain snow forecast umbrella sunny warmer colder hotter rainy wind humid storm cloudy cold warm hot temperature
degrees drizzle freezing sleet
time clock hour o'clock timezone
date day weekday calendar
price cost worth quote trading expensive cheap
stock share ticker equity
document handbook manual policy guide report contract file pdf text
translate translation say
book reserve schedule reservation booking
email mail message
news headline article
distance far away kilometres miles
employee staff colleague worker
flight fly plane airline
calculate compute evaluate math arithmetic calculation
search find look lookup
define definition meaning dictionary
currency exchange dollars euros
convert conversion
order purchase sale
customer client buyer
road traffic route directions drive
ship shipment parcel package delivery tracking track
music song play
recipe cook dish bake
population inhabitants
url page website site link webpage
fetch open read download visit load
table spreadsheet csv row record
vacation holiday holidays leave pto absence
salary pay wage compensation earn paid
sick ill illness
refund reimburse reimbursement repay
remote home telework
manager boss supervisor
phone telephone
begin start commence
end finish expire lapse
buy purchase
approve approval permission
cancel cancellation
allow permit may
"""

RELATED: dict[str, frozenset[int]] = {}
"""The fields of meaning a stem belongs to, by number; two stems with a field in common are related."""
for _number, _line in enumerate(_FIELDS.split("\n")):
    for _word in _line.split():
        RELATED[stem(_word)] = RELATED.get(stem(_word), frozenset()) | {_number}

_CHOICES = {
    "rows": ("how many", "number of", "count", "how often"),
    "count": ("how many", "number of", "count", "how often", "frequency"),
    "mean": ("average", "mean", "on average", "averaged"),
    "sum": ("total", "sum", "altogether", "add up", "combined", "totals", "summed"),
    "median": ("median", "typical", "typically", "middle"),
    "min": ("minimum", "lowest", "smallest", "least", "cheapest", "shortest", "fewest", "min"),
    "max": ("maximum", "highest", "largest", "biggest", "most", "greatest", "longest", "top", "peak", "max"),
    "unique": ("different", "unique", "distinct"),
    "std": ("standard deviation", "spread", "stdev"),
    "asc": ("ascending", "increasing", "oldest first"),
    "desc": ("descending", "decreasing", "newest first"),
    "metric": ("metric", "celsius"),
    "imperial": ("imperial", "fahrenheit"),
    "hour": ("hourly", "every hour", "per hour"),
    "day": ("daily", "every day", "per day"),
    "week": ("weekly", "every week", "per week"),
    "month": ("monthly", "every month", "per month"),
    "year": ("yearly", "annually", "annual", "every year", "per year"),
    "high": ("urgent", "critical", "important"),
    "on": ("enabled", "activate"),
    "off": ("disabled", "deactivate"),
}
_SPELLINGS = {
    "rows": ("row", "records", "entries", "row_count", "record_count"),
    "count": ("number", "n"),
    "mean": ("avg", "average"),
    "sum": ("total",),
    "min": ("minimum", "lowest", "smallest"),
    "max": ("maximum", "highest", "largest"),
    "unique": ("distinct", "nunique", "distinctcount"),
    "std": ("stddev", "stdev", "deviation"),
    "asc": ("ascending",),
    "desc": ("descending",),
    "day": ("daily",),
    "week": ("weekly",),
    "month": ("monthly",),
    "year": ("yearly", "annual"),
    "hour": ("hourly",),
}

LANGUAGES = dict(
    pair.split(":")
    for pair in _split(
        """english:en french:fr german:de spanish:es italian:it portuguese:pt dutch:nl polish:pl russian:ru
        japanese:ja chinese:zh korean:ko arabic:ar turkish:tr swedish:sv norwegian:no danish:da
        finnish:fi greek:el hebrew:he hindi:hi czech:cs hungarian:hu ukrainian:uk vietnamese:vi
        thai:th latin:la romanian:ro indonesian:id"""
    )
)
"""Names of languages in lower case, with their ISO 639-1 codes."""

CURRENCIES = dict(
    pair.split(":")
    for pair in _split(
        """dollar:USD dollars:USD euro:EUR euros:EUR pound:GBP pounds:GBP sterling:GBP yen:JPY franc:CHF
        francs:CHF yuan:CNY renminbi:CNY rupee:INR rupees:INR peso:MXN pesos:MXN krone:NOK
        kroner:NOK krona:SEK won:KRW zloty:PLN real:BRL reais:BRL rand:ZAR ruble:RUB rubles:RUB
        lira:TRY"""
    )
) | {
    code.lower(): code
    for code in _split(
        """USD EUR GBP JPY CHF CNY INR MXN NOK SEK DKK KRW PLN BRL ZAR RUB TRY AUD CAD NZD SGD HKD CZK HUF THB
        ILS AED SAR BTC ETH"""
    )
}
"""Names and codes of currencies in lower case, with the code."""


@lru_cache(maxsize=4096)
def choice_phrases(value: str) -> tuple[str, ...]:
    """Phrases of ordinary English that mean an enum value such as `mean`, `minimum`, `fr` or `weekly`; often none."""
    key = value.lower()
    for name, phrases in _CHOICES.items():
        if key == name or key in _SPELLINGS.get(name, ()):
            return phrases
    return tuple(name for name, code in LANGUAGES.items() if code == key)


PLACES = frozenset(
    name.strip()
    for name in """
    abu dhabi, accra, addis ababa, adelaide, algiers, amman, amsterdam, anchorage, ankara, athens, atlanta,
    auckland, austin, baghdad, baku, bali, bangalore, bangkok, barcelona, beijing, beirut, belgrade,
    bengaluru, berlin, bern, birmingham, bogota, bogotá, boston, brasilia, bratislava, brisbane, brussels,
    bucharest, budapest, buenos aires, cairo, calgary, cape town, caracas, casablanca, chennai, chicago,
    cologne, colombo, copenhagen, dakar, dallas, damascus, delhi, denver, detroit, dhaka, doha, dubai,
    dublin, edinburgh, frankfurt, geneva, glasgow, guangzhou, hamburg, hanoi, harare, havana, helsinki,
    hong kong, honolulu, houston, istanbul, jakarta, jerusalem, johannesburg, kabul, karachi, kathmandu,
    kiev, kinshasa, krakow, kuala lumpur, kyiv, kyoto, lagos, lahore, las vegas, leeds, lima, lisbon,
    liverpool, ljubljana, london, los angeles, luanda, lyon, madrid, manchester, manila, marseille, mecca,
    melbourne, mexico city, miami, milan, minneapolis, minsk, montevideo, montreal, moscow, mumbai, munich,
    nairobi, naples, new delhi, new orleans, new york, new york city, nice, nyc, osaka, oslo, ottawa,
    panama city, paris, perth, philadelphia, phoenix, prague, quito, reykjavik, riga, rio de janeiro,
    riyadh, rome, rotterdam, san diego, san francisco, santiago, sao paulo, são paulo, sarajevo, seattle,
    seoul, shanghai, shenzhen, singapore, sofia, st. petersburg, stockholm, stuttgart, sydney, taipei,
    tallinn, tashkent, tbilisi, tehran, tel aviv, tokyo, toronto, tunis, turin, utrecht, valencia,
    vancouver, venice, vienna, vilnius, warsaw, washington, washington dc, wellington, yerevan, zagreb,
    zurich, zürich, afghanistan, albania, algeria, argentina, armenia, australia, austria, bangladesh,
    belgium, bolivia, brazil, bulgaria, cambodia, cameroon, canada, chile, china, colombia, costa rica,
    croatia, cuba, cyprus, czech republic, czechia, denmark, ecuador, egypt, england, estonia, ethiopia,
    finland, france, germany, ghana, greece, guatemala, hungary, iceland, india, indonesia, iran, iraq,
    ireland, israel, italy, jamaica, japan, kazakhstan, kenya, kuwait, latvia, lebanon, libya, lithuania,
    luxembourg, malaysia, malta, mexico, moldova, mongolia, morocco, myanmar, nepal, netherlands,
    new zealand, nigeria, north korea, norway, oman, pakistan, panama, paraguay, peru, philippines, poland,
    portugal, qatar, romania, russia, saudi arabia, scotland, senegal, serbia, slovakia, slovenia, somalia,
    south africa, south korea, spain, sri lanka, sudan, sweden, switzerland, syria, taiwan, tanzania,
    thailand, tunisia, uganda, ukraine, united arab emirates, united kingdom, united states, uruguay, usa,
    uk, uae, venezuela, vietnam, wales, yemen, zambia, zimbabwe, california, texas, florida, hawaii, alaska,
    ontario, quebec, bavaria, europe, asia, africa
    """.replace("\n", " ").split(",")
)
"""Cities, countries and some regions in lower case; what is not here is still found by its capital letter."""

ZONES = word_set("utc gmt cet cest eet bst est edt cst cdt mst mdt pst pdt ist jst aest")
"""Abbreviations of time zones in lower case."""

MONTHS = {
    name: number
    for number, names in enumerate(
        _split(
            """january=jan february=feb march=mar april=apr may june=jun july=jul august=aug september=sep=sept
            october=oct november=nov december=dec"""
        ),
        start=1,
    )
    for name in names.split("=")
}
WEEKDAYS = {
    name: number for number, name in enumerate(_split("""monday tuesday wednesday thursday friday saturday sunday"""))
}

QUESTION = word_set(
    "whats wheres whos hows what what's whats who who's whom whose which when where where's why how how's"
)
AUXILIARY = word_set(
    """
    is are was were am do does did can could will would should shall may might must has have had isn't aren't
    doesn't didn't can't won't hasn't haven't
    """
)
ASKING = word_set(
    """
    find search tell show list explain describe summarise summarize give look lookup check get read fetch open
    load download retrieve compare define calculate compute evaluate work solve convert change translate count
    name report say determine estimate round sum identify outline state quote cite locate visit query select
    track
    """
)
"""Verbs that ask for something without changing it."""

EFFECTS = word_set(
    """
    book send delete remove create update cancel buy pay order post write set add schedule transfer publish
    reset submit move rename upload drop close approve reserve insert append turn switch start stop restart
    run execute deploy invite assign email call text message reply forward subscribe unsubscribe register
    purchase reject merge install kill charge refund grant revoke
    """
)
"""Verbs that change the world: a tool that opens with one is called only on a command that opens with it, too."""

PLAIN_EFFECTS = EFFECTS - word_set("book order set add call text message email run post close drop start stop")
"""Effects that are not also common nouns: enough to be the first part of a tool's name."""

ANAPHORA = word_set("it its it's they them their theirs that those these this there he she his her him same")
"""Words that point back at something said before."""
