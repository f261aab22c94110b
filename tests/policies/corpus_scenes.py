"""Scenes made from seeds: a question, what its tools gave, good answers and answers corrupted in a named way."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Told = tuple[str, str, str]
"""What an answer is (`good` or the way of its corruption), the rung that can see it, and its text."""

CITIES = ["Aarhus", "Brno", "Cork", "Dresden", "Espoo", "Ghent", "Kraków", "Leeds", "Nantes", "Porto", "Turku", "Zadar"]
PEOPLE = ["Ana Costa", "Bo Lindqvist", "Carla Reyes", "Dmitri Orlov", "Efua Mensah", "Farid Haddad", "Greta Vogel"]
GOODS = ["desk lamp", "bread knife", "rain jacket", "cargo bike", "tea pot", "tool box", "yoga mat", "wall clock"]
FIRMS = ["Alder Foods", "Birch Energy", "Cedar Bank", "Dover Steel", "Elm Media", "Fir Logistics", "Gorse Pharma"]


@dataclass(frozen=True, slots=True)
class Scene:
    """A question with what its tools gave, and answers to it; each call is a tool's name, arguments and result."""

    domain: str
    question: str
    calls: list[tuple[str, dict[str, Any], Any]]
    good: list[str]
    bad: list[tuple[str, str]] = field(default_factory=list)


def _day(rng: random.Random) -> datetime.date:
    return datetime.date(2026, 1, 1) + datetime.timedelta(days=rng.randrange(300))


def _long(day: datetime.date) -> str:
    return f"{day.day} {day:%B} {day.year}"


def _clock(rng: random.Random, low: int, high: int) -> str:
    return f"{rng.randrange(low, high):02d}:{rng.choice([5, 10, 20, 25, 35, 40, 50, 55]):02d}"


def weather(rng: random.Random) -> Scene:
    """A forecast for two days as JSON."""
    city, other = rng.sample(CITIES, 2)
    low, span, wind = rng.randrange(-12, 20), rng.randrange(3, 9), rng.randrange(3, 19)
    sky, later = rng.sample(["light rain", "fog", "snow", "clear sky", "thunderstorms"], 2)
    day = _day(rng)
    result = {
        "city": city,
        "days": [
            {"date": str(day), "low_c": low, "high_c": low + span, "wind_kmh": wind, "sky": sky},
            {
                "date": str(day + datetime.timedelta(1)),
                "low_c": low - 2,
                "high_c": low + span + 11,
                "wind_kmh": wind + 7,
                "sky": later,
            },
        ],
    }
    verb = rng.choice(["expect", f"the forecast for {city} is"])
    return Scene(
        "weather",
        f"What is the weather in {city} on {_long(day)}?",
        [("forecast", {"city": city}, result)],
        [
            f"On {_long(day)} {verb} {sky} with a high of {low + span} °C and wind of {wind} km/h.",
            f"{city} has {sky} on {_long(day)}: between {low} and {low + span} °C.",
        ],
        [
            ("wrong number", f"On {_long(day)} expect {sky} with a high of {low + span + 4} °C."),
            ("swapped unit", f"On {_long(day)} {city} has wind of {wind} m/s."),
            ("range end", f"On {_long(day)} {city} has a low of {low + span} °C."),
            ("stale date", f"On {_long(day)} expect {later} with a high of {low + span + 11} °C."),
            ("plausible wrong entity", f"{other} has {sky} on {_long(day)}, with a high of {low + span} °C."),
            ("denial", f"I could not find a forecast for {city} on {_long(day)}."),
        ],
    )


def order(rng: random.Random) -> Scene:
    """Two orders of a shop as JSON."""
    one = rng.randrange(2000, 9000)
    two = one + rng.randrange(1, 40)
    ware, other = rng.sample(GOODS, 2)
    price, second = rng.randrange(1500, 9000) / 100, rng.randrange(10000, 19000) / 100
    states = rng.sample(["shipped", "cancelled", "pending", "returned"], 2)
    buyer, owner = rng.sample(PEOPLE, 2)
    rows = [
        {"order": one, "item": ware, "price_eur": price, "status": states[0], "customer": buyer, "gift": False},
        {"order": two, "item": other, "price_eur": second, "status": states[1], "customer": owner, "gift": True},
    ]
    undone = rng.choice(
        [
            f"I have refunded order {one}.",
            f"Order {one} has been refunded.",
            f"The refund for order {one} is on its way.",
            f"I am refunding order {one} now.",
        ]
    )
    return Scene(
        "orders",
        f"What about orders {one} and {two}?",
        [("find_orders", {"ids": [one, two]}, {"orders": rows})],
        [
            f"Order {one} ({ware}, {price:.2f} EUR) is {states[0]}; order {two} is {states[1]}.",
            f"{buyer} ordered the {ware} for {price:.2f} EUR, {owner} the {other} for {second:.2f} EUR.",
            f"Order {two} is a gift, order {one} is not.",
        ],
        [
            ("status of another id", f"Order {one} is {states[1]}."),
            ("status of another id", f"Order {two} ({other}) is {states[0]}."),
            ("wrong number", f"The {ware} of order {one} costs {price + 10:.2f} EUR."),
            ("swapped unit", f"The {ware} of order {one} costs {price:.2f} USD."),
            ("plausible wrong entity", f"{owner} ordered the {ware}."),
            ("negation", f"Order {one} is a gift."),
            ("number computed wrongly", f"Together the two orders come to {price + second + 7:.2f} EUR."),
            ("action not done", undone),
            ("partial denial", f"Order {one} is {states[0]}. The status of order {two} could not be found."),
        ],
    )


def filing(rng: random.Random) -> Scene:
    """The results of two firms in prose."""
    one, two = rng.sample(FIRMS, 2)
    revenue, before = rng.randrange(210, 480), rng.randrange(150, 200)
    profit, other = rng.randrange(21, 60), rng.randrange(61, 95)
    boss = rng.choice(PEOPLE)
    said = rng.choice(["We will open two new plants", "Demand remains strong in Asia", "Costs are under control"])
    text = (
        f"{one} reported revenue of EUR {revenue} million for 2025, up from EUR {before} million in 2024. Its net "
        f'profit was EUR {profit} million. "{said}," chief executive {boss} told analysts. {two} reported a net '
        f"profit of EUR {other} million; its margin declined to {profit % 9 + 3}.5 percent."
    )
    return Scene(
        "finance",
        f"How did {one} and {two} do in 2025?",
        [("search", {"query": f"{one} {two} results 2025"}, text)],
        [
            f"{one} had revenue of EUR {revenue} million in 2025, up from EUR {before} million in 2024.",
            f"The net profit of {one} was EUR {profit} million, that of {two} EUR {other} million.",
            f'Chief executive {boss} told analysts: "{said}".',
        ],
        [
            ("wrong number", f"{one} had revenue of EUR {revenue + 30} million in 2025."),
            ("stale date", f"{one} had revenue of EUR {before} million in 2025."),
            ("swapped role", f"{two} reported a net profit of EUR {profit} million."),
            ("swapped unit", f"{one} had a net profit of EUR {profit} billion."),
            ("negation", f"The margin of {two} increased to {profit % 9 + 3}.5 percent."),
            ("quotation altered", f'Chief executive {boss} told analysts: "{said} and beyond".'),
            ("number computed wrongly", f"Revenue of {one} grew by EUR {revenue - before + 12} million."),
            ("denial", f"There is no information on the net profit of {one}."),
        ],
    )


def timetable(rng: random.Random) -> Scene:
    """A timetable as an HTML page."""
    start, end, via = rng.sample(CITIES, 3)
    leaves, arrives, later = _clock(rng, 6, 10), _clock(rng, 11, 15), _clock(rng, 16, 20)
    fare, first = rng.randrange(19, 39), rng.randrange(59, 99)
    page = (
        f"<html><body><h1>{start} to {end}</h1><p>Train IC {fare + 400} leaves {start} at {leaves} and arrives in "
        f"{end} at {arrives}, with a stop in {via}.</p><p>The last train leaves at {later}.</p><ul><li>Second class: "
        f"{fare} EUR</li><li>First class: {first} EUR</li></ul><p>Dogs are not allowed in first class.</p>"
        "</body></html>"
    )
    train = f"Train IC {fare + 400} leaves {start} at {leaves} and arrives in {end} at {arrives}, "
    train += f"with a stop in {via}."
    return Scene(
        "travel",
        f"How do I get from {start} to {end}?",
        [("read_page", {"url": f"https://trains.example/{start.lower()}"}, page)],
        [
            train,
            f"A second class ticket costs {fare} EUR and a first class one {first} EUR.",
            f"The last train leaves at {later}. Dogs are not allowed in first class.",
        ],
        [
            ("range end", f"The train leaves {start} at {arrives}."),
            ("swapped role", f"The train leaves {end} at {leaves} and arrives in {start} at {arrives}."),
            ("plausible wrong entity", f"First class costs {fare} EUR."),
            ("wrong number", f"The last train leaves at {later[:3]}{(int(later[3:]) + 7) % 60:02d}."),
            ("negation", "Dogs are allowed in first class."),
            ("invented URL", f"Second class costs {fare} EUR: https://trains.example/tickets/{end.lower()}."),
            ("action not done", f"Second class costs {fare} EUR. Your seat has been reserved."),
            ("denial", f"The arrival time in {end} is not given."),
        ],
    )


def log(rng: random.Random) -> Scene:
    """The lines of a log, one an id."""
    jobs = rng.sample(range(100, 999), 4)
    states = rng.sample(["succeeded", "failed", "timed out", "was cancelled"], 4)
    names = rng.sample(["backup", "import", "export", "reindex", "billing", "digest"], 4)
    took = rng.sample(range(12, 400), 4)
    lines = [
        f"2026-03-0{n + 1}T0{n + 2}:15:00Z job {jobs[n]} ({names[n]}) {states[n]} after {took[n]} s" for n in range(4)
    ]
    return Scene(
        "logs",
        "What became of the jobs?",
        [("read_log", {"host": "batch-1"}, "\n".join(lines))],
        [
            f"Job {jobs[0]} ({names[0]}) {states[0]} after {took[0]} s, job {jobs[1]} ({names[1]}) {states[1]}.",
            f"Job {jobs[2]} {states[2]} after {took[2]} s.",
            f"The {names[3]} job {states[3]} on 4 March 2026.",
        ],
        [
            ("status of another id", f"Job {jobs[0]} {states[1]}."),
            ("status of another id", f"Job {jobs[3]} ({names[3]}) {states[2]}."),
            ("wrong number", f"Job {jobs[1]} {states[1]} after {took[1] + 9} s."),
            ("swapped role", f"Job {jobs[1]} {states[1]} after {took[2]} s."),
            ("swapped unit", f"Job {jobs[2]} {states[2]} after {took[2]} minutes."),
            ("stale date", f"Job {jobs[0]} {states[0]} on 2 March 2026."),
            ("action not done", f"Job {jobs[1]} {states[1]}; I have restarted it."),
        ],
    )


def table(rng: random.Random) -> Scene:
    """A Markdown table of cities."""
    rows = [(city, rng.randrange(40, 900), rng.randrange(1850, 1990), person) for city, person in _pairs(rng, 4)]
    text = "\n".join(
        [
            "| Branch | Staff | Opened | Manager |",
            "|---|---|---|---|",
            *(f"| {a} | {b} | {c} | {d} |" for a, b, c, d in rows),
        ]
    )
    (a, staff, opened, boss), (b, others, year, second) = rows[0], rows[2]
    return Scene(
        "tables",
        "What are the branches like?",
        [("list_branches", {}, text)],
        [
            f"{a} has a staff of {staff} and is managed by {boss}.",
            f"The branch in {b} opened in {year}; its manager is {second}.",
            f"- {a}: {staff} staff\n- {b}: {others} staff",
        ],
        [
            ("plausible wrong entity", f"{a} is managed by {second}."),
            ("swapped role", f"{a} has a staff of {others} and {b} one of {staff}."),
            ("wrong number", f"{a} has a staff of {staff + 20}."),
            ("stale date", f"The branch in {b} opened in {opened}."),
            ("number computed wrongly", f"{a} and {b} together have a staff of {staff + others + 11}."),
            ("denial", f"The manager of {b} could not be determined."),
        ],
    )


def _pairs(rng: random.Random, most: int) -> list[tuple[str, str]]:
    return list(zip(rng.sample(CITIES, most), rng.sample(PEOPLE, most), strict=True))


def science(rng: random.Random) -> Scene:
    """The abstract of a study."""
    drug, control = rng.sample(["Alvexin", "Borutide", "Cetamol", "Dorvane"], 2)
    n, better, worse, weeks = (
        rng.randrange(200, 900),
        rng.randrange(45, 80),
        rng.randrange(15, 40),
        rng.randrange(8, 30),
    )
    text = (
        f"We randomised {n} adults to {drug} or {control} for {weeks} weeks. Symptoms improved in {better}% of "
        f"patients taking {drug} and in {worse}% of those taking {control}. {drug} did not affect blood pressure. "
        f"The dose was raised from {worse} mg to {better + 20} mg in week {weeks // 2}."
    )
    return Scene(
        "science",
        f"Does {drug} work?",
        [("fetch_abstract", {"id": f"st-{n}"}, text)],
        [
            f"Symptoms improved in {better} % of patients taking {drug}, against {worse} % with {control}.",
            f"The study randomised {n} adults for {weeks} weeks; {drug} did not affect blood pressure.",
        ],
        [
            ("swapped role", f"Symptoms improved in {better} % of patients taking {control}."),
            ("wrong number", f"The study randomised {n + 100} adults."),
            ("swapped unit", f"The study randomised {n} adults for {weeks} days."),
            ("negation", f"{drug} affected blood pressure."),
            ("range end", f"The dose was raised to {worse} mg."),
            ("denial", f"The study does not mention how many patients taking {control} improved."),
        ],
    )


def passages(rng: random.Random) -> Scene:
    """Passages of a PDF."""
    days, fee, cap = rng.randrange(10, 29), rng.randrange(5, 40), rng.randrange(200, 900)
    page = rng.randrange(2, 30)
    text = (
        f"[contract.pdf, page {page}] 4.2 Invoices are due within {days} days. Late payment is charged at {fee} "
        f"euros a reminder.\n[contract.pdf, page {page + 3}] 9.1 Liability is limited to {cap},000 euros a year. "
        f"The supplier may not assign the contract. The customer may terminate on {days + 30} days' notice."
    )
    return Scene(
        "pdf",
        "What are the payment terms and the liability?",
        [("search_documents", {"query": "payment liability"}, text)],
        [
            f"Invoices are due within {days} days (contract.pdf, page {page}).",
            f"Liability is limited to {cap},000 euros a year, and the supplier may not assign the contract.",
        ],
        [
            ("swapped unit", f"Invoices are due within {days} weeks."),
            ("wrong number", f"Invoices are due within {days + 5} days."),
            ("swapped role", "The customer may not assign the contract."),
            ("negation", "The supplier may assign the contract."),
            ("plausible wrong entity", f"The supplier may terminate on {days + 30} days' notice."),
            ("invented URL", f"Liability is limited to {cap},000 euros a year (contract.pdf, page {page + 9})."),
            ("denial", "No information on liability was found."),
        ],
    )


def calculation(rng: random.Random) -> Scene:
    """A result that was calculated."""
    a, b = rng.randrange(120, 980), rng.randrange(11, 79)
    share = rng.choice([5, 15, 25, 35])
    net = a * b
    return Scene(
        "arithmetic",
        f"What are {a} times {b}, and {share} % of it?",
        [
            ("calculate", {"expression": f"{a} * {b}"}, str(net)),
            ("calculate", {"expression": f"{net} * {share / 100}"}, str(net * share / 100)),
        ],
        [
            f"{a} times {b} is {net:,}, and {share} % of it is {net * share / 100:,}.",
            f"{a} × {b} = {net}; {share} % of that is {net * share / 100}.",
        ],
        [
            ("number computed wrongly", f"{a} times {b} is {net + 100:,}."),
            ("number computed wrongly", f"{share} % of {net:,} is {net * share / 100 + 10:,}."),
            ("swapped role", f"{a} times {b} is {net * share / 100:,}."),
        ],
    )


def sources(rng: random.Random) -> Scene:
    """Two searches that say different things of different people."""
    one, two = rng.sample(PEOPLE, 2)
    city, other = rng.sample(CITIES, 2)
    year, later = rng.randrange(1960, 1975), rng.randrange(1976, 1999)
    return Scene(
        "multi-source",
        f"When and where were {one} and {two} born?",
        [
            ("biography", {"name": one}, f"{one} was born in {city} in {year} and works as an architect."),
            ("biography", {"name": two}, f"{two} was born in {other} in {later}. She won the Holm Prize in 2019."),
        ],
        [
            f"{one} was born in {city} in {year}, {two} in {other} in {later}.",
            f"{two} won the Holm Prize in 2019. {one} works as an architect.",
        ],
        [
            ("plausible wrong entity", f"{one} was born in {other}."),
            ("swapped role", f"{one} won the Holm Prize in 2019."),
            ("stale date", f"{two} was born in {year}."),
            ("partial denial", f"{one} was born in {city} in {year}. The birthplace of {two} could not be found."),
            ("denial", f"I was unable to find out when {one} was born."),
        ],
    )


def config(rng: random.Random) -> Scene:
    """A configuration file."""
    port, workers, timeout = rng.randrange(3000, 9000), rng.randrange(2, 20), rng.randrange(21, 90)
    text = (
        f"server:\n  port: {port}\n  workers: {workers}\n  timeout: {timeout} s\n  tls: false\nmetrics:\n"
        f"  enabled: true\n  port: {port + 1000}"
    )
    return Scene(
        "code",
        "How is the server configured?",
        [("read_file", {"path": "server.yaml"}, text)],
        [
            f"The server listens on port {port} with {workers} workers and a timeout of {timeout} s.",
            f"Metrics are enabled on port {port + 1000}.",
        ],
        [
            ("swapped role", f"The metrics port is {port}."),
            ("wrong number", f"The server has {workers + 3} workers."),
            ("swapped unit", f"The server has a timeout of {timeout} ms."),
            ("negation", "TLS is enabled."),
            ("negation", "Metrics are disabled."),
            ("action not done", f"The server listens on port {port}. I've updated the timeout."),
            ("denial", "The number of workers is unknown."),
        ],
    )


def nothing(rng: random.Random) -> Scene:
    """A search that came back empty, and one that failed."""
    what, person = rng.choice(GOODS), rng.choice(PEOPLE)
    failed: dict[str, Any] = {"raise": "connection refused"}
    return Scene(
        "search",
        f"Is there a review of the {what} by {person}?",
        [("review_search", {"query": f"{what} {person}"}, {"results": []}), ("archive", {"query": what}, failed)],
        [
            f"No review of the {what} by {person} was found.",
            f"I could not find a review of the {what} by {person}.",
        ],
        [
            ("wrong number", f"{person} gives the {what} 4 of 5 stars."),
            ("plausible wrong entity", f"Yes, {person} reviewed the {what} in the Weekend Herald."),
            ("action not done", f"I found no review of the {what}, so I've ordered one from {person}."),
        ],
    )


SCENES: list[Callable[[random.Random], Scene]] = [
    weather, order, filing, timetable, log, table, science, passages, calculation, sources, config, nothing,
]  # fmt: skip
"""What scenes are made by; each is a group of its own."""


def told(scene: Scene, rng: random.Random, good: int, bad: int) -> list[Told]:
    """Some answers of a scene, good and corrupted."""
    kept = rng.sample(scene.good, min(good, len(scene.good)))
    wrong = rng.sample(scene.bad, min(bad, len(scene.bad)))
    return [*(("good", "", text) for text in kept), *((way, "grounding", text) for way, text in wrong)]
