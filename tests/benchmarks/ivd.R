# The same model by the reference implementation, where R and the package ivd are installed:
#
#   /usr/bin/time -v Rscript tests/benchmarks/ivd.R
#
# Two chains of 3,000 draws after 12,000 of warm-up, as for tests/reference.

library(ivd)

begin <- proc.time()[["elapsed"]]
out <- ivd(
  location_formula = math_proficiency ~ 1 + (1 | school_id),
  scale_formula = ~ 1 + (1 | school_id),
  data = saeb, niter = 3000, nburnin = 12000, WAIC = FALSE, workers = 2
)
cat("seconds:", proc.time()[["elapsed"]] - begin, "\n")
print(summary(out))
