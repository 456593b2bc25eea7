/** A photo behind a share link: arrow keys, or [ and ], lead to the one before and the next. */
import { onKeys } from "./keys.js";

const KEYS = { "[": "[", ArrowLeft: "[", "]": "]", ArrowRight: "]" };

onKeys((key) => {
  const link = [...document.querySelectorAll("a[data-key]")].find((one) => one.dataset.key === KEYS[key]);
  link?.click();
  return Boolean(link);
});
