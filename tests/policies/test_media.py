"""What becomes of attached files, and what they cost in tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shotclock import Policy
from shotclock.policies.errors import InvalidPolicy
from shotclock.policies.media import Media, ModalitySituation, PartSituation
from shotclock.policies.media_tokens import OTHERS, family_of

PICTURE = PartSituation(
    name="a.png", kind="image", declared="image", media_type="image/png", bytes=1_000, pixels=1_000_000,
    model="m", takes="document+image", tokens=800,
)  # fmt: skip
BOOK = replace(PICTURE, name="b.pdf", kind="document", media_type="application/pdf", pixels=None, pages=10)
SOUND = replace(PICTURE, name="c.wav", kind="audio", media_type="audio/wav", pixels=None, seconds=60.0)
FILM = replace(PICTURE, name="d.mp4", kind="video", media_type="video/mp4", seconds=60.0)


@pytest.mark.parametrize(
    ("situation", "how", "limit", "warns"),
    [
        (PICTURE, "pass", 0, False),
        (replace(PICTURE, pixels=50_000_000), "fit", 1_572_864, True),
        (replace(PICTURE, bytes=30_000_000), "fit", 1_572_864, True),
        (replace(PICTURE, pixels=200_000_000), "refuse", 0, True),
        (replace(PICTURE, takes="text"), "refuse", 0, True),
        (replace(PICTURE, takes="text", pixels=50_000_000), "refuse", 0, True),
        (replace(PICTURE, left=500), "refuse", 0, True),
        (replace(PICTURE, problem="it is damaged"), "refuse", 0, True),
        (replace(PICTURE, bytes=3_000_000_000), "refuse", 0, True),
        (BOOK, "pass", 0, False),
        (replace(BOOK, takes="text"), "text", 0, False),
        (replace(BOOK, pages=500), "fit", 40, True),
        (replace(BOOK, pages=500, takes="text"), "fit", 40, True),
        (replace(BOOK, bytes=30_000_000), "fit", 40, True),
        (replace(BOOK, pages=None, media_type="text/plain"), "text", 0, False),
        (SOUND, "refuse", 0, True),
        (replace(SOUND, takes="audio"), "pass", 0, False),
        (replace(SOUND, takes="audio", seconds=3_600.0), "fit", 600, True),
        (FILM, "fit", 12, True),
        (replace(FILM, sound=True, takes="audio"), "fit", 0, True),
        (replace(FILM, takes="audio"), "refuse", 0, True),
        (replace(FILM, takes="text"), "refuse", 0, True),
    ],
)
def test_what_becomes_of_a_file(situation, how, limit, warns):
    """A file is passed, made to fit, shown as text or refused by its kind, its size and what the model takes."""
    treatment = Media().treat(situation)
    assert (treatment.how, treatment.limit, treatment.warns) == (how, limit, warns)


@pytest.mark.parametrize(
    ("situation", "media", "sound", "says"),
    [
        (FILM, Media(), 0, "by 12 pictures of 60.0 s (media.frames)"),
        (replace(FILM, sound=True), Media(), 0, "without its sound, which m does not take"),
        (replace(FILM, sound=True, takes="audio+image"), Media(), 60, "with its sound"),
        (replace(FILM, sound=True, takes="audio"), Media(), 60, "by no picture, as m takes none, with its sound"),
        (replace(FILM, sound=True, takes="audio+image"), Media(audio_seconds=9.0), 9, "(media.audio_seconds=9)"),
        (
            replace(FILM, sound=True, takes="audio+image"),
            Media(audio_seconds=9.0, audio="refuse"),
            0,
            "without its sound",
        ),
        (replace(FILM, sound=True, seconds=None, takes="audio+image"), Media(), 600, "with its sound"),
    ],
)
def test_what_is_handed_over_of_a_video(situation, media, sound, says):
    """A video is shown by pictures and by its sound, as far as the model takes each, under the limits of sounds; what
    is missing is said."""
    treatment = media.treat(situation)
    assert treatment.sound == sound
    assert says in treatment.reason


@pytest.mark.parametrize("situation", [PICTURE, BOOK, replace(SOUND, takes="audio"), FILM])
def test_refuse_means_refuse(situation):
    """With `refuse` for its kind nothing over a limit is made to fit, and the limit is named."""
    media = Media(image="refuse", document="refuse", audio="refuse", video="refuse", image_pixels=9, pages=9,
                  audio_seconds=9.0)  # fmt: skip
    treatment = media.treat(situation)
    assert treatment.how == "refuse"
    assert "media." in treatment.reason


def test_the_budget_grows_by_the_rule():
    """Each file adds the seconds of its kind, and all together no more than `extra_most`."""
    media = Media(extra_most=8.0)
    assert media.extra({"image": 2, "document": 1}) == 4.0
    assert media.extra({"video": 5}) == 8.0
    assert media.extra({}) == 0.0


@pytest.mark.parametrize(
    ("lengths", "shown", "portions"),
    [
        ([100], 0, [100]),
        ([90_000], 0, [40_000]),
        ([90_000, 90_000], 0, [20_000, 20_000]),
        ([90_000, 10_000, float("inf")], 0, [15_000, 10_000, 15_000]),
        ([90_000, 500], 39_000, [500, 500]),
        ([90_000], 50_000, [0]),
        ([], 0, []),
    ],
)
def test_what_is_shown_of_documents_is_limited_in_all(lengths, shown, portions):
    """The characters are shared out evenly, what a short document leaves goes to the others, and never more are."""
    assert Media().portions(lengths, shown) == portions


def test_who_is_asked_where_a_model_lacks_a_kind():
    """Another model is asked where there is one and routing is on; each answer says why."""
    situation = ModalitySituation(model="a", takes="text", needs="image", missing="image", other="b")
    assert Media().route_to(situation).other == "b"
    assert Media(route=False).route_to(situation).other == ""
    alone = Media().route_to(replace(situation, other=""))
    assert "no model of the agent takes more" in alone.reason


@pytest.mark.parametrize(
    ("model", "width", "height", "tokens"),
    [
        ("gpt-4o", 1024, 1024, 765),
        ("gpt-4o", 2048, 4096, 1105),
        ("openai/gpt-4o-mini", 64, 64, 8_500),
        ("gpt-5", 1024, 1024, 630),
        ("gpt-4.1-mini", 1024, 1024, 1_659),
        ("gpt-5-nano", 8_000, 6_000, 3_779),
        ("claude-sonnet-4-5", 1000, 1000, 1_334),
        ("claude-sonnet-4-5", 8_000, 6_250, 1_600),
        ("gemini-2.5-flash", 384, 384, 258),
        ("gemini-2.5-flash", 960, 540, 516),
        ("who-knows", 1000, 750, 1_000),
    ],
)
def test_images_count_as_published(model, width, height, tokens):
    """Tokens of images are those of the published examples and formulas of each family."""
    assert family_of(model).image(width, height) == tokens


def test_sound_and_pages_count_as_published():
    """Gemini counts 32 tokens a second and 258 a page; an unknown model is taken for the dearest."""
    assert family_of("gemini-2.5-pro").audio(60) == 1_920
    assert family_of("gemini-2.5-pro").document(10) == 2_580
    assert family_of("gpt-audio").audio(60) == 600
    assert OTHERS.document(1) == 3_000


@pytest.mark.parametrize("settings", [{"pages": 0}, {"share": 2.0}, {"image": "shrink"}, {"extra_image": -1.0}])
def test_settings_out_of_range_are_refused(settings):
    """A setting out of range is refused by its name."""
    with pytest.raises(InvalidPolicy, match=f"media.{next(iter(settings))}"):
        Policy.from_dict({"media": settings})
