"""What answers mean: pure functions, walked through with every kind of answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluvault.errors import ServiceError, ServiceUnavailable, Throttled, Unreachable
from cluvault.service.exchange import Answer, Call, Expects, NoAnswer, Subject
from cluvault.service.problems import Problem, describe, one_line, read_error_body, read_problem, read_problems
from cluvault.service.protocol import Fault, judge, looks_like_json_object, read_object
from cluvault.service.retrying import MAX_SECONDS, MAX_TRIES, RETRY_AFTER_CAP, read_retry_after, retry_delay

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
CALL = Call("GET", "https://a.example.com/x?api-version=1", "get project", "A", Subject.PROJECT)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
envelopes = st.dictionaries(
    st.sampled_from(["error", "code", "message", "details", "innererror", "target", "statusCode", "other"]),
    json_values,
)


@given(st.integers(100, 599), st.dictionaries(st.text(max_size=12), st.text(max_size=20)), st.binary(max_size=200))
def test_every_answer_is_judged(status: int, headers: dict[str, str], content: bytes) -> None:
    """Nothing that comes over the wire makes the reader itself fail."""
    verdict = judge(Answer(status, headers, content), CALL, now=NOW)
    assert isinstance(verdict, Answer | Fault)


@given(envelopes | st.fixed_dictionaries({"error": envelopes}))
def test_whatever_an_error_body_holds_fits_on_one_line(body: object) -> None:
    """An error body of any shape becomes at most one line of printable text."""
    text = str(read_error_body(json.dumps(body).encode()))
    assert text.isprintable()
    assert len(text) <= 700


@pytest.mark.parametrize(
    "body, code, message",
    [
        ({"error": {"code": "InvalidArgument", "message": "m"}}, "InvalidArgument", "m"),
        ({"error": {"code": "404", "message": "m"}}, "404", "m"),
        ({"error": {"code": 404, "message": "m"}}, "404", "m"),
        ({"statusCode": 401, "message": "m"}, "401", "m"),
        ({"code": "X", "message": "m"}, "X", "m"),
        ({"error": "broken"}, "", "broken"),
        ({"error": None}, "", ""),
        ({"error": {"code": None, "message": ["m"]}}, "", ""),
        ([1, 2], "", ""),
        ("text", "", ""),
    ],
)
def test_every_envelope_is_read(body: object, code: str, message: str) -> None:
    """The service's, the gateway's and other people's envelopes."""
    problem = read_error_body(json.dumps(body).encode())
    assert (problem.code, problem.message) == (code, message)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"{", b"[" * 100_000, b'"\xed\xa0\x80"'])
def test_no_envelope_at_all(content: bytes) -> None:
    """A body that is no JSON tells nothing, and does no harm."""
    assert read_error_body(content) == Problem()


def test_details_and_inner_errors_are_part_of_the_line() -> None:
    """All that the service says is in the one line."""
    problem = read_problem(
        {
            "code": "InvalidArgument",
            "message": "could not parse",
            "target": "body",
            "details": [{"code": "D", "message": "unknown member 'x'"}, "loose words", 7],
            "innererror": {"code": "Inner", "message": "deep"},
        }
    )
    assert str(problem) == (
        "InvalidArgument: could not parse (at body) [D: unknown member 'x'; loose words; ; Inner: deep]"
    )


def test_bottomless_details_come_to_an_end() -> None:
    """Nesting and numbers of details are cut."""
    problem: dict[str, object] = {"code": "bottom"}
    for level in range(50):
        problem = {"code": str(level), "details": [problem] * 3, "innererror": problem}
    assert "bottom" not in str(read_problem(problem))
    assert len(read_problems([{"code": "x"}] * 1000)) < 100
    assert read_problems({"code": "x"}) == ()
    assert len(describe((Problem("C", "m" * 400),) * 9)) <= 700


def test_control_letters_do_not_reach_a_terminal() -> None:
    """An answer can neither break a log line nor colour a terminal."""
    assert one_line("a\x1b[31mred\r\n\tb\u202e\ud800") == "a[31mred b"


@pytest.mark.parametrize(
    "headers, expected",
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 7 "}, 7),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "²"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT"}, 30),
        ({"retry-after": "Fri, 02 Jan 2026 03:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT", "date": "Fri, 02 Jan 2026 03:04:30 GMT"}, 5),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 GMT", "date": "garbage"}, 30),
        ({"retry-after": "Fri, 02 Jan 2026 03:04:35 -0000"}, None),
        ({"retry-after": "Fri, 99 Jan 2026 03:04:35 GMT"}, None),
    ],
)
def test_retry_after_is_read_in_every_spelling(headers: dict[str, str], expected: float | None) -> None:
    """Seconds, milliseconds and dates; what is none of them is as if it were not there."""
    assert read_retry_after(headers, now=NOW) == expected


@given(st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms", "date"]), st.text(max_size=30)))
def test_no_retry_after_harms(headers: dict[str, str]) -> None:
    """Whatever the headers say, the result is a time to wait or none."""
    found = read_retry_after(headers, now=NOW)
    assert found is None or found >= 0


faults = st.builds(
    Fault,
    st.sampled_from([Throttled, ServiceUnavailable, Unreachable]),
    st.just("x"),
    passing=st.booleans(),
    unprocessed=st.booleans(),
    retry_after=st.none() | st.floats(min_value=0, max_value=500),
)
chance = st.floats(min_value=0, max_value=1, exclude_max=True)


@given(
    fault=faults,
    repeatable=st.booleans(),
    tries=st.integers(1, 6),
    spent=st.floats(min_value=0, max_value=300),
    jitter=chance,
)
def test_retries_stay_within_their_bounds(
    *, fault: Fault, repeatable: bool, tries: int, spent: float, jitter: float
) -> None:
    """At most four tries, two minutes, one minute at a time; never what is final or may be done twice."""
    delay = retry_delay(fault, repeatable=repeatable, tries=tries, spent=spent, jitter=jitter)
    if delay is not None:
        assert tries < MAX_TRIES
        assert 0 <= delay <= RETRY_AFTER_CAP
        assert spent + delay <= MAX_SECONDS
        assert fault.passing
        assert repeatable or fault.unprocessed
        assert fault.retry_after is None or delay == fault.retry_after


@given(st.integers(1, 3), chance, chance)
def test_delays_grow_and_differ_a_little(tries: int, one: float, other: float) -> None:
    """Clients that failed together come back at different times, and less soon each time."""

    def delay(tries: int, jitter: float) -> float:
        fault = Fault(Unreachable, "x", passing=True)
        found = retry_delay(fault, repeatable=True, tries=tries, spent=0, jitter=jitter)
        assert found is not None
        return found

    assert delay(tries, one) <= 1.25 * delay(tries, 0.0)
    if tries < 3:
        assert delay(tries, one) < delay(tries + 1, other)


@pytest.mark.parametrize(
    "content, good",
    [
        (b"{}", True),
        (b'\xef\xbb\xbf \r\n{"a":1}\n ', True),
        (b"", False),
        (b"[]", False),
        (b"<html>{}</html>", False),
        (b'{"a": {"b"', False),
        (b'"a":1}', False),
    ],
)
def test_a_json_object_is_known_by_its_ends(content: bytes, *, good: bool) -> None:
    """Cheap and enough to tell a file from a page or from half a file."""
    assert looks_like_json_object(content) is good
    verdict = judge(Answer(200, {}, content), CALL, now=NOW)
    assert isinstance(verdict, Answer) is good


@pytest.mark.parametrize("content", [b"[]", b"7", b"{nope}", b'{"a":' * 100_000, b""])
def test_a_body_that_is_no_object(content: bytes) -> None:
    """Every way of being no JSON object is one kind of error."""
    with pytest.raises(ValueError, match=r"."):
        read_object(Answer(200, {}, content))


def test_a_length_that_does_not_fit_means_torn() -> None:
    """Fewer bytes than announced is a torn body, unless they were compressed on the way."""
    content = b'{"a":1}'
    torn = judge(Answer(200, {"content-length": "9"}, content), CALL, now=NOW)
    assert isinstance(torn, Fault)
    assert torn.said == "the answer is torn: 7 of 9 bytes arrived"
    assert torn.passing
    packed = Answer(200, {"content-length": "9", "content-encoding": "gzip"}, content)
    assert judge(packed, CALL, now=NOW) is packed


def test_some_answers_have_no_body() -> None:
    """The start of a job answers without one."""
    start = Call("POST", CALL.url, "export", "A", expects=Expects.ANYTHING)
    accepted = Answer(202, {"content-length": "0"})
    assert judge(accepted, start, now=NOW) is accepted


def test_an_oversized_answer_is_final() -> None:
    """Asking again would bring the same."""
    verdict = judge(NoAnswer("too large", too_large=True), CALL, now=NOW)
    assert isinstance(verdict, Fault)
    assert not verdict.passing


def test_a_page_instead_of_an_error_is_described_not_quoted() -> None:
    """A proxy's page might say anything: only its type and size are told."""
    verdict = judge(Answer(502, {"content-type": "text/html; charset=x"}, b"<b>oops</b>"), CALL, now=NOW)
    assert isinstance(verdict, Fault)
    assert verdict.said == "the service answered 502 with 11 bytes of text/html"
    bare = judge(Answer(502, {}, b""), CALL, now=NOW)
    assert isinstance(bare, Fault)
    assert bare.said == "the service answered 502"


@pytest.mark.parametrize(
    "headers, expected",
    [({"apim-request-id": "a-1"}, "a-1"), ({"request-id": "b"}, "b"), ({}, ""), ({"request-id": "x\x1b y" * 99}, "x")],
)
def test_the_request_id(headers: dict[str, str], expected: str) -> None:
    """Both headers name it; it is short and harmless wherever it is shown."""
    found = Answer(200, headers).request_id
    assert found.startswith(expected)
    assert len(found) <= 64
    assert found.isprintable()


@given(st.sampled_from([400, 401, 403, 404, 409, 429, 500]), st.sampled_from(list(Subject)))
def test_every_refusal_becomes_a_service_error(status: int, subject: Subject) -> None:
    """No refusal falls through."""
    call = Call("GET", CALL.url, "x", "A", subject)
    verdict = judge(Answer(status, {}, b""), call, now=NOW)
    assert isinstance(verdict, Fault)
    assert issubclass(verdict.error, ServiceError)
