"""Configuration files of neat-python: that of its XOR example, and changes to it."""

from tests.support.paths import DATA

XOR = (DATA / "neat_python_xor.ini").read_text()


def changed(**values: object) -> str:
    """Return the XOR file with changed values; None removes a key.

    A new key is added to [DefaultGenome], or to another section if it is written `Section__key`.
    """
    lines = XOR.splitlines()
    for key, value in values.items():
        section, _, key = key.rpartition("__")
        place = next((n for n, line in enumerate(lines) if line.split("=")[0].strip() == key), None)
        if place is not None:
            lines[place] = "" if value is None else f"{key} = {value}"
        else:
            lines.insert(lines.index(f"[{section or 'DefaultGenome'}]") + 1, f"{key} = {value}")
    return "\n".join(lines)
