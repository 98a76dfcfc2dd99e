"""Charts of a fit (Altair), each with a description made from its data.

Direction has a colour and a shape; nothing is jittered; error bars are two Monte Carlo standard errors.
In the static book, tooltips and the threshold's slider answer without a kernel.
"""
