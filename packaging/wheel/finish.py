"""Makes of the wheel that maturin built the one that is published.

The program's symbols go into a file of their own, what it asks of glibc is held against a version, and the archive is
packed by zopfli, whose result every inflater reads. Writes nothing if the wheel is larger than it may be.
"""

import argparse
import base64
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

import zopfli

#: A wheel of the same files has the same bytes.
EPOCH = (1980, 1, 1, 0, 0, 0)


def main() -> None:
    arguments = parse()
    source = arguments.wheel
    arguments.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = pathlib.Path(folder, "wheel")
        with zipfile.ZipFile(source) as archive:
            archive.extractall(unpacked)
        (program,) = unpacked.glob("*.data/scripts/pipeline")
        needed = highest_glibc(program)
        print(f"the program asks for glibc {text(needed)} at most")
        allowed = version(arguments.glibc)
        if needed > allowed:
            sys.exit(f"{source.name}: needs glibc {text(needed)}, and {text(allowed)} is the oldest that it is for")
        debug = pathlib.Path(folder, f"{source.stem}.debug")
        split_symbols(program, debug)
        packed = pathlib.Path(folder, source.name)
        pack(unpacked, packed)
        megabytes = packed.stat().st_size / 1e6
        print(f"{source.name}: {megabytes:.2f} MB, its program {program.stat().st_size / 1e6:.1f} MB")
        if megabytes > arguments.most_megabytes:
            sys.exit(f"{source.name}: {megabytes:.2f} MB, and {arguments.most_megabytes} MB is the most")
        for made in (packed, debug):
            (arguments.out / made.name).write_bytes(made.read_bytes())
            print(arguments.out / made.name)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("wheel", type=pathlib.Path)
    parser.add_argument("--glibc", required=True, help="the oldest version that the program must start with")
    parser.add_argument("--most-megabytes", type=float, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    return parser.parse_args()


def highest_glibc(program: pathlib.Path) -> "tuple[int, ...]":
    """The newest version of glibc that a dynamic symbol asks for."""
    listing = subprocess.run(["objdump", "-T", program], check=True, capture_output=True, text=True)
    found = [version(match) for match in re.findall(r"GLIBC_([0-9.]+)", listing.stdout)]
    if not found:
        sys.exit(f"{program.name}: asks for no version of glibc: is it linked as it should be?")
    return max(found)


def version(written: str) -> "tuple[int, ...]":
    return tuple(int(part) for part in written.split("."))


def text(numbers: "tuple[int, ...]") -> str:
    return ".".join(map(str, numbers))


def split_symbols(program: pathlib.Path, debug: pathlib.Path) -> None:
    """Leaves the program without symbols, with a link to the file that has them: debuggers find it beside the program."""
    subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
    subprocess.run(["strip", "--strip-all", program], check=True)
    subprocess.run(["objcopy", f"--add-gnu-debuglink={debug}", program], check=True)
    program.chmod(0o755)


def pack(folder: pathlib.Path, wheel: pathlib.Path) -> None:
    """Packs a wheel's files, and writes the list of their digests anew."""
    (record,) = folder.glob("*.dist-info/RECORD")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != record)
    lines = []
    for path in files:
        digest = base64.urlsafe_b64encode(hashlib.sha256(path.read_bytes()).digest()).rstrip(b"=").decode()
        lines.append(f"{path.relative_to(folder).as_posix()},sha256={digest},{path.stat().st_size}\n")
    lines.append(f"{record.relative_to(folder).as_posix()},,\n")
    record.write_text("".join(lines))
    with zopfli.ZipFile(wheel, "w", compression=zipfile.ZIP_DEFLATED, iterations=3) as archive:
        for path in [*files, record]:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if ".data/scripts/" in entry.filename else 0o644
            entry.external_attr = (0o100000 | mode) << 16
            archive.writestr(entry, path.read_bytes())


if __name__ == "__main__":
    main()
