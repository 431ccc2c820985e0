"""Tells what this interpreter is, and what it reads: python -I -c."""

import json
import os
import sys
import sysconfig

base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
paths = sysconfig.get_paths()
read = [base]
for folder in (paths["stdlib"], paths["platstdlib"], sysconfig.get_config_var("LIBDIR")):
    if folder and os.path.isdir(folder):
        read.append(os.path.realpath(folder))

sites = []
if sys.prefix != sys.base_prefix:  # a virtual environment
    sites = sorted({path for path in (paths["purelib"], paths["platlib"]) if os.path.isdir(path)})

system = ("/usr/", "/lib/", "/lib64/", "/bin/")
print(
    json.dumps(
        {
            "version": sys.version_info[:3],
            "executable": base,
            "tag": sys.implementation.cache_tag or "python",
            "read": sorted({path for path in read + sites if not (path + "/").startswith(system)}),
            "sites": sites,
        }
    )
)
