"""Everything a first start needs, and nothing twice: database, first administrator, demonstration."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.core.checks import Tags
from django.core.management import call_command

from facesite.disks import check_backup_folder, check_data_folders
from facesite.texts import compile_texts
from gallery.backup.restore import end_earlier_restore
from gallery.core.checks import SETTINGS_TAG
from gallery.faces.processing import process_photo
from gallery.index.switch import get_chosen_name
from gallery.management.base import GalleryCommand, make_flag
from gallery.management.commands.build_index import build_at_once
from gallery.management.commands.import_photos import get_or_create_album
from gallery.management.demo import DemoUnavailable, prepare_demo_folders
from gallery.models import Photo, Role, SiteSetting, Status, User
from gallery.people.folder_import import FolderImporter, find_person_images
from gallery.photos.services import add_photo
from gallery.privacy.erasure_cleanup import finish_known_erasures
from recognition.embedders.sface import fetch_sface
from recognition.errors import RecognitionError

DEMO_SETTING_KEY = "demo"  # the SiteSetting that records that it was made


class Command(GalleryCommand):
    help = "Prepares the database, a first administrator and, unless --no-demo, the demonstration."
    arguments = {"--no-demo": make_flag("leave the gallery empty")}
    requires_system_checks = (Tags.security,)  # the settings', once the model file had its chance to arrive

    def handle(self, *, no_demo: bool, **options: Any) -> None:
        compile_texts()
        check_data_folders()
        check_backup_folder()
        end_earlier_restore()
        call_command("migrate", verbosity=0)
        self._fetch_face_network()
        self.check(tags=[SETTINGS_TAG])
        for erasure in finish_known_erasures():
            self.warn(f"Erased again what a restored backup had brought back: receipt {erasure.receipt}.")
        self._first_administrator()
        if not no_demo and not SiteSetting.objects.filter(pk=DEMO_SETTING_KEY).exists():
            self._demonstrate()
        self.say_embedder()

    def _fetch_face_network(self) -> None:
        chosen = get_chosen_name()
        if chosen not in ("", "sface"):
            return
        try:
            fetch_sface()
        except RecognitionError as error:
            self.warn(str(error))
            if not chosen:
                self.warn(
                    "This new site recognises faces with an older network, dlib. Once it has references, "
                    "FACESITE_EMBEDDER=sface moves it to the new one."
                )

    def _first_administrator(self) -> None:
        if User.objects.exists():
            return
        password = secrets.token_urlsafe(12)
        User.objects.create_superuser("admin", password=password, role=Role.ADMINISTRATOR)
        self.stdout.write(f"First administrator: name admin, password {password} (shown only now)")

    def _demonstrate(self) -> None:
        try:
            people, photos = prepare_demo_folders(settings.DATA_DIR / "demo")
        except DemoUnavailable as error:
            self.warn(f"{error} The site starts with an empty gallery; the next start tries again.")
            return
        importer = FolderImporter()
        files = self.list_photos(people)
        for _ in importer.add_all(list(find_person_images(people, importer.report, files))):
            pass
        importer.finish()
        build_at_once("demonstration")
        album = get_or_create_album("Demonstration")
        for path in self.list_photos(photos):
            photo = add_photo(None, [path.read_bytes()], path.name, album).photo
            process_photo(photo.pk)
            self._print(Photo.objects.get(pk=photo.pk))
        SiteSetting.objects.update_or_create(pk=DEMO_SETTING_KEY, defaults={"value": "made"})

    def _print(self, photo: Photo) -> None:
        if photo.work == Status.FAILED:
            self.warn(f"{photo.name}: {photo.failure_text}")
            return
        self.stdout.write(f"Faces in the demonstration photo ({photo.name}), left to right:")
        for face in photo.faces.select_related("person").order_by("left"):
            name = face.person.name if face.person else face.get_state_display()
            similarity = "" if face.similarity is None else f", similarity {face.similarity:.3f}"
            self.stdout.write(f"  {name}{similarity}")
