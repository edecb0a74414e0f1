from tests.worker.children.speech import say

say(type="succeeded")
