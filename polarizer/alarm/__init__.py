"""The alarm: where the model as it came and the purified one disagree, a trigger is likely.

Both share every layer that purification left alone, so both answers cost one pass over these and
two over the rest (Zhu et al., 2023; the disagreement as an alarm is ours).
"""

from polarizer.alarm.calibration import ALARM_RATE, Calibration, calibrate, disagreement
from polarizer.alarm.file import load_alarm, save_alarm
from polarizer.alarm.pairing import pair

__all__ = [
    "ALARM_RATE",
    "Calibration",
    "calibrate",
    "disagreement",
    "load_alarm",
    "pair",
    "save_alarm",
]
