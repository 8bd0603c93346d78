"""The whole evaluation: every row, every protocol, as JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from marquee_training.evaluation.judge import MAIN, Judged, pooled, totals
from marquee_training.evaluation.metrics import ci95
from marquee_training.evaluation.report import evaluate, lead_over_best, report_rows
from marquee_training.evaluation.rows import PRODUCT, names_of
from marquee_training.progress import Reporter


@pytest.fixture(scope="module")
def documents(timed, settings):
    arguments = {"protocols": settings.protocols, "seed_counts": (1, 3), "classic": settings.classic}
    return evaluate(timed, settings.config, Reporter(quiet=True), **arguments)


def rows_of(documents, protocol):
    (document,) = (document for document in documents if document["protocol"] == protocol)
    return {(row["model"], row["k"]): row for row in document["rows"]}


def test_one_document_per_protocol_with_every_row(documents, settings):
    assert [document["protocol"] for document in documents] == list(settings.protocols)
    for document in documents:
        assert {"dataset", "protocol", "rows", "details", "seconds"} == document.keys()
        models = names_of(document["protocol"])
        counts = [None] if document["protocol"] == "holdout" else [1, 3]
        asked = {(row["model"], row["k"]) for row in document["rows"]}
        assert asked == {(model, k) for model in models for k in counts}
        assert len({row["n_users"] for row in document["rows"]}) == 1
        for row in document["rows"]:
            assert row["metrics"].keys() >= {*MAIN[document["protocol"]], "coverage@10", "median_popularity@10"}
            assert row["fit_s"] >= 0
    assert json.loads(json.dumps(documents, allow_nan=False)) == documents


def test_means_lie_in_their_intervals_and_shares_between_0_and_1(documents):
    for document in documents:
        for row in document["rows"]:
            for name, (low, high) in row["ci95"].items():
                assert low <= row["metrics"][name] + 1e-4, (row["model"], name)
                assert row["metrics"][name] <= high + 1e-4, (row["model"], name)
                if name.split("@")[0] not in {"novelty", "genre_divergence"}:
                    assert 0 <= low <= high <= 1, (row["model"], name)


def test_the_taste_is_found(documents):
    rows = rows_of(documents, "few-seeds")
    for model in ("pipeline", "edlae", "item_knn", "pure_svd"):
        assert rows[model, 3]["metrics"]["ndcg@10"] > rows["popularity", 3]["metrics"]["ndcg@10"] + 0.1
    assert rows["edlae", 1]["settings"][0].keys() == {"l2", "p"}


def test_leads_are_over_the_best_other_row(documents):
    rows = rows_of(documents, "few-seeds")
    best = max(names_of("few-seeds"), key=lambda model: rows[model, 3]["metrics"]["ndcg@10"])
    for model in names_of("few-seeds"):
        lead = rows[model, 3]["lead"]["ndcg@10"]
        assert lead["over"] not in (PRODUCT if model in PRODUCT else (model,))
        assert (lead["mean"] > 0) <= (model == best or model in PRODUCT)
        other = rows[lead["over"], 3]["metrics"]["ndcg@10"]
        assert lead["mean"] == pytest.approx(rows[model, 3]["metrics"]["ndcg@10"] - other, abs=2e-4)


def test_the_dial_for_novelty_costs_little_and_shows_more(documents):
    rows = rows_of(documents, "few-seeds")
    plain, *_, novel = (rows[model, 3]["metrics"] for model in PRODUCT)
    assert novel["median_popularity@10"] <= plain["median_popularity@10"]
    assert novel["novelty@10"] > plain["novelty@10"]
    assert [rows[model, 3]["settings"] for model in PRODUCT[1:]] == [[{"novelty": at}] for at in (0.25, 0.5, 0.75, 1.0)]


def test_the_candidates_hold_more_than_the_list(documents):
    """60 films, 200 candidates: stage one hands over all of them."""
    rows = rows_of(documents, "few-seeds")
    for model in ("two_tower", "pipeline", "pipeline_classic"):
        assert rows[model, 3]["metrics"]["candidate_recall@200"] == 1


@pytest.mark.slow
def test_the_same_again(documents, timed, settings):
    arguments = {"protocols": ("few-seeds",), "seed_counts": (1,), "classic": settings.classic}
    (again,) = evaluate(timed, settings.config, Reporter(quiet=True), **arguments)
    before = [row for row in documents[0]["rows"] if row["k"] == 1]
    for row, other in zip(again["rows"], before, strict=True):
        assert {**row, "fit_s": 0} == {**other, "fit_s": 0}


def test_lists_of_rounds_are_pooled():
    values = {"ndcg@10": np.array([0.5, 1.0])}
    one = Judged(values, np.array([1, 0, 3]), np.array([5, 5, 9], dtype=np.int32))
    other = Judged({"ndcg@10": np.array([0.0])}, np.array([0, 0, 2]), np.array([7], dtype=np.int32))
    both = pooled([one, other])
    assert both.values["ndcg@10"].tolist() == [0.5, 1.0, 0.0]
    found = totals(both)
    assert found["coverage@10"] == pytest.approx(2 / 3)
    assert found["median_popularity@10"] == 6


def test_on_a_shelf_coverage_is_of_the_shelf():
    shelf = np.array([True, True, False, False])
    judged = Judged({}, np.array([1, 0, 0, 0]), np.array([2], dtype=np.int32), shelf)
    assert totals(judged)["coverage@10"] == 0.5
    other = Judged({}, np.array([0, 0, 1, 0]), np.array([2], dtype=np.int32), ~shelf)
    assert totals(pooled([judged, other]))["coverage@10"] == 0.5


def test_report_of_a_known_table():
    def judged(*values):
        marks = {name: np.array(values) for name in MAIN["holdout"]}
        return Judged(marks, np.array([1]), np.array([3], dtype=np.int32))

    results = {
        ("a", None): [(judged(0.5), 2.0, {}), (judged(0.7), 3.0, {})],
        ("b", None): [(judged(0.4), 1.0, {"l2": 5.0}), (judged(np.nan), 1.0, {"l2": 5.0})],
    }
    rows = report_rows("holdout", results)
    assert [(row["model"], row["metrics"]["ndcg@100"], row["fit_s"]) for row in rows] == [
        ("a", 0.6, 2.5),
        ("b", 0.4, 1),
    ]
    assert rows[0]["lead"]["ndcg@100"]["mean"] == pytest.approx(0.1)  # of the one who has both
    assert rows[1]["settings"] == [{"l2": 5.0}] * 2
    assert rows[0]["ci95"]["ndcg@100"] == [0.5, 0.7]


def test_without_low_ratings_the_classic_towers_get_random_negatives(timed, settings):
    happy = replace(timed, ratings=timed.ratings[timed.ratings["rating"] > 2])
    (document,) = evaluate(
        happy,
        settings.config,
        Reporter(quiet=True),
        protocols=("holdout",),
        classic=settings.classic.model_copy(update={"epochs": 1}),
    )
    rows = rows_of([document], "holdout")
    assert rows["triplet", None]["settings"] == rows["pipeline_classic", None]["settings"] == [{"hard_negatives": 0.0}]


def test_the_lead_is_paired():
    rng = np.random.default_rng(0)
    strong = rng.random(100)
    lead = lead_over_best("m", {"m": strong + 0.01}, {"x": {"m": strong}, "y": {"m": strong - 0.2}})
    assert lead["over"] == "x"
    assert lead["ci95"][0] > 0.009
    assert np.diff(ci95(strong))[0] > 0.05
