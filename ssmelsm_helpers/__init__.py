"""Helpers for the spike-and-slab mixed-effects location-scale model (SS-MELSM)."""

from importlib import import_module

# Where each public name lives. Modules load when a name is first used, so that `import ssmelsm_helpers`
# is quick and neither PyMC nor the charts are paid for by those who do not need them.
_HOMES = {
    "data": ["students_from_summary", "within_between"],
    "summaries": ["summarise_schools"],
    "saeb": ["load_saeb", "load_saeb_reference", "load_saeb_schools"],
    "simulate": ["Simulation", "simulate_outcomes", "simulate_schools"],
    "priors": ["Beta", "Priors"],
    "models": ["build_model"],
    "fitting": ["fit", "fit_schools"],
    "spread": ["chance_band", "compare_with_chance", "pooled_sd"],
    "charts.bumps": ["spike_bump_chart"],
    "charts.comparisons": ["formulations_chart", "pip_comparison_chart"],
    "charts.effects": ["common_own_sd_chart", "two_effect_chart"],
    "charts.levels": ["few_schools_chart"],
    "charts.pips": ["funnel_chart", "outcome_chart", "pip_chart"],
    "charts.spreads": ["caterpillar_chart", "school_sd_chart"],
    "charts.studies": ["power_chart", "rank_chart"],
    "prose": ["glue"],
    "exercises.feedback": ["Feedback"],
    "exercises.chapters_01_02": [
        "check_average_sd",
        "check_pupils_needed",
        "check_scale_formula",
        "check_sd_ratio",
        "check_student_sd",
        "check_variance_coefficient",
    ],
    "exercises.chapters_03_05": [
        "check_cholesky_corner",
        "check_effect_covariance",
        "check_expected_t",
        "check_kept_sd",
        "check_least_pip",
        "check_mixture_sd",
        "check_pip_for_bayes_factor",
        "check_pip_from_draws",
    ],
    "exercises.chapters_06_07": [
        "check_bayes_factor",
        "check_common_sd",
        "check_false_flags",
        "check_log_sd_error",
        "check_outside_band",
        "check_single_student",
    ],
    "exercises.chapters_08_10": ["check_mixture", "check_moved_most", "check_sd_factor", "check_terms"],
    "exercises.chapters_11_12": ["check_expected_hits", "check_rank", "check_rank_shape", "check_students_needed"],
    "exercises.chapters_13_14": [
        "check_any_effect",
        "check_correlations",
        "check_effect_bayes_factor",
        "check_unit_change",
        "check_wording",
    ],
    "examples": ["load_example"],
    "explorers.card": ["school_card"],
    "explorers.construction": ["construction_explorer"],
    "explorers.melsm": ["melsm_explorer"],
    "explorers.power": ["power_explorer"],
    "explorers.spike_slab": ["spike_slab_explorer"],
    "explorers.threshold": ["threshold_explorer"],
    "explorers.views": ["Explorer"],
    "evidence": ["Evidence", "school_evidence"],
    "inclusion": ["bayes_factor", "fdr_threshold", "pip_table"],
    "checks": ["convergence", "replicated_sds"],
    "comparison": ["heterogeneity", "pointwise_log_likelihood"],
    "sensitivity": ["sensitivity_table", "with_inclusion_prior"],
    "calibration": ["calibration_study", "calibration_verdict"],
    "power": ["design_table", "detection_probability", "learned_tau_t"],
    "studies": ["StudyDesign", "run_study"],
    "study_designs": ["published_study", "unbalanced_study"],
    "study_results": ["calibration_table", "load_study", "summarise_study"],
    "reporting": ["report"],
    "baseline": ["two_stage"],
    "prediction": ["predict_school", "prior_predictive"],
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
    if name in _MODULE_OF:
        value = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
