from tests.worker.children.speech import artefact, report, say

artefact(b"")
report()
say(type="succeeded")
