"""For the site: docstrings are plain text, which this extension of griffe turns into Markdown.

Stars and underscores stay as they are, `>>>` begins a block of code, and what is said of a parameter
("threads: ...") and of errors ("Raises ...") begins a paragraph.
"""

import re
from typing import Any

import griffe


class PlainDocstrings(griffe.Extension):
    """Rewrites each docstring once, when its object is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        if obj.docstring is not None:
            made = obj.members.get("__init__") if obj.is_class else obj
            parameters = [parameter.name for parameter in getattr(made, "parameters", ())]
            fields = [name for name, member in obj.members.items() if obj.is_class and member.is_attribute]
            obj.docstring.value = markdown(obj.docstring.value, {*parameters, *fields} - {"self", "cls"})

    def on_package(self, *, pkg: griffe.Module, **kwargs: Any) -> None:
        self.on_object(obj=pkg)  # which griffe leaves out at the top


def markdown(text: str, names: set[str]) -> str:
    """The paragraphs of `text` as Markdown; `names` are its parameters."""
    return "\n\n".join(_paragraph(part, names) for part in re.split(r"\n\s*\n", text.strip()))


def _paragraph(text: str, names: set[str]) -> str:
    if text.startswith(">>>"):
        return f"```pycon\n{text}\n```"
    if re.search(r"^(?: {4}|- )", text, re.MULTILINE):  # code and lists
        return text
    parts = re.split(r"(`[^`]*`)", " ".join(text.split()))  # every other one is code
    line = "".join(part if part[:1] == "`" else re.sub(r"([*_<])", r"\\\1", part) for part in parts)
    for name in sorted(names):
        shown = re.escape(name.replace("_", r"\_"))
        line = re.sub(rf"(?:^|(?<=[.;] )){shown}: ", f"\n\n**`{name}`**: ", line)
    line = re.sub(r"(?<=\. )Raises ", "\n\nRaises ", line)
    return re.sub(r" *\n\n", "\n\n", line).strip()
