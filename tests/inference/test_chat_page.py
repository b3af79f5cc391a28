"""The page to chat in, in a real browser."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.inference.browser import CHROMIUM, Browser

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium here (apt-get install chromium)"
)

SAY = """
document.getElementById("text").value = {text};
document.querySelector("form").requestSubmit()
"""
SAID = '[...document.querySelectorAll("#turns p")].map(p => [p.className, p.textContent])'
AS_SAFARI_ENDS_A_COMPOSITION = """
document.getElementById("text").dispatchEvent(
    new KeyboardEvent("keydown", {key: "Enter", keyCode: 229, bubbles: true, cancelable: true})
)
"""
READY = 'document.getElementById("send").textContent === "Send"'


def say(text: str) -> str:
    return SAY.replace("{text}", repr(text))


def test_a_conversation(address: str, tmp_path: Path) -> None:
    """Two turns, an answer that is stopped, and text that would be HTML."""

    async def chat() -> None:
        async with Browser(address) as page:
            await page.until('document.getElementById("model").textContent === "tiny"')
            await page.evaluate(say("What is <b>bold</b>?"))
            await page.until(f"{READY} && {SAID}.length === 2")
            [first, second] = await page.evaluate(SAID)
            assert first == ["user", "What is <b>bold</b>?"]
            assert second[0] == "assistant"  # what it says is drawn: it may be nothing
            assert await page.evaluate("turns.length") == 2
            await page.evaluate(say("Go on."))
            await page.until(f"{SAID}.length === 4")
            await page.picture(Path(os.environ.get("LM_PICTURE", tmp_path / "page.png")))
            await page.until(READY)
            await page.evaluate('document.getElementById("reset").click()')
            assert await page.evaluate(SAID) == []

    asyncio.run(chat())


def test_the_enter_of_an_input_method_sends_nothing(address: str) -> None:
    """Chinese and Japanese are typed as letters first, which Enter takes as they are; the next Enter sends."""
    enter = {"type": "rawKeyDown", "key": "Enter", "code": "Enter"}

    async def write() -> None:
        async with Browser(address) as page:
            await page.until('document.getElementById("model").textContent === "tiny"')
            await page.evaluate('document.getElementById("text").focus()')
            await page.call("Input.imeSetComposition", text="nihao", selectionStart=5, selectionEnd=5)
            await page.call("Input.dispatchKeyEvent", **enter, windowsVirtualKeyCode=229)  # Chromium's own
            await page.call("Input.insertText", text="nihao")
            await page.evaluate(AS_SAFARI_ENDS_A_COMPOSITION)
            assert await page.evaluate(SAID) == []
            assert await page.evaluate('document.getElementById("text").value') == "nihao"
            await page.call("Input.dispatchKeyEvent", **enter, windowsVirtualKeyCode=13)
            assert (await page.evaluate(SAID))[0] == ["user", "nihao"]

    asyncio.run(write())


def test_the_key_is_asked_for(serve: Callable[..., str]) -> None:
    address = serve(key="sesame")

    async def enter() -> None:
        async with Browser(address) as page:
            await page.until(f'!document.getElementById("locked").hidden && {SAID}.length')
            assert (await page.evaluate(SAID))[0][0] == "error"
            await page.evaluate(
                'document.getElementById("key").value = "sesame";'
                'document.getElementById("key").dispatchEvent(new Event("change"))'
            )
            await page.until('document.getElementById("model").textContent === "tiny"')

    asyncio.run(enter())
