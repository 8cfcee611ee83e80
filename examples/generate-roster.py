#!/usr/bin/env python3
"""Writes roster-500.csv: 500 employees of a contact centre and the skill groups that their HR records entitle them to.

The rule: three sites (45 %, 35 %, 20 %), six lines of business in three tiers, four languages, and eight special desks,
which makes 30 groups. Everybody has the group of their line and tier; tier 2 also helps out in tier 1, tier 3 in tier 2.
Everybody but one in five speaks a second language; one in six sits at a special desk. The order is by employee number,
as HR systems export it. The same seed gives the same file.
"""

import csv
import random
import sys

LINES = ["Billing", "Sales", "Claims", "Tech Support", "Retention", "Onboarding"]
LANGUAGES = ["English", "German", "French", "Spanish"]
DESKS = ["VIP", "Complaints", "Social Media", "Chat", "Back Office", "Fraud", "Escalations", "Night Shift"]

random.seed(30)
out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["ref", "employee_id", "assignments"])
for number in range(1, 501):
    site = random.choices([0, 1, 2], weights=[45, 35, 20])[0]
    line = LINES[random.choices(range(6), weights=[5, 4, 3, 4, 2, 2])[0]]
    tier = random.choices([1, 2, 3], weights=[60, 30, 10])[0]
    groups = [f"{line} T{tier}"]
    if tier > 1:
        groups.append(f"{line} T{tier - 1}")
    first_language = LANGUAGES[[0, 1, 2][site]]
    groups.append(first_language)
    if random.random() < 0.8:
        groups.append(random.choice([l for l in LANGUAGES if l != first_language]))
    if random.random() < 1 / 6:
        groups.append(random.choice(DESKS))
    out.writerow([f"row-{number}", f"E{1000 + number}", ";".join(groups)])
