"""Addresses of the pages that tend names: review, unknown faces, merging, history, search."""

from django.urls import URLPattern, path

from gallery.views import history, jobs, person_acts, review, search, unknown

urlpatterns: list[URLPattern] = [
    path("search/", search.search, name="search"),
    # Review
    path("review/", review.review_queue, name="review"),
    path("review/setting", review.review_setting, name="review_setting"),
    path("review/decided", review.review_decided, name="review_decided"),
    path("review/<int:pk>/", review.review_card, name="review_card"),
    path("review/<int:pk>/say", review.review_say, name="review_say"),
    # Unknown faces
    path("unknown/", unknown.unknown, name="unknown"),
    path("unknown/say", unknown.unknown_say, name="unknown_say"),
    path("unknown/<int:key>/", unknown.unknown_group, name="unknown_group"),
    path("unknown/<slug:which>/", unknown.unknown_others, name="unknown_others"),
    # People
    path("people/<int:pk>/merge", person_acts.person_merge, name="person_merge"),
    path("people/<int:pk>/split", person_acts.person_split, name="person_split"),
    # Jobs
    path("jobs/", jobs.jobs_page, name="jobs"),
    path("jobs/act", jobs.jobs_act, name="jobs_act"),
    # History
    path("history/", history.history_page, name="history"),
    path("history/<int:pk>/undo", history.event_undo, name="event_undo"),
]
