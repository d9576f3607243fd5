"""Messages made of plain text, for tests of what is found in them."""

from deploy.engine.analysis.heard import Word
from deploy.engine.analysis.messages import Message


def said(*lines: str) -> list[Message]:
    """One message per line `speaker: text`, four seconds apart; without a speaker nobody is known."""
    return [_message(index, line) for index, line in enumerate(lines)]


def words(text: str, start: float = 0.0, step: float = 0.25) -> tuple[Word, ...]:
    """The words of *text*, *step* seconds each."""
    return tuple(Word(word, start + i * step, start + (i + 1) * step, 1.0) for i, word in enumerate(text.split()))


def _message(index: int, line: str) -> Message:
    speaker, colon, text = line.partition(": ")
    return Message(f"m{index}", speaker if colon else None, words(text if colon else line, start=4.0 * index))
