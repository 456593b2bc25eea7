/** From photo to photo by keys, on pages that have nothing else to do with them: arrows, and [ and ]. */
import { onKeys } from "./keys.js";

const SIDES = { "[": "[", ArrowLeft: "[", "]": "]", ArrowRight: "]" };

onKeys((key) => {
  const link = [...document.querySelectorAll("a[data-key]")].find((one) => one.dataset.key === SIDES[key]);
  link?.click();
  return Boolean(link);
});
