/** What every page needs: menus that close, messages that come and go, answers to failed requests. */
import { closeMenusOutside } from "./menu.js";
import { startToasts } from "./toast.js";
import { startSearchKey } from "./keys.js";

closeMenusOutside();
startToasts();
startSearchKey();
