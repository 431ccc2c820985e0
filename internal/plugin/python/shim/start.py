"""Starts a plugin: start.py NAME FILE ORIGIN [ROOT]

NAME is what the plugin is called, FILE its code, ORIGIN where its author keeps that file, and ROOT the folder
that FILE belongs to, if the plugin is a folder.
"""

import os
import sys


def main():
    if sys.version_info < (3, 10):  # said here, in words that older ones read
        sys.stderr.write("sumun: %s:1: plugins need Python 3.10 or newer; this is %d.%d\n" % ((sys.argv[3],) + sys.version_info[:2]))
        sys.exit(3)

    # A plugin's packages stand behind the standard library, as some have modules of its names, and before what else is installed.
    packages = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    sys.path.sort(key=lambda path: 1 if path in packages else 2 * path.endswith(("site-packages", "dist-packages")))

    # The first entry of the path is the folder of this file; what is imported from now on is the author's business.
    from sumun_shim import load

    del sys.path[0]
    load.main(sys.argv[1:])


if __name__ == "__main__":
    main()
