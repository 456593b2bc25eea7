/** A link that is shown once: marked as a whole when it is come to, copied by a button, handed on where a phone can. */
for (const place of document.querySelectorAll("[data-copying]")) {
  const field = place.querySelector("input");
  const copy = place.querySelector("[data-copy]");
  const share = place.querySelector("[data-share]");
  field.addEventListener("focus", () => field.select());
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return; // it is marked: to be copied by hand
    }
    copy.querySelector("span").textContent = copy.dataset.done;
  });
  share.hidden = !navigator.share;
  share.addEventListener("click", () => navigator.share({ title: share.dataset.title, url: field.value }).catch(() => {}));
}
