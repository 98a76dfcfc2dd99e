from . import explore as explore
from . import plot as plot
from . import study as study
from .data.chance import compare_with_chance as compare_with_chance
from .data.chance import pooled_sd as pooled_sd
from .data.examples import load_example as load_example
from .data.saeb import load_saeb as load_saeb
from .data.saeb import load_saeb_schools as load_saeb_schools
from .data.schools import students_from_summary as students_from_summary
from .data.schools import within_between as within_between
from .data.summaries import summarise_schools as summarise_schools
from .exercises.chapters_01_02 import (
    check_average_sd as check_average_sd,
)
from .exercises.chapters_01_02 import (
    check_pupils_needed as check_pupils_needed,
)
from .exercises.chapters_01_02 import (
    check_scale_formula as check_scale_formula,
)
from .exercises.chapters_01_02 import (
    check_sd_ratio as check_sd_ratio,
)
from .exercises.chapters_01_02 import (
    check_student_sd as check_student_sd,
)
from .exercises.chapters_01_02 import (
    check_variance_coefficient as check_variance_coefficient,
)
from .exercises.chapters_03_05 import (
    check_cholesky_corner as check_cholesky_corner,
)
from .exercises.chapters_03_05 import (
    check_effect_covariance as check_effect_covariance,
)
from .exercises.chapters_03_05 import (
    check_expected_t as check_expected_t,
)
from .exercises.chapters_03_05 import (
    check_kept_sd as check_kept_sd,
)
from .exercises.chapters_03_05 import (
    check_least_pip as check_least_pip,
)
from .exercises.chapters_03_05 import (
    check_mixture_sd as check_mixture_sd,
)
from .exercises.chapters_03_05 import (
    check_pip_for_bayes_factor as check_pip_for_bayes_factor,
)
from .exercises.chapters_03_05 import (
    check_pip_from_draws as check_pip_from_draws,
)
from .exercises.chapters_06_07 import (
    check_bayes_factor as check_bayes_factor,
)
from .exercises.chapters_06_07 import (
    check_common_sd as check_common_sd,
)
from .exercises.chapters_06_07 import (
    check_false_flags as check_false_flags,
)
from .exercises.chapters_06_07 import (
    check_log_sd_error as check_log_sd_error,
)
from .exercises.chapters_06_07 import (
    check_outside_band as check_outside_band,
)
from .exercises.chapters_06_07 import (
    check_single_student as check_single_student,
)
from .exercises.chapters_08_10 import (
    check_mixture as check_mixture,
)
from .exercises.chapters_08_10 import (
    check_moved_most as check_moved_most,
)
from .exercises.chapters_08_10 import (
    check_sd_factor as check_sd_factor,
)
from .exercises.chapters_08_10 import (
    check_terms as check_terms,
)
from .exercises.chapters_11_12 import (
    check_expected_hits as check_expected_hits,
)
from .exercises.chapters_11_12 import (
    check_rank as check_rank,
)
from .exercises.chapters_11_12 import (
    check_rank_shape as check_rank_shape,
)
from .exercises.chapters_11_12 import (
    check_students_needed as check_students_needed,
)
from .exercises.chapters_13_14 import (
    check_any_effect as check_any_effect,
)
from .exercises.chapters_13_14 import (
    check_correlations as check_correlations,
)
from .exercises.chapters_13_14 import (
    check_effect_bayes_factor as check_effect_bayes_factor,
)
from .exercises.chapters_13_14 import (
    check_unit_change as check_unit_change,
)
from .exercises.chapters_13_14 import (
    check_wording as check_wording,
)
from .fitting.fit import fit as fit
from .fitting.fit import fit_schools as fit_schools
from .model.pymc.build import build_model as build_model
from .model.simulate import simulate_outcomes as simulate_outcomes
from .model.simulate import simulate_schools as simulate_schools
from .plot.prose import glue as glue
from .plot.reporting import report as report
from .results.checks import convergence as convergence
from .results.checks import replicated_sds as replicated_sds
from .results.comparison import heterogeneity as heterogeneity
from .results.comparison import pointwise_log_likelihood as pointwise_log_likelihood
from .results.evidence import school_evidence as school_evidence
from .results.pips import bayes_factor as bayes_factor
from .results.pips import fdr_threshold as fdr_threshold
from .results.pips import pip_table as pip_table
from .results.prediction import predict_school as predict_school
from .results.prediction import prior_predictive as prior_predictive
from .results.sensitivity import sensitivity_table as sensitivity_table
from .results.sensitivity import with_inclusion_prior as with_inclusion_prior
from .spec.inclusion import Beta as Beta
from .spec.priors import Priors as Priors
