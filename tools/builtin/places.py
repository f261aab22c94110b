"""Where a place's time is kept: cities, countries, states and abbreviations beyond the names of IANA zones."""

from __future__ import annotations

CITIES = {
    "America/New_York": "New York City, NYC, Manhattan, Brooklyn, Washington D.C., Washington DC, Washington, Boston, "
    "Philadelphia, Miami, Atlanta, Pittsburgh, Baltimore, Cleveland, Cincinnati, Orlando, Tampa, Charlotte, Raleigh, "
    "Buffalo, Jacksonville, Columbus, Newark, Providence, Richmond",
    "America/Chicago": "Houston, Dallas, Austin, San Antonio, New Orleans, Minneapolis, Saint Paul, Milwaukee, "
    "Kansas City, Saint Louis, St Louis, Nashville, Memphis, Oklahoma City, Omaha, Fort Worth, Des Moines, Madison",
    "America/Denver": "Salt Lake City, Albuquerque, Santa Fe, El Paso, Colorado Springs",
    "America/Los_Angeles": "San Francisco, San Diego, Seattle, Sacramento, Las Vegas, Oakland, Silicon Valley, "
    "Palo Alto, Mountain View, Cupertino, Redmond, Hollywood, LA, Long Beach, Berkeley, Reno",
    "America/Phoenix": "Tucson, Scottsdale",
    "America/Toronto": "Ottawa, Montreal, Quebec City, Waterloo",
    "America/Edmonton": "Calgary, Banff",
    "America/Regina": "Saskatoon",
    "America/Vancouver": "Whistler",
    "America/Sao_Paulo": "São Paulo, Rio de Janeiro, Rio, Brasília, Belo Horizonte, Porto Alegre, Curitiba, "
    "Florianópolis, Campinas",
    "America/Bahia": "Salvador",
    "America/Mexico_City": "Guadalajara, Puebla, Acapulco, Oaxaca",
    "America/Guayaquil": "Quito, Cuenca",
    "America/Bogota": "Bogotá, Medellín, Cali, Cartagena, Barranquilla",
    "America/Lima": "Cusco, Arequipa",
    "America/La_Paz": "Santa Cruz de la Sierra, Cochabamba",
    "America/Santiago": "Valparaíso, Concepción",
    "America/Caracas": "Maracaibo",
    "America/Asuncion": "Asunción",
    "America/Cancun": "Cancún",
    "Atlantic/Reykjavik": "Reykjavík",
    "America/Port_of_Spain": "Trinidad",
    "America/Jamaica": "Kingston",
    "America/Puerto_Rico": "San Juan",
    "Europe/London": "Manchester, Edinburgh, Glasgow, Liverpool, Leeds, Bristol, Cardiff, Sheffield, Oxford, York, "
    "Nottingham, Southampton, Brighton, Aberdeen",
    "Europe/Dublin": "Cork, Galway, Limerick",
    "Europe/Berlin": "Munich, München, Hamburg, Frankfurt, Cologne, Köln, Stuttgart, Düsseldorf, Leipzig, Dresden, "
    "Hanover, Nuremberg, Bremen, Dortmund, Essen, Bonn, Heidelberg, Karlsruhe",
    "Europe/Paris": "Lyon, Marseille, Toulouse, Bordeaux, Strasbourg, Lille, Nantes, Montpellier, Grenoble, Cannes",
    "Europe/Madrid": "Barcelona, Seville, Sevilla, Bilbao, Málaga, Zaragoza, Granada, Palma de Mallorca",
    "Europe/Lisbon": "Porto, Coimbra, Faro",
    "Europe/Rome": "Milan, Milano, Roma, Turin, Naples, Florence, Venice, Bologna, Genoa, Palermo, Verona, "
    "Pisa, Trieste",
    "Europe/Zurich": "Zürich, Geneva, Genève, Basel, Bern, Lausanne, Lugano, Davos, Lucerne",
    "Europe/Vienna": "Salzburg, Graz, Innsbruck, Linz, Wien",
    "Europe/Amsterdam": "Rotterdam, The Hague, Utrecht, Eindhoven, Delft, Leiden",
    "Europe/Brussels": "Antwerp, Ghent, Bruges, Leuven",
    "Europe/Stockholm": "Gothenburg, Malmö, Uppsala",
    "Europe/Oslo": "Bergen, Trondheim, Tromsø, Stavanger",
    "Europe/Copenhagen": "Aarhus, Odense",
    "Europe/Helsinki": "Tampere, Espoo, Turku, Oulu",
    "Europe/Warsaw": "Kraków, Cracow, Gdańsk, Wrocław, Poznań, Łódź",
    "Europe/Prague": "Brno",
    "Europe/Bucharest": "Cluj Napoca, Timișoara",
    "Europe/Athens": "Thessaloniki, Santorini",
    "Europe/Kyiv": "Lviv, Odesa, Odessa, Kharkiv",
    "Europe/Moscow": "Sochi, Kazan",
    "Europe/Istanbul": "Ankara, Izmir, Antalya",
    "Europe/Zagreb": "Dubrovnik",
    "Atlantic/Canary": "Tenerife, Las Palmas, Gran Canaria",
    "Asia/Kolkata": "Mumbai, Bombay, Delhi, New Delhi, Bangalore, Bengaluru, Chennai, Madras, Hyderabad, Pune, "
    "Ahmedabad, Jaipur, Lucknow, Goa, Kochi, Surat, Kanpur, Nagpur",
    "Asia/Shanghai": "Beijing, Peking, Shenzhen, Guangzhou, Chengdu, Hangzhou, Wuhan, Nanjing, Tianjin, Xian, Suzhou, "
    "Qingdao, Dalian, Xiamen, Kunming, Lhasa",
    "Asia/Tokyo": "Osaka, Kyoto, Yokohama, Nagoya, Sapporo, Fukuoka, Hiroshima, Kobe, Okinawa",
    "Asia/Seoul": "Busan, Incheon, Daegu",
    "Asia/Ho_Chi_Minh": "Hanoi, Ho Chi Minh City, Da Nang",
    "Asia/Bangkok": "Phuket, Chiang Mai, Pattaya",
    "Asia/Jakarta": "Bandung, Surabaya, Yogyakarta",
    "Asia/Makassar": "Bali, Denpasar",
    "Asia/Manila": "Cebu, Davao, Quezon City",
    "Asia/Kuala_Lumpur": "Penang, Johor Bahru",
    "Asia/Yangon": "Mandalay",
    "Asia/Dhaka": "Chittagong",
    "Asia/Karachi": "Lahore, Islamabad, Rawalpindi, Peshawar",
    "Asia/Kathmandu": "Pokhara",
    "Asia/Dubai": "Abu Dhabi, Sharjah",
    "Asia/Riyadh": "Jeddah, Mecca, Medina, Dammam",
    "Asia/Qatar": "Doha",
    "Asia/Tehran": "Isfahan, Shiraz, Mashhad",
    "Asia/Jerusalem": "Haifa, Tel Aviv Yafo",
    "Asia/Damascus": "Aleppo",
    "Asia/Baghdad": "Basra, Erbil, Mosul",
    "Asia/Almaty": "Astana, Nur Sultan",
    "Asia/Taipei": "Kaohsiung, Taichung",
    "Africa/Johannesburg": "Cape Town, Durban, Pretoria, Soweto, Port Elizabeth",
    "Africa/Lagos": "Abuja, Kano, Ibadan",
    "Africa/Nairobi": "Mombasa",
    "Africa/Cairo": "Alexandria, Giza, Luxor",
    "Africa/Casablanca": "Rabat, Marrakesh, Marrakech, Tangier, Fez",
    "Africa/Dar_es_Salaam": "Zanzibar, Dodoma, Arusha",
    "Africa/Abidjan": "Yamoussoukro",
    "Africa/Accra": "Kumasi",
    "Africa/Algiers": "Oran",
    "Australia/Sydney": "Wollongong",
    "Australia/Brisbane": "Gold Coast, Cairns",
    "Australia/Melbourne": "Geelong",
    "Pacific/Auckland": "Wellington, Christchurch, Queenstown, Dunedin",
    "Pacific/Honolulu": "Waikiki, Maui, Oahu",
    "Pacific/Fiji": "Suva",
}
"""Cities that name no IANA zone, by the zone they lie in."""

STATES = {
    "America/New_York": "New York State NY, Connecticut CT, Delaware DE, District of Columbia DC, Florida FL, "
    "Georgia GA, Maine ME, Maryland MD, Massachusetts MA, New Hampshire NH, New Jersey NJ, North Carolina NC, Ohio OH, "
    "Pennsylvania PA, Rhode Island RI, South Carolina SC, Vermont VT, Virginia VA, West Virginia WV",
    "America/Detroit": "Michigan MI",
    "America/Indiana/Indianapolis": "Indiana IN",
    "America/Kentucky/Louisville": "Kentucky KY",
    "America/Chicago": "Alabama AL, Arkansas AR, Illinois IL, Iowa IA, Kansas KS, Louisiana LA, Minnesota MN, "
    "Mississippi MS, Missouri MO, Nebraska NE, North Dakota ND, Oklahoma OK, South Dakota SD, Tennessee TN, Texas TX, "
    "Wisconsin WI",
    "America/Denver": "Colorado CO, Montana MT, New Mexico NM, Utah UT, Wyoming WY",
    "America/Boise": "Idaho ID",
    "America/Phoenix": "Arizona AZ",
    "America/Los_Angeles": "California CA, Nevada NV, Oregon OR, Washington State WA",
    "America/Anchorage": "Alaska AK",
    "Pacific/Honolulu": "Hawaii HI",
    "America/Toronto": "Ontario ON, Quebec QC",
    "America/Vancouver": "British Columbia BC",
    "America/Edmonton": "Alberta AB",
    "America/Winnipeg": "Manitoba MB",
    "America/Regina": "Saskatchewan SK",
    "America/Halifax": "Nova Scotia NS",
    "America/St_Johns": "Newfoundland NL",
    "Australia/Sydney": "New South Wales NSW",
    "Australia/Melbourne": "Victoria VIC",
    "Australia/Brisbane": "Queensland QLD",
    "Australia/Perth": "Western Australia WA",
    "Australia/Adelaide": "South Australia SA",
    "Australia/Hobart": "Tasmania TAS",
}
"""States and provinces with their postal abbreviation, by the zone most of their people live in."""

OTHER_ZONES = {
    "alaska": ("America/Adak", "America/Juneau", "America/Nome", "America/Sitka"),
    "florida": ("America/Chicago",),
    "idaho": ("America/Los_Angeles", "America/Denver"),
    "indiana": ("America/Chicago", "America/Indianapolis"),
    "kansas": ("America/Denver",),
    "kentucky": ("America/New_York", "America/Chicago", "America/Louisville"),
    "michigan": ("America/Menominee",),
    "nebraska": ("America/Denver",),
    "north dakota": ("America/Denver",),
    "oregon": ("America/Boise",),
    "south dakota": ("America/Denver",),
    "tennessee": ("America/New_York",),
    "texas": ("America/Denver",),
}
"""The further zones of states that lie in more than one, or older names of their zone."""

CAPITALS = {
    "AR": ("America/Argentina/Buenos_Aires", "Buenos Aires"),
    "AU": ("Australia/Sydney", "Canberra"),
    "BR": ("America/Sao_Paulo", "Brasília"),
    "CA": ("America/Toronto", "Ottawa"),
    "CD": ("Africa/Kinshasa", "Kinshasa"),
    "CL": ("America/Santiago", "Santiago"),
    "CN": ("Asia/Shanghai", "Beijing"),
    "CY": ("Asia/Nicosia", "Nicosia"),
    "DE": ("Europe/Berlin", "Berlin"),
    "EC": ("America/Guayaquil", "Quito"),
    "ES": ("Europe/Madrid", "Madrid"),
    "FM": ("Pacific/Pohnpei", "Palikir"),
    "GL": ("America/Nuuk", "Nuuk"),
    "ID": ("Asia/Jakarta", "Jakarta"),
    "KI": ("Pacific/Tarawa", "Tarawa"),
    "KZ": ("Asia/Almaty", "Astana"),
    "MH": ("Pacific/Majuro", "Majuro"),
    "MN": ("Asia/Ulaanbaatar", "Ulaanbaatar"),
    "MX": ("America/Mexico_City", "Mexico City"),
    "MY": ("Asia/Kuala_Lumpur", "Kuala Lumpur"),
    "NZ": ("Pacific/Auckland", "Wellington"),
    "PF": ("Pacific/Tahiti", "Papeete"),
    "PG": ("Pacific/Port_Moresby", "Port Moresby"),
    "PS": ("Asia/Hebron", "Ramallah"),
    "PT": ("Europe/Lisbon", "Lisbon"),
    "RU": ("Europe/Moscow", "Moscow"),
    "UA": ("Europe/Kyiv", "Kyiv"),
    "US": ("America/New_York", "Washington, D.C."),
    "UZ": ("Asia/Tashkent", "Tashkent"),
}
"""The capital, and its zone, of countries with more than one zone, by ISO 3166 code."""

COUNTRIES = {
    "GB": "United Kingdom, UK, U K, Great Britain, Britain, England, Scotland, Wales, Northern Ireland",
    "US": "United States of America, USA, US, U S A, U S",
    "KR": "South Korea, Korea, Republic of Korea",
    "KP": "North Korea",
    "CZ": "Czechia",
    "NL": "Holland",
    "AE": "UAE, Emirates",
    "CI": "Ivory Coast, Cote d Ivoire",
    "MM": "Myanmar, Burma",
    "SZ": "Eswatini, Swaziland",
    "BA": "Bosnia",
    "CD": "Democratic Republic of the Congo, DR Congo, DRC",
    "CG": "Republic of the Congo",
    "VA": "Vatican",
    "MK": "Macedonia",
    "TR": "Türkiye",
    "AS": "American Samoa",
    "VG": "British Virgin Islands",
    "VI": "US Virgin Islands",
    "TL": "Timor Leste",
    "CV": "Cabo Verde",
    "WS": "Western Samoa",
}
"""Common names of countries beyond those of the ISO 3166 list, by code."""

ABBREVIATIONS = {
    "UTC": ("Etc/UTC", "Coordinated Universal Time"),
    "GMT": ("Etc/GMT", "Greenwich Mean Time"),
    "Z": ("Etc/UTC", "Coordinated Universal Time"),
    "Zulu": ("Etc/UTC", "Coordinated Universal Time"),
    **dict.fromkeys(("EST", "EDT", "ET", "Eastern", "US Eastern"), ("America/New_York", "US Eastern Time")),
    **dict.fromkeys(("CST", "CDT", "CT", "US Central"), ("America/Chicago", "US Central Time")),
    **dict.fromkeys(("MST", "MDT", "MT", "US Mountain"), ("America/Denver", "US Mountain Time")),
    **dict.fromkeys(("PST", "PDT", "PT", "Pacific", "US Pacific"), ("America/Los_Angeles", "US Pacific Time")),
    "AKST": ("America/Anchorage", "Alaska Time"),
    "HST": ("Pacific/Honolulu", "Hawaii Time"),
    "BST": ("Europe/London", "British time"),
    **dict.fromkeys(("CET", "CEST", "Central European"), ("Europe/Berlin", "Central European Time")),
    **dict.fromkeys(("EET", "EEST", "Eastern European"), ("Europe/Athens", "Eastern European Time")),
    **dict.fromkeys(("WET", "WEST"), ("Europe/Lisbon", "Western European Time")),
    "MSK": ("Europe/Moscow", "Moscow Time"),
    "JST": ("Asia/Tokyo", "Japan Standard Time"),
    "KST": ("Asia/Seoul", "Korea Standard Time"),
    "SGT": ("Asia/Singapore", "Singapore Time"),
    "HKT": ("Asia/Hong_Kong", "Hong Kong Time"),
    "PKT": ("Asia/Karachi", "Pakistan Standard Time"),
    "WIB": ("Asia/Jakarta", "Western Indonesian Time"),
    "AEST": ("Australia/Brisbane", "Australian Eastern Standard Time"),
    "AEDT": ("Australia/Sydney", "Australian Eastern Time"),
    "ACST": ("Australia/Darwin", "Australian Central Standard Time"),
    "AWST": ("Australia/Perth", "Australian Western Standard Time"),
    **dict.fromkeys(("NZST", "NZDT"), ("Pacific/Auckland", "New Zealand Time")),
    "SAST": ("Africa/Johannesburg", "South Africa Standard Time"),
}
"""Abbreviations: the zone, and what each is taken for."""

AMBIGUOUS = {
    "IST": "Delhi, Dublin or Jerusalem",
    "Georgia": "Tbilisi, or Atlanta in the United States",
    "Portland": "Portland, Oregon or Portland, Maine",
    "Birmingham": "Birmingham, England or Birmingham, Alabama",
    "San Jose": "San Jose, California or San Jose, Costa Rica",
    "Cordoba": "Cordoba, Spain or Cordoba, Argentina",
    "Valencia": "Valencia, Spain or Valencia, Venezuela",
    "Saint Petersburg": "St Petersburg, Russia or St Petersburg, Florida",
    "St Petersburg": "St Petersburg, Russia or St Petersburg, Florida",
    "Victoria": "Victoria, Australia, Victoria, British Columbia or Victoria, Seychelles",
    "Hamilton": "Hamilton, Ontario, Hamilton, New Zealand or Hamilton, Bermuda",
    "Cambridge": "Cambridge, England or Cambridge, Massachusetts",
    "Newcastle": "Newcastle, England or Newcastle, New South Wales",
    "Springfield": "Springfield, Illinois, Springfield, Missouri or Springfield, Massachusetts",
    "Congo": "Kinshasa or Brazzaville",
    "Merida": "Merida, Mexico, Merida, Spain or Merida, Venezuela",
    "Santa Cruz": "Santa Cruz, California or Santa Cruz de la Sierra",
}
"""Names of several places far apart, with what to ask for instead."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NOT_PLACES = _words(
    "center general wake virgin troll easter acre knox davis casey currie mawson act nsw lhi oral north south west east"
)
"""Last parts of IANA names that mean something else to most readers; by their full name they are found."""

WITH_ARTICLE = _words(
    "us usa uk uae emirates netherlands philippines bahamas maldives seychelles gambia vatican drc"
) | {"united kingdom", "united states", "united states of america", "united arab emirates", "czech republic"}
"""Names that take "the" inside a sentence."""
