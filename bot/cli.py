"""The commands of `axieflip`; `bot.entry` turns what ends them into a sentence and an exit code.

Each command imports what it needs when it runs, so that `--help` is quick and the bot's process never
loads what only training needs.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot import log
from bot.log import say
from bot.stopping import terminable

if TYPE_CHECKING:
    from bot.settings import Settings

app = typer.Typer(
    help="Watches the Axie Infinity marketplace and posts a buy signal where a resale would pay.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
database = typer.Typer(help="The database and its migrations.", no_args_is_help=True)
app.add_typer(database, name="db")
model = typer.Typer(help="The stored versions of the model, and which of them serves.", no_args_is_help=True)
app.add_typer(model, name="model")


_SALES = "A sales table, CSV or Parquet. For several, repeat it: --sales a.csv --sales b.csv"


@app.command()
def run() -> None:
    """Run the bot against the services that the environment or .env names."""
    from bot.confinement import advice, confine

    settings = _settings()
    confine()
    if told := advice():
        say(f"Advice: {told}.")
    from bot.lives import live

    asyncio.run(live(settings))


@app.command()
def collect(
    minutes: Annotated[
        float | None, typer.Option(min=0.1, max=1440, help="For how long. Default: COLLECT_MINUTES.")
    ] = None,
    history_days: Annotated[
        float,
        typer.Option(min=0, max=3650, help="How far back to read the sale feed where nothing is stored yet."),
    ] = 14.0,
) -> None:
    """Read sales, listings, outcomes and rates from the marketplace into the object store."""
    from bot.commands import collect_command

    settings = _settings("discord_token", "model_signing_key")
    work = collect_command(settings, minutes or settings.collect_minutes, history_days)
    asyncio.run(terminable(work))


@app.command()
def train(
    days: Annotated[
        float | None, typer.Option(min=0.1, max=3650, help="Learn from the last so many days only.")
    ] = None,
    sales: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help=f"{_SALES}. Default: what was collected."),
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 2,
    search_minutes: Annotated[
        float,
        typer.Option(
            min=0,
            max=10_080,
            help="Look for better parameters for so long; goes on where it was interrupted.",
        ),
    ] = 0.0,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, help="The same seed and data give the same model.")
    ] = 0,
    dask: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="Spread the work over the cluster of this scheduler."),
    ] = None,
    run: Annotated[str | None, typer.Option(hidden=True, help="For a bot that follows it elsewhere.")] = None,
) -> None:
    """Validate sales, train a model on them and promote it if it beats the champion."""
    from bot.commands import train_command

    settings = _settings("discord_token", "market_api_key")
    options = {"days": days, "jobs": jobs, "search_minutes": search_minutes, "seed": seed, "dask": dask}
    work = train_command(settings, run=run, sales=tuple(map(str, sales or ())), **options)
    asyncio.run(terminable(work))


@app.command()
def evaluate(
    sales: Annotated[list[Path], typer.Option(metavar="FILE", help=f"{_SALES}.")],
    from_: Annotated[
        datetime,
        typer.Option("--from", formats=["%Y-%m-%d"], help="Score the sales from this day on."),
    ],
    to: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day to score. Default: the data's last."),
    ] = None,
    retrain: Annotated[
        Literal["daily", "never"], typer.Option(help="Learn anew at each day's start, or only once.")
    ] = "daily",
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
) -> None:
    """Walk forward through a sales table: learn from the past, score what came next, beside baselines."""
    from bot.evaluating import evaluate_command

    last = to.date() if to else None
    evaluate_command(sales, from_.date(), last, daily=retrain == "daily", as_json=json, jobs=jobs)


@app.command()
def backtest(
    sales: Annotated[list[Path] | None, typer.Option(metavar="FILE", help=f"{_SALES}.")] = None,
    store: Annotated[
        bool, typer.Option("--store", help="Listings and sales of the object store instead.")
    ] = False,
    from_: Annotated[
        datetime | None,
        typer.Option(
            "--from", formats=["%Y-%m-%d"], help="Offers from this day on. Default: after half of the sales."
        ),
    ] = None,
    to: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day of offers. Default: the data's last."),
    ] = None,
    min_net: Annotated[
        list[float] | None,
        typer.Option(
            min=-1000,
            max=100_000,
            help="Least expected net in dollars. Repeat this and the next two for a grid. Default: 0.3.",
        ),
    ] = None,
    min_return: Annotated[
        list[float] | None,
        typer.Option(min=-1, max=1000, help="Least net over cost, as a fraction. Default: 0.2."),
    ] = None,
    min_probability: Annotated[
        list[float] | None, typer.Option(min=0, max=1, help="Least chance that it pays. Default: 0.7.")
    ] = None,
    fee: Annotated[
        float, typer.Option(min=0, max=0.99, help="The marketplace's share of a resale.")
    ] = 0.0425,
    gas: Annotated[float, typer.Option(min=0, help="Gas of a purchase and its resale, in dollars.")] = 0.01,
    retrain: Annotated[
        Literal["daily", "never"], typer.Option(help="Learn anew at each day's start, or only once.")
    ] = "daily",
    jobs: Annotated[int, typer.Option(min=1, max=256, help="Worker processes.")] = 2,
    json: Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")] = False,
    png: Annotated[Path | None, typer.Option(help="Draw the profits into this file.")] = None,
) -> None:
    """What the signals of some days would have brought, learning only from what came before each."""
    if bool(sales) == store:
        raise typer.BadParameter("give either --sales FILE, once or more, or --store")
    if png is not None:
        _require_writable(png, "--png")
    objects = None
    if store:
        from bot.outside import open_objects

        objects = open_objects(_settings("discord_token", "market_api_key", "model_signing_key"))
    from bot.backtesting import Plan, backtest_command
    from pipeline.appraisal.economics import Terms
    from pipeline.backtest.results import grid
    from pipeline.signal import Thresholds

    usual = Thresholds()
    plan = Plan(
        thresholds=grid(
            min_net or [usual.min_net_usd],
            min_return or [usual.min_return],
            min_probability or [usual.min_probability],
        ),
        terms=Terms(fee, gas),
        first=from_.date() if from_ else None,
        last=to.date() if to else None,
        daily=retrain == "daily",
        jobs=jobs,
        as_json=json,
        png=png,
    )
    backtest_command(plan, sales or [], objects)


@app.command()
def replay(
    recording: Annotated[Path, typer.Argument(help="A file that MARKET_RECORD named.", dir_okay=False)],
) -> None:
    """What the watcher makes of a recorded session of the marketplace: a line a poll, on standard output."""
    from bot.replaying import replay_command

    asyncio.run(replay_command(recording))


@app.command()
def doctor() -> None:
    """Check everything that a running bot needs, and say what to do about what is wrong.

    Exit code 0: all is well; 1: a check failed; 2: the settings are missing or wrong.
    """
    from bot.doctor import examine

    raise typer.Exit(asyncio.run(examine()))


@model.command(name="list")
def list_models(
    json: Annotated[bool, typer.Option("--json", help="One JSON list on standard output.")] = False,
) -> None:
    """All stored versions, the newest first, with what they promise and which of them serves."""
    from bot.models_command import list_command

    list_command(_settings("discord_token", "market_api_key"), as_json=json)


@model.command()
def show(
    version: Annotated[str | None, typer.Argument(help="Default: the one that serves.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The card as JSON on standard output.")] = False,
) -> None:
    """One version in full: its data, figures, members and how it fared against the champion."""
    from bot.models_command import show_command

    show_command(_settings("discord_token", "market_api_key"), version, as_json=json)


@model.command()
def promote(version: Annotated[str, typer.Argument(help="As `axieflip model list` names it.")]) -> None:
    """Let a stored version serve, once it has shown that it can."""
    from bot.models_command import promote_command

    promote_command(_settings("discord_token", "market_api_key"), version)


@model.command()
def rollback() -> None:
    """Let the champion before the present one serve again."""
    from bot.models_command import rollback_command

    rollback_command(_settings("discord_token", "market_api_key"))


@database.command()
def upgrade() -> None:
    """Bring the database to the newest schema. Starting the bot does the same."""
    from bot.db import schema

    settings = _settings("discord_token", "market_api_key", "model_signing_key")
    asyncio.run(schema.upgrade(settings.database_url))
    say("The database is up to date.")


def _require_writable(path: Path, option: str) -> None:
    """Before minutes of work whose result would have no place: the file can be written, and is as it was."""
    there = path.exists()
    try:
        path.open("ab").close()
    except OSError as error:
        raise typer.BadParameter(
            f"cannot write {path} ({error.strerror})", param_hint=f"'{option}'"
        ) from error
    if not there:
        path.unlink()


def _settings(*without: str) -> Settings:
    """The settings; the tokens named are not needed. From here on no log line holds a secret."""
    from bot.settings import Settings

    settings = Settings.load(without=without)
    log.configure(settings)
    return settings
