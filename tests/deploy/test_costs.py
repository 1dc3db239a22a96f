"""The bill in the runbook is what the command prints, of the sizes that the template has."""

from __future__ import annotations

import re

import pytest
import yaml

from deploy.aws.costs import HOURS, Prices, Size, as_lambda, chosen, items, table
from tests.deploy.aws import REPOSITORY, TEMPLATE


class _Loader(yaml.SafeLoader):
    """Passes over the short forms of functions."""


_Loader.add_multi_constructor("!", lambda *_: None)


def _template() -> dict[str, dict[str, dict[str, object]]]:
    return dict(yaml.load(TEMPLATE.read_text(), _Loader))


def _default(name: str) -> float:
    return float(str(_template()["Parameters"][name]["Default"]))


def _cost(size: Size, name: str) -> float:
    return next(each.usd for each in items(size, Prices()) if each.name == name)


def test_the_bill_is_of_the_template() -> None:
    size = Size()
    for name, vcpu, memory in (
        ("Bot", size.bot_vcpu, size.bot_gb),
        ("Collector", size.collector_vcpu, size.collector_gb),
        ("Trainer", size.trainer_vcpu, size.trainer_gb),
    ):
        assert _default(f"{name}Cpu") / 1024 == vcpu
        assert _default(f"{name}Memory") / 1024 == memory
    kinds = [each["Type"] for each in _template()["Resources"].values()]
    assert kinds.count("AWS::SecretsManager::Secret") == size.secrets
    assert kinds.count("AWS::CloudWatch::Alarm") == size.alarms
    named = re.findall(r"MetricName: (\w+), MetricValue", TEMPLATE.read_text())
    assert len(set(named)) == size.metrics


def test_the_bill_in_the_runbook_is_the_commands_own() -> None:
    runbook = (REPOSITORY / "docs" / "runbook.md").read_text()
    assert table(Size(), Prices()) in runbook
    assert f"${as_lambda(Size()):.2f}" in runbook
    total = sum(each.usd for each in items(chosen(arm=True, spot=True), Prices()))
    assert f"${total:.2f}" in runbook


def test_a_bot_of_a_quarter_processor_costs_what_its_hours_do() -> None:
    prices = Prices()
    assert _cost(Size(), "bot") == pytest.approx(
        HOURS * (0.25 * prices.vcpu_hour + 0.5 * prices.memory_gb_hour)
    )
    assert _cost(chosen(arm=True, spot=True), "bot") < _cost(Size(), "bot")
    assert _cost(chosen(arm=False, spot=False), "trainer") > _cost(Size(), "trainer")
    assert _cost(chosen(arm=False, spot=False), "bot") == _cost(Size(), "bot")
