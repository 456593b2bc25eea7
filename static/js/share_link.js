/** A share link, which is shown only once: selected when it gets the focus, copied by a button, sent where a device can. */
function startShareLink(place) {
  const field = place.querySelector("input");
  const copyButton = place.querySelector("[data-copy]");
  const shareButton = place.querySelector("[data-share]");
  field.addEventListener("focus", () => field.select());
  copyButton.hidden = false;
  copyButton.addEventListener("click", async () => {
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      if (!document.execCommand("copy")) return; // it is selected, to be copied by hand
    }
    copyButton.querySelector("span").textContent = copyButton.dataset.done;
  });
  shareButton.hidden = !navigator.share;
  shareButton.addEventListener("click", () => {
    navigator.share({ title: shareButton.dataset.title, url: field.value }).catch(() => {}); // cancelled
  });
}

for (const place of document.querySelectorAll("[data-share-link]")) startShareLink(place);
