"""Where networks are evaluated."""

from __future__ import annotations


def resolve_device(device: str) -> str:
    """The device that a name stands for: "auto" is the best there is, today "cpu".

    Raises:
        ValueError: The device is not known, or this version does not evaluate on it.
    """
    if device in ("auto", "cpu"):
        return "cpu"
    if isinstance(device, str) and (device == "cuda" or device.startswith("cuda:")):
        raise ValueError(
            f"device: this version evaluates on the CPU only, got {device!r}; use 'auto' or 'cpu'"
        )
    raise ValueError(f"device: expected 'auto' or 'cpu', got {device!r}")
