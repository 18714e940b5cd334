#!/usr/bin/env python3
"""What keytrail costs, as ratios to the floor: libdeflate-gunzip of the same archives, measured in
the same run, alternating.

    benches/measure.py [--runs N] [--scale F] [ROW...]      all rows by default; --help lists them

Needs Linux, Rust, and libdeflate-gunzip (Debian: libdeflate-tools). $KEYTRAIL_RELEASE may name a
folder with keytrail, examples/generate and examples/s3_bed; else they are built. Archives are made
in a temporary directory (--dir), which is removed at the end.

CPU is user and system time of the process. Memory is the largest resident set, which Linux never
says to be less than that of the Python that starts the process (some 16 MiB). A ratio is taken of
each pair of neighbouring runs, and the median of these ratios is shown: other load on a shared
machine hits both runs of a pair.

Rows of S3 read the archives from a server in another process (examples/s3_bed.rs), which answers
each request after 30 ms. They are compared with the same archives as files. The server takes
processor time of the same machine, which S3 would not: that time is on standard error.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLOOR = "libdeflate-gunzip"


@dataclass
class Cost:
    wall: float
    cpu: float
    memory: float  # MiB


@dataclass(frozen=True)
class Corpus:
    """What the generator is asked for."""

    mib: float = 256
    share: float = 0.3
    sagemaker: float = None  # share of SageMaker's records; None is the generator's own, some 6 %
    archive_kib: int = 4096
    seed: int = 1
    # Spelled as CloudTrail does; else in odd ways, too: every character escaped, blanks.
    everyday: bool = True


@dataclass(frozen=True)
class Row:
    what: str
    corpus: Corpus = Corpus()
    options: tuple = ()
    # Compared with: the floor, or keytrail itself on something else.
    base_corpus: Corpus = None
    base_options: tuple = None
    from_s3: bool = False
    # Incremental: so many nights before the one that is measured, which is compared with that
    # night alone.
    nights: int = 0


# Archives of 1 KiB hold one record each, which is 1.6 KiB on average: 100,000 of them are about
# 160 MiB of JSON.
TINY = Corpus(mib=98, archive_kib=1)
# Enough for some seconds, in archives that are 4 MiB as stored, or as JSON.
STORED = Corpus(mib=1024, archive_kib=29_500)
LARGER = Corpus(mib=1024)
# The floor has one thread: so has keytrail where it is compared with it.
ONE = ("--threads", "1")
TWO = ("--threads", "2")

ROWS = {
    "kms30": Row("30 % of records are KMS, default selection", options=ONE),
    "kms5": Row("5 % of records are KMS, default selection", Corpus(share=0.05), ONE),
    "few": Row("5 % of records are KMS, 1 % SageMaker, default selection", Corpus(share=0.05, sagemaker=0.01), ONE),
    "once30": Row("30 % KMS, `--no-learn`", options=("--no-learn", *ONE)),
    "once5": Row("5 % KMS, `--no-learn`", Corpus(share=0.05), ("--no-learn", *ONE)),
    "any": Row("30 % KMS, `--workload any --event any`", options=("--workload", "any", "--event", "any", *ONE)),
    "odd": Row("30 % KMS, 3 % of all records in odd spellings", Corpus(everyday=False), ONE),
    "tiny": Row("100,000 archives of one record", TINY, ONE),
    "single": Row("one archive of 2 GiB, 2 threads, `--no-learn`", Corpus(mib=2048, archive_kib=2048 * 1024), (*TWO, "--no-learn")),
    "threads": Row("1 GiB, 2 threads against 1", Corpus(mib=1024), TWO, base_options=ONE),
    "four": Row(
        "4 GiB against 1 GiB, 2 threads, `--no-learn`",
        Corpus(mib=4096),
        (*TWO, "--no-learn"),
        Corpus(mib=1024),
        (*TWO, "--no-learn"),
    ),
    "nights": Row(
        "`--incremental`: one new night onto a hundred, against that night alone",
        Corpus(archive_kib=256),
        ONE,
        nights=100,
    ),
    "s3": Row("from S3, 2 threads, objects of 4 MiB, against files", STORED, TWO, base_options=TWO, from_s3=True),
    "s3small": Row("from S3, 2 threads, objects of 4 MiB of JSON, against files", LARGER, TWO, base_options=TWO, from_s3=True),
}


def run(command, environment=None):
    """One run of a command, and what the kernel says of it."""
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"exit status {child.returncode}: {' '.join(map(str, command[:6]))} ...")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def median(costs, what):
    return statistics.median(getattr(cost, what) for cost in costs)


class Server:
    """A folder as objects in S3, 30 ms away."""

    def __init__(self, program, folder):
        self.process = subprocess.Popen([program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        told = json.loads(self.process.stdout.readline())
        own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.uri, self.environment = told["uri"], own | told["environment"]

    def cpu(self):
        """Seconds of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, release, folder, runs, scale):
        self.keytrail, self.generate = release / "keytrail", release / "examples" / "generate"
        self.bed = release / "examples" / "s3_bed"
        self.folder, self.runs, self.scale = folder, runs, scale
        self.made = {}

    def archives(self, corpus):
        """The folder of a corpus, made when first asked for."""
        if corpus not in self.made:
            folder = self.folder / f"corpus{len(self.made)}"
            # A corpus of one archive stays one when it is scaled.
            single = corpus.archive_kib >= corpus.mib * 1024
            kib = max(1, round(corpus.archive_kib * (self.scale if single else 1)))
            sizes = ["--mib", corpus.mib * self.scale, "--archive-kib", kib]
            command = [self.generate, folder, *sizes, "--seed", corpus.seed, "--kms-share", corpus.share]
            if corpus.sagemaker is not None:
                command += ["--sagemaker-share", corpus.sagemaker]
            command += ["--everyday"] if corpus.everyday else []
            done = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
            print(f"made {done.stdout.strip()}", file=sys.stderr)
            self.made[corpus] = folder / "AWSLogs"
        return self.made[corpus]

    def forget(self, wanted):
        """Removes what no row to come needs: the disk may be small."""
        for corpus in [corpus for corpus in self.made if corpus not in wanted]:
            shutil.rmtree(self.made.pop(corpus).parent)

    def analyze(self, corpus, options, server=None):
        out = self.folder / "report"
        logs = server.uri if server else self.archives(corpus)
        command = [self.keytrail, "analyze", logs, "-o", out, "--force", "-q", *options]
        return run(command, server and server.environment)

    def decompress(self, corpus):
        files = sorted(str(path) for path in self.archives(corpus).rglob("*.json.gz"))
        # As many as a command line takes.
        costs = [run([FLOOR, "-c", *files[at : at + 5000]]) for at in range(0, len(files), 5000)]
        return Cost(sum(c.wall for c in costs), sum(c.cpu for c in costs), max(c.memory for c in costs))

    def measure(self, row):
        """Costs of the row and of what it is compared with, in pairs."""
        if row.nights:
            return self.measure_last_night(row)
        against_floor = row.base_corpus is None and row.base_options is None
        server = Server(self.bed, self.archives(row.corpus)) if row.from_s3 else None
        ours, base, served = [], [], []
        for turn in range(self.runs + 1):
            before = server.cpu() if server else 0
            cost = self.analyze(row.corpus, row.options, server)
            served.append(server.cpu() - before if server else 0)
            if against_floor:
                other = self.decompress(row.corpus)
            else:
                other = self.analyze(row.base_corpus or row.corpus, row.base_options or ())
            if turn > 0:  # the first pair warms the page cache
                ours.append(cost)
                base.append(other)
        if server:
            server.end()
            cpu = statistics.median(served[1:])
            print(f"the server took {cpu:.2f} s of CPU in each run of {median(ours, 'wall'):.2f} s", file=sys.stderr)
        return ours, base

    def measure_last_night(self, row):
        """An incremental run with one new night, and that night alone."""
        logs, report, before = (self.folder / name for name in ("logs", "report", "before"))
        files = sorted(self.archives(row.corpus).rglob("*.json.gz"))
        command = [self.keytrail, "analyze", "-q", *row.options]
        incremental = [*command, logs, "-o", report, "--incremental"]
        night = []
        for number in range(row.nights + 1):
            night = files[number :: row.nights + 1]
            for file in night:
                to = logs / file.relative_to(self.archives(row.corpus))
                to.parent.mkdir(parents=True, exist_ok=True)
                os.link(file, to)
            if number < row.nights:
                run(incremental)
        known = json.loads((report / "run.json").read_text())
        old = sum(scope["kms_records"] for scope in known["coverage"]["scopes"])
        report.rename(before)
        ours, base = [], []
        for turn in range(self.runs + 1):
            shutil.copytree(before, report)
            cost = run(incremental)
            shutil.rmtree(report)
            alone = run([*command, *night, "-o", report, "--force"])
            shutil.rmtree(report)
            if turn > 0:
                ours.append(cost)
                base.append(alone)
        more = median(ours, "cpu") - median(base, "cpu")
        print(f"{more / old * 1e6:.2f} µs for each of {old} old KMS records", file=sys.stderr)
        shutil.rmtree(logs)
        shutil.rmtree(before)
        return ours, base

    def show(self, row):
        ours, base = self.measure(row)

        def ratio(what):
            return statistics.median(getattr(a, what) / getattr(b, what) for a, b in zip(ours, base))

        cells = [f"{median(costs, what):.2f}" for what in ("cpu", "wall") for costs in (ours, base)]
        cells += [f"{median(costs, 'memory'):.0f}" for costs in (ours, base)]
        cells += [f"{ratio(what):.2f}" for what in ("cpu", "wall", "memory")]
        count = sum(1 for _ in self.archives(row.corpus).rglob("*.json.gz"))
        cells += [f"{count / median(ours, 'cpu'):.0f}", f"{median(ours, 'cpu') / median(ours, 'wall'):.2f}"]
        what = row.what if self.scale == 1 else f"{row.what}, scaled by {self.scale:g}"
        print(f"| {what} | {' | '.join(cells)} |", flush=True)


def main():
    rows = "\n".join(f"  {name:8} {row.what}" for name, row in ROWS.items())
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, epilog=f"rows:\n{rows}", formatter_class=form)
    parser.add_argument("row", nargs="*", help="which to measure; all when none is named")
    parser.add_argument("--runs", type=int, default=7, help="pairs of runs that count (7)")
    parser.add_argument("--scale", type=float, default=1, help="sizes as a share of the documented ones (1)")
    parser.add_argument("--dir", help="where archives are made, some GiB at full scale (the system's place)")
    options = parser.parse_args()
    unknown = [name for name in options.row if name not in ROWS]
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    if not shutil.which(FLOOR):
        sys.exit(f"{FLOOR} is missing: apt-get install libdeflate-tools")
    release = os.environ.get("KEYTRAIL_RELEASE")
    if not release:
        build = "cargo build --release --locked --quiet --bin keytrail --example generate --example s3_bed"
        subprocess.run(build.split(), cwd=ROOT, check=True)
        release = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
    names = options.row or list(ROWS)
    with tempfile.TemporaryDirectory(dir=options.dir, prefix="keytrail-measure-") as folder:
        bench = Bench(Path(release).resolve(), Path(folder), options.runs, options.scale)
        print(f"Medians of {options.runs} pairs, {os.cpu_count()} cores. `base` is the floor ({FLOOR}), or what the row names.\n")
        print("| work | CPU, s | base | wall, s | base | memory, MiB | base | CPU ratio | wall ratio | memory ratio |", end="")
        print(" archives per CPU s | CPU / wall |\n|---|" + "--:|" * 11, flush=True)
        for at, name in enumerate(names):
            bench.show(ROWS[name])
            coming = [ROWS[later] for later in names[at + 1 :]]
            bench.forget({row.corpus for row in coming} | {row.base_corpus for row in coming})


if __name__ == "__main__":
    main()
