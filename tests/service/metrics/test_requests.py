"""Requests are counted by what the service knows, not by what strangers send."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from tests.service.conftest import Site


def counted(site: Site) -> dict[tuple[str, str, str], float]:
    """Requests by method, route and status."""
    answer = site.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == "polarizer_http_requests_total"
    }


def test_requests_are_counted_by_route_and_status(small_site: Site) -> None:
    for number in range(3):
        small_site.client.get(f"/v1/models/mdl_{number}")
    small_site.client.get("/v1/models")
    small_site.client.post("/v1/models/mdl_1/predict", content=b"", headers={"host": "other.org"})
    found = counted(small_site)
    assert found["GET", "/v1/models/{model_id}", "404"] == 3
    assert found["GET", "/v1/models", "200"] == 1
    assert found["POST", "none", "403"] == 1
    assert counted(small_site)["GET", "/metrics", "200"] == 1


def test_strangers_make_no_series(small_site: Site) -> None:
    def strange(*words: str) -> None:
        for word in words:
            small_site.client.get(f"/nothing/{word}")
            small_site.client.request(word, f"/v2/models/{word}/infer")
            small_site.client.get(f"/v1/names/{word}")

    strange("PROPFIND")
    before = counted(small_site)
    strange("LOCK", "UNLOCK", "MKCOL", "REPORT")
    after = counted(small_site)
    assert after.keys() - before.keys() <= {("GET", "/metrics", "200")}
    assert after["GET", "none", "404"] == 5
    assert after["other", "/v2/models/{name}/infer", "405"] == 5


def test_the_process_is_measured(small_site: Site) -> None:
    text = small_site.client.get("/metrics").text
    families = {family.name for family in text_string_to_metric_families(text)}
    assert families >= {
        "process_resident_memory_bytes",
        "polarizer_http_request_seconds",
        "polarizer_http_requests_running",
        "polarizer_inference_waiting_rows",
    }
