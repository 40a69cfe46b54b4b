"""Out of TensorFlow's wheel WHEEL into FOLDER: its C library, that library's framework, and the headers of its C interface. Nothing else."""

import pathlib
import sys
import zipfile

LIBRARIES = ("libtensorflow_cc.so.2", "libtensorflow_framework.so.2")
ROOT = "tensorflow/include/"
HEADERS = tuple(ROOT + folder for folder in ("tensorflow/c/", "tensorflow/core/platform/", "tsl/"))


def place_of(name):
    if name.removeprefix("tensorflow/") in LIBRARIES:
        return "lib/" + name.removeprefix("tensorflow/")
    return "include/" + name.removeprefix(ROOT) if name.startswith(HEADERS) and name.endswith(".h") else None


def main(wheel, folder):
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            place = place_of(name)
            if place is None:
                continue
            path = pathlib.Path(folder, place)
            path.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as source, path.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)


main(*sys.argv[1:])
