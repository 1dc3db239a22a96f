"""A small discord.py bot, unmodified but for two addresses, that the tests run as a process of its own."""

import asyncio
import json
import os
import sys

import discord
import yarl
from discord import app_commands
from discord.ext import commands

WORLD = json.loads(os.environ["WORLD"])
THUMBNAIL = os.environ.get("THUMBNAIL", "")
GUILD = discord.Object(WORLD["guild_id"])

discord.http.Route.BASE = WORLD["api"]
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(WORLD["gateway"])


class Persistent(discord.ui.View):
    def __init__(self):
        super().__init__(timeout=None)

    @discord.ui.button(label="Snooze", custom_id="sample:snooze", style=discord.ButtonStyle.secondary)
    async def snooze(self, interaction, _):
        await interaction.response.send_message("Snoozed for an hour.", ephemeral=True)

    @discord.ui.button(label="Sold", custom_id="sample:sold", style=discord.ButtonStyle.success)
    async def sold(self, interaction, _):
        await interaction.response.edit_message(content="It is sold.")

    @discord.ui.button(label="Note", custom_id="sample:note", style=discord.ButtonStyle.primary)
    async def note(self, interaction, _):
        await interaction.response.send_modal(Note())

    @discord.ui.button(label="Later", custom_id="sample:later", style=discord.ButtonStyle.danger)
    async def later(self, interaction, _):
        await interaction.response.defer()
        await asyncio.sleep(0.2)
        await interaction.edit_original_response(content="Edited later.")


class Note(discord.ui.Modal, title="A note"):
    text = discord.ui.TextInput(label="What do you know?", custom_id="text")

    async def on_submit(self, interaction):
        await interaction.response.send_message(f"Noted: {self.text.value}")


class Sample(commands.AutoShardedBot):
    def __init__(self):
        super().__init__(
            commands.when_mentioned,
            intents=discord.Intents.default(),
            heartbeat_timeout=float(os.environ.get("HEARTBEAT", "60")),
            guild_ready_timeout=0.1,
        )

    async def setup_hook(self):
        self.add_view(Persistent())
        self.tree.copy_global_to(guild=GUILD)
        await self.tree.sync(guild=GUILD)

    async def before_identify_hook(self, shard_id, *, initial=False):
        """Do not wait five seconds between identifies, as one must with a crowd of shards."""

    async def on_ready(self):
        channel = self.get_channel(WORLD["channels"]["buy-signals"])
        embed = discord.Embed(
            title="Axie #123 at $4.20", description="Worth about **$7.10**", colour=0x2ECC71
        )
        embed.add_field(name="Net profit", value="$2.48")
        embed.add_field(name="Chance", value="81 %")
        embed.set_footer(text="listed just now")
        if THUMBNAIL:
            embed.set_thumbnail(url=THUMBNAIL)
        await channel.send("A cheap one.", embed=embed, view=Persistent())


bot = Sample()


@bot.tree.command(description="Answers at once")
async def ping(interaction: discord.Interaction):
    await interaction.response.send_message("pong")


@bot.tree.command(description="Answers only you")
async def whisper(interaction: discord.Interaction):
    await interaction.response.send_message("only for you", ephemeral=True)


@bot.tree.command(description="Thinks first")
async def think(interaction: discord.Interaction, seconds: float = 0.3):
    await interaction.response.defer(thinking=True)
    await asyncio.sleep(seconds)
    await interaction.followup.send(f"thought for {seconds:g} s")


@bot.tree.command(description="Never answers")
async def sulk(interaction: discord.Interaction):
    pass


@bot.tree.command(description="Floods the channel")
async def flood(interaction: discord.Interaction, count: app_commands.Range[int, 1, 20]):
    await interaction.response.defer(ephemeral=True)
    await asyncio.gather(*(interaction.channel.send(f"wave {index}") for index in range(count)))
    await interaction.followup.send(f"{count} sent")


@bot.tree.command(description="Sends under a fixed nonce, and again where the answer gets lost")
async def once(interaction: discord.Interaction, nonce: str):
    await interaction.response.defer(ephemeral=True)
    for attempt in range(3):
        try:
            message = await interaction.channel.send("exactly once", nonce=nonce)
        except Exception as error:
            if attempt == 2:
                raise
            print("retrying after", type(error).__name__, file=sys.stderr)
        else:
            await interaction.followup.send(f"message {message.id} at attempt {attempt + 1}")
            return


@bot.tree.command(description="Tries to post elsewhere and tells what Discord says")
async def post(interaction: discord.Interaction, channel_id: str):
    await interaction.response.defer(ephemeral=True)
    try:
        await bot.get_partial_messageable(int(channel_id)).send("hello there")
    except discord.HTTPException as error:
        await interaction.followup.send(f"{type(error).__name__} {error.status} {error.code}")
    else:
        await interaction.followup.send("sent")


@bot.tree.command(description="Posts a file")
async def chart(interaction: discord.Interaction):
    file = discord.File(__import__("io").BytesIO(b"not really a picture"), "chart.txt", description="a chart")
    await interaction.response.send_message("the chart", file=file)


watch = app_commands.Group(name="watch", description="Watches")


@watch.command(name="add", description="Add a watch")
async def watch_add(
    interaction: discord.Interaction, kind: str, channel: discord.TextChannel, profit: float = 1.0
):
    await interaction.response.send_message(f"watching {kind} in {channel.mention} above ${profit:.2f}")


@watch_add.autocomplete("kind")
async def kinds(interaction: discord.Interaction, current: str):
    names = ["Beast", "Aquatic", "Plant", "Bird"]
    return [
        app_commands.Choice(name=name, value=name.lower())
        for name in names
        if current.lower() in name.lower()
    ]


bot.tree.add_command(watch)

if __name__ == "__main__":
    discord.utils.setup_logging(level=10 if os.environ.get("DEBUG") else 30)
    asyncio.run(bot.start(os.environ.get("TOKEN", WORLD["token"])))
