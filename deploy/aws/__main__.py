"""`python -m deploy.aws`: a stack of the template brought up, run, renewed and taken down."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Literal

import typer

from deploy.aws.aws import Aws, DeployError
from deploy.aws.commands import Deployment
from deploy.aws.costs import Prices, chosen, table
from deploy.aws.stack import Stack
from deploy.aws.tasks import Tasks

app = typer.Typer(
    help="axieflip on AWS. docs/runbook.md says when to do what.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
Name = Annotated[str, typer.Option(help="The stack's name.")]
Region = Annotated[str | None, typer.Option(help="Default: that of the environment or the profile.")]
ENDED_BY_US, ENDED_BY_A_PERSON = 1, 130


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def _deployment(name: str, region: str | None) -> Deployment:
    aws = Aws(region)
    return Deployment(aws, Stack(aws, name), say)


@app.command()
def deploy(
    image: Annotated[str | None, typer.Option(help="The image's address. Default: the present one.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A parameter of the template.")
    ] = None,
    name: Name = "axieflip",
    region: Region = None,
) -> None:
    """Make the stack or bring it up to date.

    A new one needs DISCORD_TOKEN and MARKET_API_KEY in the environment of this command.
    """
    given = dict(_pair(each) for each in settings or ())
    _deployment(name, region).deploy(image, given, os.environ)


@app.command()
def rotate(name: Name = "axieflip", region: Region = None) -> None:
    """Put those of the secrets that are set in the environment into the stack, and restart the bot."""
    _deployment(name, region).rotate(os.environ)


@app.command()
def run(
    which: Annotated[Literal["collector", "trainer"], typer.Argument(help="Whose settings and role.")],
    command: Annotated[
        list[str] | None, typer.Argument(help="Default: its own. Such as `-- model list`.")
    ] = None,
    name: Name = "axieflip",
    region: Region = None,
) -> None:
    """Run a command once in the stack, wait for its end and show the last of its log."""
    aws = Aws(region)
    tasks = Tasks(aws, Stack(aws, name).required().outputs)
    task = tasks.start(which, command or ())
    say(f"Started {task.rpartition('/')[2]}; waiting for its end.")
    try:
        code = tasks.wait(task)
    finally:
        for line in tasks.last_lines(which, task):
            say(line)
    raise typer.Exit(code)


@app.command()
def destroy(
    bucket: Annotated[
        Literal["keep", "delete"], typer.Option(help="What becomes of the data and models. No default.")
    ],
    name: Name = "axieflip",
    region: Region = None,
) -> None:
    """Delete the stack, and keep its bucket or delete it with all that is in it."""
    _deployment(name, region).destroy(bucket)


@app.command()
def costs(
    arm: Annotated[bool, typer.Option("--arm", help="With Architecture=ARM64.")] = False,
    on_demand: Annotated[bool, typer.Option("--on-demand", help="With Capacity=FARGATE.")] = False,
) -> None:
    """What a month costs by item, at the list prices that deploy/aws/costs.py assumes."""
    prices, size = Prices(), chosen(arm=arm, spot=not on_demand)
    say(f"Prices: {prices.region}, {prices.of}.")
    say(table(size, prices))


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="'--set'")
    return key, value


def main() -> None:
    """Entry point: what goes wrong is a sentence and exit code 1."""
    try:
        app()
    except DeployError as error:
        print(error, file=sys.stderr)
        sys.exit(ENDED_BY_US)
    except KeyboardInterrupt:
        sys.exit(ENDED_BY_A_PERSON)


if __name__ == "__main__":
    main()
