from tests.worker.children.speech import report, say

report()
say(type="succeeded")
