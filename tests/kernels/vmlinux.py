# SPDX-License-Identifier: Apache-2.0
"""Takes the kernel proper out of the self-extracting image that packages hold."""

import gzip
import lzma
import struct
import subprocess


def extract(image):
    """The ELF vmlinux inside a bzImage (Documentation/arch/x86/boot.rst, protocol 2.08)."""
    if image[0x202:0x206] != b"HdrS":
        raise ValueError("not a Linux boot image")
    setup_sectors = image[0x1F1] or 4
    offset, length = struct.unpack_from("<II", image, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    kernel = _decompress(image[start : start + length])
    if not kernel.startswith(b"\x7fELF"):
        raise ValueError("the boot image holds no ELF file")
    return kernel


def _decompress(payload):
    # All but gzip, which has the size in its own trailer, are followed by the size: 4 bytes.
    if payload.startswith(b"\x28\xb5\x2f\xfd"):
        return _filter(["zstd", "-dc"], payload[:-4])
    if payload.startswith(b"\x02\x21\x4c\x18"):
        return _filter(["lz4", "-dc"], payload[:-4])
    if payload.startswith(b"\xfd7zXZ"):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(b"\x1f\x8b"):
        return gzip.decompress(payload)
    raise ValueError(f"compressed in a way not known here: {payload[:4].hex()}")


def _filter(command, payload):
    return subprocess.run(command, input=payload, stdout=subprocess.PIPE, check=True).stdout
