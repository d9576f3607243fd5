"""Commands whose help begins with what they do and with examples of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence


class _ExamplesFirst(click.Command):
    def __init__(self, *arguments: Any, examples: Sequence[str] = (), **details: Any) -> None:  # noqa: ANN401  # click's
        super().__init__(*arguments, **details)
        self.examples = tuple(examples)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What it does, examples, usage, options."""
        self.format_help_text(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                for example in self.examples:
                    formatter.write(f"{'':{formatter.current_indent}}{example}\n")
        formatter.write_paragraph()
        self.format_usage(ctx, formatter)
        self.format_options(ctx, formatter)
        self.format_epilog(ctx, formatter)


class Command(_ExamplesFirst):
    """A verb."""


class Group(_ExamplesFirst, click.Group):
    """A noun, or the program itself."""

    command_class = Command


Group.group_class = Group
