"""Samplers; draws to a DataTree and back. (Not `fit`: a package of that name would hide the function `sm.fit`.)"""
