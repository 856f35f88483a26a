"""The guest: 512 bytes that the BIOS boots, which beat by the clock's interrupts, and crash when they are told to.

It prints a `B` on its serial port when it boots, and a dot at each tick. What comes in on the port is written to the
panic device, which is how a guest's kernel tells that it has crashed.
"""

SECTOR_BYTES = 512
BOOTED = b"B"
PROGRAM = bytes(
    (
        0xBA, 0xF8, 0x03,  # mov dx, 0x3f8: the serial port
        0xB0, 0x42,  # mov al, 'B'
        0xEE,  # out dx, al
        0xFB,  # beat: sti
        0xF4,  # hlt: until the next tick, 18 a second
        0xBA, 0xFD, 0x03,  # mov dx, 0x3fd: the line status of the serial port
        0xEC,  # in al, dx
        0xA8, 0x01,  # test al, 1: has anything come in?
        0x74, 0x07,  # jz dot
        0xB0, 0x01,  # mov al, 1: panicked
        0xBA, 0x05, 0x05,  # mov dx, 0x505: the panic device
        0xEE,  # out dx, al
        0xF4,  # hlt
        0xBA, 0xF8, 0x03,  # dot: mov dx, 0x3f8
        0xB0, 0x2E,  # mov al, '.'
        0xEE,  # out dx, al
        0xEB, 0xE7,  # jmp beat
    )
)  # fmt: skip


def boot_sector() -> bytes:
    """Returns what a BIOS boots."""
    return PROGRAM.ljust(SECTOR_BYTES - 2, b"\0") + b"\x55\xaa"
