from tests.worker.children.speech import say

say(type="failed", code="disk-full", message="the worker's disk is full")
