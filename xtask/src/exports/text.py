"""Holds OpenMetrics text against a report: text.py TEXT REPORT CLASSIC.

TEXT is parsed by the parser of Prometheus' own client library, which is strict about
order, suffixes, units and escapes; each figure of each tag must be that of REPORT, in
JSON. The same figures go to CLASSIC in the older format, which promtool can look at.
"""

import json
import sys

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

# By the report's keys.
FIGURES = {
    "live_bytes": "live_bytes",
    "live_blocks": "live_blocks",
    "peak_bytes": "peak_bytes",
    "allocated_bytes": "allocated_bytes_total",
    "allocated_blocks": "allocated_blocks_total",
    "freed_bytes": "freed_bytes_total",
    "freed_blocks": "freed_blocks_total",
    "failed_count": "failed_allocations_total",
    "realloc_in_place_count": "reallocs_in_place_total",
    "realloc_moved_count": "reallocs_moved_total",
    "copied_bytes": "copied_bytes_total",
    "wiped_bytes": "wiped_bytes_total",
    "returned_bytes": "returned_bytes_total",
    "carried_bytes": "carried_bytes_total",
    "unwiped_bytes": "unwiped_bytes_total",
    "external_bytes": "external_bytes",
}
# What the report itself was made under.
MOVING = {"untagged", "scrubjay"}


class Parsed:
    """A collector of what was parsed."""

    def __init__(self, families):
        self.families = families

    def collect(self):
        return self.families


def main():
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        families = list(text_string_to_metric_families(file.read()))
    with open(sys.argv[2], encoding="utf-8") as file:
        report = json.load(file)
    samples = {
        (sample.name, sample.labels.get("tag"), sample.labels.get("class")): sample.value
        for family in families
        for sample in family.samples
    }
    wrong, right = [], 0
    for tag in report["tags"]:
        of_class = "secret" if tag["is_secret"] else "public"
        for key, name in FIGURES.items():
            found = samples.get((f"scrubjay_{name}", tag["name"], of_class))
            if found is None or tag["name"] not in MOVING and found != tag[key]:
                wrong.append(f"{name} of {tag['name']!r} is {found}, not {tag[key]}")
            right += tag["name"] not in MOVING
    unexpected = set(report["tags"][0]) - set(FIGURES) - {"name", "is_secret"}
    wrong += [f"{key} of the report is not exported" for key in unexpected]
    with open(sys.argv[3], "wb") as file:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Parsed(families))
        file.write(generate_latest(registry))
    print("\n".join(wrong) or f"{len(families)} families, {right} figures equal the report's")
    sys.exit(bool(wrong) or right < 3 * len(FIGURES))


main()
