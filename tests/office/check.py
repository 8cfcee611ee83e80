"""Submits and imports the same tables in every form, and compares what the jobs consist of.

    check.py URL FOLDER SKILLSYNC CONFIG
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

URL, FOLDER, SKILLSYNC, CONFIG = sys.argv[1:]
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {
    "comma.csv": "text/csv",
    "semicolon.csv": "text/csv; charset=windows-1252",
    "tab.csv": "text/csv",
    "xlsx": XLSX,
}


def call(path, body=None, headers=None):
    request = urllib.request.Request(URL + path, data=body, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        sys.exit(f"{path}: {error.read().decode()}")


def entries(path, name, media_type):
    """What the job of a file consists of, and what became of it."""
    body = Path(FOLDER, name).read_bytes()
    job = json.loads(call(path, body, {"content-type": media_type}))["id"]
    while not json.loads(call(f"/v1/sync-jobs/{job}"))["finishedAt"]:
        call(f"/v1/sync-jobs/{job}?wait=1s")
    ended = json.loads(call(f"/v1/sync-jobs/{job}/entries"))["items"]
    lines = call(f"/v1/sync-jobs/{job}/entries", headers={"accept": "application/x-ndjson"}).decode()
    submitted = [json.loads(line) for line in lines.splitlines()]
    return [entry | {"state": end["state"]} for entry, end in zip(submitted, ended, strict=True)]


def same(what, results):
    first_form, first = next(iter(results.items()))
    for form, result in results.items():
        if result != first:
            sys.exit(f"{what}: {form} says\n{json.dumps(result, indent=1)}\n{first_form} says\n{json.dumps(first, indent=1)}")
    return first


submit = "/v1/sync-jobs?target=routingSkills&mode=add&dryRun=true"
roster = same("roster", {form: entries(submit, f"roster.{form}", kind) for form, kind in FORMS.items()})
assert [entry["ref"] for entry in roster] == ["7", "00042", "Größe „M“, 5\" breit", "Zeile 4"], roster
assert [entry["user"]["employeeId"] for entry in roster] == ["E1001", "E1002", "E1003", "E1004"], roster
assert roster[0]["assignments"] == [{"name": "Skill 1", "proficiency": 4.5}, {"name": "Skill 2"}], roster
assert roster[0]["occurredAt"] == "2025-11-21T20:15:00Z", roster
assert {entry["state"] for entry in roster} == {"planned"}, roster

imported = "/v1/imports/office?scope=delta&dryRun=true"
export = same("export", {form: entries(imported, f"export.{form}", kind) for form, kind in FORMS.items()})
names = [[assignment["name"] for assignment in entry["assignments"]] for entry in export]
assert names == [["Skill 1", "Skill 3"], ["Skill 2"], ["Skill 1", "Skill 4"]], export

mapped = {}
for form, kind in FORMS.items():
    charset = ["--charset", "windows-1252"] if "windows" in kind else []
    command = [SKILLSYNC, "map", "--config", CONFIG, "--source", "office", "--json", *charset, f"{FOLDER}/export.{form}"]
    mapped[form] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
assert len(same("map", mapped)["people"]) == 3
print(f"{len(FORMS)} forms of two tables mean the same")
