"""A folder that changes as a mounted ConfigMap or Secret does."""

import os


class Volume:
    """A folder that is filled as the kubelet fills a volume: all files change in one rename."""

    def __init__(self, folder):
        self.folder = folder
        self._count = 0
        folder.mkdir()

    def swap(self, **files):
        self._count += 1
        data = self.folder / f"..data_{self._count}"
        data.mkdir()
        for name, text in files.items():
            (data / name.replace("__", ".")).write_text(text)
        new = self.folder / "..data_tmp"
        new.symlink_to(data.name)
        os.replace(new, self.folder / "..data")  # noqa: PTH105 - the system call that is meant
        for link in [path for path in self.folder.iterdir() if not path.name.startswith("..")]:
            if not link.exists():
                link.unlink()
        for file in data.iterdir():
            link = self.folder / file.name
            if not link.is_symlink():
                link.symlink_to(f"..data/{file.name}")
