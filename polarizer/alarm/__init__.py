"""The alarm: where the model as it came and the purified one disagree, a trigger is likely.

Both share every layer that purification left alone, so both answers cost one pass over these and
two over the rest (:mod:`pairing`). How much disagreement is too much is calibrated on clean images
(:mod:`calibration`) and kept beside the artefact (:mod:`file`). :mod:`facts` imports no torch.
"""
