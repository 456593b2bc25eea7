"""People by CSV: what a file would do is shown line by line, done as one act and undone as one."""

from __future__ import annotations

import csv
import html
import io
import re
from datetime import date
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from gallery.core.exceptions import ActionRefused
from gallery.models import BulkAct, Event, PeopleGroup, Person
from gallery.models.labels import LabelParts
from gallery.people.groups import add_members, create_group
from gallery.people.list_files import read_people_csv
from gallery.people.services import create_person, set_person_note
from tests.bulk import do, undo
from tests.making import a_person, a_user
from tests.pages import folded

pytestmark = pytest.mark.django_db
IMPORT, EXPORT = reverse("admin:gallery_person_import"), reverse("admin:gallery_person_export")


def import_csv(client: Client, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    page = client.post(IMPORT, {"file": SimpleUploadedFile("people.csv", data)}, follow=True)
    return html.unescape(folded(page))


def names() -> set[str]:
    return set(Person.objects.values_list("name", flat=True))


LAN_IN_1258 = "Đa\u0300o Thi\u0323 Lan"  # Windows-1258 has tones of their own


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("name,note\nĐào Thị Lan,bạn\n".encode(), ""),
        ("\ufeffname;note\r\nĐào Thị Lan;bạn\r\n".encode(), ""),
        ("note\tTên\nbạn\tĐào Thị Lan\n".encode("utf-16"), ""),
        ("note\tTên\nbạn\tĐào Thị Lan\n".encode("utf-16-le"), ""),
        ("name,note\nĐào Thị Lan,bạn\n".encode("utf-16-be"), ""),
        ('"name","note"\n"Đào  Thị Lan","bạn"\n'.encode(), ""),
        ('sep=;\nDanh sách, lớp 4b;;\n\n;"Họ\nvà tên";Ghi chú\n;Đào Thị Lan;bạn\n'.encode(), ""),
        (f"Ho va ten;Ghi chu\r\n{LAN_IN_1258};ba\u0323n\r\n".encode("cp1258"), "cp1258"),
    ],
    ids=[
        "UTF-8",
        "Excel with semicolons",
        "UTF-16 with tabs",
        "UTF-16 without a mark",
        "big-endian UTF-16 without a mark",
        "quoted",
        "titles, empty lines and a quoted line break above",
        "Windows-1258",
    ],
)
def test_what_spreadsheets_save_is_understood(content: bytes, encoding: str) -> None:
    found = read_people_csv(content)
    (values,) = found.lines.values()
    assert (" ".join(values["name"].split()), values["note"]) == ("Đào Thị Lan", "bạn")
    assert found.encoding == encoding


@pytest.mark.parametrize(
    ("people", "encoding"),
    [
        (["José"], "cp1252"),
        (["Łukasz Wiśniewski", "Zażółć Gęślą"], "cp1250"),
        (["Ирина Петрова"], "cp1251"),
        (["山田太郎"], "cp932"),
    ],
)
def test_old_encodings_are_guessed(people: list[str], encoding: str) -> None:
    found = read_people_csv("\n".join(["name", *people]).encode(encoding))
    assert (found.encoding, [row["name"] for row in found.lines.values()]) == (encoding, people)


def test_a_guessed_encoding_is_shown_with_names_and_can_be_chosen_anew(curator: Client) -> None:
    page = import_csv(curator, "name\nAnna\nJosé\n".encode("cp1252"))
    assert '<option value="cp1252" selected>' in page
    assert "Are these names right? <b><bdi>José</bdi></b>." in page
    assert "<bdi>Josй</bdi></b>." in folded(do(curator, "read", encoding="cp1251"))
    refused = folded(do(curator, "read", encoding="cp932"))
    assert "The file cannot be in this encoding: Japanese (Shift JIS)." in refused
    assert '<option value="cp1251" selected>' in refused
    do(curator, "read", encoding="cp1252")
    do(curator, "start")
    assert names() == {"Anna", "José"}
    act = BulkAct.objects.get()
    assert (bytes(act.file), act.encoding) == (b"", "")


def test_lines_above_the_columns_are_said_to_be_left_out(curator: Client) -> None:
    page = import_csv(curator, "Class 4b,,\nname,shoes\nAnna,36\n")
    assert "The columns are named in line 2; what stands above it was left out." in page
    assert "Columns left out: shoes." in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "must be “name”"),
        (b"surname\nLan\n", "must be “name”"),
        (b"name\n\n", "There are no people"),
        (b"PK\x03\x04[Content_Types].xml xl/workbook.xml", "an Excel workbook. Save the list as “CSV UTF-8”"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "a picture. Save the list as “CSV UTF-8”"),
        (b"name\n\x00\x00\xff\x01", "not a text file"),
    ],
)
def test_what_is_no_table_of_people_is_refused_with_what_to_do(content: bytes, says: str) -> None:
    with pytest.raises(ActionRefused, match=re.escape(says)):
        read_people_csv(content)


def test_each_line_is_told_before_anything_is_done(curator: Client) -> None:
    anna, lan = a_person("Anna"), a_person("Đào Lan")
    lines = [
        "id,name,note,hidden",
        ",Bea,,",
        f"{anna.pk},Anna Berg,new,yes",
        ",Dao Lan,,",
        ",Bea,,",
        "99999,Cleo,,",
        ",Dan,,perhaps",
        ",,only a note,",
    ]
    page = import_csv(curator, "\n".join(lines))
    assert "1 new person: <bdi>Bea</bdi>." in page
    assert "1 person changes" in page
    assert "Anna Berg" in page
    assert f"It is {lan.name}" in page
    assert "Line 2 is about the same person." in page
    assert "Nobody has the id 99999." in page
    assert "“perhaps” is neither yes nor no." in page
    assert "There is no name in this line." in page
    assert names() == {"Anna", "Đào Lan"}


def test_a_file_is_taken_in_as_one_act_and_undone_as_one(curator: Client) -> None:
    anna = a_person("Anna")
    import_csv(
        curator, "name,note,recognise,consent_until\nAnna,Met in June,no,24/11/2030\nBea,,,\nCleo,,,\n"
    )
    page = do(curator, "start")
    anna.refresh_from_db()
    assert names() == {"Anna", "Bea", "Cleo"}
    assert (anna.note, anna.is_recognised, anna.consent_until) == ("Met in June", False, date(2030, 11, 24))
    assert Event.objects.filter(verb="bulk.import", summary__count=3).count() == 1
    assert BulkAct.objects.get().rows == []
    undo(curator, page)
    anna.refresh_from_db()
    assert names() == {"Anna"}
    assert (anna.note, anna.is_recognised, anna.consent_until) == ("", True, None)


@pytest.mark.parametrize("answer", ["", "new", "person"])
def test_a_name_that_differs_only_in_accents_is_asked_about(curator: Client, answer: str) -> None:
    lan = a_person("Đào Lan")
    import_csv(curator, "name,note\nDao Lan,who\nBea,\n")
    do(curator, "start", **{"line-2": str(lan.pk) if answer == "person" else answer})
    expected = {"": {"Đào Lan", "Bea"}, "new": {"Đào Lan", "Dao Lan", "Bea"}, "person": {"Dao Lan", "Bea"}}
    assert names() == expected[answer]


def test_a_person_changed_since_the_preview_is_left_as_they_are(curator: Client) -> None:
    anna = a_person("Anna")
    import_csv(curator, "name,note\nAnna,from the file\nBea,\n")
    set_person_note(a_user("Other"), anna, "from the other")
    page = html.unescape(do(curator, "start").content.decode())
    assert "Line 2 (Anna) was left out" in page
    anna.refresh_from_db()
    assert anna.note == "from the other"
    assert names() == {"Anna", "Bea"}


def exported(client: Client, **values: Any) -> tuple[bytes, list[dict[str, str]]]:
    content = client.get(EXPORT, values).getvalue()
    return content, list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_the_filtered_list_goes_out(curator: Client) -> None:
    a_person("Nguyễn Thị Đào")
    a_person("Anna")
    _content, rows = exported(curator, q="dao")
    assert [row["name"] for row in rows] == ["Nguyễn Thị Đào"]
    assert Event.objects.filter(verb="exported").exists()


@pytest.mark.parametrize("name", ["=1+1", "+84 90", "-x", "@sum(A1)", "'=x"])
def test_no_cell_is_a_formula_and_every_name_comes_back_as_it_was(curator: Client, name: str) -> None:
    person = a_person(name)
    content, rows = exported(curator)
    assert not rows[0]["name"].startswith(("=", "+", "-", "@"))
    page = import_csv(curator, content)
    assert "1 line changes nothing" in page
    assert Person.objects.get(pk=person.pk).name == name


def test_an_export_taken_in_again_changes_nothing(curator: Client) -> None:
    anna = a_person("Anna")
    Person.objects.filter(pk=anna.pk).update(
        note='two\nlines, "quoted"', is_hidden=True, consent_until=date(2031, 1, 2)
    )
    content, _rows = exported(curator)
    assert "1 line changes nothing" in import_csv(curator, content)
    assert "Nothing in this file is new or changed." in html.unescape(do(curator, "start").content.decode())


def test_lines_say_which_of_two_people_of_one_name_is_meant_and_else_are_asked_about(curator: Client) -> None:
    first, second = (
        create_person(None, LabelParts("Anna", word), is_another=True).pk for word in ("4a", "4b")
    )
    import_csv(
        curator,
        "name,distinction,born,note\nAnna,4a,,one\nAnna (4b),,1980-05,two\nAnna,,,three\n"
        "Anna,4c,,four\nEva (5a),,,five\n",
    )
    do(curator, "start", **{"line-5": "new"})
    rows = Person.objects.order_by("pk").values_list("name", "distinction", "born", "note")
    assert list(rows) == [
        ("Anna", "4a", "", "one"),
        ("Anna", "4b", "1980-05", "two"),
        ("Anna", "4c", "", "four"),
        ("Eva", "5a", "", "five"),
    ]
    content, written = exported(curator)
    assert [row["id"] for row in written[:2]] == [str(first), str(second)]
    assert "4 lines change nothing" in import_csv(curator, content)


def lists_of(person: Person) -> tuple[list[str], list[tuple[str, date | None, date | None]]]:
    memberships = person.memberships.order_by("group__search")
    rows = list(memberships.values_list("group__name", "since", "until"))
    return list(person.other_names.values_list("name", flat=True)), rows


def test_other_names_and_groups_go_out_and_come_in_and_are_taken_back_by_one_undo(curator: Client) -> None:
    anna = a_person("Anna")
    group = create_group(a_user("Other"), "Class 4b")
    add_members(a_user("Third"), group, [anna])
    lines = [
        "name,other names,group",
        'Anna,"Annie\n-An","class 4B [2019-09-01/2023-07-31]\nChoir [2021-05-01/]"',
        "Bea,,Choir",
        "Cleo,,Choir [2021-99-01/]",
    ]
    page = import_csv(curator, "\n".join(lines))
    assert "“2021-99-01” is no date." in page
    done = do(curator, "start")
    bea = Person.objects.get(name="Bea")
    days = (date(2019, 9, 1), date(2023, 7, 31))
    assert lists_of(anna) == (
        ["Annie", "-An"],
        [("Choir", date(2021, 5, 1), None), ("Class 4b", *days)],
    )
    assert lists_of(bea) == ([], [("Choir", None, None)])
    content, rows = exported(curator)
    assert rows[0]["other_names"] == "Annie\n-An"
    assert rows[0]["groups"] == "Class 4b [2019-09-01/2023-07-31]\nChoir [2021-05-01/]"
    assert "2 lines change nothing" in import_csv(curator, content)
    undo(curator, done)
    assert lists_of(anna) == ([], [("Class 4b", None, None)])
    assert not PeopleGroup.objects.filter(name="Choir").exists()
