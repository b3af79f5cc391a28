"""Sweeps without their processes: fits, tables, names, and the study that a restart goes on with."""

import math
import re
from pathlib import Path

import pytest

from pipeline.config.objectives.causal import CausalConfig
from pipeline.config.sweep import SweepConfig
from pipeline.errors import UserError
from pipeline.store.artifacts import Store, finish, write_json
from pipeline.sweep.grid import heat_map, on_the_edge
from pipeline.sweep.jobs import Job, JobRecord, run_name, sweep_name
from pipeline.sweep.objective import check_metric, read_metric
from pipeline.sweep.planning import refuse_twins
from pipeline.sweep.plots import svg
from pipeline.sweep.processes import divided_gpus
from pipeline.sweep.report import draw, fit_all
from pipeline.sweep.scaling_law import fit_power_law
from pipeline.sweep.summary import in_order, table_rows
from pipeline.tracking.tracker import Tracker

STORE = Store(Path("nowhere"))
PRINTS = {"shards": "aa", "pretrain": "bb"}


def finished(lr: str, loss: float, **metrics: float) -> Job:
    job = Job({"optim.lr": lr}, f"s-lr_{lr}", fingerprints={"pretrain": f"print-{lr}"}, state="finished")
    job.objective, job.metrics = loss, metrics
    return job


def test_a_power_law_without_a_floor_is_found_from_four_points():
    sizes = [1e5, 2e5, 4e5, 8e5]
    law = fit_power_law(sizes, [12 * n**-0.12 for n in sizes])
    assert law.scale == pytest.approx(12)
    assert law.exponent == pytest.approx(0.12)
    assert law.floor == 0


def test_a_power_law_with_a_floor_is_found_from_five_points():
    sizes = [1e5, 3e5, 1e6, 1e7, 1e9]
    law = fit_power_law(sizes, [1.7 + 400 * n**-0.34 for n in sizes])
    assert law.floor == pytest.approx(1.7, rel=0.02)
    assert law.exponent == pytest.approx(0.34, rel=0.05)
    assert law(1e8) == pytest.approx(1.7 + 400 * 1e8**-0.34, rel=0.01)


def test_the_fit_counts_relative_errors():
    sizes, noise = [1e3, 1e4, 1e5, 1e6], [1.01, 0.99, 0.99, 1.01]
    law = fit_power_law(sizes, [5 * n**-0.1 * e for n, e in zip(sizes, noise, strict=True)])
    assert law.exponent == pytest.approx(0.1, abs=0.003)
    assert 0.005 < law.error < 0.015


@pytest.mark.parametrize(
    ("sizes", "losses"), [([1, 2], [3, 2]), ([5, 5, 5], [1, 2, 3]), ([1, 2, 3], [1, 0, 2])]
)
def test_too_little_for_a_fit_gives_none(sizes, losses):
    assert fit_power_law(sizes, losses) is None


def test_runs_are_named_after_what_is_swept():
    swept = {"optim.lr": "0.0031622776601683794", "model.layers": "2"}
    assert run_name("demo-lr", swept, []) == "demo-lr-lr_0.003162-layers_2"
    assert run_name("s", {"optim.lr": "1e-5", "finetune.optim.lr": "0"}, []) == (
        "s-optim_lr_1e-5-finetune_optim_lr_0"
    )
    assert run_name("s", {"tokenizer.vocab_size": "60000"}, []) == "s-vocab_size_60000"
    assert run_name("s", {"corpus.paths": "[a/b.txt]"}, []) == "s-paths_a_b.txt"


def test_a_sweep_without_a_file_is_named_after_its_keys():
    assert sweep_name("wiki", ["optim.muon_lr"]) == "wiki-muon_lr"
    assert sweep_name("wiki", ["model", "optim.lr", "finetune.optim.lr"]) == (
        "wiki-model-optim_lr-finetune_optim_lr"
    )


def test_values_that_look_alike_get_names_of_their_own():
    names = []
    for value in ("0.00100001", "0.00100002", "0.00100003"):
        names.append(run_name("s", {"optim.lr": value}, names))
    assert names == ["s-lr_0.001", "s-lr_0.001-2", "s-lr_0.001-3"]


def test_of_each_job_the_last_state_counts(tmp_path):
    record, job = JobRecord(tmp_path), finished("0.1", 2.0)
    job.state = "running"
    record.append(job)
    record.append(finished("0.2", 3.0))
    job.state = "failed"
    record.append(job)
    with (tmp_path / "jobs.jsonl").open("a") as file:
        file.write('{"swept": {"optim.lr": "0.')  # cut by a kill
    assert [(j.swept["optim.lr"], j.state) for j in record.read()] == [("0.2", "finished"), ("0.1", "failed")]


def test_the_table_has_numbers_and_the_best_first():
    jobs = [finished("0.1", 2.0), Job({"optim.lr": "0.3"}, "c", state="failed"), finished("1e-2", 1.5)]
    assert [job.swept["optim.lr"] for job in in_order(jobs, "minimize")] == ["1e-2", "0.1", "0.3"]
    assert [job.swept["optim.lr"] for job in in_order(jobs, "maximize")] == ["0.1", "1e-2", "0.3"]
    columns, rows = table_rows(in_order(jobs, "minimize"), "pretrain.loss", [])
    assert columns == ["optim.lr", "pretrain.loss", "state", "seconds", "run", "fingerprint"]
    assert rows[0] == [0.01, 1.5, "finished", None, "s-lr_1e-2", "print-1e-2"]
    assert rows[2][:3] == [0.3, None, "failed"]
    layers = table_rows([Job({"model.layers": "3"}, "c")], "pretrain.loss", [])[1][0][0]
    assert (layers, type(layers)) == (3, int)


def test_every_key_and_fit_has_a_plot_that_fits_into_a_page():
    losses = {"0.1": 3.0, "0.01": 2.0, "0.001": 2.5}
    jobs = [finished(lr, loss, **{"pretrain.tokens": 1 / float(lr)}) for lr, loss in losses.items()]
    fits = fit_all(in_order(jobs, "minimize"), ["pretrain.tokens", "pretrain.flops"])
    assert [fit.metric for fit in fits] == ["pretrain.tokens"]
    plots = {title: svg(plot, title) for title, plot in draw(jobs, "pretrain.loss", fits, STORE).items()}
    assert list(plots) == [
        "Loss against tokens (pretrain.tokens)",
        "Loss against peak learning rate (optim.lr)",
    ]
    ids = [name for plot in plots.values() for name in re.findall(r'\bid="([^"]+)"', plot)]
    assert len(ids) == len(set(ids))


def grid(**losses: float) -> list[Job]:
    """Jobs over two keys, best first."""
    jobs = [
        Job(
            {"optim.lr": name[1:].replace("_", "e-"), "seed": name[0].replace("a", "1").replace("b", "2")},
            name,
            state="finished",
            objective=loss,
        )
        for name, loss in losses.items()
    ]
    return in_order(jobs, "minimize")


def test_two_keys_are_a_heat_map():
    jobs = grid(a1_2=2.0, a1_3=2.5, b1_2=2.1, b1_3=2.6)
    plot = svg(draw(jobs, "pretrain.loss", [], STORE)["Loss over both keys"], "grid")
    assert all(f">{text}<" in plot for text in ("2.000", "2.500", "2.100", "2.600", "1e-2", "1e-3"))
    assert heat_map(grid(a1_2=2.0, b1_3=2.5), "loss") is None, "drawn at random"
    assert heat_map(grid(a1_2=2.0, a1_3=2.5), "loss") is None


def test_a_best_value_on_the_edge_is_told():
    jobs = [finished("0.1", 1.0), finished("0.01", 2.0), finished("0.001", 3.0)]
    assert on_the_edge(jobs) == [
        "The best job has the largest peak learning rate (optim.lr) of all, 0.1: larger ones may be better still."
    ]
    assert on_the_edge([jobs[1], jobs[0], jobs[2]]) == []
    assert on_the_edge(jobs[:2]) == []


def test_the_losses_of_all_jobs_are_drawn_over_each_other(tmp_path):
    jobs = []
    for name, loss in (("a", 1.0), ("b", 2.0)):
        folder = tmp_path / "pretrain" / f"x-{name}.partial"
        folder.mkdir(parents=True)
        for step in (1, 2):
            Tracker(folder).log({"train/loss": loss / step}, step)
        finish(folder, {"metrics": {}, "outputs": {}})
        jobs.append(
            Job({"seed": name}, name, fingerprints={"pretrain": name}, state="finished", objective=loss)
        )
    plots = draw(jobs, "pretrain.loss", [], Store(tmp_path))
    drawn = svg(plots["Training losses"], "losses")
    assert ">best<" in drawn
    assert ">others<" in drawn
    steps = re.findall(r">([\d.]+)<", drawn)[:2]
    assert steps == ["1", "2"], "no half steps"


def test_values_that_are_no_numbers_are_plotted_too():
    jobs = [Job({"model": name}, name, state="finished", objective=2.0) for name in ("lstm", "llama_tiny")]
    plot = svg(draw(jobs, "pretrain.loss", [], STORE)["Loss against model"], "m")
    assert ">lstm<" in plot
    assert ">llama_tiny<" in plot


def test_an_objective_must_be_of_a_stage_that_runs():
    with pytest.raises(UserError, match="runs shards, pretrain and no evaluate"):
        check_metric("sweep.objective", "evaluate.perplexity", PRINTS, "pretrain")
    with pytest.raises(UserError, match=r"no such metric; it has best_validation_loss, .*validation_loss"):
        check_metric("sweep.objective", "pretrain.validation_los", PRINTS, "pretrain")


def test_a_model_without_a_perplexity_is_not_compared_by_it(monkeypatch):
    wanted = ("sweep.objective", "pretrain.validation_perplexity", PRINTS, "pretrain")
    check_metric(*wanted, CausalConfig())
    monkeypatch.setattr(CausalConfig, "gives_perplexity", False)
    words = "no perplexity: the objective `causal` has none; name pretrain.validation_loss"
    with pytest.raises(UserError, match=words):
        check_metric(*wanted, CausalConfig())


def test_the_objective_is_read_from_the_artifact(tmp_path):
    metrics = {"validation_loss": 2.5, "train_loss": math.inf, "headline": "fine"}
    write_manifest = {"metrics": metrics, "outputs": {}}
    (tmp_path / "pretrain" / "x-bb").mkdir(parents=True)
    write_json(tmp_path / "pretrain" / "x-bb" / "manifest.json", write_manifest)
    store = Store(tmp_path)
    assert read_metric("sweep.objective", "pretrain.validation_loss", PRINTS, store) == 2.5
    assert read_metric("sweep.objective", "pretrain.train_loss", PRINTS, store) is None
    with pytest.raises(UserError, match="gave no such number; it gave train_loss, validation_loss"):
        read_metric("sweep.objective", "pretrain.headline", PRINTS, store)


def test_two_jobs_with_one_result_are_refused():
    twins = [Job({"optim.lr": lr}, lr, fingerprints={"pretrain": "same"}) for lr in ("1e-3", "0.001")]
    with pytest.raises(UserError, match=r"'optim.lr=1e-3' and 'optim.lr=0.001'"):
        refuse_twins(twins)


def test_a_study_goes_on_from_finished_trials_and_retries_the_others():
    import optuna
    from optuna.distributions import LogUniformDistribution
    from optuna.trial import TrialState

    from pipeline.sweep.study import remembered

    storage = remembered(
        "minimize",
        ["++optim.lr=tag(log,interval(1e-4,1e-2))"],
        [{"swept": {"optim.lr": "0.001"}, "objective": 2.0}, {"swept": {"optim.lr": "5"}, "objective": 1.0}],
        [{"optim.lr": "0.003"}],
    )
    study = optuna.create_study(storage=storage, study_name="sweep", load_if_exists=True)
    assert study.best_params == {"++optim.lr": 0.001}  # 5 is outside of the space
    retried = study.ask()
    assert retried._suggest("++optim.lr", LogUniformDistribution(1e-4, 1e-2)) == 0.003
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.RUNNING]


def test_jobs_at_the_same_time_have_gpus_of_their_own(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7")
    shares = [share["CUDA_VISIBLE_DEVICES"] for share in divided_gpus(parallel=2, devices=2)]
    assert shares == ["4,5", "6,7"]
    assert divided_gpus(parallel=3, devices=2) == [{}, {}, {}]  # not enough: they share
    assert divided_gpus(parallel=2, devices=0) == [{}, {}]


def test_a_sweep_takes_no_objective_without_a_stage():
    with pytest.raises(ValueError, match="objective"):
        SweepConfig(objective="validation_loss")
