"""Starts a plugin: start.py NAME FILE ORIGIN [ROOT]

NAME is what the plugin is called, FILE its code, ORIGIN where its author keeps that file, and ROOT the folder
that FILE belongs to, if the plugin is a folder.
"""

import sys

# The first entry of the path is the folder of this file; what is imported from now on is the author's business.
from sumun_shim import load

if __name__ == "__main__":
    del sys.path[0]
    load.main(sys.argv[1:])
