"""The smallest service that inserts a row for each request: FastAPI, SQLAlchemy, PostgreSQL and
uvicorn in one process, and nothing of ours. ``python -m benchmarks.scale.bare``, on BARE_PORT."""

from __future__ import annotations

import os
import secrets
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import JSON, Column, MetaData, String, Table, create_engine, insert

engine = create_engine(os.environ["POLARIZER_DATABASE_URL"], pool_size=10)
jobs = Table("bare_jobs", MetaData(), Column("id", String, primary_key=True), Column("sent", JSON))
jobs.metadata.create_all(engine)
app = FastAPI()


@app.get("/")
def health() -> str:
    return "ok"


@app.post("/v1/defenses", status_code=202)
def create(sent: dict[str, Any]) -> dict[str, Any]:
    job = {"id": secrets.token_hex(16), "sent": sent}
    with engine.begin() as connection:
        connection.execute(insert(jobs).values(**job))
    return job


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(os.environ["BARE_PORT"]), log_level="warning")
