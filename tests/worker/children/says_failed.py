from tests.worker.children.speech import say

say(type="failed", code="dataset-labels", message="every clean image is of class 3")
say(type="succeeded")
