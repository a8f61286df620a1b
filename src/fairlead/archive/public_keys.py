"""The keys that checkpoints are verified with, and the text they are published as: `name+id+key`, as Go has it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from fairlead.errors import ConfigurationError

ED25519 = b"\x01"

_KEY_SIZE = 32


@dataclass(frozen=True, slots=True)
class PublicKey:
    """An Ed25519 key under the name it signs with; its `str` is the text to publish."""

    name: str
    key: bytes

    @property
    def id(self) -> bytes:
        """The 4 bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.key).digest()[:4]

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.key).decode()}"

    def verifies(self, signature: bytes, text: bytes) -> bool:
        """Whether the signature of the text was made with the private half of this key."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, text)
        except (InvalidSignature, ValueError):
            return False
        return True


def public_key_of(name: str, signing_key: Ed25519PrivateKey) -> PublicKey:
    """The key that verifies what `signing_key` signs in this name."""
    return PublicKey(name, signing_key.public_key().public_bytes_raw())


def read_public_key(text: str) -> PublicKey:
    """Read the text that a public key is published as; anything else is a ConfigurationError."""
    name, _, rest = text.strip().partition("+")
    identity, _, encoded = rest.partition("+")
    key = decoded(encoded) or b""
    if not is_name(name) or len(key) != 1 + _KEY_SIZE or key[:1] != ED25519:
        raise ConfigurationError(
            "This is no public key of an archive.", remedy="It has the form `name+id+key`, with an Ed25519 key."
        )
    public_key = PublicKey(name, key[1:])
    if public_key.id.hex() != identity.lower():
        raise ConfigurationError(
            f"The public key says that its id is {identity}, but it is {public_key.id.hex()}.",
            remedy="Get the key again from where it is published: its name or its bytes were changed.",
        )
    return public_key


def is_name(name: str) -> bool:
    """Whether a key may have this name: not empty, printable, no blanks and no plus sign."""
    return name.isprintable() and bool(name) and not any(char.isspace() or char == "+" for char in name)


def decoded(text: str) -> bytes | None:
    """What base64 text holds; None when it is not written the one way there is."""
    try:
        data = b64decode(text, validate=True)
    except (Error, ValueError):
        return None
    return data if b64encode(data).decode() == text else None
