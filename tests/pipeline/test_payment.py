import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.market.payment import paid_in
from pipeline.market.values import Price, Rates, Token
from tests.bot.factories import NOON

RATES = Rates(
    NOON, {Token.WETH: 3000.0, Token.USDC: 1.0, Token.AXS: 1.5, Token.WRON: 0.35, Token.SLP: 0.0013}
)


def amount(usd: float, token: Token) -> int:
    return round(usd / RATES.usd[token] * 10**token.decimals)


@given(st.floats(1.0, 3000.0), st.floats(-1.0, 1.0), st.sampled_from([Token.WETH, Token.USDC, Token.SLP]))
def test_a_price_near_what_such_an_axie_costs_is_told_apart(usd: float, off: float, token: Token) -> None:
    price = paid_in(amount(usd, token), RATES, usd * 2.718**off, 1.2)
    assert price == Price(amount(usd, token), token)


def test_an_amount_that_fits_two_tokens_is_left_out() -> None:
    assert paid_in(amount(3.0, Token.WRON), RATES, 6.0, 1.2) is None


@pytest.mark.parametrize("nonsense", [0, -5, 1, 10**40])
def test_an_amount_that_fits_no_token_is_left_out(nonsense: int) -> None:
    assert paid_in(nonsense, RATES, 3.0, 1.2) is None
