"""Reading forms: the library's answers, for whatever bytes are sent."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.oidc import forms

_TEXT = st.text(st.sampled_from("ab&=+%;0C3é\x00 2F"), max_size=40) | st.text(max_size=40)


@given(_TEXT)
def test_a_form_is_read_as_the_library_reads_it(text: str) -> None:
    expected = parse_qsl(text, keep_blank_values=True, max_num_fields=100)
    assert forms.decode(text, most=100) == expected


@given(_TEXT)
def test_bytes_that_are_no_utf8_are_refused_where_the_library_refuses_them(text: str) -> None:
    try:
        expected = parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        with pytest.raises(ValueError, match="decode"):
            forms.decode(text, most=100, errors="strict")
    else:
        assert forms.decode(text, most=100, errors="strict") == expected


def test_more_fields_than_allowed_are_refused_before_they_are_read() -> None:
    assert len(forms.decode("a=1&" * 99 + "a=1", most=100)) == 100
    with pytest.raises(ValueError, match="too many"):
        forms.decode("&" * 100, most=100)


@pytest.mark.parametrize("name", ["redirect_uri", "scope"])
@pytest.mark.parametrize(
    "value",
    [
        "https%3A%2F%2Fa.vn%2Fb%3Fc%3D%C3%A9",
        "openid+profile",
        "%FF",
        "%00",
        "%",
        "+" * 400,
        "a%20b",
    ],
)
def test_what_is_remembered_is_read_as_the_library_reads_it_each_time(
    name: str, value: str
) -> None:
    text = f"{name}={value}&state={value}"
    expected = parse_qsl(text, keep_blank_values=True)
    for _ in range(2):
        assert forms.decode(text, most=100) == expected


def test_remembered_bytes_that_are_no_utf8_are_refused_each_time() -> None:
    text = "redirect_uri=https%3A%2F%2Fa.vn%2F%FF"
    assert forms.decode(text, most=100) == parse_qsl(text)
    for _ in range(2):
        with pytest.raises(ValueError, match="decode"):
            forms.decode(text, most=100, errors="strict")
