"""Unknown faces in groups: shown, named and ignored as a whole."""

from __future__ import annotations

import pytest
from django.urls import reverse

from gallery.faces.decisions import decide_face
from gallery.models import Album, Decision, Event, Face
from tests.making import a_face, a_person, a_photo, a_user, an_unsure_face

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sent")]


def a_group(size, **columns):
    first = a_face(**columns)
    group = [first, *(a_face(**columns) for _ in range(size - 1))]
    Face.objects.filter(pk__in=[face.pk for face in group]).update(cluster=first.pk)
    return group


def ticked(group):
    return [f"{face.pk}:{face.revision}" for face in group]


def shown(client, **query):
    return client.get(reverse("unknown"), query).context["found_groups"]


def test_the_biggest_groups_come_first_and_single_faces_in_none(client, bao):
    small, big = a_group(2), a_group(5)
    a_group(1)
    a_face()
    found = shown(client)
    assert [(group.key, group.size) for group in found] == [(big[0].pk, 5), (small[0].pk, 2)]
    assert client.get(reverse("unknown")).context["rest"]["single"] == 2


def test_named_decided_and_hidden_faces_are_in_no_group(client, bao):
    group = a_group(3)
    decide_face(bao, group[0], Decision.IGNORED)
    limited = Album.objects.create(name="Trip", is_limited=True)
    a_group(3, photo=a_photo(album=limited))
    assert [group.size for group in shown(client)] == [2]


def test_a_whole_group_is_named_after_unticking_strays(client, bao):
    group = a_group(4)
    data = {"face": ticked(group[:3]), "name": "Lan", "answer": "name", "key": group[0].pk}
    response = client.post(reverse("unknown_answer"), data)
    assert set(Face.objects.filter(person__name="Lan")) == set(group[:3])
    event = Event.objects.get(verb="face.name_group")
    assert response["Location"] == f"{reverse('unknown')}?done={event.pk}"
    page = client.get(response["Location"]).content.decode()
    assert "named 3 faces “Lan”" in page
    assert reverse("event_undo", args=(event.pk,)) in page


def test_undo_brings_the_group_back(client, bao):
    group = a_group(3)
    client.post(reverse("unknown_answer"), {"face": ticked(group), "name": "Lan"})
    assert shown(client) == []
    client.post(reverse("event_undo", args=(Event.objects.get(verb="face.name_group").pk,)))
    assert [found.size for found in shown(client)] == [3]


def test_unticked_faces_become_a_group_of_their_own_and_an_undo_brings_them_back(client, bao):
    group = a_group(5)
    data = {"face": ticked(group[:3]), "shown": ticked(group), "answer": "split", "key": group[0].pk}
    page = client.post(reverse("unknown_answer"), data, follow=True)
    assert page.context["faces"] == group[:3]
    assert "said that 2 unknown faces are somebody else" in page.content.decode()
    assert [(found.key, found.size) for found in shown(client)] == [(group[0].pk, 3), (group[3].pk, 2)]
    client.post(reverse("event_undo", args=(Event.objects.get(verb="face.split").pk,)))
    assert [(found.key, found.size) for found in shown(client)] == [(group[0].pk, 5)]


def test_a_split_needs_ticked_and_unticked_faces_and_touches_none_that_the_page_did_not_show(client, bao):
    group = a_group(3)
    hidden = a_face(photo=a_photo(album=Album.objects.create(name="Trip", is_limited=True)))
    Face.objects.filter(pk=hidden.pk).update(cluster=group[0].pk)
    data = {"face": ticked(group), "shown": ticked([*group, hidden]), "answer": "split", "key": group[0].pk}
    page = client.post(reverse("unknown_answer"), data, follow=True)
    assert "Untick the faces of somebody else first." in page.content.decode()
    client.post(reverse("unknown_answer"), {**data, "face": ticked(group[:1]), "shown": ticked(group[:2])})
    clusters = dict(Face.objects.values_list("pk", "cluster"))
    assert clusters == {
        group[0].pk: group[0].pk,
        group[1].pk: group[1].pk,
        group[2].pk: group[0].pk,
        hidden.pk: group[0].pk,
    }


def test_an_ignored_group_does_not_come_back(client, bao):
    group = a_group(3)
    client.post(reverse("unknown_answer"), {"face": ticked(group), "answer": "ignore"})
    assert Face.objects.filter(decision=Decision.IGNORED).count() == 3
    assert shown(client) == []


def test_look_alikes_of_ignored_faces_are_kept_aside_but_not_lost(client, bao):
    face = a_face(cluster=-7)
    assert shown(client) == []
    assert client.get(reverse("unknown")).context["rest"]["like_ignored"] == 1
    page = client.get(reverse("unknown_others", args=("like-ignored",)))
    assert list(page.context["page"].rows) == [face]


def test_what_others_decided_meanwhile_is_left_out_and_said(client, bao):
    group = a_group(3)
    decide_face(a_user("Mai"), group[0], Decision.IGNORED)
    response = client.post(reverse("unknown_answer"), {"face": ticked(group), "name": "Lan"}, follow=True)
    assert "1 face was left out" in response.content.decode()
    assert Face.objects.filter(person__name="Lan").count() == 2


def test_nothing_ticked_or_no_name_is_refused_with_a_sentence(client, bao):
    group = a_group(2)
    nothing = client.post(reverse("unknown_answer"), {"name": "Lan", "key": group[0].pk}, follow=True)
    assert "Tick at least one face." in nothing.content.decode()
    nameless = client.post(
        reverse("unknown_answer"), {"face": ticked(group), "name": " ", "key": group[0].pk}, follow=True
    )
    assert "Write a name." in nameless.content.decode()
    assert not Face.objects.exclude(decision="").exists()


def test_faces_the_user_may_not_see_are_not_named(client, bao):
    limited = Album.objects.create(name="Trip", is_limited=True)
    group = a_group(2, photo=a_photo(album=limited))
    client.post(reverse("unknown_answer"), {"face": ticked(group), "name": "Lan"})
    assert not Face.objects.filter(person__isnull=False).exists()


def test_a_group_suggests_the_person_most_of_its_faces_may_be(client, bao):
    anna, eva = a_person("Anna"), a_person("Eva")
    group = [an_unsure_face(anna), an_unsure_face(anna), an_unsure_face(eva)]
    Face.objects.update(cluster=group[0].pk)
    page = client.get(reverse("unknown_group", args=(group[0].pk,)))
    assert page.context["suggestion"] == anna


def test_unknown_faces_that_are_near_nobody_suggest_nobody(client, bao):
    anna = a_person("Anna")
    group = [an_unsure_face(anna), an_unsure_face(anna)]
    Face.objects.update(cluster=group[0].pk, state=Face.State.UNKNOWN)
    assert client.get(reverse("unknown_group", args=(group[0].pk,))).context["suggestion"] is None


def test_a_group_that_is_done_leads_back(client, bao):
    response = client.get(reverse("unknown_group", args=(4711,)), follow=True)
    assert "This group is done" in response.content.decode()


def test_the_page_costs_the_same_number_of_queries_for_any_number_of_groups(
    client, bao, django_assert_max_num_queries
):
    for _number in range(12):
        a_group(3)
    with django_assert_max_num_queries(12):
        client.get(reverse("unknown"))


def test_the_first_page_counts_the_unknown_faces_that_the_page_of_them_shows(client, bao):
    a_group(3)
    a_face()
    an_unsure_face(a_person())
    a_face(cluster=-1)
    page = client.get(reverse("unknown"))
    assert [group.size for group in page.context["found_groups"]] == [3]
    assert page.context["rest"]["single"] == 2
    for name in ("home", "unknown"):
        assert "5 unknown faces" in client.get(reverse(name)).content.decode()
