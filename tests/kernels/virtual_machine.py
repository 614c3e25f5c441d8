# SPDX-License-Identifier: Apache-2.0
"""Boots a kernel and collects what guest_init.sh prints on the serial console."""

import dataclasses
import re
import subprocess

# A guest takes about a minute, several times that where much else runs.
_DEADLINE_S = 600

# Emulated, because KVM is not everywhere, and with one CPU, because guests with more oops when the
# kernel patches its own code. The features taken away are those that the emulation lacks or that
# make it slow or unreliable.
_CPU = "Haswell-noTSX,-x2apic,-tsc-deadline,-invpcid,-spec-ctrl,-pcid,-cx16"
_QEMU = (
    f"qemu-system-x86_64 -accel tcg -M microvm -smp 1 -m 768 -cpu {_CPU}"
    " -nodefaults -no-user-config -no-reboot -display none -serial stdio"
)
_KERNEL_WORDS = (
    "console=ttyS0 quiet panic=-1 reboot=t mitigations=off random.trust_cpu=on nokaslr rcupdate.rcu_expedited=1"
)


@dataclasses.dataclass(frozen=True)
class Section:
    """What one step in the guest printed, and the status it ended with."""

    status: int
    output: bytes


@dataclasses.dataclass(frozen=True)
class Run:
    """All that a guest said."""

    console: bytes
    sections: dict  # of Section by name


def run(kernel, initramfs):
    """Boots `kernel` with `initramfs` and waits until it turns itself off."""
    words = f"{_KERNEL_WORDS} tsc_early_khz={_tsc_khz()}"
    command = [*_QEMU.split(), "-kernel", kernel.image, "-initrd", initramfs, "-append", words]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as qemu:
        try:
            console, _ = qemu.communicate(timeout=_DEADLINE_S)
        except subprocess.TimeoutExpired:
            qemu.kill()
            console = qemu.communicate()[0] + b"\n(it did not end in time)\n"
    console = console.replace(b"\r\n", b"\n")  # undoes what the guest's terminal does
    return Run(console, _split(console))


def _split(console):
    sections = {}
    for match in re.finditer(
        rb"^@@ begin (\S+)\n(.*?)@@ end \1 (\d+)$", console, re.MULTILINE | re.DOTALL
    ):
        sections[match[1].decode()] = Section(int(match[3]), match[2])
    return sections


def _tsc_khz():
    """How fast the counter runs that the emulator hands through: a guest that has to measure it
    may hang."""
    log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if found := re.search(rb"tsc: Detected ([\d.]+) MHz", log.stdout):
        return int(float(found[1]) * 1000)
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpus:
        return int(float(re.search(r"cpu MHz\s*: ([\d.]+)", cpus.read())[1]) * 1000)
