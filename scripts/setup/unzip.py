"""Unpacks members of a wheel: unzip.py WHEEL FOLDER STRIP PREFIX...

Writes every member whose name starts with one of the prefixes, less the leading STRIP, and keeps mode bits.
Prints the number of bytes written after each 32 MB and at the end.
"""
import os
import shutil
import sys
import zipfile


def main(wheel, folder, strip, prefixes):
    written = reported = 0
    made = set()
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            name = member.filename
            if member.is_dir() or not name.startswith(tuple(prefixes)):
                continue
            target = os.path.normpath(os.path.join(folder, name[len(strip):] if name.startswith(strip) else name))
            if not target.startswith(os.path.abspath(folder) + os.sep):
                raise SystemExit(f"{wheel}: {name} points outside of the folder")
            parent = os.path.dirname(target)
            if parent not in made:
                os.makedirs(parent, exist_ok=True)
                made.add(parent)
            with archive.open(member) as source, open(target, "wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
            mode = (member.external_attr >> 16) & 0o777
            if mode:
                os.chmod(target, mode | 0o200)
            written += member.file_size
            if written - reported >= 32 << 20:
                reported = written
                print(written, flush=True)
    print(written, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], os.path.abspath(sys.argv[2]), sys.argv[3], sys.argv[4:])
