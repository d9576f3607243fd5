"""A waveform as a picture to lie over the lanes of a timeline. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from common.model.recording import Role
from common.model.waveform import BINS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from common.model.conversation import ConversationMetadata
    from common.model.waveform import Waveform

_LANE = 100  #: units of height of one channel
_TURN = 60  #: ... and of a turn in it
#: As light paper is, which is seen within the lanes alone; on dark paper the page turns it round.
_COLOUR = "#fff"


def svg_of(waveform: Waveform, channels: Sequence[int]) -> str:
    """The given channels (from 0), the first above; it is stretched to whatever place it gets."""
    paths = "".join(
        f'<path fill="{_COLOUR}" d="{_envelope(waveform.of_channel(channel), _LANE * row)}"/>'
        for row, channel in enumerate(channels)
    )
    size = f'viewBox="0 0 {BINS} {_LANE * len(channels)}" preserveAspectRatio="none"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{paths}</svg>'


def channels_above_each_other(conversation: ConversationMetadata, waveform: Waveform) -> tuple[int, ...]:
    """The agent's channel, then the customer's, as the lanes lie; what is heard on one channel is one picture."""
    if waveform.channels == 1:
        return (0,)
    of_role = {speaker.role: speaker.channel - 1 for speaker in conversation.speakers if speaker.channel}
    agent = of_role.get(Role.AGENT, 0)
    customer = of_role.get(Role.CUSTOMER, 1)
    return (agent, customer) if max(agent, customer) < waveform.channels and agent != customer else (0, 1)


def _envelope(pairs: Sequence[tuple[int, int]], top: int) -> str:
    """Along the highest samples there, along the lowest back; the loudest of the channel is as high as a turn."""
    loudest = max((max(-low, high) for low, high in pairs), default=0) or 1
    middle, half = top + _LANE // 2, _TURN // 2
    there = " ".join(f"{x} {middle - round(high / loudest * half)}" for x, (_, high) in enumerate(pairs))
    back = " ".join(f"{x} {middle - round(low / loudest * half)}" for x, (low, _) in reversed(list(enumerate(pairs))))
    return f"M{there} {back}z"
