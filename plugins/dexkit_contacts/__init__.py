"""HiChIP contacts as a plugin: the ``contacts`` block and its encoders."""

from __future__ import annotations

from dexkit.hooks import BlockEntry, EncoderEntry, hookimpl
from dexkit_contacts.config import PAPER, Contacts2019Config, ContactsConfig, DenseContactsConfig

__all__ = [
    "Contacts2019Config",
    "ContactsConfig",
    "DenseContactsConfig",
    "dexkit_blocks",
    "dexkit_encoders",
]


@hookimpl
def dexkit_blocks() -> list[BlockEntry]:
    """Register the block ``contacts``."""
    return [
        BlockEntry(
            name="contacts",
            config=ContactsConfig,
            factory="dexkit_contacts.block:plan",
            summary="depth-normalised log2 contact profile around the TSS",
            default=True,
        )
    ]


@hookimpl
def dexkit_encoders() -> list[EncoderEntry]:
    """Register the encoders ``dense-contacts`` and ``contacts-2019``."""
    return [
        EncoderEntry(
            name="dense-contacts",
            block="contacts",
            config=DenseContactsConfig,
            factory="dexkit_contacts.encoder:build",
            summary="fully connected contact network (DeepExpression, 400-80-40)",
            default=True,
            presets={"paper": PAPER},
        ),
        EncoderEntry(
            name="contacts-2019",
            block="contacts",
            config=Contacts2019Config,
            factory="dexkit_contacts.published:build",
            summary="the contact network of DeepExpression's published code",
        ),
    ]
