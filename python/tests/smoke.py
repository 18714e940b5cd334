"""What a wheel must do in any Python, without other packages: `python smoke.py sample-logs`."""

import pathlib
import subprocess
import sys

import keytrail

logs = sys.argv[1]
report = keytrail.analyze(logs)
assert report.counts["selected"] == 74, report.counts
for name in keytrail.TABLES:
    assert "arrow_array_stream" in repr(getattr(report, name).__arrow_c_stream__())
assert "</html>" in report.html()
assert sum(len(batch) for batch in keytrail.events(logs)) == 74
try:
    keytrail.analyze("/nowhere")
except keytrail.InputError as error:
    assert str(error).startswith("cannot open /nowhere: ")
else:
    raise SystemExit("no error")
program = pathlib.Path(sys.executable).with_name("keytrail")
printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
assert printed == f"keytrail {keytrail.__version__}\n"
print(f"Python {sys.version.split()[0]}: {printed.strip()} reads {report.counts['records']} records")
