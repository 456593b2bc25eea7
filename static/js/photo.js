/** The page of one photo: the panel of a face, drawing missed faces, names that can be hidden, zoom, swipes. */
import { startBoxDrawing } from "./box_drawing.js";
import { FacePanel } from "./face_panel.js";
import { startSwipe } from "./swipe.js";
import { startTypeahead } from "./typeahead.js";
import { Zoom } from "./zoom.js";

const NAMES_STORE = "facesite.names";

/** The button with data-names shows and hides the names on the photo; this device remembers it. */
function startNamesSwitch(viewer) {
  const button = viewer.querySelector("[data-names]");
  const showNames = (areShown) => {
    viewer.classList.toggle("names-off", !areShown);
    button.setAttribute("aria-pressed", String(areShown));
  };
  button.addEventListener("click", () => {
    const areShown = viewer.classList.contains("names-off");
    localStorage.setItem(NAMES_STORE, areShown ? "on" : "off");
    showNames(areShown);
  });
  showNames(localStorage.getItem(NAMES_STORE) !== "off");
}

const viewer = document.querySelector("[data-viewer]");
const zoom = new Zoom(viewer); // before the panel, whose arrow keys go from face to face
const facePanel = new FacePanel(viewer); // before the drawing, whose Escape must not close the panel, too
startNamesSwitch(viewer);
startTypeahead(facePanel.panel);
startBoxDrawing(viewer, (address, box) => facePanel.addDrawnFace(address, box));
startSwipe(viewer.querySelector("[data-frame]"), () => zoom.isIn || viewer.classList.contains("is-drawing"));
