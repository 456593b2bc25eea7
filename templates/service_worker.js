/**
 * Keeps static files, so that the notice of a lost connection is shown as it should be, and hands what is shared to the
 * upload page. No page and no photo is kept.
 */
const OFFLINE = "{% url 'offline' %}";
const SHARE = "{% url 'upload_shared' %}";
const UPLOAD = "{% url 'upload' %}";
const STATIC = "{{ static_path }}";

addEventListener("install", (event) => {
  event.waitUntil(caches.open("static").then((cache) => cache.add(OFFLINE)));
  skipWaiting();
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin) return;
  if (request.method === "POST" && pathname === SHARE) event.respondWith(keepShared(request));
  if (request.method !== "GET") return;
  if (pathname.startsWith(STATIC)) event.respondWith(fetchStatic(request));
  else if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => caches.match(OFFLINE)));
});

/** From the site, which may have a newer one; as it was kept where there is no connection. */
async function fetchStatic(request) {
  try {
    const answer = await fetch(request);
    if (answer.ok) await (await caches.open("static")).put(request, answer.clone());
    return answer;
  } catch (error) {
    const kept = await caches.match(request);
    if (kept) return kept;
    throw error;
  }
}

/** Until the upload page takes them, which is the next thing to be opened. */
async function keepShared(request) {
  const cache = await caches.open("shared");
  for (const [number, file] of (await request.formData()).getAll("photos").entries()) {
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await cache.put(`${SHARE}/${number}`, new Response(file, { headers }));
  }
  return Response.redirect(`${UPLOAD}?shared=1`, 303);
}
