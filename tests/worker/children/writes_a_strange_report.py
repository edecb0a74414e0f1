from tests.worker.children.speech import artefact, report, say

artefact(b"purified")
report(numbers={"accuracy_after": float("inf")})
say(type="succeeded")
