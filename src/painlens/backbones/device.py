"""Where a network runs and in which numbers."""

from typing import Literal

import torch

from painlens.tables import DataError


def choose_device(name: str = "auto") -> torch.device:
    """The device called `name`; ``auto``: CUDA, else Apple's MPS, else the processor.

    Raises
    ------
    DataError
        The device is unknown or this machine does not have it.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"device '{name}' cannot be used: {reason}; use 'auto' or 'cpu'") from None
    return device


def choose_precision(setting: Literal["auto", "float32", "bfloat16"], device: torch.device) -> torch.dtype:
    """Type of the numbers in convolutions while training; weights and their updates are float32 in any case.

    ``auto`` takes bfloat16 where it pays: on CUDA devices that have it, and on processors with AMX tiles, where
    it trains about twice as fast as float32. With AVX-512 bfloat16 instructions alone it is slower than float32 in
    the channels-last layout (measured on the compact network, 64 x 64: 105 against 70 ms a batch), so these get
    float32.
    """
    if setting != "auto":
        return torch.float32 if setting == "float32" else torch.bfloat16
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_bf16", False))
    return torch.bfloat16 if fast else torch.float32
