/** A photo behind a share link: arrow keys, [ and ], or a swipe lead to the one before and the next. */
import { onKeys } from "./keys.js";
import { startSwipe } from "./swipe.js";

const KEYS = { "[": "[", ArrowLeft: "[", "]": "]", ArrowRight: "]" };

onKeys((key) => {
  const link = [...document.querySelectorAll("a[data-key]")].find((one) => one.dataset.key === KEYS[key]);
  link?.click();
  return Boolean(link);
});

startSwipe(document.querySelector("main"));
