import pytest

from app.guard import Guard

LEET = "sh1t 5hit 5h1t $hit sh!t b17ch a$$ @ss @$$ @$$hole a55hole n1gg3r p0rn fu(k shi+ f4g sh1iiit"
NUMBERS = "455 717 A55 4a55e5 F4G fa66 A$5 US$5 $$$ as5 T1T5 (um) $hit->count +its di(k) bit(high) 1.5.5 Ti+"
CENSORED = (
    "f*ck f**k f*** f***ing sh*t s**t s#it b*tch a**hole f@ck f-ck f--k b*st*rd m*therf*cker f@#k n****r"
)
CODE = "f*k s*it ***f*** self**other s@%s rabbit-hole f---k a*s dash-less x**2"


@pytest.mark.parametrize("text", [*LEET.split(), "s h 1 t", "s-h-!-t"])
def test_digits_and_symbols_stand_for_letters(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize("text", [*NUMBERS.split(), "$hit = 5", "5 h, 1 t", "455 hits", "Room 455"])
def test_a_number_a_price_or_code_is_no_word(guard: Guard, text: str) -> None:
    assert not guard.check(text).flagged


@pytest.mark.parametrize("text", CENSORED.split())
def test_symbols_hide_letters(guard: Guard, text: str) -> None:
    assert guard.check(text).flagged


@pytest.mark.parametrize("text", [*CODE.split(), "**kung fu**"])
def test_a_product_a_power_and_bold_type_hide_nothing(guard: Guard, text: str) -> None:
    assert not guard.check(text).flagged
