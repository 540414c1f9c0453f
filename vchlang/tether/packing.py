"""The tether as one file that any Python can run: `python -I -S tether.pyz DIR`.

Equal sources give equal bytes, so its digest says which tether an executor has.
"""

import io
import zipfile
from importlib.resources import files

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first date a zip can hold
_MAIN = "import sys\n\nfrom tether.main import main\n\nraise SystemExit(main(sys.argv[1:]))\n"
_STAYS = ("client.py", "packing.py", "__main__.py")  # what only the outside uses, and what _MAIN replaces


def packed() -> bytes:
    """The archive's bytes."""
    package = __package__ or "tether"
    sources = {
        f"tether/{file.name}": file.read_bytes()
        for file in files(package).iterdir()
        if file.name.endswith(".py") and file.name not in _STAYS
    }
    sources["__main__.py"] = _MAIN.encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(sources):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, sources[name])
    return out.getvalue()
