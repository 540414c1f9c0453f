"""Signatures over files, in the format of OpenSSH: `ssh-keygen -Y` makes and verifies the same ones.

`sshsig` is the format, `signers` the file that says whose signature counts, `keys` the mathematics. The package knows
bytes and times; what is signed, and what a signature is worth, is for others to say.
"""


class SignatureError(Exception):
    """A signature that must not be believed, or a key that cannot be used; `message` is for the user."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
