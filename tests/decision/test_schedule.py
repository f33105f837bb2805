"""When an experience is open, on the wall clock of the config's timezone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalize.config.models import Schedule
from personalize.decision.schedule import compile_schedule

DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
BERLIN = "Europe/Berlin"


def at(text, zone=BERLIN, fold=0):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def times(zone=BERLIN, **written):
    return compile_schedule(Schedule.model_validate({k.rstrip("_"): v for k, v in written.items()}), zone)


def test_from_is_inclusive_and_until_exclusive():
    """The first second is in, the last is not."""
    schedule = times(from_="2026-12-01 09:00", until="2026-12-31")
    assert not schedule.open_at(at("2026-12-01 09:00") - 1)
    assert schedule.open_at(at("2026-12-01 09:00"))
    assert schedule.open_at(at("2026-12-31 00:00") - 1)
    assert not schedule.open_at(at("2026-12-31 00:00"))


def test_times_are_in_the_configs_timezone():
    """Nine o'clock is nine o'clock there."""
    there = times("Asia/Tokyo", hours="09:00-10:00")
    assert there.open_at(at("2026-12-01 09:30", "Asia/Tokyo"))
    assert not there.open_at(at("2026-12-01 09:30", "UTC"))


def test_hours_past_midnight_belong_to_the_day_they_began():
    """Friday's night ends on Saturday morning, and Friday morning is Thursday's."""
    night = times(days=["fri"], hours="22:00-02:00")
    assert night.open_at(at("2026-12-04 23:00"))
    assert night.open_at(at("2026-12-05 01:59"))
    assert not night.open_at(at("2026-12-05 02:00"))
    assert not night.open_at(at("2026-12-04 01:00"))
    assert not night.open_at(at("2026-12-05 23:00"))


def test_a_clock_change_leaves_the_wall_clock_right():
    """Open at eight on the day before and after each change; from and until keep their wall-clock time."""
    mornings = times(hours="08:00-09:00")
    for day in ("2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25"):
        assert mornings.open_at(at(f"{day} 08:00"))
        assert not mornings.open_at(at(f"{day} 07:59"))
        assert not mornings.open_at(at(f"{day} 09:00"))
    summer = times(from_="2026-03-29 12:00", until="2026-10-25 12:00")
    assert summer.starts == datetime(2026, 3, 29, 10, tzinfo=UTC).timestamp()
    assert summer.ends == datetime(2026, 10, 25, 11, tzinfo=UTC).timestamp()


def test_hours_that_happen_twice_or_never():
    """The hour that comes twice is open twice; in the one that is skipped there is no moment to be open."""
    small = times(hours="02:00-03:00")
    assert small.open_at(at("2026-10-25 02:30", fold=0)) and small.open_at(at("2026-10-25 02:30", fold=1))
    assert at("2026-10-25 02:30", fold=1) - at("2026-10-25 02:30", fold=0) == 3_600
    skipped = at("2026-03-29 01:59")
    assert not any(small.open_at(skipped + minute * 60) for minute in range(120))
    assert times(from_="2026-10-25 02:30").starts == at("2026-10-25 02:30", fold=0)


def test_the_whole_day_can_be_written():
    """00:00-24:00 is all day, and an evening can end at 24:00."""
    assert times(hours="00:00-24:00").open_at(at("2026-12-01 00:00"))
    evening = times(hours="18:00-24:00", days=["tue"])
    assert evening.open_at(at("2026-12-01 23:59:59")) and not evening.open_at(at("2026-12-02 00:00"))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"from_": "1.12.2026"}, "2026-12-01 09:00"),
        ({"from_": "2026-02-30"}, "no such time"),
        ({"until": "2026-12-01 25:00"}, "no such time"),
        ({"from_": "2026-12-02", "until": "2026-12-01"}, "never opens"),
        ({"hours": "8-22"}, "08:00-22:00"),
        ({"hours": "08:00-25:00"}, "no such time"),
        ({"hours": "08:00-08:00"}, "whole day"),
        ({"zone": "Europe/Istambul"}, "no timezone"),
        ({"zone": "../etc/passwd"}, "no timezone"),
    ],
)
def test_what_is_no_schedule_is_refused(written, said):
    """A slip in a time is told in words, with how it is written right."""
    with pytest.raises(ValueError, match=said):
        times(**written)


def test_a_schedule_explains_itself():
    """The sentence names what was written, and the clock says what time it is there."""
    schedule = times(from_="2026-12-01", days=["mon"], hours="08:00-10:00")
    assert schedule.sentence == "open from 2026-12-01 on mon at 08:00-10:00 (Europe/Berlin)"
    assert schedule.clock(at("2026-12-01 09:00")) == "Tue 2026-12-01 09:00 Europe/Berlin"
    assert times().sentence == "open always (Europe/Berlin)"


ZONES = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
moments = st.integers(1_740_000_000, 1_830_000_000)
minutes = st.integers(0, 24 * 60 - 1)


def agrees(open_at, zone, days, opens, closes, now):
    """An oracle that walks back from `now` to the last time it was opened: minute by minute, on the wall clock."""
    local = datetime.fromtimestamp(now, ZoneInfo(zone))
    wall = local.replace(tzinfo=None)
    expected = False
    for back in (0, 1):
        day = (wall - timedelta(days=back)).replace(hour=0, minute=0, second=0, microsecond=0)
        length = (closes - opens) % 1440
        begin = day + timedelta(minutes=opens)
        if DAYS[day.weekday()] in days and begin <= wall < begin + timedelta(minutes=length):
            expected = True
    return open_at(now) is expected


@given(st.sampled_from(ZONES), st.sets(st.sampled_from(DAYS), min_size=1), minutes, minutes, moments)
def test_open_agrees_with_the_wall_clock(zone, days, opens, closes, now):
    """For any zone, days, hours and moment, a plain walk over the wall clock gives the same."""
    if opens == closes:
        return
    text = f"{opens // 60:02}:{opens % 60:02}-{closes // 60:02}:{closes % 60:02}"
    schedule = times(zone, days=sorted(days), hours=text)
    assert agrees(schedule.open_at, zone, days, opens, closes, now)
    assert schedule.open_at(now + 0.999) is schedule.open_at(now), "it may only change at whole seconds"


@pytest.mark.parametrize(
    ("zone", "change"),
    [(BERLIN, "2026-03-29 01:59"), (BERLIN, "2026-10-25 02:59"), ("Australia/Lord_Howe", "2026-10-04 01:59")],
)
@pytest.mark.parametrize("hours", ["03:00-05:00", "02:00-03:00", "22:00-02:30", "04:00-12:00"])
def test_what_is_open_stays_so_for_as_long_as_told(zone, change, hours):
    """A copy that a cache may keep is never of the other side of a clock change, nor of a door that has closed."""
    schedule, middle = times(zone, hours=hours), at(change, zone)
    for minute in range(-300, 300, 7):
        now = middle + 60 * minute
        holds = schedule.holds_for(now)
        assert holds > 0
        assert {schedule.open_at(now + later) for later in range(0, int(holds), 60)} == {schedule.open_at(now)}


@pytest.mark.parametrize("bug", ["the day of the morning after", "the clock of another place", "midnight forgotten"])
def test_the_law_of_the_wall_clock_catches(bug):
    """Three ways to get nights wrong are all caught."""
    right = times("Europe/Berlin", days=["fri"], hours="22:00-02:00")

    def wrong(now):
        local = datetime.fromtimestamp(now, UTC if bug == "the clock of another place" else ZoneInfo(BERLIN))
        if bug == "the day of the morning after":
            return local.weekday() == 4 and (local.hour >= 22 or local.hour < 2)
        if bug == "midnight forgotten":
            return local.weekday() == 4 and 22 <= local.hour < 2
        return right.open_at(now + local.utcoffset().total_seconds() + 3600)

    hours = [at("2026-12-03 00:00") + 1800 * step for step in range(144)]
    assert all(agrees(right.open_at, BERLIN, {"fri"}, 22 * 60, 120, now) for now in hours)
    assert not all(agrees(wrong, BERLIN, {"fri"}, 22 * 60, 120, now) for now in hours)
