"""Writes the tables that the check saves in several forms, as flat OpenDocument spreadsheets."""

import sys
from html import escape
from pathlib import Path

HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.spreadsheet">
<office:automatic-styles>
<number:number-style style:name="Nzeros"><number:number number:decimal-places="0" number:min-integer-digits="5"/></number:number-style>
<number:date-style style:name="Ndate"><number:year number:style="long"/><number:text>-</number:text><number:month
 number:style="long"/><number:text>-</number:text><number:day number:style="long"/></number:date-style>
<number:date-style style:name="Nmoment"><number:year number:style="long"/><number:text>-</number:text><number:month
 number:style="long"/><number:text>-</number:text><number:day number:style="long"/><number:text>T</number:text><number:hours
 number:style="long"/><number:text>:</number:text><number:minutes number:style="long"/><number:text>:</number:text><number:seconds
 number:style="long"/><number:text>Z</number:text></number:date-style>
<style:style style:name="zeros" style:family="table-cell" style:data-style-name="Nzeros"/>
<style:style style:name="date" style:family="table-cell" style:data-style-name="Ndate"/>
<style:style style:name="moment" style:family="table-cell" style:data-style-name="Nmoment"/>
</office:automatic-styles>
<office:body><office:spreadsheet><table:table table:name="Roster">
"""
TAIL = "</table:table></office:spreadsheet></office:body></office:document>\n"


def text(value):
    lines = "".join(f"<text:p>{escape(line)}</text:p>" for line in value.split("\n"))
    return f'<table:table-cell office:value-type="string">{lines}</table:table-cell>'


def number(value, style=""):
    style = f' table:style-name="{style}"' if style else ""
    return f'<table:table-cell office:value-type="float" office:value="{value}"{style}/>'


def date(value, style):
    return f'<table:table-cell office:value-type="date" office:date-value="{value}" table:style-name="{style}"/>'


def formula(formula, value):
    return (f'<table:table-cell table:formula="of:={escape(formula)}" office:value-type="string" office:string-value="{value}">'
            f"<text:p>{value}</text:p></table:table-cell>")


EMPTY = "<table:table-cell/>"

ROSTER = [
    [text(name) for name in ("ref", "employee_id")] + [EMPTY] + [text("assignments"), text("occurred_at")],
    [number(7), text("E1001"), EMPTY, text("Skill 1:4,5;Skill 2"), date("2025-11-21T20:15:00", "moment")],
    [],
    [number(42, "zeros"), formula('"E"&1002', "E1002"), EMPTY, text("Skill 3:2.5")],
    [text("Größe „M“, 5\" breit"), text("E1003"), EMPTY, text("Skill 1:5,Skill 2:3")],
    [text("Zeile 4"), text("E1004"), EMPTY, text("Skill 2")],
]

EXPORT = [
    [text(name) for name in ("Personal-Nr", "Titel", "Stufe", "Eintritt", "Bemerkung; intern")],
    [text("E1001"), text("Verkäufer"), number(4.5), date("2020-02-29", "date"), text("")],
    [text("E1002"), text("Agent, senior"), number(3), date("2021-12-01", "date"), text('sagt "nein";\nzweimal')],
    [],
    [text("E1003"), text("Verkäufer"), number(12, "zeros"), date("1999-01-31", "date"), text("x")],
]

for name, rows in (("roster", ROSTER), ("export", EXPORT)):
    body = "".join(f"<table:table-row>{''.join(row) or EMPTY}</table:table-row>\n" for row in rows)
    Path(sys.argv[1], f"{name}.fods").write_text(HEAD + body + TAIL, encoding="utf-8")
