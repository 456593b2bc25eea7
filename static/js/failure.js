/**
 * Why a request failed: the sentence that the site sent with its answer, or what is known without one. Only where no answer
 * came may it be the connection.
 */
const AWAY = [502, 503, 504]; // of the proxy, while the site is stopped

/** `answer` is a Response, an XMLHttpRequest, or nothing where none came; `words` are of components/failure_words.html. */
export function failureOf(answer, words = document.getElementById("toasts").dataset) {
  if (!answer?.status) return words.lost;
  const sentence = answer.headers ? answer.headers.get("X-Sentence") : answer.getResponseHeader("X-Sentence");
  if (sentence) return decodeURIComponent(sentence);
  return AWAY.includes(answer.status) ? words.away : words.failed;
}

/** Show it as a message (toast.js). */
export function tellFailure(answer) {
  const detail = { text: failureOf(answer), tags: "error" };
  document.body.dispatchEvent(new CustomEvent("toast", { detail }));
}
