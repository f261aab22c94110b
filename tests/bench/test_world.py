"""The benchmark's world: its luck is a function, its check is strict and patient, its oracle is a bound."""

from __future__ import annotations

import statistics
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from bench.world.faults import FAULTS, Faults
from bench.world.mind import ASKS, PLAN, Asked, Done, Mind, Ready, Said, Text, Wait, read
from bench.world.report import drawing, figures, text
from bench.world.run import play
from bench.world.score import MULTIPLES, areas, closed, interval, ratio, weights
from bench.world.stage import Stage, sound
from bench.world.systems.loop import Loop
from bench.world.systems.oracle import causal, clairvoyant
from bench.world.systems.ours import Ours
from bench.world.systems.tuning import timeouts
from bench.world.table import SEEDS, Size, Table, fill
from bench.world.tape import CLASSES, HANG, Tape
from bench.world.task import code, codes, make

SEED = 7
QUERY = next(query for query in (make(SEED, n) for n in range(99)) if len(query.parts) == 2 and len(query.nodes) == 4)
TOOLS = set(CLASSES)


def loop_of(stage: Stage) -> Loop:
    """A hand-written loop whose timeouts were not tuned."""
    return Loop(stage, timeouts(stage.faults, 0.95, 0.995))


def test_luck_is_a_function_of_the_call_and_the_attempt():
    """The same attempt meets the same luck whatever was asked for before; another seed or attempt meets another."""
    tape = Tape(SEED, 3, FAULTS["all"])
    first = tape.attempt("catalog", "key field", 2)
    for j in range(1, 9):
        tape.attempt("registry", f"{j}", j)
    assert tape.attempt("catalog", "key field", 2) == first
    assert (
        len({Tape(seed, 3, FAULTS["none"]).attempt("catalog", "k", j).seconds for seed in (1, 2) for j in (1, 2)}) == 4
    )


def test_latencies_and_faults_have_their_shares():
    """The median of an API is 0.3 s, a hang takes 100 s in 1.3 % of attempts, and 5 % of results are garbage."""
    plain, hung, spoilt = (
        [Tape(SEED, n, FAULTS[name]).attempt("catalog", f"{n}", 1) for n in range(4_000)]
        for name in ("none", "hangs", "garbage")
    )
    assert statistics.median(each.seconds for each in plain) == pytest.approx(0.3, rel=0.05)
    assert statistics.mean(each.seconds == HANG for each in hung) == pytest.approx(0.013, abs=0.006)
    assert statistics.mean(each.how == "wrong" for each in spoilt) == pytest.approx(0.02, abs=0.008)
    assert statistics.mean(each.how == "garbage" for each in spoilt) == pytest.approx(0.03, abs=0.009)


@pytest.mark.parametrize("index", range(20))
def test_queries_hang_together(index):
    """Every look-up that feeds another has its value as the other's key, and fields are told apart by their codes."""
    query = make(SEED, index)
    for node in query.nodes:
        assert node.key == (query.nodes[node.parent].value if node.parent is not None else node.key)
        assert node.field in query.text
    assert len({node.value[:2] for node in query.nodes}) == len(query.nodes)
    assert {node.number for part in query.parts for node in query.way(part)} == set(range(len(query.nodes)))


def test_a_right_answer_is_right_however_it_is_phrased():
    """Sentences, lists, JSON, bold type and odd dashes count alike; steps on the way may be named."""
    one, two = QUERY.parts
    for told in (
        f"The {one.field} is {one.value}. The {two.field} is {two.value}.",
        f'{{"{one.field}": "{one.value}", "{two.field}": "{two.value}"}}',
        f"- **{one.value}** ({one.field})\n- **{two.value.lower()}**",
        f"{QUERY.nodes[0].value} led to {one.value.replace('-', chr(0x2011))}, and {two.value.replace('-', ' ')}",
    ):
        assert QUERY.mark(told).whole, told


def test_wrong_missing_and_swapped_parts_are_told_apart():
    """What is missing costs its share, what is stated wrongly or of another part costs everything."""
    one, two = QUERY.parts
    half = QUERY.mark(f"The {one.field} is {one.value}. The {two.field} could not be found.")
    assert (half.credit, half.wrong, half.whole) == (0.5, (), False)
    wrong = QUERY.mark(f"The {one.field} is {one.value}. The {two.field} is {code(two.field, 'wrong')}.")
    assert (wrong.credit, wrong.wrong) == (0.0, (two.field,))
    swapped = QUERY.mark(f"The {one.field} is {two.value}. The {two.field} is {one.value}.")
    assert set(swapped.wrong) == {one.field, two.field}
    assert QUERY.mark("Sorry.").credit == 0.0


def turn(mind: Mind, messages: list[Said], tools: set[str]) -> tuple[list[Asked], str]:
    """What a model call asks for, and its text."""
    events = list(mind.respond(messages, tools))
    assert isinstance(events[0], Wait)
    assert isinstance(events[-1], Done)
    return [e.call for e in events if isinstance(e, Ready)], "".join(e.text for e in events if isinstance(e, Text))


def mind(faults: Faults = FAULTS["none"]) -> Mind:
    """A model that is asked the query."""
    return Mind(QUERY, Tape(SEED, QUERY.index, faults))


def test_the_model_asks_layer_by_layer_and_answers_with_what_it_saw():
    """Each look-up is asked for once its key stands in the messages; the answer holds the values."""
    model, messages = mind(), [Said("user", QUERY.text)]
    asked, told = [], ""
    while not told:
        calls, told = turn(model, messages, TOOLS)
        asked += [call.arguments["field"] for call in calls]
        messages.append(Said("assistant", told, tuple(calls)))
        for call in calls:
            node = QUERY.by_field[call.arguments["field"]]
            assert call.arguments["key"] == node.key
            messages.append(Said("tool", f"{{'{node.field}': '{node.value}'}}", call_id=call.id))
    assert sorted(asked) == sorted(QUERY.by_field)
    assert QUERY.mark(told).whole


def test_the_model_asks_again_for_what_failed_and_gives_up():
    """A look-up is asked for three times at most; then the answer says what is missing."""
    model, messages, times = mind(), [Said("user", QUERY.text)], 0
    while True:
        calls, told = turn(model, messages, TOOLS)
        if not calls:
            break
        times += 1
        messages.append(Said("assistant", "", tuple(calls)))
        messages += [Said("tool", "it timed out", call_id=call.id) for call in calls]
    assert times == ASKS
    assert told.count("could not be found") == 2


def test_the_model_plans_where_it_may_and_needs_to():
    """With a tool `plan` it hands over all look-ups at once, those that need others by reference."""
    (call,), _ = turn(mind(), [Said("user", QUERY.text)], TOOLS | {PLAN})
    assert call.tool == PLAN
    steps = call.arguments["steps"]
    assert [step["arguments"]["field"] for step in steps] == [node.field for node in QUERY.nodes]
    child = next(node for node in QUERY.nodes if node.parent is not None)
    parent = QUERY.nodes[child.parent]
    assert steps[child.number]["arguments"]["key"] == f"$s{parent.number}.{parent.field}"


def test_a_value_that_a_message_refuses_is_not_known_any_more():
    """A value that a later message of the user's refuses is dropped, with what led to it; what it tells is taken."""
    part = QUERY.parts[0]
    call = Asked("c", part.tool, {"key": part.key, "field": part.field})
    messages = [Said("user", QUERY.text), Said("assistant", "", (call,)), Said("tool", part.value, call_id="c")]
    assert read(QUERY, messages)[0] == {part.number: part.value}
    assert read(QUERY, [*messages, Said("user", f"{part.value} was refused")])[0] == {}
    assert read(QUERY, [messages[0], Said("user", f"{part.tool} says {part.value}")])[0] == {part.number: part.value}


@pytest.mark.parametrize(("flavour", "passes"), [(0.1, False), (0.3, False), (0.6, False), (0.9, False), (None, True)])
def test_the_check_of_results_tells_garbage_from_records(flavour, passes):
    """An empty record, an error page, an error and somebody else's record are refused; both shapes of a record pass."""
    scene = Stage(QUERY.seed, FAULTS["none"]).set(QUERY.index)
    node = QUERY.nodes[0]
    fate = scene.tape.attempt(node.tool, "", 1)
    for drifted in (False, True):
        how = "ok" if flavour is None else "garbage"
        result = scene._result(
            replace(fate, how=how, drifted=drifted, flavour=flavour or 0.0), node.tool, node.key, node.field
        )
        assert (sound(result, node.key, node.field) is None) == passes


@pytest.mark.parametrize("fault", ["none", "hangs", "all"])
@pytest.mark.parametrize("make_system", [Ours, loop_of], ids=["ours", "loop"])
def test_no_system_is_quicker_than_the_oracle_and_none_is_late(fault, make_system):
    """The clairvoyant oracle is a bound for whole answers; systems are on time, in the limits, and raise nothing."""
    stage = Stage(SEED, FAULTS[fault])
    for record in play(make_system(stage), stage, range(12), 8.0):
        best = clairvoyant(make(SEED, record.query), Tape(SEED, record.query, stage.faults))
        assert not record.whole or record.elapsed >= best.seconds - 1e-9
        assert (record.on_time, record.overspent, record.error) == (True, False, "")


def test_the_causal_oracle_is_no_better_than_the_clairvoyant_one():
    """Who knows only the distributions never has an answer before who knows the tape."""
    for index in range(60):
        query, tape = make(SEED, index), Tape(SEED, index, FAULTS["hangs"])
        assert causal(query, tape).seconds >= clairvoyant(query, tape).seconds - 1e-9


def test_the_same_row_is_the_same_again():
    """A row of the benchmark is a function of its seed: played twice, it has the same answers at the same times."""
    rows = []
    for _ in range(2):
        stage = Stage(SEED, FAULTS["bursts"])
        rows.append([(r.elapsed, r.text, r.attempts) for r in play(Ours(stage), stage, range(10), 5.0)])
    assert rows[0] == rows[1]


def test_areas_weigh_deadlines_by_their_logarithm():
    """A system that is always right has an area of one; one that needs three times the median has what lies above."""
    assert sum(weights(MULTIPLES).values()) == pytest.approx(1.0)
    worth = {("none", 1, n): dict.fromkeys(MULTIPLES, 1.0) for n in range(3)}
    assert areas(worth)["none", 1, 0] == pytest.approx(1.0)
    late = {query: {multiple: float(multiple >= 5) for multiple in MULTIPLES} for query in worth}
    assert 0.3 < ratio(list(areas(late).values()), list(areas(worth).values())) < 0.45


def test_intervals_are_paired_and_the_gap_is_shared():
    """Equal columns have a ratio of exactly one in every draw; half of the gap is half of the gap."""
    column = {("none", 1, n): n % 2 + 0.1 for n in range(30)}
    assert interval(ratio, column, column, rounds=50) == pytest.approx((1.0, 1.0, 1.0))
    assert closed([0.5], [0.0], [1.0]) == 0.5
    assert closed([0.5], [0.75], [1.0]) == -1.0


def test_the_report_has_every_row_and_its_drawing_is_well_formed():
    """Figures, table and SVG come from one table; every fault has its panel and every system its curve."""
    size = Size(systems=("loop",), faults=("none",), seeds=(SEEDS[0],), queries=3, warm_up=0)
    table: Table = fill(size, workers=1)
    found = figures(table, rounds=20)
    assert found["rows"]["none"]["oracle"]["area"][0] == 1.0
    assert "loop" in text(found)
    root = ElementTree.fromstring(drawing(found))
    curves = [path for path in root.iter() if path.get("stroke-width") == "2"]
    assert len(curves) == 2 * 3
    assert codes("QU-12345 and qu 12345") == ["QU-12345", "QU-12345"]
