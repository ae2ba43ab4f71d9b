"""Splink 5 on standardised rows: run by a Python that has it (`UNSILO_BENCH_SPLINK_PYTHON`), not by this project's.

Reads the CSV of `bench.matching.standardised`, trains on the rows themselves and prints, as one JSON object, the F1 of
pairs at the threshold that is best by the truth, what it links at fixed probabilities, seconds and memory. The
configuration: names with term frequencies, short forms and Jaro-Winkler, dates, numbers, telephone, email and address
with levels of their own; expectation and maximisation on blocks that imply the person only, since blocks by telephone
or address would teach it that a household is a person.
"""

import csv
import json
import logging
import resource
import sys
import time
from collections import Counter
from typing import Any

import splink.comparison_level_library as level
import splink.comparison_library as compare
from splink import Linker, SettingsCreator
from splink.backends.duckdb import DuckDBAPI
from splink.blocking_rule_library import block_on

logging.getLogger("splink").setLevel(logging.ERROR)


def _named(column: str, other: str, *more: Any) -> Any:
    return compare.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            level.NullLevel(column),
            level.ExactMatchLevel(column, term_frequency_adjustments=True),
            *more,
            level.CustomLevel(f"{column}_l = {other}_r and {other}_l = {column}_r"),
            level.JaroWinklerLevel(column, 0.94),
            level.JaroWinklerLevel(column, 0.85),
            level.ElseLevel(),
        ],
    )


def _slipped(column: str, *more: Any) -> Any:
    return compare.CustomComparison(
        output_column_name=column,
        comparison_levels=[
            level.NullLevel(column),
            level.ExactMatchLevel(column),
            *more,
            level.DamerauLevenshteinLevel(column, 1),
            level.ElseLevel(),
        ],
    )


_PLACE = "street_l = street_r and house_l = house_r"
COMPARISONS = [
    _named("first", "family", level.CustomLevel("formal_l = formal_r")),
    _named("family", "first"),
    compare.CustomComparison(
        output_column_name="birth",
        comparison_levels=[
            level.NullLevel("birth"),
            level.ExactMatchLevel("birth"),
            level.CustomLevel(
                "substr(birth_l,1,4) = substr(birth_r,1,4) and substr(birth_l,5,2) = substr(birth_r,7,2) and "
                "substr(birth_l,7,2) = substr(birth_r,5,2)"
            ),
            level.DamerauLevenshteinLevel("birth", 1),
            level.DamerauLevenshteinLevel("birth", 2),
            level.CustomLevel("abs(cast(substr(birth_l,1,4) as int) - cast(substr(birth_r,1,4) as int)) < 10"),
            level.ElseLevel(),
        ],
    ),
    _slipped("sex"),
    compare.CustomComparison(
        output_column_name="ssn",
        comparison_levels=[
            level.NullLevel("ssn4"),
            level.ExactMatchLevel("ssn"),
            level.DamerauLevenshteinLevel("ssn", 1),
            level.CustomLevel("ssn4_l = ssn4_r and (ssn_l is null or ssn_r is null)"),
            level.ElseLevel(),
        ],
    ),
    _slipped("phone"),
    _slipped("email", level.JaroWinklerLevel("email", 0.92)),
    compare.CustomComparison(
        output_column_name="street",
        comparison_levels=[
            level.NullLevel("street"),
            level.CustomLevel(f"{_PLACE} and postal_l = postal_r"),
            level.CustomLevel("postal_l = postal_r and jaro_winkler_similarity(street_l, street_r) >= 0.9"),
            level.CustomLevel("postal_l = postal_r"),
            level.CustomLevel("city_l = city_r"),
            level.ElseLevel(),
        ],
    ),
]
BLOCKS = [
    block_on("ssn"), block_on("ssn4", "birth"), block_on("first", "birth"), block_on("formal", "birth"),
    block_on("family", "birth"), block_on("first", "family", "substr(birth,1,4)"),
    block_on("first", "family", "substr(birth,5,4)"), block_on("first", "family", "postal"),
    block_on("formal", "family", "postal"), block_on("phone", "first"), block_on("email"),
    block_on("ssn4", "family"), block_on("postal", "birth"), block_on("first", "house", "street"),
]  # fmt: skip
TRAINING = [block_on("first", "family"), block_on("formal", "birth"), block_on("ssn")]
AT = (0.5, 0.9, 0.99, 0.999)


def main() -> int:
    """Run it on the CSV of the first argument."""
    began = time.perf_counter()
    with open(sys.argv[1], encoding="utf-8", newline="") as source:
        truth = {int(row["unique_id"]): row["truth"] for row in csv.DictReader(source)}
    pairs = sum(many * (many - 1) // 2 for many in Counter(truth.values()).values())
    api = DuckDBAPI()
    connection = api._con
    connection.execute("set threads = 2")
    connection.execute("set memory_limit = '8GB'")
    connection.execute(
        f"create table people as select * from read_csv('{sys.argv[1]}', all_varchar = true, header = true)"  # noqa: S608
    )
    columns = [row[0] for row in connection.execute("describe people").fetchall()]
    kept = ", ".join(
        "cast(unique_id as bigint) as unique_id" if c == "unique_id" else f"nullif({c}, '') as {c}"
        for c in columns
        if c != "truth"
    )
    connection.execute(f"create table rows_ as select {kept} from people")  # noqa: S608 - names of columns
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=COMPARISONS,
        blocking_rules_to_generate_predictions=BLOCKS,
        retain_matching_columns=False,
        probability_two_random_records_match=1 / len(truth),
    )
    linker = Linker(api.register("rows_"), settings, log_level=logging.ERROR)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e7, seed=1)
    for rule in TRAINING:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    trained = time.perf_counter() - began
    found = linker.inference.predict(threshold_match_probability=0.05)
    rows = connection.execute(
        f"select unique_id_l, unique_id_r, match_probability from {found.physical_name} order by 3 desc"  # noqa: S608
    ).fetchall()
    right, best, at, shown = 0, 0.0, 1.0, {}
    for count, (one, other, chance) in enumerate(rows, 1):
        right += truth[one] == truth[other]
        last = count == len(rows) or rows[count][2] != chance
        f1 = 2 * right / (count + pairs)
        if last and f1 > best:
            best, at = f1, chance
        for least in AT:
            if chance >= least:
                shown[str(least)] = {"precision": right / count, "recall": right / pairs, "f1": f1}
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "best_f1": best,
                "best_at": at,
                "at": shown,
                "training_seconds": trained,
                "seconds": time.perf_counter() - began,
                "cpu": used.ru_utime + used.ru_stime,
                "gigabytes": used.ru_maxrss / 1e6,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
